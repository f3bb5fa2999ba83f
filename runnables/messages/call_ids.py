"""Ids of tool calls for services that send none.

An id relates a result to its call, so every call of an answer has one when it leaves a model. A
call that came without gets a made one, by the conversation before it and its place in the answer:
so it has the same id whether its answer was streamed or not, and other calls have others. An id of
the service's own that arrives later, in another chunk of the call, takes the place of a made one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from runnables.engine.merging import RESET
from runnables.messages.ai import AIMessage, AIMessageChunk
from runnables.messages.roles import ToolMessage
from runnables.messages.tool_call_merging import (
    MADE_PREFIX,
    MergedCall,
    ToolCallAssembler,
    is_made,
    merge_tool_call_chunks,
    source_chunks_of,
)

if TYPE_CHECKING:
    from runnables.messages.base import BaseMessage

_NAMELESS: Final = "unnamed"
"""The name of a tool call without one: services refuse a conversation with an empty name."""

A = TypeVar("A", bound=AIMessage)


def made_id(answered: str | Sequence[BaseMessage], *of: object) -> str:
    """Return an id for a tool call; equal arguments have equal ids.

    Other calls of the conversation have other ids: each result repeats the id of its call, so the
    messages before a later call differ.

    Args:
        answered: the service's id of the answer with the call, or the messages before the answer.
        *of: values that distinguish the call from others in the same answer.
    """
    if not isinstance(answered, str):
        last = answered[-1] if answered else None
        answered = json.dumps(
            [len(answered), last and [last.type, last.text, getattr(last, "tool_call_id", None)]]
        )
    from hashlib import blake2s  # here, as most services send ids

    text = json.dumps([answered, *of], default=str)
    return MADE_PREFIX + blake2s(text.encode(), digest_size=10).hexdigest()


def has_all_ids(message: AIMessage) -> bool:
    """Tell whether each tool call of a message has an id."""
    return all(call["id"] for call in message.tool_calls) and all(
        call["id"] for call in message.invalid_tool_calls
    )


def with_ids(answer: A, answered: str | Sequence[BaseMessage]) -> A:
    """Return an answer whose tool calls all have an id.

    Args:
        answer: the answer; it is returned unchanged where no id is missing.
        answered: the messages before it, or a string that distinguishes it from other answers.
    """
    if has_all_ids(answer):
        return answer
    calls = [*answer.tool_calls, *answer.invalid_tool_calls]
    ids = (call["id"] or made_id(answered, place) for place, call in enumerate(calls))
    filled: list[Any] = [{**call, "id": id} for call, id in zip(calls, ids, strict=True)]
    return _with_calls(answer, filled)


def _with_calls(answer: A, calls: Sequence[Any]) -> A:
    """Return an answer with these calls: first the valid ones, then the invalid ones."""
    count = len(answer.tool_calls)
    update: dict[str, Any] = {
        "tool_calls": list(calls[:count]),
        "invalid_tool_calls": list(calls[count:]),
    }
    return answer.model_copy(update=update)


class CallIds:
    """The ids of the calls in a streamed answer, given to chunks as they pass.

    Args:
        conversation: the messages before the answer.
    """

    def __init__(self, conversation: Sequence[BaseMessage]) -> None:
        self._conversation = conversation
        self._calls = ToolCallAssembler(MergedCall)

    def fill(self, chunk: Any) -> Any:
        """Return a chunk in which each call that begins has an id; anything else unchanged."""
        if chunk is RESET:  # the answer begins again
            self._calls = ToolCallAssembler(MergedCall)
        if not isinstance(chunk, AIMessageChunk) or not chunk.tool_call_chunks:
            return chunk
        parts = source_chunks_of(chunk.tool_call_chunks)
        filled = [self._with_id(part) for part in parts]
        if all(map(_is_same, filled, parts)):
            return chunk
        copy = chunk.model_copy()
        copy.set_tool_call_chunks(merge_tool_call_chunks([filled]))
        return copy

    def _with_id(self, part: Any) -> Any:
        """Return a part of a call, with an id where it begins one without."""
        if not (part["name"] or part["args"] or part["id"]):
            return part
        before = len(self._calls.calls)
        self._calls.add(part)
        if len(self._calls.calls) == before or part["id"]:
            return part
        return {**part, "id": made_id(self._conversation, before)}


def _is_same(one: object, other: object) -> bool:
    return one is other


# -- conversations


def with_call_ids(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return a conversation whose tool calls all have an id and a name, as services ask.

    Results without an id answer the calls before them in their order, and get the same ids.
    """
    filled = list(messages)
    for place, message in enumerate(messages):
        if isinstance(message, AIMessage) and not _is_full(message):
            filled[place] = answer = complete_calls(message, filled[:place])
            _fill_results(filled, place, _new_ids(message, answer))
    return filled


def complete_calls(answer: A, conversation: Sequence[BaseMessage]) -> A:
    """Return an answer whose tool calls all have an id and a name; see `with_ids`."""
    if _is_full(answer):
        return answer
    calls: list[Any] = [*answer.tool_calls, *answer.invalid_tool_calls]
    named = [{**call, "name": call["name"] or _NAMELESS} for call in calls]
    return with_ids(_with_calls(answer, named), conversation)


def _is_full(message: AIMessage) -> bool:
    calls: list[Any] = [*message.tool_calls, *message.invalid_tool_calls]
    return all(call["id"] and call["name"] for call in calls)


def _new_ids(message: AIMessage, answer: AIMessage) -> list[str]:
    """Return the ids of the calls that had none, in their order."""
    before = [*message.tool_calls, *message.invalid_tool_calls]
    after = [*answer.tool_calls, *answer.invalid_tool_calls]
    pairs = zip(before, after, strict=True)
    return [cast("str", new["id"]) for old, new in pairs if not old["id"]]


def _fill_results(messages: list[BaseMessage], place: int, ids: Sequence[str]) -> None:
    """Give the results after an answer that have no id the ids of its calls, in their order."""
    left = iter(ids)
    for number, message in enumerate(messages[place + 1 :], place + 1):
        if not isinstance(message, ToolMessage):
            break
        if not message.tool_call_id and (id := next(left, None)):
            messages[number] = message.model_copy(update={"tool_call_id": id})


def service_id(id: str | None) -> str | None:
    """Return the id of a call that comes from the service; None if it was made here."""
    return None if id is None or is_made(id) else id
