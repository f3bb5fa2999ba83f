"""A conversation in parts that belong together: a message, or tool calls with their results.

Services refuse a call without its result, and a result without its call. So a function that
leaves out parts of a conversation keeps or drops a call together with all of its results, and with
whatever stands between them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from runnables.messages.ai import AIMessage
from runnables.messages.call_ids import with_call_ids
from runnables.messages.normalize import canonical_block, items_of
from runnables.messages.roles import ToolMessage

if TYPE_CHECKING:
    from runnables.messages.base import BaseMessage

Exchange: TypeAlias = "list[BaseMessage]"
"""Messages that belong together, in order."""


def exchanges_in(messages: Sequence[BaseMessage]) -> list[Exchange]:
    """Return a conversation in parts that belong together, in order.

    Results without a call are left out, and so are calls without all of their results, with those
    that they have. Only calls at the end may still wait for results.
    """
    links = _Links(messages)
    exchanges: list[Exchange] = []
    start = 0
    while start < len(messages):
        end = links.end_of(start)
        kept = [messages[place] for place in range(start, end) if place not in links.dropped]
        exchanges += [kept] if kept else []
        start = end
    return exchanges


class _Links:
    """The links between the calls of a conversation and their results.

    Attributes:
        dropped: the places of messages with a call that has no result, or the other way round.
    """

    def __init__(self, messages: Sequence[BaseMessage]) -> None:
        # in copies: calls and results without ids belong together by their order
        complete = with_call_ids(messages)
        self._calls = [list(_call_ids(message)) for message in complete]
        self._results = [set(_result_ids(message)) for message in complete]
        self._places_of_calls = _places(self._calls)
        self._places_of_results = _places(self._results)
        self._ends = list(range(1, len(messages) + 1))
        self.dropped: set[int] = set()
        answered: set[int] = set()
        for place, ids in enumerate(self._calls):
            results = {id: self._results_of(id, place) for id in ids}
            found = {result for places in results.values() for result in places}
            if all(results.values()) or self._is_waiting(place, found):
                answered |= found
                self._ends[place] = max([place, *found]) + 1
            else:
                self.dropped |= {place, *found}
        with_results = {place for place, ids in enumerate(self._results) if ids}
        self.dropped |= with_results - answered

    def _results_of(self, id: str, call: int) -> list[int]:
        """Return the places of the results of a call, up to the next call with the same id."""
        calls, results = self._places_of_calls[id], self._places_of_results.get(id, [])
        later = bisect_right(calls, call)
        end = calls[later] if later < len(calls) else len(self._ends)
        return results[bisect_right(results, call) : bisect_left(results, end)]

    def _is_waiting(self, call: int, results: Collection[int]) -> bool:
        """Tell whether nothing but its results follows a call."""
        return len(results) == len(self._ends) - call - 1

    def end_of(self, start: int) -> int:
        """Return the place behind the last message that belongs to the one at `start`."""
        end, place = self._ends[start], start
        while place < end:
            end = max(end, self._ends[place])
            place += 1
        return end


def _places(ids_by_place: Sequence[Iterable[str]]) -> dict[str, list[int]]:
    """Return the places of each id, in order."""
    places: dict[str, list[int]] = {}
    for place, ids in enumerate(ids_by_place):
        for id in ids:
            places.setdefault(id, []).append(place)
    return places


def _call_ids(message: BaseMessage) -> Iterator[str]:
    """Yield the ids of the calls in a message."""
    if not isinstance(message, AIMessage):
        return
    blocks = () if isinstance(message.content, str) else items_of(message.content)
    canonical = [cast("Mapping[str, Any]", canonical_block(block)) for block in blocks]
    in_content = [block for block in canonical if block["type"] == "tool_call"]
    calls: list[Mapping[str, Any]] = [
        *message.tool_calls, *message.invalid_tool_calls, *in_content
    ]  # fmt: skip
    yield from dict.fromkeys(str(call.get("id")) for call in calls)


def _result_ids(message: BaseMessage) -> Iterator[str]:
    """Yield the ids of the calls that a message has results of."""
    if isinstance(message, ToolMessage):
        yield message.tool_call_id
    elif not isinstance(message.content, str):
        for block in message.content:
            if isinstance(block, dict) and block.get("type") == "tool_result":
                yield str(block.get("tool_use_id"))
