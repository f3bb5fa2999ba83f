"""What a chain is given where a client has sent a conversation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from runnables.errors import ConfigError
from runnables.messages.roles import HumanMessage
from runnables.serving.failures import RequestError
from runnables.serving.revive import input_of

if TYPE_CHECKING:
    from runnables.compose.runnable import Runnable
    from runnables.messages.base import BaseMessage

ToInput: TypeAlias = "Callable[[list[BaseMessage]], Any]"
"""Makes the input of a chain of a conversation."""


def takes_conversation(to_input: ToInput) -> bool:
    """Tell whether an input is made of all messages, and not only of the text of the last one."""
    try:
        return bool(
            to_input([HumanMessage("a"), HumanMessage("b")]) != to_input([HumanMessage("b")])
        )
    except Exception:  # the user's own function may demand more of a conversation
        return True


def conversation_to_input(chain: Runnable[Any, Any]) -> ToInput:
    """Return the function that makes a chain's input of a conversation, by its input schema.

    - A chain that takes messages, such as a model, gets all of them; an agent gets
      `{"messages": [...]}`, and so does a prompt whose only variable has this name.
    - A prompt with a placeholder of messages and one variable gets the last message's text as the
      variable, and the messages before it in the placeholder.
    - A chain with one variable gets the last message's text, and so does a chain that takes a
      string, or does not say what it takes.

    Where the chain declares a class, its input is an object of that class.

    Raises:
        ConfigError: the input has several variables, so that it is not clear what goes where; or
            it is neither text nor messages, such as a list of strings.
    """
    schema = chain.get_input_jsonschema()
    if "$ref" in schema:  # of a dataclass
        schema = schema["$defs"][schema["$ref"].rpartition("/")[2]]
    if _is_list(schema) and _takes_messages(chain):
        return list
    fields: Mapping[str, Any] = schema.get("properties") or {}
    lists = [name for name, field in fields.items() if _may_hold_messages(field)]
    required = [name for name in schema.get("required", ()) if name not in lists]
    if not fields and _takes_text(schema):
        return _last_text
    is_clear = len(lists) <= 1 and len(required) <= 1 and bool(lists or required)
    if not is_clear or not all(_takes_text(fields[name]) for name in required):
        raise ConfigError(
            f"{chain.get_name()} takes {', '.join(fields) or 'no text'}: it is not clear what of "
            "it is the conversation. Pass to_input=, a function of the messages."
        )

    def to_input(messages: list[BaseMessage]) -> Any:
        if not required:
            return input_of(chain, {lists[0]: messages})
        values: dict[str, Any] = {required[0]: _last_text(messages)}
        return input_of(chain, values | dict.fromkeys(lists, messages[:-1]))

    return to_input


def _takes_messages(chain: Runnable[Any, Any]) -> bool:
    """Tell whether a chain that takes a list takes one of messages."""
    try:
        input_of(chain, [HumanMessage("")])
    except RequestError:
        return False
    return True


def _is_list(field: Mapping[str, Any]) -> bool:
    kinds = [field, *field.get("anyOf", ())]
    return any(kind.get("type") == "array" for kind in kinds)


def _may_hold_messages(field: Mapping[str, Any]) -> bool:
    """Tell whether a field is a list of messages, or of what its schema does not say."""
    for kind in (field, *field.get("anyOf", ())):
        if kind.get("type") == "array":
            items = kind.get("items", {})
            one_of = (items, *items.get("anyOf", ()), *items.get("oneOf", ()))
            refs = [item.get("$ref", "") for item in one_of]
            if not items or any(ref.endswith(("Message", "MessageChunk")) for ref in refs):
                return True
    return False


def _takes_text(schema: Mapping[str, Any]) -> bool:
    """Tell whether an input may be a string; also where its type is not said."""
    kinds: list[Any] = [schema, *schema.get("anyOf", ())]
    types = [kind["type"] for kind in kinds if "type" in kind]
    return "string" in types or not types


def _last_text(messages: Sequence[BaseMessage]) -> str:
    """Return the text of the last message of a person; of the last one, where none is."""
    for message in reversed(messages):
        if isinstance(message, HumanMessage):
            return message.text
    return messages[-1].text if messages else ""
