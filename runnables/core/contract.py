"""The contract: the methods that every runnable has.

A user's class writes `invoke`. It may also write `ainvoke`, `stream`, `transform`, `astream` or
`atransform`, where it has a better way than what follows from `invoke`. The library's own classes
write the underscored methods (`_invoke`, `_transform`, ...). The public methods prepare the scope,
report the run once, and call them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Generic, cast

from runnables.core.batch_methods import Batching
from runnables.core.config import (
    OUTER_SCOPES,
    RunnableConfig,
    Scope,
    current_scope,
    resolve_scope,
)
from runnables.core.description import Described, checked_config
from runnables.core.error_notes import clock, leave_run
from runnables.core.events import Run
from runnables.core.missing_input import NOT_GIVEN, may_lack_input, missing_input
from runnables.core.stops import raise_without_stop
from runnables.core.stream_runs import arun_stream, run_stream
from runnables.core.subclassing import wrap_overrides
from runnables.core.typevars import Input, Output
from runnables.core.values import Value
from runnables.engine.cancellation import raise_if_cancelled
from runnables.engine.collect import AsyncSingleValue, SingleValue, acollect, collect
from runnables.engine.merging import DELTAS, Merge
from runnables.engine.stream import AsyncStream, Stream, StreamInfo, stream_may_restart
from runnables.engine.thread_calls import to_thread

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

    from runnables.core.rows import RowOrder
    from runnables.engine.rows import Routine


class BaseRunnable(Batching[Input, Output], Described, Value, Generic[Input, Output]):
    """The contract of every runnable: `invoke`, `batch`, `stream` and what follows from them.

    `Runnable` (compose/runnable.py) adds the pipe and the fluent methods, and describes the
    attributes.
    """

    run_type: ClassVar[str] = "chain"
    max_batch_size: int = 1
    merge: Merge = DELTAS
    _has_own_run: ClassVar[bool] = True
    """Whether its runs are reported; where not, its events are those of the runnable inside."""

    def __init_subclass__(cls, internal: bool = False, **kwargs: Any) -> None:
        """Wrap the methods that a user's class overrides, so that their runs are reported.

        Args:
            internal: whether the class writes the underscored methods itself, and is left alone.
            **kwargs: keywords of other base classes.
        """
        super().__init_subclass__(**kwargs)
        if not internal:
            wrap_overrides(cls)

    # -- one input, one output

    @may_lack_input
    def invoke(self, input: Input, config: RunnableConfig | None = None, **kwargs: Any) -> Output:
        """Run on one input, and return the output.

        Args:
            input: the input.
            config: tags, metadata, handlers and limits of this run and of those below it.
            **kwargs: options of this runnable.

        Returns:
            The output; of a runnable that only streams, its chunks merged.

        Raises:
            ConfigError: a config key that does not exist, or a value of the wrong type.
            TypeError: an option that this runnable does not know.
            SyncAsyncError: the runnable can only be awaited.
            Exception: what the runnable itself raises, with a note that says where.

        Example:
            >>> (RunnableLambda(len) | str).invoke("abc")
            '3'
        """
        if input is NOT_GIVEN:
            raise missing_input(self.invoke, kwargs)
        if config is None and current_scope() is None and not OUTER_SCOPES:
            scope = None
        else:
            if config is not None:
                config = checked_config(self, config)
            scope = resolve_scope(config)
        began = clock.now
        try:
            if scope is None:
                return cast("Output", self._invoke(input, None, kwargs))
            raise_if_cancelled()
            if not scope.observed:
                return cast("Output", self._invoke(input, scope.without_run_settings(), kwargs))
            with Run(self, scope, input, kwargs) as run:
                return cast("Output", run.end(self._invoke_observed(input, run, kwargs)))
        except Exception as error:
            raise_without_stop(error, self)
            leave_run(error, self, began)
            raise

    @may_lack_input
    async def ainvoke(
        self, input: Input, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Output:
        """Do what `invoke` does, async; sync code runs in a worker thread.

        Args:
            input: the input.
            config: as for `invoke`.
            **kwargs: options of this runnable.

        Returns:
            The output.

        Example:
            >>> import asyncio
            >>> asyncio.run((RunnableLambda(len) | str).ainvoke("abc"))
            '3'
        """
        if input is NOT_GIVEN:
            raise missing_input(self.ainvoke, kwargs)
        if config is None and current_scope() is None and not OUTER_SCOPES:
            scope = None
        else:
            if config is not None:
                config = checked_config(self, config)
            scope = resolve_scope(config)
        began = clock.now
        try:
            if scope is None:
                return cast("Output", await self._ainvoke(input, None, kwargs))
            raise_if_cancelled()
            if not scope.observed:
                return cast(
                    "Output", await self._ainvoke(input, scope.without_run_settings(), kwargs)
                )
            async with Run(self, scope, input, kwargs) as run:
                return cast("Output", run.end(await self._ainvoke_observed(input, run, kwargs)))
        except Exception as error:
            raise_without_stop(error, self)
            leave_run(error, self, began)
            raise

    # -- one input, an output in chunks

    @may_lack_input
    def stream(
        self, input: Input, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Stream[Output]:
        """Run on one input, and yield the output in chunks as they come.

        The work begins when the first chunk is requested. Leaving the stream (`break`, `close`,
        the end of a `with`) stops the work upstream before the exit returns.

        Args:
            input: the input.
            config: as for `invoke`.
            **kwargs: options of this runnable.

        Returns:
            An iterator of chunks, which is also a context manager; `merge_chunks` adds them up
            to what `invoke` returns.

        Raises:
            ConfigError: a config key that does not exist, or a value of the wrong type.
            SyncAsyncError: the runnable can only be awaited; raised at the first chunk, like all
                that goes wrong in the run.

        Example:
            >>> def letters(text):
            ...     yield from text
            >>> for letter in RunnableLambda(letters).stream("abc"):
            ...     print(letter)
            a
            b
            c
        """
        if input is NOT_GIVEN:
            raise missing_input(self.stream, kwargs)
        return self.transform(SingleValue(input), config, **kwargs)

    @may_lack_input
    def astream(
        self, input: Input, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncStream[Output]:
        """Run `stream`, to be consumed with `async for`.

        Args:
            input: the input.
            config: as for `invoke`.
            **kwargs: options of this runnable.

        Returns:
            An async iterator of chunks, which is also an async context manager.

        Example:
            >>> import asyncio
            >>> async def main():
            ...     async for chunk in FakeListChatModel(responses=["Hi!"]).astream("Hello"):
            ...         print(repr(chunk.text))
            >>> asyncio.run(main())
            'H'
            'i'
            '!'
        """
        if input is NOT_GIVEN:
            raise missing_input(self.astream, kwargs)
        return self.atransform(AsyncSingleValue(input), config, **kwargs)

    def transform(
        self, input: Iterator[Input], config: RunnableConfig | None = None, **kwargs: Any
    ) -> Stream[Output]:
        """Run on one input that itself comes in chunks, and yield the output in chunks.

        A runnable that works on chunks yields output before its input is complete. Every other
        collects the input first.

        Args:
            input: the chunks of one input.
            config: as for `invoke`.
            **kwargs: options of this runnable.

        Returns:
            An iterator of chunks, which is also a context manager.

        Example:
            >>> list(StrOutputParser().transform(iter(["a", "b"])))
            ['a', 'b']
        """
        if config is not None:
            config = checked_config(self, config)
        info = StreamInfo(self.merge, self, self.may_restart or stream_may_restart(input))
        return run_stream(self, self._transform, input, resolve_scope(config), kwargs, info)

    def atransform(
        self, input: AsyncIterator[Input], config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncStream[Output]:
        """Run `transform`, to be consumed with `async for`.

        Args:
            input: the chunks of one input, as an async iterator.
            config: as for `invoke`.
            **kwargs: options of this runnable.

        Returns:
            An async iterator of chunks, which is also an async context manager.
        """
        if config is not None:
            config = checked_config(self, config)
        info = StreamInfo(self.merge, self, self.may_restart or stream_may_restart(input))
        return arun_stream(self, self._atransform, input, resolve_scope(config), kwargs, info)

    # -- its properties and its parts

    @property
    def may_restart(self) -> bool:
        """Tell whether its stream may send `RESET` and start over, as a policy inside may do."""
        return any(child.may_restart for child in self._children())

    @property
    def streams_input(self) -> bool:
        """Tell whether its stream works on chunks of the input as they come.

        If so, its run starts at the first chunk; otherwise it starts when the input is complete.
        """
        return False

    def _batch_limit(self) -> int | None:
        """Return the `max_concurrency` that is bound to it, which holds for its batches."""
        return None

    def _children(self) -> Iterable[BaseRunnable[Any, Any]]:
        """Return the runnables that this one is made of, in order."""
        return ()

    # -- what the library's own classes write

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define `invoke`: write it")

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        return await to_thread(self._invoke, value, scope, kwargs)

    def _invoke_observed(self, value: Any, run: Run, kwargs: dict[str, Any]) -> Any:
        """Run `_invoke` within an observed run, which receives the chunks, if there are any."""
        return self._invoke(value, run.scope, kwargs)

    async def _ainvoke_observed(self, value: Any, run: Run, kwargs: dict[str, Any]) -> Any:
        """Run `_ainvoke` within an observed run, which receives the chunks, if there are any."""
        return await self._ainvoke(value, run.scope, kwargs)

    def _row(self, value: Any, scope: Scope, kwargs: dict[str, Any]) -> Routine:
        """Do what `_invoke` does, as a row of a batch: yield the steps, return the output.

        A runnable made of others writes it, so that bulk steps inside of it get micro-batches.
        """
        raise NotImplementedError

    def _for_batch(self, config: Any, kwargs: dict[str, Any]) -> tuple[Any, Any, dict[str, Any]]:
        """Return what a batch of this runs for each item: a runnable, its config and its options.

        The config is that of all items, None, or a list with one for each.
        """
        return self, config, kwargs

    def _row_steps(self) -> Iterable[Any]:
        """Return what `_row` runs: runnables, or other steps that take many inputs at once."""
        return self._children()

    def _has_row(self) -> bool:
        """Tell whether it has a `_row` that still does what `invoke` does."""
        for kind in type(self).__mro__:
            if "_row" in vars(kind):
                return kind is not BaseRunnable
            if not vars(kind).keys().isdisjoint(("invoke", "ainvoke", "_invoke", "_ainvoke")):
                return False
        return False

    def _row_order(self) -> RowOrder | None:
        """Return what holds a place for a row of a batch, so that rows go in order; None: nothing.

        It is called with the config of a row when its input is pulled. The row runs within the
        place that it returns.
        """
        return None

    def _is_blocking(self) -> bool:
        """Tell whether it may wait for something: a service, a disk, a function of the user."""
        return True

    def _takes_many(self) -> bool:
        """Tell whether rows of a batch go together into it."""
        return self.max_batch_size > 1

    def _invoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        """Return the outputs for several inputs, where `max_batch_size` is above 1."""
        raise NotImplementedError(
            f"{type(self).__name__} has a max_batch_size: write `_invoke_batch`"
        )

    async def _ainvoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        """Return the outputs for several inputs, where `max_batch_size` is above 1."""
        return await to_thread(self._invoke_batch, values, scope, kwargs)

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        value = collect(input)
        try:
            output = self._invoke(value, scope, kwargs)
        except Exception as error:
            raise_without_stop(error, self)
            raise
        yield output

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        value = await acollect(input)
        try:
            output = await self._ainvoke(value, scope, kwargs)
        except Exception as error:
            raise_without_stop(error, self)
            raise
        yield output
