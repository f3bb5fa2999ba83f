"""All kinds of messages, by the word that names each in JSON; conversions to and from chunks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias, cast

from pydantic import Field

from runnables.errors import did_you_mean
from runnables.messages.ai import AIFields, AIMessage, AIMessageChunk
from runnables.messages.base import BaseMessage, BaseMessageChunk
from runnables.messages.call_ids import with_ids
from runnables.messages.construct import construct_from_fields, construct_with_defaults
from runnables.messages.roles import (
    ChatMessage,
    ChatMessageChunk,
    HumanMessage,
    HumanMessageChunk,
    SystemMessage,
    SystemMessageChunk,
    ToolMessage,
    ToolMessageChunk,
)
from runnables.messages.tool_calls import parse_tool_calls

if TYPE_CHECKING:
    from typing_extensions import Unpack

AnyMessage: TypeAlias = Annotated[
    AIMessage
    | HumanMessage
    | SystemMessage
    | ToolMessage
    | ChatMessage
    | AIMessageChunk
    | HumanMessageChunk
    | SystemMessageChunk
    | ToolMessageChunk
    | ChatMessageChunk,
    Field(discriminator="type"),
]
"""Any message or message chunk. As the type of a pydantic field, it reads and writes JSON."""

MESSAGES: Final[Mapping[str, type[BaseMessage]]] = {
    "human": HumanMessage,
    "ai": AIMessage,
    "system": SystemMessage,
    "tool": ToolMessage,
    "chat": ChatMessage,
}
"""The message classes, by their `type`."""

CHUNKS: Final[Mapping[str, type[BaseMessageChunk]]] = {
    "HumanMessageChunk": HumanMessageChunk,
    "AIMessageChunk": AIMessageChunk,
    "SystemMessageChunk": SystemMessageChunk,
    "ToolMessageChunk": ToolMessageChunk,
    "ChatMessageChunk": ChatMessageChunk,
}
"""The chunk classes, by their `type`."""

ALL_KINDS: Final[Mapping[str, type[BaseMessage]]] = {**MESSAGES, **CHUNKS}
"""All classes, by their `type`."""

TYPE_OF_ROLE: Final[Mapping[str, str]] = {
    **{kind: kind for kind in MESSAGES if kind != "chat"},
    "user": "human",
    "assistant": "ai",
    "developer": "system",
}
"""The `type` of the messages of a role; the roles are LangChain's and OpenAI's."""

ROLE_OF_TYPE: Final[Mapping[str, str]] = {
    "human": "user",
    "ai": "assistant",
    "system": "system",
    "tool": "tool",
}
"""OpenAI's role for each kind of message."""

KindOf: TypeAlias = str | type[BaseMessage] | Sequence[str | type[BaseMessage]]
"""One kind of message or several, as classes or words."""


def kind_of(message: BaseMessage) -> str:
    """Return the `type` of a message; for a chunk, that of its message."""
    if message.type in MESSAGES:
        return message.type
    return next(kind for kind, cls in MESSAGES.items() if isinstance(message, cls))


def role_of(message: BaseMessage) -> str:
    """Return OpenAI's role of a message."""
    return message.role if isinstance(message, ChatMessage) else ROLE_OF_TYPE[kind_of(message)]


def is_kind(message: BaseMessage, kinds: KindOf) -> bool:
    """Tell whether a message is of one of the kinds; a chunk is of the kind of its message."""
    return any(
        isinstance(message, kind)
        if isinstance(kind, type)
        else isinstance(message, ALL_KINDS[TYPE_OF_ROLE.get(kind, kind)])
        for kind in _as_sequence(kinds)
    )


def _as_sequence(kinds: KindOf) -> Sequence[str | type[BaseMessage]]:
    return [kinds] if isinstance(kinds, (str, type)) else kinds


def check_kinds(option: str, kinds: KindOf | None) -> None:
    """Raise a ValueError where a word names no kind of message."""
    known = [*MESSAGES, *CHUNKS, *TYPE_OF_ROLE]
    for kind in _as_sequence(() if kinds is None else kinds):
        if isinstance(kind, str) and kind not in known:
            raise ValueError(
                f"{option}: {kind!r} is no kind of message.{did_you_mean(kind, known)} "
                f"Known: {', '.join(dict.fromkeys(known))}."
            )


def message_chunk_to_message(chunk: BaseMessage) -> BaseMessage:
    """Return a chunk as a message, as if no more chunks followed; return a message unchanged.

    Tool calls whose arguments were cut off or are not valid JSON become `invalid_tool_calls`. Calls
    that came without an id get one.

    Example:
        >>> message_chunk_to_message(AIMessageChunk("Hel") + AIMessageChunk("lo"))
        AIMessage('Hello')
    """
    message = complete_message(chunk)
    if message is chunk or not isinstance(message, AIMessage):
        return message
    return with_ids(message, message.id or message.text)


def complete_message(chunk: BaseMessage) -> BaseMessage:
    """Return a chunk as a message; a caller that knows the conversation adds missing ids."""
    if not isinstance(chunk, BaseMessageChunk):
        return chunk
    cls: Any = MESSAGES[kind_of(chunk)]
    fields = {name: getattr(chunk, name) for name in cls.model_fields if name != "type"}
    if isinstance(chunk, AIMessageChunk) and chunk.chunk_position != "last":
        calls, invalid = parse_tool_calls(chunk.tool_call_chunks, last=True)
        fields |= {"tool_calls": calls, "invalid_tool_calls": invalid}
    return cast("BaseMessage", cls(**fields))


def message_to_chunk(message: BaseMessage) -> BaseMessageChunk:
    """Return a message as the only chunk of its stream; return a chunk unchanged.

    Example:
        >>> message_to_chunk(HumanMessage("Hi"))
        HumanMessageChunk('Hi')
    """
    if isinstance(message, BaseMessageChunk):
        return message
    cls: Any = CHUNKS[f"{MESSAGES[kind_of(message)].__name__}Chunk"]
    fields = {name: getattr(message, name) for name in type(message).model_fields if name != "type"}
    return cast("BaseMessageChunk", cls(**fields))


def final_chunk(answer: AIMessage) -> AIMessageChunk:
    """Return an answer as the only chunk of its stream, marked as the last one."""
    chunk = cast("AIMessageChunk", message_to_chunk(answer))
    chunk.chunk_position = "last"
    return chunk


def text_chunk(text: str, id: str | None = None) -> AIMessageChunk:
    """Return `AIMessageChunk(text, id=id)` in half of the time: streams make one for every token.

    Only the types of the arguments are checked; a wrong one raises as the constructor does.
    """
    if type(text) is not str or (id is not None and type(id) is not str):
        return AIMessageChunk(text, id=id)
    fields: dict[str, Any] = {
        "content": text,
        "additional_kwargs": {},
        "response_metadata": {},
        "type": "AIMessageChunk",
        "name": None,
        "id": id,
        "tool_calls": [],
        "invalid_tool_calls": [],
        "usage_metadata": None,
        "tool_call_chunks": [],
        "chunk_position": None,
    }
    return construct_from_fields(AIMessageChunk, fields, {"content", "id"})


def text_message(text: str, **fields: Unpack[AIFields]) -> AIMessage:
    """Return `AIMessage(text, **fields)` in two thirds of the time, for a provider's own fields.

    A wrong type of `text` or `id` raises as the constructor does; the other fields are not checked.
    """
    id = fields.get("id")
    if type(text) is not str or (id is not None and type(id) is not str):
        return AIMessage(text, **fields)
    return construct_with_defaults(AIMessage, {"content": text, **fields})
