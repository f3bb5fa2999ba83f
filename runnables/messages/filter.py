"""Choose messages of a conversation, and put neighbours together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast, overload

from runnables.compose.functions import RunnableLambda
from runnables.messages.ai import AIMessage
from runnables.messages.convert import MessagesLike, convert_to_messages
from runnables.messages.kinds import (
    KindOf,
    check_kinds,
    is_kind,
    message_to_chunk,
)
from runnables.messages.roles import ChatMessage, ToolMessage

if TYPE_CHECKING:
    from runnables.compose.runnable import Runnable
    from runnables.messages.base import BaseMessage


@overload
def filter_messages(
    messages: MessagesLike,
    *,
    include_names: Collection[str] | None = None,
    exclude_names: Collection[str] | None = None,
    include_types: KindOf | None = None,
    exclude_types: KindOf | None = None,
    include_ids: Collection[str] | None = None,
    exclude_ids: Collection[str] | None = None,
    exclude_tool_calls: Collection[str] | bool | None = None,
) -> list[BaseMessage]: ...


@overload
def filter_messages(
    messages: None = None,
    *,
    include_names: Collection[str] | None = None,
    exclude_names: Collection[str] | None = None,
    include_types: KindOf | None = None,
    exclude_types: KindOf | None = None,
    include_ids: Collection[str] | None = None,
    exclude_ids: Collection[str] | None = None,
    exclude_tool_calls: Collection[str] | bool | None = None,
) -> Runnable[MessagesLike, list[BaseMessage]]: ...


def filter_messages(
    messages: MessagesLike | None = None,
    *,
    include_names: Collection[str] | None = None,
    exclude_names: Collection[str] | None = None,
    include_types: KindOf | None = None,
    exclude_types: KindOf | None = None,
    include_ids: Collection[str] | None = None,
    exclude_ids: Collection[str] | None = None,
    exclude_tool_calls: Collection[str] | bool | None = None,
) -> list[BaseMessage] | Runnable[MessagesLike, list[BaseMessage]]:
    """The messages that meet one of the `include` conditions and none of the `exclude` ones.

    Args:
        messages: the conversation; without it, a runnable that filters its input.
        include_names: names of speakers. Without any `include`, all messages are included.
        exclude_names: names of speakers.
        include_types: kinds of messages, as words ("human") or classes.
        exclude_types: kinds of messages.
        include_ids: ids of messages.
        exclude_ids: ids of messages.
        exclude_tool_calls: True leaves out everything that has to do with tools; ids leave out
            these calls and their answers, and the messages that say nothing else.

    Raises:
        ValueError: a word that stands for no kind of message.
    """
    check_kinds("include_types", include_types)
    check_kinds("exclude_types", exclude_types)
    options = _Filter(
        _Condition(include_names or (), include_types or (), include_ids or ()),
        _Condition(exclude_names or (), exclude_types or (), exclude_ids or ()),
        exclude_tool_calls,
    )
    if messages is not None:
        return options(messages)
    return RunnableLambda(options, name="filter_messages", blocking=False)


@dataclass(frozen=True)
class _Condition:
    """Names, kinds and ids; one of them is enough."""

    names: Collection[str]
    kinds: KindOf
    ids: Collection[str]

    def __bool__(self) -> bool:
        return bool(self.names or self.kinds or self.ids)

    def met_by(self, message: BaseMessage) -> bool:
        return (
            (message.name is not None and message.name in self.names)
            or (message.id is not None and message.id in self.ids)
            or is_kind(message, self.kinds)
        )


@dataclass(frozen=True)
class _Filter:
    """The options of one call, and what they do to a conversation."""

    include: _Condition
    exclude: _Condition
    tool_calls: Collection[str] | bool | None

    def __call__(self, messages: MessagesLike) -> list[BaseMessage]:
        found = (self._filtered(message) for message in convert_to_messages(messages))
        return [message for message in found if message is not None]

    def _filtered(self, message: BaseMessage) -> BaseMessage | None:
        if self.exclude.met_by(message) or (self.include and not self.include.met_by(message)):
            return None
        return _without_calls(message, self.tool_calls) if self.tool_calls else message


def _without_calls(message: BaseMessage, ids: Collection[str] | bool) -> BaseMessage | None:
    """A message without the tool calls of these ids (True: of any id), or None."""
    if isinstance(message, ToolMessage):
        return None if ids is True or message.tool_call_id in cast("Any", ids) else message
    if not isinstance(message, AIMessage) or not message.tool_calls:
        return message
    if isinstance(ids, bool):
        return None
    calls = [call for call in message.tool_calls if call["id"] not in ids]
    if len(calls) == len(message.tool_calls):
        return message
    content = _content_without(message, ids)
    return message.model_copy(update={"tool_calls": calls, "content": content}) if calls else None


def _content_without(message: BaseMessage, ids: Collection[str]) -> Any:
    if isinstance(message.content, str):
        return message.content
    return [
        item
        for item in message.content
        if isinstance(item, str)
        or item.get("type") not in {"tool_use", "tool_call", "function_call"}
        or item.get("call_id", item.get("id")) not in ids
    ]


@overload
def merge_message_runs(
    messages: MessagesLike, *, chunk_separator: str = "\n"
) -> list[BaseMessage]: ...


@overload
def merge_message_runs(
    messages: None = None, *, chunk_separator: str = "\n"
) -> Runnable[MessagesLike, list[BaseMessage]]: ...


def merge_message_runs(
    messages: MessagesLike | None = None, *, chunk_separator: str = "\n"
) -> list[BaseMessage] | Runnable[MessagesLike, list[BaseMessage]]:
    """The conversation with neighbours of the same speaker put together to one message.

    Messages of tools stay apart, since each answers a call of its own, and so do speakers of
    different names or roles. Texts are joined by the separator; if one of the contents is a list,
    they become one list. Of facts like ids the first message's are kept.

    Args:
        messages: the conversation; without it, a runnable that does this to its input.
        chunk_separator: what to put between texts.
    """
    merge = _MergeRuns(chunk_separator)
    if messages is not None:
        return merge(messages)
    return RunnableLambda(merge, name="merge_message_runs", blocking=False)


@dataclass(frozen=True)
class _MergeRuns:
    """The option of one call, and what it does to a conversation."""

    separator: str

    def __call__(self, messages: MessagesLike) -> list[BaseMessage]:
        found = enumerate(convert_to_messages(messages))
        runs = groupby(found, key=lambda numbered: _role_key(*numbered))
        return [_merged([message for _, message in run], self.separator) for _, run in runs]


def _role_key(place: int, message: BaseMessage) -> tuple[Any, ...]:
    """What neighbours must have in common; a tool's message has nothing in common with any."""
    role = message.role if isinstance(message, ChatMessage) else None
    alone = place if isinstance(message, ToolMessage) else None
    return type(message), message.name, role, alone


def _merged(run: Sequence[BaseMessage], separator: str) -> BaseMessage:
    first = run[0]
    if len(run) == 1:
        return first
    chunks = [message_to_chunk(message) for message in run]
    whole = type(chunks[0]).merge_chunks(
        [chunk.model_copy(update={"response_metadata": {}}) for chunk in chunks]
    )
    summed = ("additional_kwargs", "id", "tool_calls", "invalid_tool_calls", "usage_metadata")
    fields: dict[str, Any] = {
        name: getattr(whole, name) for name in summed if name in type(first).model_fields
    }
    fields["content"] = _joined([message.content for message in run], separator)
    return first.model_copy(update=fields)


def _joined(contents: Sequence[Any], separator: str) -> Any:
    some = [content for content in contents if content]
    if all(isinstance(content, str) for content in some):
        return separator.join(some)
    return [item for content in some for item in _listed(content)]


def _listed(content: Any) -> list[Any]:
    return [content] if isinstance(content, str) else content
