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
from types import AsyncGeneratorType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast, overload

from runnables.engine.closing import AtLoopEnd, close_now, hide_from_loop
from runnables.engine.contexts import receiver
from runnables.engine.merging import DELTAS
from runnables.engine.misuse import AsyncOnly, SyncOnly
from runnables.engine.tasks import in_context, other_loop_error, task_context

if TYPE_CHECKING:
    import asyncio
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        AsyncIterator,
        Awaitable,
        Callable,
        Generator,
        Iterator,
    )

    from runnables.engine.contexts import Receiver
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

    Attributes:
        outer: the iterator whose code has called for the stream; None where that is no iterator's.
        source: the stream of the step before, which it reads but does not close.
    """

    __slots__ = ("_delegate", "_made", "_may_restart", "_merge", "outer", "producer", "source")

    def __init__(
        self, merge: Merge = DELTAS, producer: object = None, may_restart: bool = False
    ) -> None:
        self._merge = merge
        self._may_restart = may_restart
        self._delegate: object = None
        self._made: tuple[object, Callable[..., Any]] | None = None
        self.producer = producer
        self.outer: Receiver | None = receiver()
        self.source: object = None

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
        """Pass on the chunks of another stream unchanged: take its metadata; return it.

        It belongs to this stream, also where it is called for only now, at the first step.
        """
        self.adopt(chunks)
        return self.describe_as(chunks)

    def describe_as(self, chunks: T) -> T:
        """Take the metadata of another stream; return it."""
        if hasattr(chunks, "merge"):
            self._delegate = chunks
        return chunks

    def adopt(self, chunks: object) -> None:
        """Let another stream be one that the caller of this one has called for."""
        if isinstance(chunks, (Stream, AsyncStream)):
            cast("Any", chunks)._info.outer = self.outer

    def make(self, maker: Callable[..., T]) -> T:
        """Return the generator that `maker()` makes, which `with_on_error` may make anew."""
        made = maker()
        self._made = (made, maker)
        return made

    def with_on_error(self, chunks: object, on_error: Callable[[Exception], object]) -> Any:
        """Return the chunks of a stream that has not begun, as `maker(on_error)` makes them.

        A step of a sequence so has one generator around the user's, and not two. None where the
        chunks were made in another way.
        """
        if self._made is None or self._made[0] is not chunks:
            return None
        return self._made[1](on_error)


class Stream(SyncOnly, Generic[T_co]):
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

    @property
    def source(self) -> object:
        """Return the stream of the step before, which this one reads; None where there is none."""
        return self._info.source

    def with_on_error(
        self, on_error: Callable[[Exception], object]
    ) -> Generator[T_co, None, None] | None:
        """Return its chunks with a function that is called with their error; None: it cannot."""
        made: Generator[T_co, None, None] | None = self._info.with_on_error(self._chunks, on_error)
        return made

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


class AsyncStream(AsyncOnly, Generic[T_co]):
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

    __slots__ = ("__weakref__", "_at_end", "_chunks", "_context", "_home", "_info", "_loop")

    def __init__(self, chunks: AsyncGenerator[T_co, None], info: StreamInfo | None = None) -> None:
        self._chunks = chunks
        self._info = info or StreamInfo()
        self._home: asyncio.AbstractEventLoop | None = None  # where it was begun
        self._loop: asyncio.AbstractEventLoop | None = None  # of a loop that may drop it
        self._context: contextvars.Context | None = None  # that of the task that iterates
        self._at_end: AtLoopEnd | None = None  # what closes it when the loop ends

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

    @property
    def source(self) -> object:
        """Return the stream of the step before, which this one reads; None where there is none."""
        return self._info.source

    def with_on_error(
        self, on_error: Callable[[Exception], object]
    ) -> AsyncGenerator[T_co, None] | None:
        """Return its chunks with a function that is called with their error; None: it cannot."""
        made: AsyncGenerator[T_co, None] | None = self._info.with_on_error(self._chunks, on_error)
        return made

    def __aiter__(self) -> AsyncIterator[T_co]:
        self._loop = asyncio.get_running_loop()
        self._context = task_context()
        if self._home is not self._loop:
            self._begin()
        return _Chunks(self)

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
        self._context = self._context or task_context()
        add_to_loop = sys.get_asyncgen_hooks().firstiter
        if hide_from_loop(self._chunks) and add_to_loop is not None:
            self._at_end = AtLoopEnd(self)
            add_to_loop(cast("Any", self._at_end))

    async def aclose(self) -> None:
        """Stop the work upstream. Unread chunks are lost. A second call does nothing."""
        if self._at_end is not None and not self._at_end.claim():
            return
        if self._context is None or self._context is task_context():
            await self._chunks.aclose()
        else:  # another task closes the stream than the one that has iterated
            await in_context(self._context, self._chunks.aclose)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        loop = self._loop
        if loop is not None and asyncio._get_running_loop() is loop and not sys.is_finalizing():
            close_now(self._chunks, loop, self._context)


class _Chunks(Generic[T_co]):
    """The chunks of a stream that an `async for` keeps, without a check at each chunk."""

    __slots__ = ("_chunks", "_stream")

    def __init__(self, stream: AsyncStream[T_co]) -> None:
        self._stream = stream
        self._chunks = stream._chunks

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Awaitable[T_co]:
        return self._chunks.__anext__()

    async def aclose(self) -> None:
        """Stop the work upstream."""
        await self._stream.aclose()


def raw_iterator(chunks: AsyncIterable[T]) -> AsyncIterator[T]:
    """Return the generator in a stream: that spares a stage one method call a chunk."""
    if isinstance(chunks, AsyncStream):
        return chunks._chunks
    return aiter(chunks)


@overload
def owned(chunks: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]: ...
@overload
def owned(chunks: AsyncIterable[T]) -> AsyncIterator[T]: ...
def owned(chunks: AsyncIterable[T]) -> AsyncIterator[T]:
    """Return the generator within a stream, for the code that closes it, which calls this once.

    A loop that ends closes all generators that it knows, at once. To close one while its owner
    awaits that is an error, which the loop prints. So it does not get to know this one.
    """
    generator: Any = raw_iterator(chunks)
    if type(generator) is AsyncGeneratorType:
        hide_from_loop(cast("Any", generator))
    return cast("AsyncIterator[T]", generator)


def close(chunks: object) -> None:
    """Close an iterator that can be closed.

    A generator in which a thread is at work is left alone: that thread closes it on its way out.
    """
    inner: object = cast("Any", chunks)._chunks if isinstance(chunks, Stream) else chunks
    closer = getattr(inner, "close", None)
    if closer is not None and not getattr(inner, "gi_running", False):
        closer()


def close_with_sources(chunks: object) -> None:
    """Close an iterator, and the streams of the steps before it."""
    while chunks is not None:
        source = getattr(chunks, "source", None)
        try:
            close(chunks)
        except BaseException:
            close_with_sources(source)
            raise
        chunks = source


async def aclose_with_sources(chunks: object) -> None:
    """Close an async iterator, and the streams of the steps before it."""
    while chunks is not None:
        source = getattr(chunks, "source", None)
        try:
            await aclose(chunks)
        except BaseException:
            await aclose_with_sources(source)
            raise
        chunks = source


async def aclose(chunks: object) -> None:
    """Close an async iterator that can be closed, unless that is under way already."""
    inner: object = cast("Any", chunks)._chunks if isinstance(chunks, AsyncStream) else chunks
    closer = getattr(inner, "aclose", None)
    if closer is not None and not getattr(inner, "ag_running", False):
        await closer()
