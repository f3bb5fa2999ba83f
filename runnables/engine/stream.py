"""Streams, sync and async, and how they are closed.

A `Stream` is an iterator that knows how its chunks merge, and that can be closed.

- Closing a stream (`with`, `close()`, or dropping it) closes every stage up to the source. Each
  stage's `finally` has run when closing returns.
- An `AsyncStream` that is dropped, as `break` does, closes at once as far as that needs no waiting,
  and ends in a task of its own. `async with` and `aclose()` wait for all of it.
- A generator in which a thread is at work cannot be closed from outside. That thread closes it.

Between stages chunks flow through plain generators, so a stage costs what a generator costs.
"""

from __future__ import annotations

import contextvars
import sys
import types
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

from runnables.engine.merging import DELTAS
from runnables.engine.tasks import other_loop_error

if TYPE_CHECKING:
    import asyncio
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
else:
    from runnables.engine import lazy_asyncio as asyncio

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


def merge_of(chunks: object) -> Merge:
    """Return how the chunks of this iterator merge; where it does not say, as deltas."""
    return cast("Merge", getattr(chunks, "merge", DELTAS))


def stream_may_restart(chunks: object) -> bool:
    """Tell whether `RESET` may be among these chunks; where the iterator does not say, not."""
    return bool(getattr(chunks, "may_restart", False))


class StreamInfo:
    """Metadata of one stream: how its chunks merge, and which runnable yields them.

    It is final when the first chunk was emitted. A stream and the generator within it share one:
    a branch knows only while it runs whose chunks it passes on, and a generator that held its own
    stream would be a cycle, whose closing is left to the garbage collector.

    Args:
        merge: how the chunks merge.
        producer: the runnable that yields them.
        may_restart: whether `RESET` may be among them.
    """

    __slots__ = ("_delegate", "_may_restart", "_merge", "producer")

    def __init__(
        self, merge: Merge = DELTAS, producer: object = None, may_restart: bool = False
    ) -> None:
        self._merge = merge
        self._may_restart = may_restart
        self._delegate: object = None
        self.producer = producer

    @property
    def merge(self) -> Merge:
        """Return how the chunks merge: as the stream says that is passed on, where one is."""
        return self._merge if self._delegate is None else merge_of(self._delegate)

    @merge.setter
    def merge(self, merge: Merge) -> None:
        self._merge = merge

    @property
    def may_restart(self) -> bool:
        """Tell whether `RESET` may be among the chunks; known before the first of them."""
        return self._may_restart or stream_may_restart(self._delegate)

    def delegate_to(self, chunks: T) -> T:
        """Take the metadata of another stream, whose chunks are passed on unchanged; return it."""
        if hasattr(chunks, "merge"):
            self._delegate = chunks
        return chunks


class Stream(Generic[T_co]):
    """The chunks of a run, as they come: an iterator, and a context manager that closes it.

    Leaving a `for` loop early, `close()` and the end of a `with` block all stop the work upstream
    before they return. `stream` and `transform` of a runnable return one; its consumer closes it.

    Example:
        >>> def words(chunks):
        ...     for text in chunks:
        ...         yield from text.split()
        >>> with RunnableGenerator(words).stream("a fox and a lantern") as chunks:
        ...     for chunk in chunks:
        ...         print(chunk)
        ...         if chunk == "fox":
        ...             break
        a
        fox
    """

    __slots__ = ("_chunks", "_info")

    def __init__(self, chunks: Generator[T_co, None, None], info: StreamInfo | None = None) -> None:
        self._chunks = chunks
        self._info = info or StreamInfo()

    @property
    def merge(self) -> Merge:
        """Return how the chunks merge; final once the first chunk is there."""
        return self._info.merge

    @property
    def may_restart(self) -> bool:
        """Tell whether `RESET` may be among the chunks."""
        return self._info.may_restart

    @property
    def producer(self) -> object:
        """Return the runnable that yields these chunks; None where it is not known."""
        return self._info.producer

    def __iter__(self) -> Iterator[T_co]:
        return self._chunks  # the generator itself: a loop then pays for no method of ours

    def __next__(self) -> T_co:
        return next(self._chunks)

    def close(self) -> None:
        """Stop the work upstream. Unread chunks are lost. A second call does nothing."""
        self._chunks.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncStream(Generic[T_co]):
    """The chunks of an async run, as they come: an async iterator and context manager.

    `aclose()` and the end of an `async with` block stop the work upstream before they return.
    Dropping the stream, as leaving an `async for` loop does, stops it too: what can be done without
    waiting is done at once, and the rest when the event loop goes on.

    Example:
        >>> import asyncio
        >>> async def words(chunks):
        ...     async for text in chunks:
        ...         for word in text.split():
        ...             yield word
        >>> async def first_word(text):
        ...     async with RunnableGenerator(words).astream(text) as chunks:
        ...         async for chunk in chunks:
        ...             return chunk
        >>> asyncio.run(first_word("fox and lantern"))
        'fox'
    """

    __slots__ = ("__weakref__", "_chunks", "_home", "_info", "_loop")

    def __init__(self, chunks: AsyncGenerator[T_co, None], info: StreamInfo | None = None) -> None:
        self._chunks = chunks
        self._info = info or StreamInfo()
        self._home: asyncio.AbstractEventLoop | None = None  # where it was begun
        self._loop: asyncio.AbstractEventLoop | None = None  # of a loop that may drop it

    @property
    def merge(self) -> Merge:
        """Return how the chunks merge; final once the first chunk is there."""
        return self._info.merge

    @property
    def may_restart(self) -> bool:
        """Tell whether `RESET` may be among the chunks."""
        return self._info.may_restart

    @property
    def producer(self) -> object:
        """Return the runnable that yields these chunks; None where it is not known."""
        return self._info.producer

    def __aiter__(self) -> AsyncIterator[T_co]:
        self._loop = asyncio.get_running_loop()
        if self._home is not self._loop:
            self._begin()
        return _Chunks(self)  # a loop then pays for no check at each chunk

    def __anext__(self) -> Awaitable[T_co]:
        if self._home is not asyncio._get_running_loop():
            self._begin()
        return self._chunks.__anext__()

    def _begin(self) -> None:
        """Note the loop of the first chunk; refuse to go on in another.

        What runs upstream waits for that loop. At its end it has closed the stream, which would
        look like a complete one here.
        """
        if self._home is not None:
            name = (
                "an async stream" if self.producer is None else f"the stream of {self.producer!r}"
            )
            raise other_loop_error(name)
        self._home = asyncio.get_running_loop()

    async def aclose(self) -> None:
        """Stop the work upstream. Unread chunks are lost. A second call does nothing."""
        await self._chunks.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        loop = self._loop
        if loop is not None and asyncio._get_running_loop() is loop and not sys.is_finalizing():
            _close_now(self._chunks, loop)


