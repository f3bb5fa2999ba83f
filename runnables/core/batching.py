"""Batches: `invoke` for each of many inputs, within the worker slots of the call around it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable, Iterator, Mapping, Sequence, Sized
from itertools import count
from typing import Any, cast

from runnables.core.bulk import Failed, arun_micro_batch, in_micro_batches, run_micro_batch
from runnables.core.config import (
    RunnableConfig,
    Scope,
    check_config,
    lowest,
    resolve_scope,
    without,
)
from runnables.core.description import check_configurable
from runnables.core.error_notes import add_location
from runnables.core.options import check_near_options
from runnables.engine.slots import DEFAULT_LIMIT, Slots
from runnables.engine.task_fan_out import TaskFanOut
from runnables.engine.thread_fan_out import ThreadFanOut
from runnables.errors import ConfigError

Configs = RunnableConfig | Sequence[RunnableConfig] | None
"""One config for all inputs, or a list with one for each."""


class Batch:
    """One runnable and many inputs: what the sync and the async methods share."""

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
        check_near_options(runnable, kwargs, ("max_concurrency", "return_exceptions", "config"))
        for given in (config or {},) if isinstance(config, Mapping) else config or ():
            check_configurable(runnable, given or {})
        self._runnable = runnable
        self._collect = collect
        self._kwargs = kwargs
        self.count = len(inputs) if isinstance(inputs, Sized) else None
        shared, self._each = _split(config, self.count)
        self.slots, self.owns_limit, self._scope = _enter_limit(
            *_limited(shared, lowest(limit, runnable._batch_limit()))
        )
        # items with a config each cannot be sent together
        self._size = 1 if self._each is not None else runnable.max_batch_size
        self.items: Iterator[Any] = iter(inputs)
        if self._size > 1:
            self.items = in_micro_batches(inputs, self._size)
            self.count = None if self.count is None else -(-self.count // self._size)

    def fan_out(self, max_buffered: int | None = None) -> ThreadFanOut:
        """Return the fan-out that runs the items in threads."""
        return ThreadFanOut(
            self.work, self.items, self.slots, owns_limit=self.owns_limit, max_buffered=max_buffered
        )

    def afan_out(self, max_buffered: int | None = None) -> TaskFanOut:
        """Return the fan-out that runs the items in tasks."""
        return TaskFanOut(
            self.awork,
            self.items,
            self.slots,
            owns_limit=self.owns_limit,
            max_buffered=max_buffered,
        )

    def flat(self, results: list[Any]) -> list[Any]:
        """Return the outputs item by item, also where they come in micro-batches."""
        if self._size == 1:
            return results
        return [output for micro_batch in results for output in micro_batch]

    def numbered(self, index: int, result: Any) -> Iterable[tuple[int, Any]]:
        """Return pairs of an item's index and its output, also for a micro-batch."""
        if self._size == 1:
            return ((index, result),)
        return zip(count(index * self._size), result, strict=False)

    def _outputs(self, index: int, outputs: list[Any]) -> list[Any]:
        """Return the outputs of a micro-batch; an error among them is noted, and maybe raised."""
        first = index * self._size
        return [
            self._failed(output.error, number) if isinstance(output, Failed) else output
            for number, output in enumerate(outputs, first)
        ]

    def work(self, index: int, item: Any) -> Any:
        """Run one item, or one micro-batch."""
        if self._size > 1:
            outputs = run_micro_batch(self._runnable, item, self._config(index), self._kwargs)
            return self._outputs(index, outputs)
        try:
            return self._runnable.invoke(item, self._config(index), **self._kwargs)
        except Exception as error:
            return self._failed(error, index)

    async def awork(self, index: int, item: Any) -> Any:
        """Run one item, or one micro-batch."""
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
        """Note which item failed; return the error where errors are collected, else raise it."""
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

    def completed(self) -> Generator[Any, None, None]:
        """Yield pairs of index and output, as they are done."""
        pairs = self.fan_out(self.slots.limit).as_completed(self.count)
        try:
            for index, result in pairs:
                yield from self.numbered(index, result)
        finally:
            pairs.close()

    async def acompleted(self) -> AsyncGenerator[Any, None]:
        """Yield pairs of index and output, as they are done."""
        pairs = self.afan_out(self.slots.limit).as_completed(self.count)
        try:
            async for index, result in pairs:
                for pair in self.numbered(index, result):
                    yield pair
        finally:
            await pairs.aclose()


def _split(
    config: Configs, count: int | None
) -> tuple[RunnableConfig | None, Sequence[RunnableConfig] | None]:
    """Return a config for all inputs, and one for each of them, if there is such a list."""
    if config is None or isinstance(config, Mapping):
        return config, None
    each: Sequence[RunnableConfig] = config
    if count is None or len(each) != count:
        raise ConfigError(
            f"A list of {len(each)} configs for {'an iterator of' if count is None else count} "
            "inputs: give one config for all, or as many configs as inputs"
        )
    limit = lowest(*(one.get("max_concurrency") for one in each))
    return (None if limit is None else {"max_concurrency": limit}), each


def _limited(config: RunnableConfig | None, limit: int | None) -> tuple[Scope | None, int | None]:
    """Return the scope of a call, and the limit that it opens itself: the lower one of two."""
    if isinstance(config, Scope):
        return config, limit
    if config is None:
        return resolve_scope(None), limit
    check_config(config)
    limit = lowest(limit, config.get("max_concurrency"))
    return resolve_scope(without(config, "max_concurrency")), limit


def _enter_limit(scope: Scope | None, limit: int | None) -> tuple[Slots, bool, Scope]:
    """Return the slots that a call fans out in, whether it owns the limit, and its scope."""
    outer = None if scope is None else scope.slots
    if limit is None and outer is not None:
        return outer, False, cast("Scope", scope)
    slots = Slots(DEFAULT_LIMIT if limit is None else limit, outer, spare=outer is None)
    scope = Scope(scope)
    scope.slots = slots
    return slots, outer is None, scope


def is_many(inputs: object) -> bool:
    """Tell whether this can be the inputs of a batch: an iterable, but no string or mapping."""
    return isinstance(inputs, Iterable) and not isinstance(inputs, (str, bytes, Mapping))


def enter_limit(scope: Scope | None) -> tuple[Slots, bool, Scope]:
    """Return the slots that a runnable fans out in, whether it owns the limit, and its scope.

    A runnable that owns its limit holds none of the slots: it only waits for its helpers.
    """
    return _enter_limit(scope, None)
