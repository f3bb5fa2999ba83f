"""Conversion of strings, tuples and dicts to messages, and of messages to JSON and back."""

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
"""Anything that can be read as a message: a message, a string (of the user), a pair of a role and
a content, or a dict with `role` (or `type`) and `content`, such as OpenAI's dicts and those of
`message_to_dict`."""

MessagesLike: TypeAlias = Iterable[MessageLikeRepresentation] | PromptValue
"""Anything that can be read as a conversation."""

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
    if isinstance(messages, PromptValue):
        return messages.to_messages()
    if isinstance(messages, (str, BaseMessage, Mapping)):
        return [convert_to_message(cast("MessageLikeRepresentation", messages))]
    value: Any = messages
    if not isinstance(value, Iterable):
        raise TypeError(
            f"{value!r} (of type {type(value).__name__}) is no conversation: expected a string, a "
            "message, a list of them, or a prompt value."
        )
    return [convert_to_message(cast("Any", message)) for message in messages]


def convert_to_message(message: MessageLikeRepresentation) -> BaseMessage:
    """Return a message as one of the message classes; see `convert_to_messages`."""
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
                f"{message!r} cannot be read as a message: expected a message, a str, a "
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
            f"A message that is a dict needs 'role' and 'content', got {message!r}. "
            "A dict of values goes into a prompt first: prompt | model."
        )
    if role in CHUNKS:
        return _instantiate(role, fields)
    return _from_role(role, fields)


def _from_role(role: str, fields: dict[str, Any]) -> BaseMessage:
    """Return a message of a role; keys that are no fields go to `additional_kwargs`."""
    kind = TYPE_OF_ROLE.get(role)
    if kind is None:
        raise ValueError(
            f"Unknown role {role!r}."
            f"{did_you_mean(role, TYPE_OF_ROLE)} Known: {', '.join(TYPE_OF_ROLE)}. "
            "For any other role use ChatMessage(content, role=...)."
        )
    known = MESSAGES[kind].model_fields
    values = {key: value for key, value in fields.items() if key in known and value is not None}
    values.pop("type", None)
    values.setdefault("content", "")  # OpenAI sends null next to tool calls
    extra = {key: value for key, value in fields.items() if key not in known and value is not None}
    if role == "developer":
        extra[DEVELOPER] = role
    if extra:
        values["additional_kwargs"] = {**values.get("additional_kwargs", {}), **extra}
    if kind == "ai" and "tool_calls" in values:
        _parse_openai_calls(values)
    return _instantiate(kind, values)


def _parse_openai_calls(fields: dict[str, Any]) -> None:
    """Replace OpenAI's tool calls, whose arguments are a JSON string."""
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
    """Return the message that `message_to_dict` wrote.

    Raises:
        ValueError: the data is of another shape, or of an unknown type.

    Example:
        >>> message_from_dict({"type": "ai", "data": {"content": "Hello", "id": "1"}})
        AIMessage('Hello', id='1')
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
    """Return the messages that `messages_to_dict` wrote; see `message_from_dict`.

    Example:
        >>> messages_from_dict([{"type": "human", "data": {"content": "Hi"}}])
        [HumanMessage('Hi')]
    """
    return [message_from_dict(message) for message in messages]


LanguageModelInput: TypeAlias = PromptValue | str | Sequence[MessageLikeRepresentation]
"""The input of a model: a prompt value, a string of the user, or a conversation as
`convert_to_messages` reads it."""
