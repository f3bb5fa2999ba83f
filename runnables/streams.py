"""Streams: closing, collecting, tee, merge, and crossings between the colours.

A `Stream` is an iterator that knows how its chunks add up, and that is closed: by its consumer
(`with`, `close`, or by dropping it), all the way up to the source, before the exit returns.
Between stages chunks flow through plain generators, so a stage costs what a generator costs.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import types
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Iterator,
    Mapping,
)
from typing import Any, Final, Generic, Self, TypeVar, cast

from runnables.chunks import DELTAS, Accumulator, Merge
from runnables.concurrency import (
    CLOSING_GRACE,
    DONE,
    Slots,
    TaskFanOut,
    ThreadFanOut,
    at_home,
    cancel_all,
    hop,
)
from runnables.errors import EmptyStream

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class Declared:
    """How the chunks of one stream add up, and whose they are; final once the first is out.

    A cell of its own, shared by a stream and the generator under it: a branch knows only when
    it runs whose chunks it passes on, and the generator must not hold the stream (a cycle would
    leave closing to the garbage collector).
    """

    __slots__ = ("_follows", "_merge", "source")

    def __init__(self, merge: Merge = DELTAS, source: object = None) -> None:
        self._merge = merge
        self._follows: object = None
        self.source = source

    @property
    def merge(self) -> Merge:
        """The declaration: that of the stream passed on, where one is."""
        return self._merge if self._follows is None else merge_of(self._follows)

    @merge.setter
    def merge(self, merge: Merge) -> None:
        self._merge = merge

    def follow(self, chunks: T) -> T:
        """Say that what comes is this stream, as it is; returns it."""
        if hasattr(chunks, "merge"):
            self._follows = chunks
        return chunks


class Stream(Generic[T_co]):
    """The chunks of a run, as they come; a context manager that closes what it stands on.

    Leaving a `for` loop early, `close()` and `with` all end the work upstream before they
    return.
    """

    __slots__ = ("_chunks", "_declared")

    def __init__(
        self, chunks: Generator[T_co, None, None], declared: Declared | None = None
    ) -> None:
        self._chunks = chunks
        self._declared = declared or Declared()

    @property
    def merge(self) -> Merge:
        """How the chunks add up; final once the first chunk is there."""
        return self._declared.merge

    @property
    def source(self) -> object:
        """The runnable whose chunks these are, where known."""
        return self._declared.source

    def __iter__(self) -> Iterator[T_co]:
        return self._chunks  # the generator itself: a loop then pays for no method of ours

    def __next__(self) -> T_co:
        return next(self._chunks)

    def close(self) -> None:
        """Stop the work upstream; what was produced is lost. More than once does nothing."""
        self._chunks.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncStream(Generic[T_co]):
    """The chunks of an async run, as they come; an async context manager.

    Dropping it, as leaving an `async for` loop does, also stops the work upstream: what can be
    done without waiting is done at once, the rest in the next turns of the loop.
    """

    __slots__ = ("__weakref__", "_chunks", "_declared", "_loop")

    def __init__(
        self, chunks: AsyncGenerator[T_co, None], declared: Declared | None = None
    ) -> None:
        self._chunks = chunks
        self._declared = declared or Declared()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def merge(self) -> Merge:
        """How the chunks add up; final once the first chunk is there."""
        return self._declared.merge

    @property
    def source(self) -> object:
        """The runnable whose chunks these are, where known."""
        return self._declared.source

    def __aiter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        return self

    def __anext__(self) -> Any:
        return self._chunks.__anext__()

    async def aclose(self) -> None:
        """Stop the work upstream; what was produced is lost. More than once does nothing."""
        await self._chunks.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        loop = self._loop
        if loop is not None and asyncio._get_running_loop() is loop and not sys.is_finalizing():
            _close_now(self._chunks, loop)


def inner(chunks: AsyncIterable[T]) -> AsyncIterator[T]:
    """The generator in a stream, for stages whose stream is closed by its owner.

    It spares them a method of ours for every chunk.
    """
    if isinstance(chunks, AsyncStream):
        return cast("AsyncStream[T]", chunks)._chunks
    return aiter(chunks)


def _close_now(chunks: AsyncGenerator[Any, None], loop: asyncio.AbstractEventLoop) -> None:
    """Run `aclose` as far as it gets without waiting, and the rest of it in a task.

    An `async for` that is left cannot await anything; Python would close the generator some
    time later. Most closing needs no waiting, and so is done when the `break` is.
    """
    generator: Any = chunks  # typeshed's AsyncGenerator has no ag_... attributes
    if generator.ag_frame is None or generator.ag_running:
        return
    closing = chunks.aclose()
    try:
        waits_for = closing.send(None)
    except StopIteration:
        return
    except Exception as error:
        loop.call_exception_handler({"message": "A stream failed to close", "exception": error})
        return
    task = loop.create_task(_resume(closing, waits_for))
    _closing.add(task)
    task.add_done_callback(_closing.discard)


_closing: set[asyncio.Task[None]] = set()  # a loop itself holds tasks only weakly


@types.coroutine
def _await_rest(closing: Any, waits_for: Any) -> Generator[Any, Any, None]:
    while True:
        try:
            sent = yield waits_for
        except BaseException as error:
            step, argument = closing.throw, error
        else:
            step, argument = closing.send, sent
        try:
            waits_for = step(argument)
        except StopIteration:
            return


async def _resume(closing: Any, waits_for: Any) -> None:
    await _await_rest(closing, waits_for)


# --- one value as a stream, and back ----------------------------------------------------------


class Once(Iterator[T]):
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


class AOnce(AsyncIterator[T]):
    """`Once` in the other colour."""

    __slots__ = ("_left", "value")

    def __init__(self, value: T) -> None:
        self.value = value
        self._left = True

    async def __anext__(self) -> T:
        if not self._left:
            raise StopAsyncIteration
        self._left = False
        return self.value


ABSENT: Final = object()
"""Stands for an input that is not known when a run begins."""


def given(chunks: object) -> Any:
    """The value that this is the stream of, where it is one value; else ABSENT."""
    return getattr(chunks, "value", ABSENT) if type(chunks) in (Once, AOnce) else ABSENT


def merge_of(chunks: object) -> Merge:
    """How the chunks of this iterator add up: as it says, or as deltas."""
    return cast("Merge", getattr(chunks, "merge", DELTAS))


def collect(chunks: Iterable[Any]) -> Any:
    """The whole value of a stream, by its own merge; closes it.

    Raises:
        ValueError: it ended without a chunk.
    """
    if (value := given(chunks)) is not ABSENT:
        return value
    parts: Accumulator | None = None
    try:
        for chunk in chunks:
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
    if (value := given(chunks)) is not ABSENT:
        return value
    parts: Accumulator | None = None
    try:
        async for chunk in inner(chunks):
            parts = parts or merge_of(chunks).accumulator()
            parts.add(chunk)
    finally:
        await aclose(chunks)
    return _value(parts, chunks)


def _value(parts: Accumulator | None, chunks: object) -> Any:
    if parts is None or parts.empty:
        raise EmptyStream(getattr(chunks, "source", None) or chunks)
    return parts.value()


def close(chunks: object) -> None:
    """Close an iterator that can be closed."""
    closer = getattr(chunks, "close", None)
    if closer is not None:
        closer()


async def aclose(chunks: object) -> None:
    """Close an async iterator that can be closed."""
    closer = getattr(chunks, "aclose", None)
    if closer is not None:
        await closer()


# --- crossings --------------------------------------------------------------------------------


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


# --- tee --------------------------------------------------------------------------------------


class Tee:
    """One stream for several readers, in any threads; each reads all of it at its own pace.

    What the slowest has not read yet is kept: with one slot, the readers come one after another.
    A reader that is closed lets go of its share; the upstream is closed by its owner.

    Args:
        chunks: the stream.
        readers: how many there are.
    """

    def __init__(self, chunks: Iterable[Any], readers: int) -> None:
        self._chunks = chunks
        self._next = iter(chunks)
        self._pulling = threading.Lock()
        self._waiting: list[deque[Any] | None] = [deque() for _ in range(readers)]

    def reader(self, at: int) -> Iterable[Any]:
        """The stream for reader number `at`."""
        if (value := given(self._chunks)) is not ABSENT:
            return Once(value)
        declared = Declared()
        declared.follow(self._chunks)
        return Stream(self._read(at), declared)

    def _read(self, at: int) -> Generator[Any, None, None]:
        waiting = cast("deque[Any]", self._waiting[at])
        try:
            while True:
                if not waiting:
                    with self._pulling:
                        if not waiting and not self._pull():
                            break
                yield waiting.popleft()
        finally:
            self._waiting[at] = None

    def _pull(self) -> bool:
        chunk = next(self._next, _END)
        if chunk is _END:
            return False
        for waiting in self._waiting:
            if waiting is not None:
                waiting.append(chunk)
        return True


class ATee:
    """`Tee` in the other colour: for readers in several tasks of one loop."""

    def __init__(self, chunks: AsyncIterable[Any], readers: int) -> None:
        self._chunks = chunks
        self._next = inner(chunks)
        self._pulling = asyncio.Lock()
        self._waiting: list[deque[Any] | None] = [deque() for _ in range(readers)]

    def reader(self, at: int) -> AsyncIterable[Any]:
        """The stream for reader number `at`."""
        if (value := given(self._chunks)) is not ABSENT:
            return AOnce(value)
        declared = Declared()
        declared.follow(self._chunks)
        return AsyncStream(self._read(at), declared)

    async def _read(self, at: int) -> AsyncGenerator[Any, None]:
        waiting = cast("deque[Any]", self._waiting[at])
        try:
            while True:
                if not waiting:
                    async with self._pulling:
                        if not waiting and not await self._pull():
                            break
                yield waiting.popleft()
        finally:
            self._waiting[at] = None

    async def _pull(self) -> bool:
        chunk = await anext(self._next, _END)
        if chunk is _END:
            return False
        for waiting in self._waiting:
            if waiting is not None:
                waiting.append(chunk)
        return True


# --- several streams as one -------------------------------------------------------------------


def interleave(
    makers: Mapping[Any, Callable[[], Iterable[Any]]], slots: Slots, *, lend: bool
) -> Generator[tuple[Any, Any], None, None]:
    """Run several streams at once within the slots; pairs of key and chunk, as they come.

    A stream is at most two chunks ahead of the consumer. Leaving closes them all.
    """

    def pump(_: int, maker: tuple[Any, Callable[[], Iterable[Any]]]) -> object:
        for pair in run_here(0, maker):
            fan_out.deliver(*pair)
        return DONE

    def run_here(_: int, maker: tuple[Any, Callable[[], Iterable[Any]]]) -> Iterator[Any]:
        chunks = maker[1]()
        try:
            for chunk in chunks:
                yield maker[0], chunk
        finally:
            close(chunks)

    fan_out = ThreadFanOut(
        pump, iter(makers.items()), slots, lend=lend, room=1, run_here=run_here, grace=CLOSING_GRACE
    )
    yield from fan_out.as_completed(len(makers))


async def ainterleave(
    makers: Mapping[Any, Callable[[], AsyncIterable[Any]]], slots: Slots
) -> AsyncGenerator[tuple[Any, Any], None]:
    """`interleave` in the other colour; every task is gone before leaving returns."""

    async def pump(_: int, maker: tuple[Any, Callable[[], AsyncIterable[Any]]]) -> object:
        chunks = maker[1]()
        try:
            async for chunk in inner(chunks):
                await fan_out.deliver(maker[0], chunk)
        finally:
            await aclose(chunks)
        return DONE

    fan_out = TaskFanOut(pump, iter(makers.items()), slots, room=1)
    pairs = fan_out.as_completed(len(makers))
    try:
        async for pair in pairs:
            yield pair
    finally:
        await pairs.aclose()


# --- a side channel ---------------------------------------------------------------------------


def alongside(work: Callable[[Callable[[Any], None]], None]) -> Generator[Any, None, None]:
    """What `work(put)` puts, as it does; it runs in a worker thread and waits for the consumer."""

    def run(_: int, __: None) -> object:
        work(put)
        return DONE

    def put(item: Any) -> None:
        fan_out.deliver(None, item)

    fan_out = ThreadFanOut(
        run, iter([None]), Slots(1), lend=True, room=1, grace=CLOSING_GRACE, apart=True
    )
    for _, item in fan_out.as_completed(1):
        yield item


async def aalongside(
    work: Callable[
        [Callable[[Any], None], Callable[[], Awaitable[None]]], Coroutine[Any, Any, None]
    ],
) -> AsyncGenerator[Any, None]:
    """What `work(put, drained)` puts, as it does; it runs in a task.

    `put` may be called from any thread and never waits; to stay in step with the consumer, the
    work awaits `drained()` now and then.
    """
    loop = asyncio.get_running_loop()
    items: deque[Any] = deque()
    wake, empty = asyncio.Event(), asyncio.Event()

    def put(item: Any) -> None:
        items.append(item)
        if asyncio._get_running_loop() is loop:
            wake.set()
        else:
            loop.call_soon_threadsafe(wake.set)

    async def drained() -> None:
        if items:
            empty.clear()
            await empty.wait()

    task = loop.create_task(work(put, drained))
    task.add_done_callback(lambda _: wake.set())
    try:
        while items or not task.done():
            while items:
                yield items.popleft()
            empty.set()
            await wake.wait()
            wake.clear()
        await task
    finally:
        await cancel_all({task: 0})
