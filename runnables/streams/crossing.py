"""Crossings between the colours: a stream of the one, for a consumer of the other."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar, cast

from runnables.concurrency import at_home, hop
from runnables.streams.stream import close

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

T = TypeVar("T")


async def in_threads(make: Callable[[], Iterator[T]]) -> AsyncGenerator[T, None]:
    """An iterator of the other colour, made and driven in worker threads, a chunk a hop."""
    chunks = await hop(make)
    try:
        while (chunk := await hop(next, chunks, _END)) is not _END:
            yield cast("T", chunk)
    finally:
        await asyncio.shield(hop(close, chunks))


_END = object()


class FromHome(Iterator[T]):
    """An async stream for a sync generator in a worker thread; the waiting loop drives it."""

    __slots__ = ("_chunks",)

    def __init__(self, chunks: AsyncIterator[T]) -> None:
        self._chunks = chunks

    def __next__(self) -> T:
        chunk = at_home(_next(self._chunks))
        if chunk is _END:
            raise StopIteration
        return cast("T", chunk)


async def _next(chunks: AsyncIterator[Any]) -> Any:
    return await anext(chunks, _END)
