"""Crossings between the colours: a stream of the one, for a consumer of the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar, cast

from runnables.engine.fan_out import CLOSE_GRACE
from runnables.engine.stream import close
from runnables.engine.task_fan_out import shielded
from runnables.engine.worker_threads import from_thread, to_thread

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

T = TypeVar("T")


async def iterate_in_threads(make: Callable[[], Iterator[T]]) -> AsyncGenerator[T, None]:
    """An iterator of the other colour, made and driven in worker threads, a chunk a to_thread."""
    driven = _ThreadedIterator(make)
    try:
        while (chunk := await driven.step()) is not _END:
            yield cast("T", chunk)
    finally:
        await driven.leave()


class _ThreadedIterator:
    """An iterator that worker threads drive, and that is closed when no thread is in it."""

    def __init__(self, make: Callable[[], Iterator[Any]]) -> None:
        self._make = make
        self._chunks: Iterator[Any] | None = None
        self._lock = threading.Lock()
        self._busy = False
        self._left = False
        self._over = threading.Event()  # only told to who leaves

    async def step(self) -> Any:
        """The next chunk, or _END."""
        self._busy = True
        return await to_thread(self._step)

    def _step(self) -> Any:
        try:
            if self._left:
                return _END
            if self._chunks is None:
                self._chunks = iter(self._make())
            return next(self._chunks, _END)
        finally:
            with self._lock:
                self._busy = False
                left = self._left
            if left:  # meanwhile, so that closing is left to us
                try:
                    close(self._chunks)
                finally:
                    self._over.set()

    async def leave(self) -> None:
        """Close it; a thread that is in it does so, if it comes out of it in time or later."""
        with self._lock:
            self._left = True
            busy = self._busy
        if busy:
            await shielded(to_thread(self._over.wait, CLOSE_GRACE))
        elif self._chunks is not None:
            await shielded(to_thread(close, self._chunks))


_END = object()


class AsyncIteratorBridge(Iterator[T]):
    """An async stream for a sync generator in a worker thread; the waiting loop drives it."""

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
