"""Many inputs: `batch` is `invoke`, item by item, within the slots of the call around it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable, Iterator, Mapping, Sequence, Sized
from itertools import count
from typing import Any, Generic, Literal, cast, overload

from runnables.core.bulk import Failed, arun_micro_batch, in_micro_batches, run_micro_batch
from runnables.core.config import (
    RunnableConfig,
    Scope,
    check_config,
    check_near_options,
    lowest,
    resolve_scope,
    without,
)
from runnables.core.error_notes import add_location, trim_traceback
from runnables.core.typevars import Input, Output
from runnables.engine import DEFAULT_LIMIT, AsyncStream, Slots, Stream, TaskFanOut, ThreadFanOut
from runnables.errors import ConfigError

Configs = RunnableConfig | Sequence[RunnableConfig] | None


class Batching(Generic[Input, Output]):
    """The four ways to run a runnable on many inputs."""

    @overload
    def batch(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | None = None,
        return_exceptions: Literal[False] = False,
        **kwargs: Any,
    ) -> list[Output]: ...
    @overload
    def batch(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | None = None,
        return_exceptions: bool,
        **kwargs: Any,
    ) -> list[Output | Exception]: ...
    def batch(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | None = None,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """Run on every input, several at once; the outputs in the order of the inputs.

        Args:
            inputs: any iterable; pulled as slots get free.
            config: one for all inputs, or a list with one for each.
            max_concurrency: how many leaf calls may be in flight below this call, 32 where
                nobody says; inside another call its limit holds as well.
            return_exceptions: give an item's exception in its place. Otherwise the first one
                cancels the rest and is raised.
            **kwargs: options, as for `invoke`.
        """
        many = _Batch(self, inputs, config, max_concurrency, return_exceptions, kwargs)
        try:
            return many.flat(many.fan_out().run(many.count))
        except Exception as error:
            trim_traceback(error, self)
            raise

    @overload
    async def abatch(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | None = None,
        return_exceptions: Literal[False] = False,
        **kwargs: Any,
    ) -> list[Output]: ...
    @overload
    async def abatch(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | None = None,
        return_exceptions: bool,
        **kwargs: Any,
    ) -> list[Output | Exception]: ...
    async def abatch(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | None = None,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """As `batch`, to be awaited; every item is a task of its own."""
        many = _Batch(self, inputs, config, max_concurrency, return_exceptions, kwargs)
        try:
            return many.flat(await many.afan_out().run(many.count))
        except Exception as error:
            trim_traceback(error, self)
            raise

    @overload
    def batch_as_completed(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | None = None,
        return_exceptions: Literal[False] = False,
        **kwargs: Any,
    ) -> Stream[tuple[int, Output]]: ...
    @overload
    def batch_as_completed(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | None = None,
        return_exceptions: bool,
        **kwargs: Any,
    ) -> Stream[tuple[int, Output | Exception]]: ...
    def batch_as_completed(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | None = None,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> Stream[Any]:
        """As `batch`, but gives pairs of index and output, as they are done.

        Inputs may be endless: memory stays flat, because only as many outputs as there are
        slots wait for the consumer. Leaving the stream cancels what is under way.
        """
        many = _Batch(self, inputs, config, max_concurrency, return_exceptions, kwargs)
        return Stream(_completed(many))

    @overload
    def abatch_as_completed(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | None = None,
        return_exceptions: Literal[False] = False,
        **kwargs: Any,
    ) -> AsyncStream[tuple[int, Output]]: ...
    @overload
    def abatch_as_completed(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | None = None,
        return_exceptions: bool,
        **kwargs: Any,
    ) -> AsyncStream[tuple[int, Output | Exception]]: ...
    def abatch_as_completed(
        self,
        inputs: Iterable[Input],
        config: Configs = None,
        *,
        max_concurrency: int | None = None,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> AsyncStream[Any]:
        """As `batch_as_completed`, for `async for`."""
        many = _Batch(self, inputs, config, max_concurrency, return_exceptions, kwargs)
        return AsyncStream(_acompleted(many))


class _Batch:
    """One runnable and many inputs: what both colours need to know."""

    def __init__(
        self,
        runnable: Any,
        inputs: Iterable[Any],
        config: Configs,
        limit: int | None,
        collect: bool,
        kwargs: dict[str, Any],
    ) -> None:
        if not is_many(inputs):
            raise TypeError(
                f"batch of {runnable!r}: inputs is a {type(inputs).__name__}, "
                "expected a list or another iterable with one input an item"
            )
        check_near_options(kwargs, ("max_concurrency", "return_exceptions", "config"))
        self._runnable = runnable
        self._collect = collect
        self._kwargs = kwargs
        self.count = len(inputs) if isinstance(inputs, Sized) else None
        shared, self._each = _split(config, self.count)
        self.slots, self.owns_limit, self._scope = _enter_limit(
            *_limited(shared, lowest(limit, runnable._batch_limit()))
        )
        # a config for each item leaves no groups that could be sent as one
        self._size = 1 if self._each is not None else runnable.max_batch_size
        self.items: Iterator[Any] = iter(inputs)
        if self._size > 1:
            self.items = in_micro_batches(inputs, self._size)
            self.count = None if self.count is None else -(-self.count // self._size)

    def fan_out(self, max_buffered: int | None = None) -> ThreadFanOut:
        """What runs the items, in threads."""
        return ThreadFanOut(
            self.work, self.items, self.slots, owns_limit=self.owns_limit, max_buffered=max_buffered
        )

    def afan_out(self, max_buffered: int | None = None) -> TaskFanOut:
        """What runs the items, in tasks."""
        return TaskFanOut(
            self.awork,
            self.items,
            self.slots,
            owns_limit=self.owns_limit,
            max_buffered=max_buffered,
        )

    def flat(self, results: list[Any]) -> list[Any]:
        """The outputs item by item, also where they were made in groups."""
        return results if self._size == 1 else [it for group in results for it in group]

    def numbered(self, index: int, result: Any) -> Iterable[tuple[int, Any]]:
        """Pairs of an item's index and its output, also for a group of them."""
        if self._size == 1:
            return ((index, result),)
        return zip(count(index * self._size), result, strict=False)

    def _outputs(self, at: int, outputs: list[Any]) -> list[Any]:
        """The outputs of a group; failures noted, and raised where they are not collected."""
        return [
            self._failed(it.error, at * self._size + offset) if isinstance(it, Failed) else it
            for offset, it in enumerate(outputs)
        ]

    def work(self, index: int, item: Any) -> Any:
        if self._size > 1:
            outputs = run_micro_batch(self._runnable, item, self._config(index), self._kwargs)
            return self._outputs(index, outputs)
        try:
            return self._runnable.invoke(item, self._config(index), **self._kwargs)
        except Exception as error:
            return self._failed(error, index)

    async def awork(self, index: int, item: Any) -> Any:
        if self._size > 1:
            outputs = await arun_micro_batch(
                self._runnable, item, self._config(index), self._kwargs
            )
            return self._outputs(index, outputs)
        try:
            return await self._runnable.ainvoke(item, self._config(index), **self._kwargs)
        except Exception as error:
            return self._failed(error, index)

    def _failed(self, error: Exception, index: int) -> Exception:
        add_location(error, f"batch item {index}")
        if self._collect:
            return error
        raise error

    def _config(self, index: int) -> RunnableConfig:
        scope = self._scope
        if self._each is not None:
            scope = scope.merged(without(self._each[index], "max_concurrency"))
        elif index and scope.next_id is not None:  # an id is for one run only
            scope = Scope(scope)
            scope.next_id = None
        return scope.config


