"""All kinds of messages, by the word that stands for each in JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias, cast

from pydantic import Field

from runnables.errors import did_you_mean
from runnables.messages.ai import AIFields, AIMessage, AIMessageChunk
from runnables.messages.base import BaseMessage, BaseMessageChunk
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
"""Any message or chunk; as the type of a pydantic field it reads and writes JSON."""

MESSAGES: Final[Mapping[str, type[BaseMessage]]] = {
    "human": HumanMessage,
    "ai": AIMessage,
    "system": SystemMessage,
    "tool": ToolMessage,
    "chat": ChatMessage,
}
"""The classes of whole messages, by their `type`."""

CHUNKS: Final[Mapping[str, type[BaseMessageChunk]]] = {
    "HumanMessageChunk": HumanMessageChunk,
    "AIMessageChunk": AIMessageChunk,
    "SystemMessageChunk": SystemMessageChunk,
    "ToolMessageChunk": ToolMessageChunk,
    "ChatMessageChunk": ChatMessageChunk,
}
"""The classes of chunks, by their `type`."""

ALL_KINDS: Final[Mapping[str, type[BaseMessage]]] = {**MESSAGES, **CHUNKS}
"""All classes, by their `type`."""

TYPE_OF_ROLE: Final[Mapping[str, str]] = {
    **{kind: kind for kind in MESSAGES if kind != "chat"},
    "user": "human",
    "assistant": "ai",
    "developer": "system",
}
"""Which message a role stands for, in the words of LangChain and of OpenAI."""

ROLE_OF_TYPE: Final[Mapping[str, str]] = {
    "human": "user",
    "ai": "assistant",
    "system": "system",
    "tool": "tool",
}
"""The role of each kind of message, in the words of OpenAI."""

KindOf: TypeAlias = str | type[BaseMessage] | Sequence[str | type[BaseMessage]]
"""One or several kinds of messages, by class or by word."""


def kind_of(message: BaseMessage) -> str:
    """The `type` of a message; of a chunk, that of the message that it is a piece of."""
    if message.type in MESSAGES:
        return message.type
    return next(kind for kind, cls in MESSAGES.items() if isinstance(message, cls))


def role_of(message: BaseMessage) -> str:
    """The role of a message, in the words of OpenAI."""
    return message.role if isinstance(message, ChatMessage) else ROLE_OF_TYPE[kind_of(message)]


def is_kind(message: BaseMessage, kinds: KindOf) -> bool:
    """Whether a message is of one of the kinds; a chunk is of the kind of its message."""
    some = [kinds] if isinstance(kinds, (str, type)) else kinds
    return any(
        isinstance(message, kind)
        if isinstance(kind, type)
        else isinstance(message, ALL_KINDS[TYPE_OF_ROLE.get(kind, kind)])
        for kind in some
    )


def check_kinds(option: str, kinds: KindOf | None) -> None:
    """Raise a ValueError where a word stands for no kind of message."""
    known = [*MESSAGES, *CHUNKS, *TYPE_OF_ROLE]
    for kind in [kinds] if isinstance(kinds, (str, type)) else kinds or ():
        if isinstance(kind, str) and kind not in known:
            raise ValueError(
                f"{option}: {kind!r} is no kind of message.{did_you_mean(kind, known)} "
                f"Known: {', '.join(dict.fromkeys(known))}."
            )


def message_chunk_to_message(chunk: BaseMessage) -> BaseMessage:
    """The whole message that a chunk makes when no more pieces come; a message as it is.

    Tool calls whose arguments were cut off or are not valid JSON become `invalid_tool_calls`.
    """
    if not isinstance(chunk, BaseMessageChunk):
        return chunk
    cls: Any = MESSAGES[kind_of(chunk)]
    fields = {name: getattr(chunk, name) for name in cls.model_fields if name != "type"}
    if isinstance(chunk, AIMessageChunk) and chunk.chunk_position != "last":
        calls, invalid = parse_tool_calls(chunk.tool_call_chunks, last=True)
        fields |= {"tool_calls": calls, "invalid_tool_calls": invalid}
    return cast("BaseMessage", cls(**fields))


def message_to_chunk(message: BaseMessage) -> BaseMessageChunk:
    """A message as the only piece of itself."""
    if isinstance(message, BaseMessageChunk):
        return message
    cls: Any = CHUNKS[f"{MESSAGES[kind_of(message)].__name__}Chunk"]
    fields = {name: getattr(message, name) for name in type(message).model_fields if name != "type"}
    return cast("BaseMessageChunk", cls(**fields))


def final_chunk(answer: AIMessage) -> AIMessageChunk:
    """An answer as the only chunk of its stream."""
    chunk = cast("AIMessageChunk", message_to_chunk(answer))
    chunk.chunk_position = "last"
    return chunk


def text_chunk(text: str, id: str | None = None) -> AIMessageChunk:
    """`AIMessageChunk(text, id=id)`, in half of the time: streams make one for every token.

    What is passed is not looked at, but for its type; a wrong one raises as the constructor does.
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
    """`AIMessage(text, **fields)`, in two thirds of the time, for a provider that made the fields.

    Text and id may be of any type, and raise as in the constructor; the other fields are taken
    as they are.
    """
    id = fields.get("id")
    if type(text) is not str or (id is not None and type(id) is not str):
        return AIMessage(text, **fields)
    return construct_with_defaults(AIMessage, {"content": text, **fields})
