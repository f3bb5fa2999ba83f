"""One stream for several readers.

- Each reader gets every chunk, at its own pace. What the slowest has not read yet is buffered,
  without a limit: with one slot, the readers run one after another.
- A reader that finds its buffer empty pulls the next chunk for all, one pull at a time.
- A reader that is closed has no buffer any more. An error of the stream is raised in every reader,
  after the chunks that it still has.
- The owner of the tee closes the stream, not the readers.
- The stream is advanced and closed in one context, whichever reader pulls, and, where the readers
  are in several threads, in one thread of its own. What it sets, each reader sees with its chunks.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from runnables.engine.cancellation import current_token, raise_if_cancelled
from runnables.engine.collect import MISSING, AsyncSingleValue, SingleValue, single_value
from runnables.engine.contexts import Flow, own_context
from runnables.engine.hand_over import Turn
from runnables.engine.stream import (
    AsyncStream,
    Stream,
    StreamInfo,
    aclose,
    aclose_with_sources,
    close,
    close_with_sources,
    owned,
    raw_iterator,
)
from runnables.engine.tasks import cancel_all, in_context, require_loop
from runnables.engine.thread_generator import END, ThreadGenerator

if TYPE_CHECKING:
    import asyncio
    import contextvars
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        AsyncIterator,
        Generator,
        Iterable,
        Iterator,
    )

    from runnables.engine.contexts import Receiver
else:
    from runnables.engine import lazy_asyncio as asyncio


class Tee:
    """One stream for several readers, which may be in several threads.

    Args:
        chunks: the stream; `close` closes it.
        readers: how many there are.
        outer: the iterator whose code has called for the stream (see `StreamInfo`).
        one_thread: whether all readers, and the owner, are in one thread.

    Attributes:
        error: what the stream raised, if it failed. The readers raise it, but it is not theirs.
    """

    def __init__(
        self, chunks: Iterable[Any], readers: int, outer: Receiver | None, *, one_thread: bool
    ) -> None:
        self._chunks = chunks
        self._source = (
            _InOneContext(chunks, outer)
            if one_thread
            else ThreadGenerator(lambda: iter(chunks), outer, chunks)
        )
        self._turn = Turn(self._close_source)
        self._buffers: list[deque[Any] | None] = [deque() for _ in range(readers)]
        self.error: BaseException | None = None

    def reader(self, index: int) -> Iterator[Any]:
        """Return the stream for one of the readers, which are numbered from 0."""
        if (value := single_value(self._chunks)) is not MISSING:
            return SingleValue(value)
        info = StreamInfo()
        info.describe_as(self._chunks)
        return Stream(self._read(index), info)

    def close(self) -> None:
        """Close the stream. A thread that is in it, and is not waited for, closes it afterwards."""
        self._turn.close()

    def _close_source(self) -> None:
        self._source.close()
        close(self._chunks)  # where it was never begun

    def _read(self, index: int) -> Generator[Any, None, None]:
        buffer = cast("deque[Any]", self._buffers[index])
        flow: Flow | None = None
        try:
            while True:
                if not buffer:
                    raise_if_cancelled()  # a reader of an endless stream makes no other check
                    try:
                        with self._turn.lock:
                            if not buffer and not self._pull():
                                break
                    finally:
                        self._turn.leave()
                flow = flow or self._source.new_flow()
                flow.take()
                yield buffer.popleft()
            self._source.new_flow().take(ended=True)
        finally:
            self._buffers[index] = None

    def _pull(self) -> bool:
        """Append the next chunk to every buffer; return False at the end of the stream."""
        if self.error is not None:
            raise self.error
        if self._turn.closing:  # the readers have been left
            return False
        try:
            chunk = self._source.next()
        except BaseException as error:
            self.error = error
            raise
        if chunk is END:
            return False
        for buffer in self._buffers:
            if buffer is not None:
                buffer.append(chunk)
        return True


class _InOneContext:
    """A sync stream that is advanced in place, in a context of its own."""

    def __init__(self, chunks: Iterable[Any], outer: Receiver | None) -> None:
        self._source = chunks
        self._chunks = iter(chunks)
        self._outer = outer
        self._context: contextvars.Context | None = None
        self._flow: Flow | None = None

    def next(self) -> Any:
        """Return the next chunk, or END."""
        if self._context is None:
            self._context, self._flow = own_context(self._outer)
        self._context.run(current_token.set, current_token.get())
        return self._context.run(next, self._chunks, END)

    def new_flow(self) -> Flow:
        """Return the way for what it sets to one more reader."""
        assert self._flow is not None, "it was not begun"
        return self._flow.another()

    def close(self) -> None:
        """Close the stream."""
        if self._context is not None:
            self._context.run(close_with_sources, self._source)


class AsyncTee:
    """One async stream for several readers, in several tasks of one event loop.

    The stream is advanced in tasks of its own, in one context. So a reader that is cancelled, by
    its own time limit, say, does not end the stream for the others.

    Args:
        chunks: the stream; `aclose` closes it.
        readers: how many there are.
        outer: the iterator whose code has called for the stream (see `StreamInfo`).

    Attributes:
        error: what the stream raised, if it failed. The readers raise it, but it is not theirs.
    """

    def __init__(self, chunks: AsyncIterable[Any], readers: int, outer: Receiver | None) -> None:
        self._chunks = chunks
        self._outer = outer
        self._next = raw_iterator(chunks)
        self._loop = asyncio.get_running_loop()
        self._pulling: asyncio.Task[None] | None = None
        self._context: contextvars.Context | None = None
        self._flow: Flow | None = None
        self.error: BaseException | None = None
        self._ended = False
        self._buffers: list[deque[Any] | None] = [deque() for _ in range(readers)]

    def reader(self, index: int) -> AsyncIterator[Any]:
        """Return the stream for one of the readers, which are numbered from 0."""
        if (value := single_value(self._chunks)) is not MISSING:
            return AsyncSingleValue(value)
        info = StreamInfo()
        info.describe_as(self._chunks)
        return AsyncStream(owned(self._read(index)), info)  # its reader closes it

    async def aclose(self) -> None:
        """Close the stream, also where it is in the middle of a chunk."""
        try:
            if self._pulling is not None and not self._pulling.done():
                await cancel_all([self._pulling])
        finally:
            if self._context is None:
                await aclose(self._chunks)
            else:
                await in_context(self._context, partial(aclose_with_sources, self._chunks))

    async def _read(self, index: int) -> AsyncGenerator[Any, None]:
        buffer = cast("deque[Any]", self._buffers[index])
        flow: Flow | None = None
        try:
            while True:
                while not buffer:
                    if self.error is not None:
                        raise self.error
                    if self._ended:
                        if self._flow is not None:
                            self._flow.another().take(ended=True)
                        return
                    await self._pulled()
                if self._flow is not None:
                    flow = flow or self._flow.another()
                    flow.take()
                yield buffer.popleft()
        finally:
            self._buffers[index] = None

    async def _pulled(self) -> None:
        """Wait for the pull that is under way, or for a new one."""
        require_loop(self._loop)
        if self._pulling is not None and not self._pulling.done():
            await asyncio.wait({self._pulling})
            return
        if self._context is None:
            self._context, self._flow = own_context(self._outer)
        self._context.run(current_token.set, current_token.get())
        self._pulling = asyncio.create_task(self._pull(), context=self._context)
        await asyncio.wait({self._pulling})

    async def _pull(self) -> None:
        """Append the next chunk to every buffer, or note how the stream has ended."""
        try:
            chunk = await anext(self._next, END)
        except BaseException as error:
            self.error = error  # not raised here: the reader that started this may have left
            return
        self._ended = chunk is END
        for buffer in self._buffers:
            if buffer is not None and not self._ended:
                buffer.append(chunk)