class _Chunks(Generic[T_co]):
    """The chunks of a stream in an `async for`, which keeps the stream."""

    __slots__ = ("_chunks", "_stream")

    def __init__(self, stream: AsyncStream[T_co]) -> None:
        self._stream = stream
        self._chunks = stream._chunks

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[T_co]:
        return self._chunks.__anext__()

    @property
    def merge(self) -> Merge:
        """Return how the chunks merge, as the stream does."""
        return self._stream.merge

    @property
    def may_restart(self) -> bool:
        """Tell whether `RESET` may be among the chunks."""
        return self._stream.may_restart

    async def aclose(self) -> None:
        """Stop the work upstream."""
        await self._stream.aclose()


def raw_iterator(chunks: AsyncIterable[T]) -> AsyncIterator[T]:
    """Return the generator within a stream, for a stage whose input is closed by its owner.

    It spares the stage one method call a chunk.
    """
    if isinstance(chunks, AsyncStream):
        return chunks._chunks
    return aiter(chunks)


def _close_now(chunks: AsyncGenerator[Any, None], loop: asyncio.AbstractEventLoop) -> None:
    """Run `aclose` as far as it gets without waiting, and the rest of it when the loop goes on.

    An `async for` that is left cannot await anything, and Python would close the generator some
    time later. Most closing needs no waiting, so it is done when `break` is. All of it runs in one
    task and context of its own, so that a time limit within it does not cancel the task that has
    left the stream.
    """
    generator: Any = chunks  # typeshed's AsyncGenerator has no ag_... attributes
    if generator.ag_frame is None or generator.ag_running:
        return
    closing = chunks.aclose()
    context = contextvars.copy_context()
    awaited: list[Any] = []
    # not by the loop's task factory: an eager one would run it now, when nothing is awaited yet
    task = asyncio.Task(_finish(closing, awaited), loop=loop, context=context)
    _closing.add(task)
    task.add_done_callback(_closing.discard)
    with _as_current(task, loop):
        try:
            awaited.append(context.run(closing.send, None))
        except StopIteration:
            pass
        except Exception as error:
            loop.call_exception_handler({"message": "A stream failed to close", "exception": error})


_closing: set[asyncio.Task[None]] = set()  # a loop itself holds tasks only weakly


@contextmanager
def _as_current(task: asyncio.Task[Any], loop: asyncio.AbstractEventLoop) -> Generator[None]:
    """Make this the loop's current task inside the block, as event loops themselves do."""
    outer = asyncio.current_task(loop)
    if outer is not None:
        asyncio.tasks._leave_task(loop, outer)
    asyncio.tasks._enter_task(loop, task)
    try:
        yield
    finally:
        asyncio.tasks._leave_task(loop, task)
        if outer is not None:
            asyncio.tasks._enter_task(loop, outer)


@types.coroutine
def _await_rest(closing: Any, awaited: Any) -> Generator[Any, Any, None]:
    """Resume an `aclose` that waits for `awaited`, as `await` would."""
    while True:
        try:
            sent = yield awaited
        except BaseException as error:
            resume, argument = closing.throw, error
        else:
            resume, argument = closing.send, sent
        try:
            awaited = resume(argument)
        except StopIteration:
            return


async def _finish(closing: Any, awaited: Sequence[Any]) -> None:
    for future in awaited:  # one, or none where closing is done
        await _await_rest(closing, future)


def close(chunks: object) -> None:
    """Close an iterator that can be closed.

    A generator in which a thread is at work is left alone: that thread has been asked to stop, and
    closes the generator on its way out.
    """
    inner: object = cast("Any", chunks)._chunks if isinstance(chunks, Stream) else chunks
    closer = getattr(inner, "close", None)
    if closer is not None and not getattr(inner, "gi_running", False):
        closer()


async def aclose(chunks: object) -> None:
    """Close an async iterator that can be closed, unless that is under way already."""
    inner: object = cast("Any", chunks)._chunks if isinstance(chunks, AsyncStream) else chunks
    closer = getattr(inner, "aclose", None)
    if closer is not None and not getattr(inner, "ag_running", False):
        await closer()
