"""Conversion of strings, tuples and dicts to messages, and of messages to JSON and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, cast

from pydantic import BaseModel
from pydantic_core import PydanticSerializationError

from runnables.core.foreign import from_foreign
from runnables.errors import did_you_mean
from runnables.messages.base import BaseMessage
from runnables.messages.kinds import ALL_KINDS, CHUNKS, MESSAGES, TYPE_OF_ROLE
from runnables.messages.prompt_values import PromptValue
from runnables.messages.removal import REMOVE, no_conversation
from runnables.messages.stored import FUNCTION, constructor_form, current_fields, kind_of_class

if TYPE_CHECKING:

    class ForeignMessage(Protocol):
        """A message of LangChain, as type checkers see it."""

        @property
        def content(self) -> Any: ...
        @property
        def type(self) -> str: ...
        @property
        def content_blocks(self) -> Sequence[Any]: ...
        @property
        def response_metadata(self) -> Mapping[Any, Any]: ...

    MessageLikeRepresentation: TypeAlias = (
        BaseMessage | ForeignMessage | str | tuple[str, Any] | list[Any] | dict[str, Any]
    )
else:
    MessageLikeRepresentation: TypeAlias = (
        BaseMessage | str | tuple[str, Any] | list[Any] | dict[str, Any]
    )
"""Anything that can be read as a message: a message, a string (of the user), a pair of a role and
a content, or a dict with `role` (or `type`) and `content`, such as OpenAI's dicts and those of
`message_to_dict` and of LangChain. Messages of LangChain are converted."""

MessagesLike: TypeAlias = Iterable[MessageLikeRepresentation] | PromptValue
"""Anything that can be read as a conversation."""

_NOT_IN_ORDER: Final[frozenset[Any]] = frozenset({bytes, bytearray, memoryview, set, frozenset})
"""Iterables that are no list of messages."""

DEVELOPER: Final = "__openai_role__"
"""The key under which a SystemMessage keeps that its role is OpenAI's "developer"."""


def convert_to_messages(
    messages: MessagesLike | MessageLikeRepresentation,
) -> list[BaseMessage]:
    """Return a conversation as a list of messages.

    Args:
        messages: an iterable of messages, strings, (role, content) pairs and dicts; a prompt
            value; or a single string, message or dict.

    Raises:
        ValueError: an unknown role, a dict without role or content, a value of the wrong type.
        TypeError: something that cannot be read as a message.

    Example:
        >>> convert_to_messages([("system", "Be brief."), {"role": "user", "content": "Hi"}])
        [SystemMessage('Be brief.'), HumanMessage('Hi')]
        >>> convert_to_messages("Hi")
        [HumanMessage('Hi')]
    """
    messages = from_foreign(messages)
    if isinstance(messages, PromptValue):
        return messages.to_messages()
    if isinstance(messages, Mapping) and (prompt := _stored_prompt(cast("Any", messages))):
        return prompt
    if isinstance(messages, (str, BaseMessage, Mapping)):
        return [convert_to_message(cast("MessageLikeRepresentation", messages))]
    value: Any = messages
    if isinstance(value, BaseModel):  # it is iterable: it gives its fields, as pairs
        raise TypeError(
            f"An object of type {type(value).__name__} is no conversation. Put its fields into a "
            "prompt (prompt | model takes value.model_dump()), or pass value.model_dump_json()."
        )
    if type(value) in _NOT_IN_ORDER or not isinstance(value, Iterable):
        raise TypeError(
            f"{value!r} (of type {type(value).__name__}) is no conversation: expected a string, a "
            "message, a list of them, or a prompt value."
        )
    return [convert_to_message(message) for message in cast("Iterable[Any]", messages)]


def _stored_prompt(message: Mapping[str, Any]) -> list[BaseMessage] | None:
    """Return the conversation of a prompt value that LangChain stored; None for other dicts."""
    name, arguments = constructor_form(message) or ("", {})
    if name == "ChatPromptValue":
        return convert_to_messages(arguments["messages"])
    return convert_to_messages(arguments["text"]) if name == "StringPromptValue" else None


def convert_to_message(message: MessageLikeRepresentation) -> BaseMessage:
    """Return a message as one of the message classes; see `convert_to_messages`."""
    if isinstance(message, BaseMessage):  # first, as nearly all are
        if message.type == REMOVE:
            raise no_conversation(message)
        return message
    message = from_foreign(message)
    match message:
        case BaseMessage():
            return convert_to_message(message)
        case str():
            return MESSAGES["human"](message)
        case Mapping():
            return _from_dict(cast("Mapping[str, Any]", message))
        case (str() as role, content):
            return _from_role(role, {"content": content})
        case _:
            raise TypeError(
                f"{message!r} cannot be read as a message: expected a message, a str, a "
                "(role, content) pair, or a dict with 'role' and 'content'."
            )


