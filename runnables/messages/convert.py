"""From strings, tuples and dicts to messages, and messages to JSON and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

from pydantic_core import PydanticSerializationError

from runnables.errors import did_you_mean
from runnables.messages.base import BaseMessage
from runnables.messages.kinds import ALL_KINDS, CHUNKS, MESSAGES, TYPE_OF_ROLE
from runnables.messages.prompt_values import PromptValue
from runnables.messages.tool_calls import invalid_tool_call, parse_args, tool_call

MessageLikeRepresentation: TypeAlias = (
    BaseMessage | str | tuple[str, Any] | list[Any] | dict[str, Any]
)
"""What stands for a message: itself, a text (of a person), a pair of a role and a content, or a
dict with `role` (or `type`) and `content`, among them OpenAI's and those of `message_to_dict`."""

MessagesLike: TypeAlias = Iterable[MessageLikeRepresentation] | PromptValue
"""What stands for a conversation."""

DEVELOPER: Final = "__openai_role__"
"""Where a SystemMessage remembers that OpenAI calls its role "developer"."""


def convert_to_messages(
    messages: MessagesLike | MessageLikeRepresentation,
) -> list[BaseMessage]:
    """A list of messages from whatever stands for them.

    Args:
        messages: an iterable of messages, texts, (role, content) pairs and dicts; a prompt
            value; or a single text, message or dict.

    Raises:
        ValueError: an unknown role, a dict without role or content, a value of the wrong type.
        TypeError: something that does not stand for a message.
    """
    if isinstance(messages, PromptValue):
        return messages.to_messages()
    if isinstance(messages, (str, BaseMessage, Mapping)):
        return [convert_to_message(cast("MessageLikeRepresentation", messages))]
    given: Any = messages
    if not isinstance(given, Iterable):
        raise TypeError(
            f"{given!r} (of type {type(given).__name__}) is no conversation: expected a text, a "
            "message, a list of them, or the value of a prompt."
        )
    return [convert_to_message(cast("Any", message)) for message in messages]


def convert_to_message(message: MessageLikeRepresentation) -> BaseMessage:
    """One message from what stands for it; see `convert_to_messages`."""
    if isinstance(message, BaseMessage):  # first, as nearly all are
        return message
    match message:
        case str():
            return MESSAGES["human"](message)
        case Mapping():
            return _from_dict(cast("Mapping[str, Any]", message))
        case (str() as role, content):
            return _from_role(role, {"content": content})
        case _:
            raise TypeError(
                f"{message!r} does not stand for a message: expected a message, a str, a "
                "(role, content) pair, or a dict with 'role' and 'content'."
            )


def _from_dict(message: Mapping[str, Any]) -> BaseMessage:
    fields = dict(message)
    if isinstance(fields.get("data"), Mapping) and "content" not in fields:
        return message_from_dict(fields)
    if fields.get("type") in {"chat", "ChatMessageChunk"}:
        return _instantiate(fields.pop("type"), fields)
    role = fields.pop("role", None) or fields.pop("type", None)
    if not isinstance(role, str) or ("content" not in fields and not fields.get("tool_calls")):
        raise ValueError(
            f"A dict that stands for a message needs 'role' and 'content', got {message!r}."
        )
    if role in CHUNKS:
        return _instantiate(role, fields)
    return _from_role(role, fields)


def _from_role(role: str, fields: dict[str, Any]) -> BaseMessage:
    """A message of a role; what its class has no field for goes to `additional_kwargs`."""
    kind = TYPE_OF_ROLE.get(role)
    if kind is None:
        raise ValueError(
            f"Unknown role {role!r}."
            f"{did_you_mean(role, TYPE_OF_ROLE)} Known: {', '.join(TYPE_OF_ROLE)}. "
            "For any other role use ChatMessage(content, role=...)."
        )
    known = MESSAGES[kind].model_fields
    kept = {key: value for key, value in fields.items() if key in known and value is not None}
    kept.pop("type", None)
    kept.setdefault("content", "")  # OpenAI says null beside tool calls
    extra = {key: value for key, value in fields.items() if key not in known and value is not None}
    if role == "developer":
        extra[DEVELOPER] = role
    if extra:
        kept["additional_kwargs"] = {**kept.get("additional_kwargs", {}), **extra}
    if kind == "ai" and "tool_calls" in kept:
        _parse_openai_calls(kept)
    return _instantiate(kind, kept)


