"""Chunks at the border: ours declare how they merge, and LangChain adds them with `+`.

LangChain takes the later of two chunks that have no `+`. So parts of a value pass as they come,
a snapshot only where its type has no `+`, and anything else arrives as one value at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from langchain_core.output_parsers import BaseCumulativeTransformOutputParser
from langchain_core.runnables.utils import AddableDict

from runnables.engine.collect import MISSING, acollect, collect, single_value
from runnables.engine.merging import (
    DELTAS,
    SNAPSHOTS,
    ByKey,
    CustomMerge,
    Merge,
    comes_in_parts,
)
from runnables.engine.stream import merge_of, owned, stream_may_restart
from runnables.interop.langchain.values import to_value
from runnables.messages.ai import AIMessageChunk
from runnables.messages.base import BaseMessageChunk
from runnables.models.calls import ANSWER_CHUNKS

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Sequence


# --- ours, for LangChain ----------------------------------------------------------------------


class Outgoing:
    """The chunks of one stream of ours, on their way to LangChain."""

    def __init__(self, chunks: Any) -> None:
        self._chunks = chunks
        self._merge: Merge | None = None
        self._held: Any = None

    def take(self, chunk: Any) -> Any:
        """Return what goes on now; MISSING where all of it is held until the end."""
        if (merge := self._merge) is None:
            merge = self._merge = merge_of(self._chunks)  # final, as the first chunk is there
        if comes_in_parts(merge) and _is_addable(chunk):
            return _addable(to_value(chunk))
        if merge is SNAPSHOTS and not _has_add(chunk):
            self._held = None
            return to_value(chunk)
        if isinstance(merge, ByKey) and isinstance(chunk, dict):
            return self._take_keys(merge, cast("dict[str, Any]", chunk))
        self._hold(merge, chunk)
        return MISSING

    def _take_keys(self, merge: ByKey, chunk: dict[str, Any]) -> Any:
        now: dict[str, Any] = {}
        later: dict[str, Any] = {}
        for key, part in chunk.items():
            passes = comes_in_parts(merge.merge_of_key(key)) and _is_addable(part)
            (now if passes else later)[key] = part
        if later:
            self._hold(merge, later)
        return AddableDict(to_value(now)) if now else MISSING

    def _hold(self, merge: Merge, chunk: Any) -> None:
        self._held = self._held or merge.accumulator()
        self._held.add(chunk)

    def rest(self) -> Any:
        """Return what was held; MISSING where that is nothing."""
        if self._held is None or self._held.empty:
            return MISSING
        return _addable(to_value(self._held.value()))


def _is_addable(chunk: Any) -> bool:
    """Tell whether LangChain adds parts of this type as we do."""
    return chunk is None or type(chunk) is dict or _has_add(chunk)


def _has_add(chunk: object) -> bool:
    return hasattr(type(chunk), "__add__")


def _addable(chunk: Any) -> Any:
    return AddableDict(cast("dict[str, Any]", chunk)) if type(chunk) is dict else chunk


def chunks_of_theirs(chunks: Any, read: Iterator[Any] | None = None) -> Generator[Any, None, None]:
    """Yield the chunks of a stream of ours as LangChain adds them.

    Args:
        chunks: the stream, which says how its chunks merge.
        read: its iterator, where that has begun.
    """
    if (value := single_value(chunks)) is not MISSING:
        yield to_value(value)
    elif stream_may_restart(chunks):
        yield to_value(collect(chunks))
    else:
        outgoing = Outgoing(chunks)
        for chunk in chunks if read is None else read:
            if (taken := outgoing.take(chunk)) is not MISSING:
                yield taken
        if (taken := outgoing.rest()) is not MISSING:
            yield taken


async def achunks_of_theirs(
    chunks: Any, read: AsyncIterator[Any] | None = None
) -> AsyncGenerator[Any, None]:
    """Yield the chunks of a stream of ours as LangChain adds them; see `chunks_of_theirs`."""
    if (value := single_value(chunks)) is not MISSING:
        yield to_value(value)
    elif stream_may_restart(chunks):
        yield to_value(await acollect(chunks))
    else:
        outgoing = Outgoing(chunks)
        async for chunk in owned(chunks) if read is None else read:
            if (taken := outgoing.take(chunk)) is not MISSING:
                yield taken
        if (taken := outgoing.rest()) is not MISSING:
            yield taken


# --- theirs, for us ---------------------------------------------------------------------------


def merge_of_theirs(runnable: Any, first: Any) -> Merge:
    """Return how the chunks of a runnable of LangChain merge.

    Args:
        runnable: the runnable.
        first: its first chunk, as ours: only this shows whether they add up.
    """
    if isinstance(runnable, BaseCumulativeTransformOutputParser):
        return SNAPSHOTS
    if isinstance(first, AIMessageChunk):
        return ANSWER_CHUNKS
    if isinstance(first, (str, list, BaseMessageChunk)):
        return DELTAS
    return CustomMerge(add_as_theirs, in_parts=isinstance(first, AddableDict))


def add_as_theirs(chunks: Sequence[Any]) -> Any:
    """Return the sum of chunks, as LangChain adds them: of those without a `+` the last one."""
    total = chunks[0]
    for chunk in chunks[1:]:
        try:
            total = total + chunk
        except TypeError:
            total = chunk
    return total
