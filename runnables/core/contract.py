"""The contract: what every runnable can do.

Who writes a runnable of their own writes `invoke`, and may write `ainvoke`, `stream` or
`transform` (and `astream`, `atransform`) where it can do better. The library's own write the
underscored halves instead (`_invoke`, `_transform`, ...): those get the scope that the public
methods have prepared, and are reported there, once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, cast

from runnables.core.batching import Batching
from runnables.core.config import RunnableConfig, Scope, current_scope, resolve_scope
from runnables.core.description import Described
from runnables.core.error_notes import trim_traceback
from runnables.core.events import Run
from runnables.core.stream_runs import aobserved_stream, observed_stream
from runnables.core.subclassing import wrap_overrides
from runnables.core.typevars import Input, Output
from runnables.core.values import Value
from runnables.engine import (
    AsyncSingleValue,
    AsyncStream,
    SingleValue,
    Stream,
    StreamInfo,
    acollect,
    collect,
    raise_if_cancelled,
    stream_may_restart,
    to_thread,
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
    max_batch_size: int = 1
    merge: Merge = DELTAS

    def __init_subclass__(cls, internal: bool = False, **kwargs: Any) -> None:
        """Make what a user's class overrides report its runs; `internal=True`: it does itself."""
        super().__init_subclass__(**kwargs)
        if not internal:
            wrap_overrides(cls)

    # -- one input, one output

    def invoke(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> Output:
        """Run on one input.

        Args:
            input: the input.
            config: what travels beside it.
            **kwargs: options of this runnable; one that it does not know is a TypeError.

        Raises:
            SyncAsyncError: it can only be awaited.
        """
        if config is None and current_scope() is None:
            scope = None
        else:
            scope = resolve_scope(config)
        try:
            if scope is None:
                return cast("Output", self._invoke(input, None, kwargs))
            raise_if_cancelled()
            if not scope.observed:
                return cast("Output", self._invoke(input, scope.without_run_settings(), kwargs))
            with Run(self, scope, input) as run:
                return cast("Output", run.end(self._invoke_observed(input, run, kwargs)))
        except Exception as error:
            trim_traceback(error, self)
            raise

    async def ainvoke(
        self, input: Input, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Output:
        """As `invoke`, to be awaited; what only has a sync half runs in a worker thread."""
        if config is None and current_scope() is None:
            scope = None
        else:
            scope = resolve_scope(config)
        try:
            if scope is None:
                return cast("Output", await self._ainvoke(input, None, kwargs))
            raise_if_cancelled()
            if not scope.observed:
                return cast(
                    "Output", await self._ainvoke(input, scope.without_run_settings(), kwargs)
                )
            async with Run(self, scope, input) as run:
                return cast("Output", run.end(await self._ainvoke_observed(input, run, kwargs)))
        except Exception as error:
            trim_traceback(error, self)
            raise

    # -- one input, in pieces

    def stream(
        self, input: Input, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Stream[Output]:
        """Run on one input; the output in pieces, as they come.

        The work begins with the first piece that is asked for. Leaving the stream (`break`,
        `close`, the end of a `with`) stops the work upstream before the exit returns.
        """
        return self.transform(SingleValue(input), config, **kwargs)

    def astream(
        self, input: Input, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncStream[Output]:
        """As `stream`, for `async for`."""
        return self.atransform(AsyncSingleValue(input), config, **kwargs)

    def transform(
        self, input: Iterator[Input], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Stream[Output]:
        """Run on one input that itself comes in pieces; the output in pieces."""
        scope = resolve_scope(config)
        info = StreamInfo(self.merge, self, self.may_restart or stream_may_restart(input))
        if scope is not None and scope.observed:

            def work(pieces: Any, inside: Scope) -> Any:
                return self._transform(pieces, inside, kwargs, info)

            return Stream(observed_stream(self, scope, input, info, work), info)
        scope = None if scope is None else scope.without_run_settings()
        return Stream(self._transform(input, scope, kwargs, info), info)

    def atransform(
        self, input: AsyncIterator[Input], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncStream[Output]:
        """As `transform`, for `async for`."""
        scope = resolve_scope(config)
        info = StreamInfo(self.merge, self, self.may_restart or stream_may_restart(input))
        if scope is not None and scope.observed:

            def work(pieces: Any, inside: Scope) -> Any:
                return self._atransform(pieces, inside, kwargs, info)

            return AsyncStream(aobserved_stream(self, scope, input, info, work), info)
        scope = None if scope is None else scope.without_run_settings()
        return AsyncStream(self._atransform(input, scope, kwargs, info), info)

    # -- what is inside

    @property
    def may_restart(self) -> bool:
        """Whether its stream may send `RESET` and start over: where a policy inside says so."""
        return any(it.may_restart for it in self._children())

    @property
    def streams_input(self) -> bool:
        """Whether its stream works on pieces of the input as they come, or on the whole only.

        Its run begins when observers are told so: at the first piece, or with the whole.
        """
        return False

    def _batch_limit(self) -> int | None:
        """The `max_concurrency` that is bound to it, which holds for its batches."""
        return None

    def _children(self) -> Iterable[BaseRunnable[Any, Any]]:
        """The runnables that this one is made of, in order."""
        return ()

    # -- what the library's own runnables write

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        raise NotImplementedError(f"{type(self).__name__} says nothing of `invoke`: write it")

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        return await to_thread(self._invoke, value, scope, kwargs)

    def _invoke_observed(self, value: Any, run: Run, kwargs: dict[str, Any]) -> Any:
        """`_invoke` where somebody watches; the run is told of chunks, if there are any."""
        return self._invoke(value, run.scope, kwargs)

    async def _ainvoke_observed(self, value: Any, run: Run, kwargs: dict[str, Any]) -> Any:
        """`_ainvoke` where somebody watches; the run is told of chunks, if there are any."""
        return await self._ainvoke(value, run.scope, kwargs)

    def _invoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        """The outputs for several inputs, where `max_batch_size` is above 1."""
        raise NotImplementedError(
            f"{type(self).__name__} has a max_batch_size: write `_invoke_batch`"
        )

    async def _ainvoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        """The outputs for several inputs, where `max_batch_size` is above 1."""
        return await to_thread(self._invoke_batch, values, scope, kwargs)

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        yield self._invoke(collect(input), scope, kwargs)

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        yield await self._ainvoke(await acollect(input), scope, kwargs)
