"""Generator functions as runnables: pieces in, pieces out."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeVar, cast, overload

from runnables.compose.runnable import Runnable
from runnables.core.signatures import (
    argument_type,
    arguments,
    chunk_type,
    is_generator,
    result_type,
    target,
)
from runnables.core.typevars import Input, Output
from runnables.core.user_code import aiterate_in_scope, iterate_in_scope
from runnables.core.values import show
from runnables.engine import (
    AsyncIteratorBridge,
    AsyncSingleValue,
    AsyncStream,
    SingleValue,
    Stream,
    StreamInfo,
    acollect,
    collect,
    iterate_in_threads,
    raw_iterator,
    stream_may_restart,
)
from runnables.engine.merging import DELTAS, RESET, SNAPSHOTS, Merge, as_merge
from runnables.errors import SyncAsyncError

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        AsyncIterator,
        Callable,
        Generator,
        Iterable,
        Iterator,
    )

    from runnables.core.config import Scope

In = TypeVar("In")
Out = TypeVar("Out")


class RunnableGenerator(Runnable[Input, Output], internal=True):
    """A generator function that takes the input's pieces as they come and yields the output's.

    Args:
        transform: takes an iterator (or an async one, and is then async itself) and yields.
        atransform: its async half, where `transform` is sync.
        name: what observers call it; the function's name by default.
        merge: how what it yields adds up: "add", "last", or a function of the list of pieces.

    Raises:
        TypeError: not a generator function.
    """

    @overload
    def __init__(
        self: RunnableGenerator[In, Out],
        transform: Callable[[Iterator[In]], Iterator[Out]],
        atransform: Callable[[AsyncIterator[In]], AsyncIterator[Out]] | None = None,
        *,
        name: str | None = None,
        merge: Merge | str | Callable[[list[Any]], Any] = DELTAS,
    ) -> None: ...
    @overload
    def __init__(
        self: RunnableGenerator[In, Out],
        transform: Callable[[AsyncIterator[In]], AsyncIterator[Out]],
        atransform: None = None,
        *,
        name: str | None = None,
        merge: Merge | str | Callable[[list[Any]], Any] = DELTAS,
    ) -> None: ...
    def __init__(
        self,
        transform: Callable[..., Any],
        atransform: Callable[..., Any] | None = None,
        *,
        name: str | None = None,
        merge: Merge | str | Callable[[list[Any]], Any] = DELTAS,
    ) -> None:
        if not is_generator(transform):
            raise TypeError(
                f"RunnableGenerator({show(transform)}): expected a generator function "
                "(one that takes an iterator and yields). Functions go into RunnableLambda."
            )
        both = atransform is None and inspect.isasyncgenfunction(target(transform))
        self.func = None if both else transform
        self.afunc = transform if both else atransform
        self.name = name
        self.merge = as_merge(merge)

    def __repr__(self) -> str:
        return f"RunnableGenerator({show(self.func or self.afunc)})"

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """The name that was given, or that of the function."""
        base = name or self.name or getattr(self.func or self.afunc, "__name__", None)
        return super().get_name(suffix, name=base)

    @property
    def InputType(self) -> Any:
        """As the pieces are annotated that the function takes."""
        return chunk_type(argument_type(cast("Any", self.func or self.afunc)))

    @property
    def OutputType(self) -> Any:
        """As the pieces are annotated that the function yields; Any where a function adds them."""
        info = self.merge is DELTAS or self.merge is SNAPSHOTS
        return result_type(cast("Any", self.func or self.afunc)) if info else Any

    @property
    def streams_input(self) -> bool:
        """The function does."""
        return True

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        if self.func is None:
            raise self._async_only("invoke")
        info = StreamInfo(self.merge, self)
        chunks = self._transform(SingleValue(value), scope, kwargs, info)
        return collect(Stream(chunks, info))

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        info = StreamInfo(self.merge, self)
        chunks = self._atransform(AsyncSingleValue(value), scope, kwargs, info)
        return await acollect(AsyncStream(chunks, info))

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        if self.func is None:
            raise self._async_only("stream")
        given = arguments(self.func, scope, kwargs)
        pieces = iter(input)
        if not stream_may_restart(input):
            chunks = self.func(pieces, **given)
            return chunks if scope is None else iterate_in_scope(chunks, scope)
        return self._restarting(self.func, pieces, given, scope)

    def _restarting(
        self, function: Any, pieces: Iterator[Any], given: dict[str, Any], scope: Scope | None
    ) -> Generator[Any, None, None]:
        """The function on the pieces, begun anew at every reset."""
        while True:
            heard: list[object] = []
            chunks = iterate_in_scope(function(until_reset(pieces, heard), **given), scope)
            try:
                yield from chunks
            except Restarted:
                yield RESET
            finally:
                chunks.close()
            if not heard:
                return

    def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        function = cast("Callable[..., Any]", self.afunc or self.func)
        given = arguments(function, scope, kwargs)
        pieces = raw_iterator(input)
        if not stream_may_restart(input):
            return self._started(function, pieces, given, scope)
        return self._arestarting(function, pieces, given, scope)

    async def _arestarting(
        self, function: Any, pieces: AsyncIterator[Any], given: dict[str, Any], scope: Scope | None
    ) -> AsyncGenerator[Any, None]:
        """The function on the pieces, begun anew at every reset."""
        while True:
            heard: list[object] = []
            chunks = self._started(function, pieces, given, scope, heard)
            try:
                async for chunk in chunks:
                    yield chunk
            except Restarted:
                yield RESET
            finally:
                await chunks.aclose()
            if not heard:
                return

    def _started(
        self,
        function: Callable[..., Any],
        pieces: AsyncIterator[Any],
        given: dict[str, Any],
        scope: Scope | None,
        heard: list[object] | None = None,
    ) -> AsyncGenerator[Any, None]:
        """The function on the pieces, until a reset where one may come; a sync one in threads."""
        if self.afunc is not None:
            pieces = pieces if heard is None else auntil_reset(pieces, heard)
            chunks = function(pieces, **given)
            return chunks if scope is None else aiterate_in_scope(chunks, scope)
        there: Iterator[Any] = AsyncIteratorBridge(pieces)
        there = there if heard is None else until_reset(there, heard)
        return iterate_in_threads(lambda: iterate_in_scope(function(there, **given), scope))

    def _async_only(self, method: str) -> SyncAsyncError:
        return SyncAsyncError(
            f"{self!r} is async, so `{method}` cannot run it. Use `a{method}` instead."
        )


class Restarted(BaseException):
    """Raised in a user's generator when its upstream starts over: it is closed, and begun anew."""


def until_reset(pieces: Iterator[Any], heard: list[object]) -> Generator[Any, None, None]:
    """The pieces until a reset, which is raised as `Restarted`."""
    for piece in pieces:
        if piece is RESET:
            heard.append(piece)
            raise Restarted
        yield piece


async def auntil_reset(
    pieces: AsyncIterator[Any], heard: list[object]
) -> AsyncGenerator[Any, None]:
    """The pieces until a reset, which is raised as `Restarted`."""
    async for piece in pieces:
        if piece is RESET:
            heard.append(piece)
            raise Restarted
        yield piece