def _completed(many: _Batch) -> Generator[Any, None, None]:
    pairs = many.fan_out(many.slots.limit).as_completed(many.count)
    try:
        for index, result in pairs:
            yield from many.numbered(index, result)
    finally:
        pairs.close()


async def _acompleted(many: _Batch) -> AsyncGenerator[Any, None]:
    pairs = many.afan_out(many.slots.limit).as_completed(many.count)
    try:
        async for index, result in pairs:
            for pair in many.numbered(index, result):
                yield pair
    finally:
        await pairs.aclose()


def _split(
    config: Configs, count: int | None
) -> tuple[RunnableConfig | None, Sequence[RunnableConfig] | None]:
    """A config for all, and maybe one for each."""
    if config is None or isinstance(config, Mapping):
        return config, None
    each: Sequence[RunnableConfig] = config
    if count is None or len(each) != count:
        raise ConfigError(
            f"A list of {len(each)} configs for {'an iterator of' if count is None else count} "
            "inputs: give one config for all, or as many configs as inputs"
        )
    limit = lowest(*(it.get("max_concurrency") for it in each))
    return (None if limit is None else {"max_concurrency": limit}), each


def _limited(config: RunnableConfig | None, limit: int | None) -> tuple[Scope | None, int | None]:
    """The scope of a call, and the limit that it opens itself: the lower one of two."""
    if isinstance(config, Scope):
        return config, limit
    if config is None:
        return resolve_scope(None), limit
    check_config(config)
    limit = lowest(limit, config.get("max_concurrency"))
    return resolve_scope(without(config, "max_concurrency")), limit


def _enter_limit(scope: Scope | None, limit: int | None) -> tuple[Slots, bool, Scope]:
    """The slots that a call fans out in, whether it stands outside, and the scope with them."""
    outer = None if scope is None else scope.slots
    if limit is None and outer is not None:
        return outer, False, cast("Scope", scope)
    slots = Slots(DEFAULT_LIMIT if limit is None else limit, outer, spare=outer is None)
    scope = Scope(scope)
    scope.slots = slots
    return slots, outer is None, scope


def is_many(inputs: object) -> bool:
    """Whether this can be the inputs of a batch: an iterable, but no text and no mapping."""
    return isinstance(inputs, Iterable) and not isinstance(inputs, (str, bytes, Mapping))


def enter_limit(scope: Scope | None) -> tuple[Slots, bool, Scope]:
    """Where a runnable that fans out stands: the slots, whether outside of them, the scope."""
    return _enter_limit(scope, None)