def _parse_openai_calls(fields: dict[str, Any]) -> None:
    """Translate OpenAI's tool calls, whose arguments are a JSON text."""
    calls: list[Any] = []
    invalid: list[Any] = list(fields.get("invalid_tool_calls") or ())
    for call in fields["tool_calls"]:
        if not isinstance(call, Mapping) or "function" not in call:
            calls.append(call)
            continue
        raw = cast("Mapping[str, Any]", call)
        try:
            calls.append(_openai_call(raw))
        except ValueError as error:
            invalid.append(_invalid_openai_call(raw, error))
    fields |= {"tool_calls": calls, "invalid_tool_calls": invalid}


def _openai_call(call: Mapping[str, Any]) -> Any:
    function = call["function"]
    args: Any = function.get("arguments")
    if args is None or isinstance(args, str):
        args = parse_args(args)
    return tool_call(name=function["name"], args=args, id=call.get("id"))


def _invalid_openai_call(call: Mapping[str, Any], error: ValueError) -> Any:
    function = call["function"]
    return invalid_tool_call(
        name=function.get("name"),
        args=function.get("arguments"),
        id=call.get("id"),
        error=str(error),
    )


def _instantiate(kind: str, fields: Mapping[str, Any]) -> BaseMessage:
    cls: Any = ALL_KINDS[kind]
    return cast("BaseMessage", cls(**fields))


def message_to_dict(message: BaseMessage) -> dict[str, Any]:
    """A message as plain data for JSON: `{"type": ..., "data": {...}}`, with no class paths.

    Raises:
        TypeError: the message holds something that JSON cannot say, for instance an artifact.
    """
    try:
        data = message.model_dump(mode="json")
    except PydanticSerializationError as error:
        raise TypeError(
            f"Cannot write {type(message).__name__} (id {message.id!r}) as JSON: {error}. "
            "Put plain data in its fields, or drop them with model_copy(update=...)."
        ) from None
    return {"type": message.type, "data": data}


def messages_to_dict(messages: Sequence[BaseMessage]) -> list[dict[str, Any]]:
    """Messages as plain data for JSON; see `message_to_dict`."""
    return [message_to_dict(message) for message in messages]


def message_from_dict(message: Mapping[str, Any]) -> BaseMessage:
    """The message that `message_to_dict` wrote.

    Raises:
        ValueError: the data are not of that form, or of an unknown type.
    """
    kind: Any = message.get("type")
    data: Any = message.get("data")
    if not isinstance(kind, str) or not isinstance(data, Mapping):
        raise ValueError(f"Expected {{'type': ..., 'data': {{...}}}}, got {message!r}.")
    if kind not in ALL_KINDS:
        raise ValueError(
            f"Unknown type of message {kind!r}.{did_you_mean(kind, ALL_KINDS)} "
            f"Known: {', '.join(ALL_KINDS)}."
        )
    return ALL_KINDS[kind].model_validate({**data, "type": kind})


def messages_from_dict(messages: Iterable[Mapping[str, Any]]) -> list[BaseMessage]:
    """The messages that `messages_to_dict` wrote; see `message_from_dict`."""
    return [message_from_dict(message) for message in messages]


LanguageModelInput: TypeAlias = PromptValue | str | Sequence[MessageLikeRepresentation]
"""What a model reads: a prompt, a text of a person, or a conversation in any form that
`convert_to_messages` knows."""
