"""Generator functions as runnables: chunks in, chunks out.

A stream upstream may start over (see `RESET`). The user's generator is then closed, and the
function is called anew for the chunks that follow.
"""

from __future__ import annotations

import inspect
from functools import partial
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
from runnables.engine.bridge import AsyncIteratorBridge, iterate_in_threads
from runnables.engine.collect import AsyncSingleValue, SingleValue, acollect, collect
from runnables.engine.merging import DELTAS, RESET, SNAPSHOTS, Merge, as_merge
from runnables.engine.stream import (
    AsyncStream,
    Stream,
    StreamInfo,
    owned,
    raw_iterator,
    stream_may_restart,
)
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
    """A generator function that takes chunks of the input as they come, and yields the output's.

    Args:
        transform: a generator function of an iterator, or an async one of an async iterator.
        atransform: its async counterpart, where `transform` is sync.
        name: the name in events and error notes; by default that of the function.
        merge: how the yielded chunks add up: "add", "last", or a function of their list.

    Raises:
        TypeError: no generator function.
        SyncAsyncError: when called, a sync call of an async function.

    Example:
        >>> def shout(chunks):
        ...     for chunk in chunks:
        ...         yield chunk.upper()
        >>> step = RunnableGenerator(shout)
        >>> list(step.transform(iter(["a", "b"]))), step.invoke("ab")
        (['A', 'B'], 'AB')
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
        only_async = atransform is None and inspect.isasyncgenfunction(target(transform))
        self.func = None if only_async else transform
        self.afunc = transform if only_async else atransform
        self.name = name
        self.merge = as_merge(merge)

    def __repr__(self) -> str:
        return f"RunnableGenerator({show(self.func or self.afunc)})"

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """Return the name that is set, or that of the function."""
        base = name or self.name or getattr(self.func or self.afunc, "__name__", None)
        return super().get_name(suffix, name=base)

    @property
    def InputType(self) -> Any:
        """Return the annotated type of the chunks that the function takes."""
        return chunk_type(argument_type(cast("Any", self.func or self.afunc)))

    @property
    def OutputType(self) -> Any:
        """Return the annotated type of the chunks it yields; Any where a function adds them up."""
        is_known = self.merge is DELTAS or self.merge is SNAPSHOTS
        return result_type(cast("Any", self.func or self.afunc)) if is_known else Any

    @property
    def streams_input(self) -> bool:
        """Tell that the function works on chunks of the input as they come."""
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
        keywords = arguments(self.func, scope, kwargs)
        if stream_may_restart(input):
            return self._restarting(self.func, iter(input), keywords, scope, info)
        chunks = self.func(iter(input), **keywords)
        return info.make(partial(iterate_in_scope, chunks, scope, info))

    def _restarting(
        self,
        function: Any,
        incoming: Iterator[Any],
        keywords: dict[str, Any],
        scope: Scope | None,
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        """Run the function on the chunks, anew after each reset."""
        while True:
            resets: list[object] = []
            chunks = iterate_in_scope(
                function(until_reset(incoming, resets), **keywords), scope, info
            )
            try:
                yield from chunks
            except Restarted:
                yield RESET
            finally:
                chunks.close()
            if not resets:
                return

    def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        function = cast("Callable[..., Any]", self.afunc or self.func)
        keywords = arguments(function, scope, kwargs)
        incoming = raw_iterator(input)
        restarts = stream_may_restart(input)
        if self.afunc is not None:
            if restarts:
                return self._arestarting(function, incoming, keywords, scope, info)
            chunks = function(incoming, **keywords)
            return info.make(partial(aiterate_in_scope, chunks, scope, info))
        bridge = AsyncIteratorBridge(input, info.outer)
        if restarts:
            return iterate_in_threads(
                lambda: self._restarting(function, bridge, keywords, scope, info),
                info.outer,
                bridge,
            )
        return iterate_in_threads(
            lambda: iterate_in_scope(function(bridge, **keywords), scope, info), info.outer, bridge
        )

    async def _arestarting(
        self,
        function: Any,
        incoming: AsyncIterator[Any],
        keywords: dict[str, Any],
        scope: Scope | None,
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        """Run the function on the chunks, anew after each reset."""
        while True:
            resets: list[object] = []
            chunks = aiterate_in_scope(
                function(auntil_reset(incoming, resets), **keywords), scope, info
            )
            try:
                async for chunk in owned(chunks):
                    yield chunk
            except Restarted:
                yield RESET
            finally:
                await chunks.aclose()
            if not resets:
                return

    def _async_only(self, method: str) -> SyncAsyncError:
        return SyncAsyncError(
            f"{self!r} is async, so `{method}` cannot run it. Use `a{method}` instead."
        )


class Restarted(BaseException):
    """The signal, raised in a user's generator, that its upstream starts over."""


def until_reset(incoming: Iterator[Any], resets: list[object]) -> Generator[Any, None, None]:
    """Yield chunks until a reset; record that one, and raise `Restarted`."""
    for chunk in incoming:
        if chunk is RESET:
            resets.append(chunk)
            raise Restarted
        yield chunk


async def auntil_reset(
    incoming: AsyncIterator[Any], resets: list[object]
) -> AsyncGenerator[Any, None]:
    """Yield chunks until a reset; record that one, and raise `Restarted`."""
    async for chunk in incoming:
        if chunk is RESET:
            resets.append(chunk)
            raise Restarted
        yield chunk
