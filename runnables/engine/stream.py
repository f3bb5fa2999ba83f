"""Streams in both colours, and how they are closed.

A `Stream` is an iterator that knows how its chunks add up, and that is closed: by its consumer
(`with`, `close`, or by dropping it), all the way up to the source, before the exit returns.
Between stages chunks flow through plain generators, so a stage costs what a generator costs.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
import types
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

from runnables.engine.merging import DELTAS

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        AsyncIterator,
        Awaitable,
        Generator,
        Iterator,
        Sequence,
    )

    from runnables.engine.merging import Merge

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


def merge_of(chunks: object) -> Merge:
    """How the chunks of this iterator add up: as it says, or as deltas."""
    return cast("Merge", getattr(chunks, "merge", DELTAS))


def stream_may_restart(chunks: object) -> bool:
    """Whether `RESET` may be among these chunks, as far as the iterator says."""
    return bool(getattr(chunks, "may_restart", False))


class StreamInfo:
    """How the chunks of one stream add up, and whose they are; final once the first is out.

    A cell of its own, shared by a stream and the generator under it: a branch knows only when
    it runs whose chunks it passes on, and the generator must not hold the stream (a cycle would
    leave closing to the garbage collector).
    """

    __slots__ = ("_follows", "_merge", "_restarts", "producer")

    def __init__(
        self, merge: Merge = DELTAS, producer: object = None, may_restart: bool = False
    ) -> None:
        self._merge = merge
        self._restarts = may_restart
        self._follows: object = None
        self.producer = producer

    @property
    def merge(self) -> Merge:
        """The declaration: that of the stream passed on, where one is."""
        return self._merge if self._follows is None else merge_of(self._follows)

    @merge.setter
    def merge(self, merge: Merge) -> None:
        self._merge = merge

    @property
    def may_restart(self) -> bool:
        """Whether `RESET` may be among the chunks; known before the first of them."""
        return self._restarts or stream_may_restart(self._follows)

    def delegate_to(self, chunks: T) -> T:
        """Say that what comes is this stream, as it is; returns it."""
        if hasattr(chunks, "merge"):
            self._follows = chunks
        return chunks


class Stream(Generic[T_co]):
    """The chunks of a run, as they come; a context manager that closes what it stands on.

    Leaving a `for` loop early, `close()` and `with` all end the work upstream before they
    return.
    """

    __slots__ = ("_chunks", "_info")

    def __init__(self, chunks: Generator[T_co, None, None], info: StreamInfo | None = None) -> None:
        self._chunks = chunks
        self._info = info or StreamInfo()

    @property
    def merge(self) -> Merge:
        """How the chunks add up; final once the first chunk is there."""
        return self._info.merge

    @property
    def may_restart(self) -> bool:
        """Whether `RESET` may be among the chunks."""
        return self._info.may_restart

    @property
    def producer(self) -> object:
        """The runnable whose chunks these are, where known."""
        return self._info.producer

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

    __slots__ = ("__weakref__", "_chunks", "_info", "_loop")

    def __init__(self, chunks: AsyncGenerator[T_co, None], info: StreamInfo | None = None) -> None:
        self._chunks = chunks
        self._info = info or StreamInfo()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def merge(self) -> Merge:
        """How the chunks add up; final once the first chunk is there."""
        return self._info.merge

    @property
    def may_restart(self) -> bool:
        """Whether `RESET` may be among the chunks."""
        return self._info.may_restart

    @property
    def producer(self) -> object:
        """The runnable whose chunks these are, where known."""
        return self._info.producer

    def __aiter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        return self

    def __anext__(self) -> Awaitable[T_co]:
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


def raw_iterator(chunks: AsyncIterable[T]) -> AsyncIterator[T]:
    """The generator in a stream, for stages whose stream is closed by its owner.

    It spares them a method of ours for every chunk.
    """
    if isinstance(chunks, AsyncStream):
        return chunks._chunks
    return aiter(chunks)


def _close_now(chunks: AsyncGenerator[Any, None], loop: asyncio.AbstractEventLoop) -> None:
    """Run `aclose` as far as it gets without waiting, and the rest of it when the loop goes on.

    An `async for` that is left cannot await anything; Python would close the generator some
    time later. Most closing needs no waiting, and so is done when the `break` is. All of it runs
    in one task and context of its own: what it waits for, or is cancelled by, is not the task
    that has left.
    """
    generator: Any = chunks  # typeshed's AsyncGenerator has no ag_... attributes
    if generator.ag_frame is None or generator.ag_running:
        return
    closing = chunks.aclose()
    context = contextvars.copy_context()
    waits_for: list[Any] = []
    task = loop.create_task(_resume(closing, waits_for), context=context)
    _closing.add(task)
    task.add_done_callback(_closing.discard)
    with _as_current(task, loop):
        try:
            waits_for.append(context.run(closing.send, None))
        except StopIteration:
            pass
        except Exception as error:
            loop.call_exception_handler({"message": "A stream failed to close", "exception": error})


_closing: set[asyncio.Task[None]] = set()  # a loop itself holds tasks only weakly


@contextmanager
def _as_current(task: asyncio.Task[Any], loop: asyncio.AbstractEventLoop) -> Generator[None]:
    """Inside the block, this is the loop's current task (as its documentation lets loops say)."""
    around = asyncio.current_task(loop)
    if around is not None:
        asyncio.tasks._leave_task(loop, around)
    asyncio.tasks._enter_task(loop, task)
    try:
        yield
    finally:
        asyncio.tasks._leave_task(loop, task)
        if around is not None:
            asyncio.tasks._enter_task(loop, around)


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


async def _resume(closing: Any, waits_for: Sequence[Any]) -> None:
    for waited in waits_for:  # one, or none where all is done
        await _await_rest(closing, waited)


def close(chunks: object) -> None:
    """Close an iterator that can be closed, for who has read from it.

    One in which a thread is at work, that was told to stop and left alone, is closed by what
    drives it there, when it is over.
    """
    inside: object = cast("Any", chunks)._chunks if isinstance(chunks, Stream) else chunks
    closer = getattr(inside, "close", None)
    if closer is not None and not getattr(inside, "gi_running", False):
        closer()


async def aclose(chunks: object) -> None:
    """Close an async iterator that can be closed, unless that is under way already."""
    inside: object = cast("Any", chunks)._chunks if isinstance(chunks, AsyncStream) else chunks
    closer = getattr(inside, "aclose", None)
    if closer is not None and not getattr(inside, "ag_running", False):
        await closer()
