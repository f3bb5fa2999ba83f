"""Telling observers of a stream: its run begins when its input is there.

The steps of a streamed chain are set up before anything flows. A run that began then would be
told in the wrong order, and without its input. So it begins with what it waits for: a step that
needs its whole input when the last chunk has come, one that takes pieces at the first.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from runnables.core.events import ChunkSum, Observed, Run
from runnables.core.handlers import Event, Handler
from runnables.engine import (
    MISSING,
    StreamInfo,
    aclose,
    close,
    merge_of,
    raw_iterator,
    single_value,
    stream_may_restart,
)

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        Awaitable,
        Callable,
        Generator,
        Iterable,
    )
    from types import TracebackType

    from runnables.core.config import Scope
    from runnables.engine.merging import Merge


def observed_stream(
    runnable: Observed,
    scope: Scope,
    input: Any,
    info: StreamInfo,
    work: Callable[[Any, Scope], Generator[Any, None, None]],
) -> Generator[Any, None, None]:
    """The chunks of an observed run.

    Args:
        runnable: whose run it is.
        scope: what surrounds it; its handlers are told.
        input: the pieces of the input.
        declared: how the chunks add up.
        work: makes the chunks, of an input and the scope inside the run.
    """
    with StreamRun(runnable, scope, single_value(input)) as run:
        chunks = work(input if run.knows_input else ObservedInput(run, input), run.scope)
        yield from with_chunk_events(run, chunks, info)


async def aobserved_stream(
    runnable: Observed,
    scope: Scope,
    input: Any,
    info: StreamInfo,
    work: Callable[[Any, Scope], AsyncGenerator[Any, None]],
) -> AsyncGenerator[Any, None]:
    """As `observed_stream`, in the other colour."""
    async with StreamRun(runnable, scope, single_value(input)) as run:
        chunks = work(input if run.knows_input else AsyncObservedInput(run, input), run.scope)
        told = awith_chunk_events(run, chunks, info)
        try:
            async for chunk in told:
                yield chunk
        finally:
            await told.aclose()


def with_chunk_events(
    run: Run, chunks: Iterable[Any], info: StreamInfo
) -> Generator[Any, None, None]:
    """Chunks as they are, each of them told as one of this run; closed at the end."""
    try:
        for chunk in chunks:
            run.chunk(chunk, info)
            yield chunk
    finally:
        close(chunks)


async def awith_chunk_events(
    run: Run, chunks: AsyncIterable[Any], info: StreamInfo
) -> AsyncGenerator[Any, None]:
    """Chunks as they are, each of them told as one of this run; closed at the end."""
    try:
        async for chunk in chunks:
            await run.achunk(chunk, info)
            yield chunk
    finally:
        await aclose(chunks)


class StreamRun(Run):
    """The run of a stream. It begins with its input, or when it tells something, at the latest.

    Where the input fails before it has begun, it never ran, and tells nothing.

    Args:
        runnable: whose run it is.
        scope: what surrounds it; its handlers are told.
        value: the whole input, or MISSING, where it comes in pieces.

    Attributes:
        knows_input: whether the whole input was known from the first.
        is_async: whether its events are awaited.
        passes: the error of the input that passes through, if one does.
    """

    def __init__(self, runnable: Observed, scope: Scope, value: Any) -> None:
        super().__init__(runnable, scope, value)
        self.knows_input = value is not MISSING
        self.is_async = False
        self.passes: BaseException | None = None
        self._takes_pieces = runnable.streams_input
        self._heard = ChunkSum()
        self._to_begin = [] if self.knows_input else [True]
        if self._to_begin and self.scope.handlers:
            self.scope.handlers = (_StartOnFirstEvent(self), *self.scope.handlers)

    def __enter__(self) -> Self:
        self._require_sync_handlers()
        if self.knows_input:
            self._begin_or_end()
        return self

    async def __aenter__(self) -> Self:
        self.is_async = True
        if self.knows_input:
            await self._abegin_or_end()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._never_ran(error):
            return
        self.begin()
        self._know_input()
        super().__exit__(kind, error, tb)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._never_ran(error):
            return
        await self.abegin()
        self._know_input()
        await super().__aexit__(kind, error, tb)

    def begin(self) -> None:
        """Tell that it starts, unless that is told already."""
        if self._to_begin and self._is_first():
            self._begin()

    async def abegin(self) -> None:
        """Tell that it starts, unless that is told already."""
        if self._to_begin and self._is_first():
            await self._abegin()

    def chunk(self, chunk: Any, info: StreamInfo) -> None:
        """Report a piece of the output, and remember it for the end."""
        self.begin()
        super().chunk(chunk, info)

    async def achunk(self, chunk: Any, info: StreamInfo) -> None:
        """Report a piece of the output, and remember it for the end."""
        await self.abegin()
        await super().achunk(chunk, info)

    def on_chunk(self, chunk: Any, chunks: object) -> None:
        """A piece of the input has come."""
        self._heard.add(chunk, chunks)
        if self._takes_pieces:
            self.begin()

    async def aon_chunk(self, chunk: Any, chunks: object) -> None:
        """A piece of the input has come."""
        self._heard.add(chunk, chunks)
        if self._takes_pieces:
            await self.abegin()

    def on_end(self) -> None:
        """The input is over."""
        self._know_input()
        self.begin()

    async def aon_end(self) -> None:
        """The input is over."""
        self._know_input()
        await self.abegin()

    def _is_first(self) -> bool:
        """Whether it begins now; true once, also where threads ask at the same time."""
        with suppress(IndexError):
            return self._to_begin.pop()
        return False

    def _never_ran(self, error: BaseException | None) -> bool:
        foreign = error is not None and error is self.passes
        self.passes = None  # its traceback leads back to us: a cycle
        left = error is not None and not isinstance(error, Exception)
        return bool(self._to_begin) and (foreign or left)

    def _know_input(self) -> None:
        """Take what was heard for the input: the whole, or what was read of it."""
        if not self.knows_input:
            self._input = self._heard.value()


class _StartOnFirstEvent(Handler):
    """Stands first among the handlers of a run's inside: the run begins before what is in it.

    A generator may give a piece, or call something, before it has read any input.
    """

    def __init__(self, run: StreamRun) -> None:
        self._run: StreamRun | None = run

    def on_event(self, event: Event, /) -> Awaitable[None] | None:
        """Have the run begin, where it has not."""
        run, self._run = self._run, None
        if run is None:
            return None
        if run.is_async:
            return run.abegin()
        run.begin()
        return None


class _StreamRecorder:
    """The input of an observed stream, which tells the run what it gives."""

    def __init__(self, run: StreamRun, chunks: Any) -> None:
        self._run = run
        self._chunks = chunks

    @property
    def merge(self) -> Merge:
        """As the stream itself."""
        return merge_of(self._chunks)

    @property
    def may_restart(self) -> bool:
        """As the stream itself."""
        return stream_may_restart(self._chunks)

    @property
    def source(self) -> object:
        """As the stream itself."""
        return getattr(self._chunks, "producer", None)


class ObservedInput(_StreamRecorder, Iterator[Any]):
    """The input of an observed stream, which tells the run what it gives."""

    def __init__(self, run: StreamRun, chunks: Any) -> None:
        super().__init__(run, chunks)
        self._next = iter(chunks)

    def __next__(self) -> Any:
        try:
            chunk = next(self._next)
        except StopIteration:
            self._run.on_end()
            raise
        except BaseException as error:
            self._run.passes = error
            raise
        self._run.on_chunk(chunk, self._chunks)
        return chunk

    def close(self) -> None:
        """Close the stream itself."""
        close(self._chunks)


class AsyncObservedInput(_StreamRecorder, AsyncIterator[Any]):
    """The input of an observed stream, which tells the run what it gives."""

    def __init__(self, run: StreamRun, chunks: AsyncIterable[Any]) -> None:
        super().__init__(run, chunks)
        self._next = aiter(raw_iterator(chunks))

    async def __anext__(self) -> Any:
        try:
            chunk = await anext(self._next)
        except StopAsyncIteration:
            await self._run.aon_end()
            raise
        except BaseException as error:
            self._run.passes = error
            raise
        await self._run.aon_chunk(chunk, self._chunks)
        return chunk

    async def aclose(self) -> None:
        """Close the stream itself."""
        await aclose(self._chunks)
