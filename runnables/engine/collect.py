"""One value as a stream, and a stream as one value."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeVar

from runnables.engine.merging import RESET
from runnables.engine.stream import aclose, close, merge_of, raw_iterator
from runnables.errors import EmptyStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable

    from runnables.engine.merging import Accumulator

T = TypeVar("T")


class SingleValue(Iterator[T]):
    """The stream of one value, which whoever needs it whole can take as it is."""

    __slots__ = ("_left", "value")

    def __init__(self, value: T) -> None:
        self.value = value
        self._left = True

    def __next__(self) -> T:
        if not self._left:
            raise StopIteration
        self._left = False
        return self.value


class AsyncSingleValue(AsyncIterator[T]):
    """`SingleValue` in the other colour."""

    __slots__ = ("_left", "value")

    def __init__(self, value: T) -> None:
        self.value = value
        self._left = True

    async def __anext__(self) -> T:
        if not self._left:
            raise StopAsyncIteration
        self._left = False
        return self.value


MISSING: Final = object()
"""Stands for an input that is not known when a run begins."""


def single_value(chunks: object) -> Any:
    """The value that this is the stream of, where it is one value; else MISSING."""
    return (
        getattr(chunks, "value", MISSING)
        if type(chunks) in (SingleValue, AsyncSingleValue)
        else MISSING
    )


def collect(chunks: Iterable[Any]) -> Any:
    """The whole value of a stream, by its own merge; closes it.

    Raises:
        ValueError: it ended without a chunk.
    """
    if (value := single_value(chunks)) is not MISSING:
        return value
    parts: Accumulator | None = None
    try:
        for chunk in chunks:
            if chunk is RESET:  # what starts over may add up in another way
                parts = None
                continue
            parts = parts or merge_of(chunks).accumulator()
            parts.add(chunk)
    finally:
        close(chunks)
    return _value(parts, chunks)


async def acollect(chunks: AsyncIterable[Any]) -> Any:
    """The whole value of a stream, by its own merge; closes it.

    Raises:
        ValueError: it ended without a chunk.
    """
    if (value := single_value(chunks)) is not MISSING:
        return value
    parts: Accumulator | None = None
    try:
        async for chunk in raw_iterator(chunks):
            if chunk is RESET:  # what starts over may add up in another way
                parts = None
                continue
            parts = parts or merge_of(chunks).accumulator()
            parts.add(chunk)
    finally:
        await aclose(chunks)
    return _value(parts, chunks)


def _value(parts: Accumulator | None, chunks: object) -> Any:
    if parts is None or parts.empty:
        raise EmptyStream(getattr(chunks, "producer", None) or chunks)
    return parts.value()
