"""Bridges between sync and async streams: each lets a consumer of one kind read the other kind."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

from runnables.engine.contexts import Flow, own_context, receiver
from runnables.engine.stream import aclose_with_sources, raw_iterator
from runnables.engine.tasks import in_context
from runnables.engine.thread_calls import from_thread
from runnables.engine.thread_generator import END, ThreadGenerator

if TYPE_CHECKING:
    import asyncio
    import contextvars
    from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable

    from runnables.engine.contexts import Receiver
else:
    from runnables.engine import lazy_asyncio as asyncio

T = TypeVar("T")


async def iterate_in_threads(
    make: Callable[[], Iterator[T]],
    outer: Receiver | None = None,
    source: AsyncIteratorBridge[Any] | None = None,
) -> AsyncGenerator[T, None]:
    """Yield the chunks of a sync iterator, which has a worker thread and a context of its own.

    Closing this generator closes the iterator, in that thread, and then the source.

    Args:
        make: makes the iterator, in that thread.
        outer: the iterator whose code has called for it (see `StreamInfo`).
        source: what the iterator reads, if that is an async stream.
    """
    iterator = ThreadGenerator(make, outer)
    try:
        while (chunk := await iterator.anext()) is not END:
            yield cast("T", chunk)
    finally:
        try:
            await iterator.aclose()
        finally:
            if source is not None:
                await source.aclose()


class AsyncIteratorBridge(Iterator[T]):
    """An async stream as a sync iterator, for a generator in a worker thread.

    The event loop that awaits the thread advances the stream, in tasks that share one context.
    `aclose` closes the stream in that context, too. Its owner calls it before it closes the stream.
    """

    __slots__ = ("_chunks", "_context", "_flow", "_outer", "_source")

    def __init__(self, chunks: AsyncIterable[T], outer: Receiver | None) -> None:
        self._source = chunks
        self._chunks = raw_iterator(chunks)
        self._outer = outer
        self._context: contextvars.Context | None = None
        self._flow: Flow | None = None

    def __next__(self) -> T:
        if self._context is None:
            self._context, self._flow = own_context(self._outer)
        is_here = asyncio._get_running_loop() is not None  # as no thread could be had
        chunk = from_thread(_next(self._chunks) if is_here else self._advance(self._context))
        if self._flow is not None:
            self._flow.take(ended=chunk is END)
        if (steps := receiver()) is not None:
            steps.renew()  # the run of the generator may have started with this chunk
        if chunk is END:
            raise StopIteration
        return cast("T", chunk)

    async def _advance(self, context: contextvars.Context) -> Any:
        return await asyncio.create_task(_next(self._chunks), context=context)

    async def aclose(self) -> None:
        """Close the stream, and those before it, in the context in which they were advanced."""
        if self._context is not None:
            await in_context(self._context, partial(aclose_with_sources, self._source))


async def _next(chunks: AsyncIterator[Any]) -> Any:
    return await anext(chunks, END)
