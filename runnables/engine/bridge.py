"""Bridges between sync and async streams: each lets a consumer of one kind read the other kind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar, cast

from runnables.engine.fan_out import CLOSE_GRACE
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
    """A sync iterator that worker threads advance.

    It is closed once, and never while a thread is in it: `aclose` closes it, or, where a
    thread is in it at that time, that thread does on its way out.
    """

    def __init__(self, make: Callable[[], Iterator[Any]]) -> None:
        self._make = make
        self._chunks: Iterator[Any] | None = None
        self._lock = threading.Lock()
        self._busy = False
        self._closing = False
        self._closed = threading.Event()  # set only by a thread that closes it on its way out

    async def next(self) -> Any:
        """Return the next chunk, or _END."""
        self._busy = True
        return await to_thread(self._next)

    def _next(self) -> Any:
        try:
            if self._closing:
                return _END
            if self._chunks is None:
                self._chunks = iter(self._make())
            return next(self._chunks, _END)
        finally:
            with self._lock:
                self._busy = False
                closing = self._closing
            if closing:
                try:
                    close(self._chunks)
                finally:
                    self._closed.set()

    async def aclose(self) -> None:
        """Close the iterator. Wait at most `CLOSE_GRACE` seconds for a thread that is in it."""
        with self._lock:
            self._closing = True
            busy = self._busy
        if busy:
            await shielded(to_thread(self._closed.wait, CLOSE_GRACE))
        elif self._chunks is not None:
            await shielded(to_thread(close, self._chunks))


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
