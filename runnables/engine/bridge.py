"""Bridges between sync and async streams: each lets a consumer of one kind read the other kind."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

from runnables.engine.fan_out import CLOSE_GRACE
from runnables.engine.hand_over import Turn
from runnables.engine.stream import close
from runnables.engine.tasks import shielded
from runnables.engine.thread_calls import from_thread, to_thread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

T = TypeVar("T")


async def iterate_in_threads(make: Callable[[], Iterator[T]]) -> AsyncGenerator[T, None]:
    """Yield the chunks of a sync iterator, which is made and advanced in worker threads.

    Each chunk is one call of `to_thread`. Closing this generator closes the iterator.
    """
    iterator = _ThreadedIterator(make)
    try:
        while (chunk := await iterator.next()) is not _END:
            yield cast("T", chunk)
    finally:
        await iterator.aclose()


class _ThreadedIterator:
    """A sync iterator that worker threads advance, one at a time, and that is closed once."""

    def __init__(self, make: Callable[[], Iterator[Any]]) -> None:
        self._make = make
        self._chunks: Iterator[Any] | None = None
        self._turn = Turn(self._close)
        self._closed: queue.SimpleQueue[None] = queue.SimpleQueue()

    async def next(self) -> Any:
        """Return the next chunk, or _END."""
        return await to_thread(self._next)

    def _next(self) -> Any:
        try:
            with self._turn.lock:
                if self._turn.closing:
                    return _END
                if self._chunks is None:
                    self._chunks = iter(self._make())
                return next(self._chunks, _END)
        finally:
            self._turn.leave()

    async def aclose(self) -> None:
        """Close the iterator. Wait at most `CLOSE_GRACE` seconds for a thread that is in it."""
        if self._chunks is None and self._turn.close():  # it was never made
            return
        await shielded(to_thread(self._close_and_wait))

    def _close_and_wait(self) -> None:
        if not self._turn.close():
            with suppress(queue.Empty):
                self._closed.get(timeout=CLOSE_GRACE)

    def _close(self) -> None:
        try:
            if self._chunks is not None:
                close(self._chunks)
        finally:
            self._closed.put(None)


_END = object()


class AsyncIteratorBridge(Iterator[T]):
    """An async stream as a sync iterator, for a generator in a worker thread.

    The event loop that awaits the thread advances the stream. The owner of the stream closes it.
    """

    __slots__ = ("_chunks",)

    def __init__(self, chunks: AsyncIterator[T]) -> None:
        self._chunks = chunks

    def __next__(self) -> T:
        chunk = from_thread(_next(self._chunks))
        if chunk is _END:
            raise StopIteration
        return cast("T", chunk)


async def _next(chunks: AsyncIterator[Any]) -> Any:
    return await anext(chunks, _END)
