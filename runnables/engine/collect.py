"""Merge a stream into one value, or make a stream of one value."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Final, TypeVar

from runnables.engine.merging import RESET
from runnables.engine.stream import (
    AsyncStream,
    Stream,
    StreamInfo,
    aclose,
    close,
    merge_of,
    owned,
    stream_may_restart,
)
from runnables.errors import EmptyStream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Iterable

    from runnables.engine.merging import Accumulator

T = TypeVar("T")


class SingleValue(Iterator[T]):
    """A stream of one chunk, which is the whole value.

    A step that needs the whole value takes it by `single_value`, without iterating.
    """

    __slots__ = ("_is_left", "value")

    def __init__(self, value: T) -> None:
        self.value = value
        self._is_left = True

    def __next__(self) -> T:
        if not self._is_left:
            raise StopIteration
        self._is_left = False
        return self.value


class AsyncSingleValue(AsyncIterator[T]):
    """An async stream of one chunk: `SingleValue` for async steps."""

    __slots__ = ("_is_left", "value")

    def __init__(self, value: T) -> None:
        self.value = value
        self._is_left = True

    async def __anext__(self) -> T:
        if not self._is_left:
            raise StopAsyncIteration
        self._is_left = False
        return self.value


MISSING: Final = object()
"""Stands for an input that is not known when a run begins."""


def single_value(chunks: object) -> Any:
    """Return the value of a `SingleValue` or an `AsyncSingleValue`; MISSING for other streams."""
    return (
        getattr(chunks, "value", MISSING)
        if type(chunks) in (SingleValue, AsyncSingleValue)
        else MISSING
    )


def collect(chunks: Iterable[Any]) -> Any:
    """Merge the chunks as their stream declares, close it, and return the value.

    Raises:
        EmptyStream: it ended without a chunk.
        MergeError: its chunks do not add up.
    """
    if (value := single_value(chunks)) is not MISSING:
        return value
    accumulator: Accumulator | None = None
    try:
        for chunk in chunks:
            if chunk is RESET:  # the stream that starts over may merge in another way
                accumulator = None
                continue
            accumulator = accumulator or merge_of(chunks).accumulator()
            accumulator.add(chunk)
    finally:
        close(chunks)
    return _value(accumulator, chunks)


async def acollect(chunks: AsyncIterable[Any]) -> Any:
    """Merge the chunks as their stream declares, close it, and return the value.

    Raises:
        EmptyStream: it ended without a chunk.
        MergeError: its chunks do not add up.
    """
    if (value := single_value(chunks)) is not MISSING:
        return value
    accumulator: Accumulator | None = None
    try:
        async for chunk in owned(chunks):
            if chunk is RESET:  # the stream that starts over may merge in another way
                accumulator = None
                continue
            accumulator = accumulator or merge_of(chunks).accumulator()
            accumulator.add(chunk)
    finally:
        await aclose(chunks)
    return _value(accumulator, chunks)


def read_ahead(chunks: Iterable[Any]) -> Stream[Any]:
    """Read all chunks now, close their stream, and return a stream of the same chunks."""
    try:
        read = list(chunks)
    finally:
        close(chunks)
    return Stream((chunk for chunk in read), _info_of(chunks))


async def aread_ahead(chunks: AsyncIterable[Any]) -> AsyncStream[Any]:
    """Read all chunks now, close their stream, and return a stream of the same chunks."""
    try:
        read = [chunk async for chunk in owned(chunks)]
    finally:
        await aclose(chunks)
    return AsyncStream(_aiterate(read), _info_of(chunks))


async def _aiterate(chunks: list[Any]) -> AsyncGenerator[Any, None]:
    for chunk in chunks:
        yield chunk


def _info_of(chunks: object) -> StreamInfo:
    """Return the metadata of a stream that has ended, without a reference to it."""
    producer: object = getattr(chunks, "producer", None)
    return StreamInfo(merge_of(chunks), producer, stream_may_restart(chunks))


def _value(accumulator: Accumulator | None, chunks: object) -> Any:
    if accumulator is None or accumulator.empty:
        raise EmptyStream(getattr(chunks, "producer", None) or chunks)
    return accumulator.value()