def _from_dict(message: Mapping[str, Any]) -> BaseMessage:
    fields = dict(message)
    if (stored := constructor_form(fields)) is not None:
        name, arguments = stored
        return _from_stored(kind_of_class(name), arguments)
    if isinstance(fields.get("data"), Mapping) and "content" not in fields:
        return message_from_dict(fields)
    if fields.get("type") in {"chat", "ChatMessageChunk"}:
        return _from_stored(fields.pop("type"), fields)
    role = fields.pop("role", None) or fields.pop("type", None)
    if not isinstance(role, str) or not ("content" in fields or _has_calls(fields)):
        raise ValueError(
            f"Message dict must contain 'role' and 'content' keys, got {message!r}. "
            "A dict of values goes into a prompt first: prompt | model."
        )
    if role in CHUNKS or role == FUNCTION:
        return _from_stored(role, fields)
    return _from_role(role, fields)


def _has_calls(fields: Mapping[str, Any]) -> bool:
    return bool(fields.get("tool_calls") or fields.get("function_call"))


def _from_role(role: str, fields: dict[str, Any]) -> BaseMessage:
    """Return a message of a role; keys that are no fields go to `additional_kwargs`."""
    kind = TYPE_OF_ROLE.get(role)
    if kind is None:
        raise ValueError(
            f"Unknown role {role!r}."
            f"{did_you_mean(role, TYPE_OF_ROLE)} Known: {', '.join(TYPE_OF_ROLE)}. "
            "For any other role use ChatMessage(content, role=...)."
        )
    if role == "developer":
        fields = {**fields, DEVELOPER: role}
    given = {key: value for key, value in fields.items() if value is not None and key != "type"}
    return _from_stored(kind, given)


def _from_stored(kind: str, stored: Mapping[str, Any]) -> BaseMessage:
    """Return the message with these fields, also with those of older versions."""
    kind, fields = current_fields(kind, stored)
    fields.pop("type", None)
    return _instantiate(kind, fields)


def _instantiate(kind: str, fields: Mapping[str, Any]) -> BaseMessage:
    cls: Any = ALL_KINDS[kind]
    return cast("BaseMessage", cls(**fields))


def message_to_dict(message: BaseMessage) -> dict[str, Any]:
    """Return a message as data for JSON: `{"type": ..., "data": {...}}`, with no class paths.

    Raises:
        TypeError: the message holds a value that JSON cannot represent, for instance an artifact.

    Example:
        >>> data = message_to_dict(HumanMessage("Hi"))
        >>> data["type"], data["data"]["content"]
        ('human', 'Hi')
        >>> message_from_dict(data)
        HumanMessage('Hi')
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
    """Return messages as data for JSON; see `message_to_dict`.

    Example:
        >>> import json
        >>> text = json.dumps(messages_to_dict([HumanMessage("Hi"), AIMessage("Hello")]))
        >>> messages_from_dict(json.loads(text))
        [HumanMessage('Hi'), AIMessage('Hello')]
    """
    return [message_to_dict(message) for message in messages]


def message_from_dict(message: Mapping[str, Any]) -> BaseMessage:
    """Return the message that `message_to_dict` wrote, or that LangChain stored.

    Raises:
        ValueError: the data is of another shape, or of an unknown type.

    Example:
        >>> message_from_dict({"type": "ai", "data": {"content": "Hello", "id": "1"}})
        AIMessage('Hello', id='1')
    """
    if (stored := constructor_form(message)) is not None:
        name, arguments = stored
        return _from_stored(kind_of_class(name), arguments)
    kind: Any = message.get("type")
    data: Any = message.get("data")
    if not isinstance(kind, str) or not isinstance(data, Mapping):
        raise ValueError(f"Expected {{'type': ..., 'data': {{...}}}}, got {message!r}.")
    if kind not in (*ALL_KINDS, FUNCTION):
        raise ValueError(
            f"Unknown type of message {kind!r}.{did_you_mean(kind, ALL_KINDS)} "
            f"Known: {', '.join(ALL_KINDS)}."
        )
    kind, fields = current_fields(kind, cast("Mapping[str, Any]", data))
    return ALL_KINDS[kind].model_validate({**fields, "type": kind})


def messages_from_dict(messages: Iterable[Mapping[str, Any]]) -> list[BaseMessage]:
    """Return the messages that `messages_to_dict` wrote; see `message_from_dict`.

    Example:
        >>> messages_from_dict([{"type": "human", "data": {"content": "Hi"}}])
        [HumanMessage('Hi')]
    """
    return [message_from_dict(message) for message in messages]


LanguageModelInput: TypeAlias = PromptValue | str | Sequence[MessageLikeRepresentation]
"""The input of a model: a prompt value, a string of the user, or a conversation as
`convert_to_messages` reads it."""
