"""Selection of messages from a conversation, and merging of neighbours."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast

from runnables.messages.ai import AIMessage
from runnables.messages.convert import MessagesLike, convert_to_messages
from runnables.messages.kinds import KindOf, check_kinds, is_kind, message_to_chunk
from runnables.messages.roles import ChatMessage, ToolMessage
from runnables.messages.steps import also_a_step

if TYPE_CHECKING:
    from runnables.messages.base import BaseMessage


@also_a_step
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
) -> list[BaseMessage]:
    """Return the messages that meet one of the `include` conditions and none of the `exclude` ones.

    Without any `include` condition, all messages are included.

    Args:
        messages: the conversation. Without it, the function returns a runnable that filters its
            input.
        include_names: values of `name`.
        exclude_names: values of `name`.
        include_types: kinds of messages, as words ("human") or classes.
        exclude_types: kinds of messages.
        include_ids: ids of messages.
        exclude_ids: ids of messages.
        exclude_tool_calls: True leaves out every message that calls a tool or answers a call. Ids
            leave out these calls and their answers, and the messages with no other calls.

    Raises:
        ValueError: a word that names no kind of message.

    Example:
        >>> talk = [SystemMessage("Be brief."), HumanMessage("Hi", name="ann"), AIMessage("Hello")]
        >>> filter_messages(talk, include_types=["human"])
        [HumanMessage('Hi', name='ann')]
        >>> (filter_messages(exclude_names=["ann"]) | len).invoke(talk)
        2
    """
    check_kinds("include_types", include_types)
    check_kinds("exclude_types", exclude_types)
    include = _Condition(include_names or (), include_types or (), include_ids or ())
    exclude = _Condition(exclude_names or (), exclude_types or (), exclude_ids or ())
    chosen = [
        _without_calls(message, exclude_tool_calls) if exclude_tool_calls else message
        for message in convert_to_messages(messages)
        if not exclude.met_by(message) and (not include or include.met_by(message))
    ]
    return [message for message in chosen if message is not None]


@dataclass(frozen=True)
class _Condition:
    """Names, kinds and ids, of which a message has to match one."""

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


def _without_calls(message: BaseMessage, ids: Collection[str] | bool) -> BaseMessage | None:
    """Return a message without the tool calls of these ids (True: of any id), or None."""
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


@also_a_step
def merge_message_runs(messages: MessagesLike, *, chunk_separator: str = "\n") -> list[BaseMessage]:
    """Return the conversation with neighbours of the same role merged into one message.

    Tool messages stay separate, since each answers a call of its own. So do neighbours with
    different names, and chat messages with different roles. Strings are joined with the separator;
    if one of the contents is a list, the merged content is one list. The merged message has the
    id and the `response_metadata` of the first one.

    Args:
        messages: the conversation. Without it, the function returns a runnable that merges the
            messages of its input.
        chunk_separator: put between strings.

    Example:
        >>> merge_message_runs([HumanMessage("Hi"), HumanMessage("Are you there?")])
        [HumanMessage('Hi\\nAre you there?')]
    """
    numbered = enumerate(convert_to_messages(messages))
    runs = groupby(numbered, key=lambda pair: _role_key(*pair))
    return [_merge_run([message for _, message in run], chunk_separator) for _, run in runs]


def _role_key(index: int, message: BaseMessage) -> tuple[Any, ...]:
    """Return what neighbours must have in common; a tool message's key is its own."""
    role = message.role if isinstance(message, ChatMessage) else None
    unique = index if isinstance(message, ToolMessage) else None
    return type(message), message.name, role, unique


def _merge_run(run: Sequence[BaseMessage], separator: str) -> BaseMessage:
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
    fields["content"] = _join_contents([message.content for message in run], separator)
    return first.model_copy(update=fields)


def _join_contents(contents: Sequence[Any], separator: str) -> Any:
    contents = [content for content in contents if content]
    if all(isinstance(content, str) for content in contents):
        return separator.join(contents)
    return [
        item
        for content in contents
        for item in ([content] if isinstance(content, str) else content)
    ]
