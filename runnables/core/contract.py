"""The contract: what every runnable can do.

Who writes a runnable of their own writes `invoke`, and may write `ainvoke`, `stream` or
`transform` (and `astream`, `atransform`) where it can do better. The library's own write the
underscored halves instead (`_invoke`, `_transform`, ...): those get the scope that the public
methods have prepared, and are reported there, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, cast

from runnables.core.batching import Batching
from runnables.core.config import RunnableConfig, Scope, ambient_scope, enter
from runnables.core.description import Described
from runnables.core.error_notes import hide_frames
from runnables.core.events import Run
from runnables.core.stream_runs import awatched, watched
from runnables.core.subclassing import adapt
from runnables.core.typevars import Input, Output
from runnables.core.values import Value
from runnables.engine import (
    AOnce,
    AsyncStream,
    Declared,
    Once,
    Stream,
    acollect,
    check_stop,
    collect,
    hop,
    may_restart,
)
from runnables.engine.merging import DELTAS, Merge

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        AsyncIterator,
        Generator,
        Iterable,
        Iterator,
        Sequence,
    )


class BaseRunnable(Batching[Input, Output], Described, Value, Generic[Input, Output]):
    """The contract of every runnable: `invoke`, `batch`, `stream` and what follows from them.

    `Runnable` (compose/runnable.py) adds the pipe and the fluent methods, and has the attributes'
    descriptions.
    """

    run_type: ClassVar[str] = "chain"
    group_size: int = 1
    merge: Merge = DELTAS

    def __init_subclass__(cls, internal: bool = False, **kwargs: Any) -> None:
        """Make what a user's class overrides report its runs; `internal=True`: it does itself."""
        super().__init_subclass__(**kwargs)
        if not internal:
            adapt(cls)

    # -- one input, one output

    def invoke(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> Output:
        """Run on one input.

        Args:
            input: the input.
            config: what travels beside it.
            **kwargs: options of this runnable; one that it does not know is a TypeError.

        Raises:
            ColourError: it can only be awaited.
        """
        if config is None and ambient_scope() is None:
            scope = None
        else:
            scope = enter(config)
        try:
            if scope is None:
                return cast("Output", self._invoke(input, None, kwargs))
            check_stop()
            if not scope.observed:
                return cast("Output", self._invoke(input, scope.fresh(), kwargs))
            with Run(self, scope, input) as run:
                return cast("Output", run.end(self._invoke_observed(input, run, kwargs)))
        except Exception as error:
            hide_frames(error, self)
            raise

    async def ainvoke(
        self, input: Input, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Output:
        """As `invoke`, to be awaited; what only has a sync half runs in a worker thread."""
        if config is None and ambient_scope() is None:
            scope = None
        else:
            scope = enter(config)
        try:
            if scope is None:
                return cast("Output", await self._ainvoke(input, None, kwargs))
            check_stop()
            if not scope.observed:
                return cast("Output", await self._ainvoke(input, scope.fresh(), kwargs))
            async with Run(self, scope, input) as run:
                return cast("Output", run.end(await self._ainvoke_observed(input, run, kwargs)))
        except Exception as error:
            hide_frames(error, self)
            raise

    # -- one input, in pieces

    def stream(
        self, input: Input, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Stream[Output]:
        """Run on one input; the output in pieces, as they come.

        The work begins with the first piece that is asked for. Leaving the stream (`break`,
        `close`, the end of a `with`) stops the work upstream before the exit returns.
        """
        return self.transform(Once(input), config, **kwargs)

    def astream(
        self, input: Input, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncStream[Output]:
        """As `stream`, for `async for`."""
        return self.atransform(AOnce(input), config, **kwargs)

    def transform(
        self, input: Iterator[Input], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Stream[Output]:
        """Run on one input that itself comes in pieces; the output in pieces."""
        scope = enter(config)
        declared = Declared(self.merge, self, self.restarts or may_restart(input))
        if scope is not None and scope.observed:

            def work(pieces: Any, inside: Scope) -> Any:
                return self._transform(pieces, inside, kwargs, declared)

            return Stream(watched(self, scope, input, declared, work), declared)
        scope = None if scope is None else scope.fresh()
        return Stream(self._transform(input, scope, kwargs, declared), declared)

    def atransform(
        self, input: AsyncIterator[Input], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncStream[Output]:
        """As `transform`, for `async for`."""
        scope = enter(config)
        declared = Declared(self.merge, self, self.restarts or may_restart(input))
        if scope is not None and scope.observed:

            def work(pieces: Any, inside: Scope) -> Any:
                return self._atransform(pieces, inside, kwargs, declared)

            return AsyncStream(awatched(self, scope, input, declared, work), declared)
        scope = None if scope is None else scope.fresh()
        return AsyncStream(self._atransform(input, scope, kwargs, declared), declared)

    # -- what is inside

    @property
    def restarts(self) -> bool:
        """Whether its stream may send `RESET` and start over: where a policy inside says so."""
        return any(it.restarts for it in self._inner())

    @property
    def takes_pieces(self) -> bool:
        """Whether its stream works on pieces of the input as they come, or on the whole only.

        Its run begins when observers are told so: at the first piece, or with the whole.
        """
        return False

    def _batch_limit(self) -> int | None:
        """The `max_concurrency` that is bound to it, which holds for its batches."""
        return None

    def _inner(self) -> Iterable[BaseRunnable[Any, Any]]:
        """The runnables that this one is made of, in order."""
        return ()

    # -- what the library's own runnables write

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        raise NotImplementedError(f"{type(self).__name__} says nothing of `invoke`: write it")

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        return await hop(self._invoke, value, scope, kwargs)

    def _invoke_observed(self, value: Any, run: Run, kwargs: dict[str, Any]) -> Any:
        """`_invoke` where somebody watches; the run is told of chunks, if there are any."""
        return self._invoke(value, run.scope, kwargs)

    async def _ainvoke_observed(self, value: Any, run: Run, kwargs: dict[str, Any]) -> Any:
        """`_ainvoke` where somebody watches; the run is told of chunks, if there are any."""
        return await self._ainvoke(value, run.scope, kwargs)

    def _invoke_group(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        """The outputs for several inputs, where `group_size` is above 1."""
        raise NotImplementedError(f"{type(self).__name__} has a group_size: write `_invoke_group`")

    async def _ainvoke_group(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        """The outputs for several inputs, where `group_size` is above 1."""
        return await hop(self._invoke_group, values, scope, kwargs)

    def _transform(
        self, input: Iterable[Any], scope: Scope | None, kwargs: dict[str, Any], declared: Declared
    ) -> Generator[Any, None, None]:
        yield self._invoke(collect(input), scope, kwargs)

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        declared: Declared,
    ) -> AsyncGenerator[Any, None]:
        yield await self._ainvoke(await acollect(input), scope, kwargs)
