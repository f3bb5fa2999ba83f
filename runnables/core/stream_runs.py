"""The runs of streams, which start when their input is there.

All steps of a streamed chain are set up before the first chunk flows. If their runs started then,
the start events would come in the wrong order, and without an input. So each run starts with what
it waits for: a step that needs its whole input starts at the end of its input, and a step that
works on chunks (`streams_input`) starts at the first chunk.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from runnables.core.events import ChunkSum, Observed, Run
from runnables.core.handlers import Event, Handler
from runnables.engine.collect import MISSING, single_value
from runnables.engine.contexts import receiver
from runnables.engine.stream import (
    AsyncStream,
    Stream,
    StreamInfo,
    aclose,
    close,
    merge_of,
    owned,
    raw_iterator,
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
        Mapping,
    )
    from types import TracebackType

    from runnables.core.config import Scope
    from runnables.engine.merging import Merge

    Transform = Callable[
        [Any, Scope | None, dict[str, Any], StreamInfo], Generator[Any, None, None]
    ]
    AsyncTransform = Callable[
        [Any, Scope | None, dict[str, Any], StreamInfo], AsyncGenerator[Any, None]
    ]


def run_stream(
    runnable: Observed,
    transform: Transform,
    input: Any,
    scope: Scope | None,
    kwargs: dict[str, Any],
    info: StreamInfo,
) -> Stream[Any]:
    """Return the stream of a run, which is observed if one of the handlers wants to see it.

    Args:
        runnable: the runnable that runs.
        transform: makes the chunks of the output: its `_transform`, or what takes its place.
        input: the chunks of the input.
        scope: the scope around the run.
        kwargs: the options of the call.
        info: how the chunks of the output add up.
    """
    if scope is None:
        return Stream(transform(input, None, kwargs, info), info)
    if not scope.observed:
        return Stream(transform(input, scope.without_run_settings(), kwargs, info), info)
    run = StreamRun(runnable, scope, single_value(input), kwargs)
    if not run.has_handlers:
        return Stream(transform(input, run.scope, kwargs, info), info)
    return Stream(_observed(run, transform, input, kwargs, info), info)


def arun_stream(
    runnable: Observed,
    transform: AsyncTransform,
    input: Any,
    scope: Scope | None,
    kwargs: dict[str, Any],
    info: StreamInfo,
) -> AsyncStream[Any]:
    """Return the async stream of a run; see `run_stream`."""
    if scope is None:
        return AsyncStream(transform(input, None, kwargs, info), info)
    if not scope.observed:
        return AsyncStream(transform(input, scope.without_run_settings(), kwargs, info), info)
    run = StreamRun(runnable, scope, single_value(input), kwargs)
    if not run.has_handlers:
        return AsyncStream(transform(input, run.scope, kwargs, info), info)
    return AsyncStream(_aobserved(run, transform, input, kwargs, info), info)


def _observed(
    run: StreamRun, transform: Transform, input: Any, kwargs: dict[str, Any], info: StreamInfo
) -> Generator[Any, None, None]:
    with run:
        recorded = input if run.knows_input else ObservedInput(run, input)
        yield from with_chunk_events(run, transform(recorded, run.scope, kwargs, info), info)


async def _aobserved(
    run: StreamRun, transform: AsyncTransform, input: Any, kwargs: dict[str, Any], info: StreamInfo
) -> AsyncGenerator[Any, None]:
    async with run:
        recorded = input if run.knows_input else AsyncObservedInput(run, input)
        reported = awith_chunk_events(run, transform(recorded, run.scope, kwargs, info), info)
        try:
            async for chunk in owned(reported):
                yield chunk
        finally:
            await reported.aclose()


def with_chunk_events(
    run: Run, chunks: Iterable[Any], info: StreamInfo
) -> Generator[Any, None, None]:
    """Yield chunks as they are, and report each as one of this run; close them at the end."""
    try:
        for chunk in chunks:
            run.chunk(chunk, info)
            yield chunk
    finally:
        close(chunks)


async def awith_chunk_events(
    run: Run, chunks: AsyncIterable[Any], info: StreamInfo
) -> AsyncGenerator[Any, None]:
    """Yield chunks as they are, and report each as one of this run; close them at the end."""
    try:
        async for chunk in owned(chunks):
            await run.achunk(chunk, info)
            yield chunk
    finally:
        await aclose(chunks)


class StreamRun(Run):
    """The run of a stream, which starts with its input, at the latest before its first event.

    If the input fails before that, the run never happened, and there are no events.

    Args:
        runnable: the runnable that runs.
        scope: the scope around the run; its handlers receive the events.
        value: the whole input, or MISSING where it comes in chunks.
        options: the options of the call.

    Attributes:
        knows_input: whether the whole input was known from the start.
        is_async: whether its events are awaited.
        input_error: the error of the input that is passing through, if there is one.
    """

    def __init__(
        self, runnable: Observed, scope: Scope, value: Any, options: Mapping[str, Any]
    ) -> None:
        super().__init__(runnable, scope, value, options)
        self.knows_input = value is not MISSING
        self.is_async = False
        self.input_error: BaseException | None = None
        self._streams_input = runnable.streams_input
        self._input_sum = ChunkSum()
        self._pending_start = [] if self.knows_input else [True]
        if self._pending_start and self._handlers and self.scope.handlers:
            self.scope.handlers = (StartOnFirstEvent(self), *self.scope.handlers)

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

    @property
    def must_await(self) -> bool:
        """Tell whether one of the handlers is async."""
        return any(
            hasattr(type(handler), "aon_event") or inspect.iscoroutinefunction(handler.on_event)
            for handler in self._handlers
        )

    def begin(self) -> None:
        """Report the start, unless it was reported already."""
        if self._pending_start and self._claim_start():
            self._begin()
            _renew_spans()

    async def abegin(self) -> None:
        """Report the start, unless it was reported already."""
        if self._pending_start and self._claim_start():
            await self._abegin()
            _renew_spans()

    def chunk(self, chunk: Any, info: StreamInfo) -> None:
        """Report a chunk of the output, and add it to the output of the end."""
        self.begin()
        super().chunk(chunk, info)

    async def achunk(self, chunk: Any, info: StreamInfo) -> None:
        """Report a chunk of the output, and add it to the output of the end."""
        await self.abegin()
        await super().achunk(chunk, info)

    def on_chunk(self, chunk: Any, chunks: object) -> None:
        """Take note of a chunk of the input."""
        self._input_sum.add(chunk, chunks)
        if self._streams_input:
            self.begin()

    async def aon_chunk(self, chunk: Any, chunks: object) -> None:
        """Take note of a chunk of the input."""
        self._input_sum.add(chunk, chunks)
        if self._streams_input:
            await self.abegin()

    def on_end(self) -> None:
        """Take note of the end of the input."""
        self._know_input()
        self.begin()

    async def aon_end(self) -> None:
        """Take note of the end of the input."""
        self._know_input()
        await self.abegin()

    def _claim_start(self) -> bool:
        """Tell whether to report the start now: true once, also for threads at the same time."""
        with suppress(IndexError):
            return self._pending_start.pop()
        return False

    def _never_ran(self, error: BaseException | None) -> bool:
        """Tell whether its input failed, or its consumer left, before it started."""
        from_input = error is not None and error is self.input_error
        self.input_error = None  # its traceback refers to this object: a cycle
        cancelled = error is not None and not isinstance(error, Exception)
        return bool(self._pending_start) and (from_input or cancelled)

    def _know_input(self) -> None:
        """Set the input: the sum of its chunks, as far as they were read."""
        if not self.knows_input:
            self._input = self._input_sum.value()


def _renew_spans() -> None:
    """Make the span of a run the current one for a generator that has just begun to read."""
    if (steps := receiver()) is not None:
        steps.renew()


class StartOnFirstEvent(Handler):
    """The first handler of the calls inside a run, which starts the run before their events.

    A generator may yield a chunk, or call a runnable, before it has read any input.
    """

    def __init__(self, run: StreamRun) -> None:
        self._run: StreamRun | None = run

    def on_event(self, event: Event, /) -> Awaitable[None] | None:
        """Start the run, if this is the first event."""
        run, self._run = self._run, None
        if run is None:
            return None
        if run.is_async and run.must_await:  # else a sync call inside an async run can start it
            return run.abegin()
        run.begin()
        return None


class _StreamRecorder:
    """The input of an observed stream, which reports its chunks to the run."""

    def __init__(self, run: StreamRun, chunks: Any) -> None:
        self._run = run
        self._chunks = chunks

    @property
    def merge(self) -> Merge:
        """Return the `merge` of the stream itself."""
        return merge_of(self._chunks)

    @property
    def may_restart(self) -> bool:
        """Tell whether the stream itself may restart."""
        return stream_may_restart(self._chunks)

    @property
    def producer(self) -> object:
        """Return the runnable whose chunks these are, where known."""
        return getattr(self._chunks, "producer", None)

    @property
    def source(self) -> object:
        """Return what the stream itself reads, where known."""
        return getattr(self._chunks, "source", None)


class ObservedInput(_StreamRecorder, Iterator[Any]):
    """The input of an observed stream, as an iterator that reports its chunks to the run."""

    def __init__(self, run: StreamRun, chunks: Any) -> None:
        super().__init__(run, chunks)
        self._iterator = iter(chunks)

    def __next__(self) -> Any:
        try:
            chunk = next(self._iterator)
        except StopIteration:
            self._run.on_end()
            raise
        except BaseException as error:
            self._run.input_error = error
            raise
        self._run.on_chunk(chunk, self._chunks)
        return chunk

    def close(self) -> None:
        """Close the stream itself."""
        close(self._chunks)


class AsyncObservedInput(_StreamRecorder, AsyncIterator[Any]):
    """The input of an observed stream, as an iterator that reports its chunks to the run."""

    def __init__(self, run: StreamRun, chunks: AsyncIterable[Any]) -> None:
        super().__init__(run, chunks)
        self._iterator = aiter(raw_iterator(chunks))

    async def __anext__(self) -> Any:
        try:
            chunk = await anext(self._iterator)
        except StopAsyncIteration:
            await self._run.aon_end()
            raise
        except BaseException as error:
            self._run.input_error = error
            raise
        await self._run.aon_chunk(chunk, self._chunks)
        return chunk

    async def aclose(self) -> None:
        """Close the stream itself."""
        await aclose(self._chunks)
