"""Batches: `invoke` for each of many inputs, within the worker slots of the call around it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterable, Iterator, Mapping, Sequence, Sized
from contextlib import nullcontext, suppress
from typing import Any, cast

from runnables.core.config import (
    RunnableConfig,
    Scope,
    check_config,
    lowest,
    resolve_scope,
    without,
)
from runnables.core.description import checked_config
from runnables.core.error_notes import add_location
from runnables.core.foreign import is_control_flow
from runnables.core.missing_input import NOT_GIVEN, missing_inputs, missing_name
from runnables.core.options import BATCH_OPTIONS, check_near_options
from runnables.core.rows import (
    Routine,
    RowOrder,
    RowPlace,
    RowScope,
    RowSteps,
    Step,
    has_bulk_steps,
)
from runnables.engine.fan_out import NO_RESULT, index_of
from runnables.engine.row_jobs import Rows
from runnables.engine.slots import DEFAULT_LIMIT, Slots
from runnables.engine.stream import owned
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
        label: str = "batch item",
    ) -> None:
        if inputs is NOT_GIVEN:
            raise missing_inputs(runnable, kwargs)
        if not is_many(inputs):
            raise TypeError(
                f"batch of {runnable!r}: inputs is of type {type(inputs).__name__}, "
                "expected a list or another iterable with one input an item"
            )
        if config is not None and not is_many(config) and not isinstance(config, Mapping):
            raise missing_name(runnable, config)
        check_near_options(runnable, kwargs, BATCH_OPTIONS)
        if isinstance(config, Mapping):
            config = checked_config(runnable, config)
        elif config:
            config = [checked_config(runnable, given or {}) for given in config]
        runnable, config, kwargs = runnable._for_batch(config, kwargs)
        self._runnable = runnable
        self._collect = collect
        self._kwargs = kwargs
        self._label = label
        self.count = len(inputs) if isinstance(inputs, Sized) else None
        shared, self._each = _split(config, self.count)
        self.slots, self.owns_limit, self._scope = _enter_limit(
            *_limited(shared, lowest(limit, runnable._batch_limit()))
        )
        self.items: Iterator[Any] = iter(inputs)
        self._rows: Rows | None = None
        if has_bulk_steps(runnable):
            resolve = RowSteps(runnable, self.slots).resolve
            self._rows = Rows(self.items, self._row, resolve, self._failed, self.slots)
        self._order = runnable._row_order() if self._rows is None else None
        self._places: dict[int, RowPlace] = {}
        if self._order is not None:
            self.items = self._with_places(self.items, self._order)

    # -- each item by itself

    def work(self, index: int, item: Any) -> Any:
        """Run one item."""
        try:
            return self._runnable.invoke(item, self._config(index), **self._kwargs)
        except Exception as error:
            return self._failed(error, index)

    async def awork(self, index: int, item: Any) -> Any:
        """Run one item."""
        try:
            return await self._runnable.ainvoke(item, self._config(index), **self._kwargs)
        except Exception as error:
            return self._failed(error, index)

    def _with_places(self, items: Iterator[Any], order: RowOrder) -> Iterator[Any]:
        """Yield the items; hold a place for each, so that rows of one session go in order."""
        for index, item in enumerate(items):
            with suppress(ConfigError):  # the row itself raises it, with its location
                self._places[index] = order(self._config(index))
            yield item

    def _work_in_order(self, index: int, item: Any) -> Any:
        """Run one item in the place that is held for it."""
        with self._places.pop(index, None) or nullcontext():
            return self.work(index, item)

    async def _awork_in_order(self, index: int, item: Any) -> Any:
        """Run one item in the place that is held for it."""
        with self._places.pop(index, None) or nullcontext():
            return await self.awork(index, item)

    def _give_up_places(self) -> None:
        """Give up the places of the items that have not run."""
        while self._places:
            self._places.popitem()[1].close()

    def _failed(self, error: Exception, index: int) -> Exception:
        """Note which item failed; return the error where errors are collected, else raise it."""
        add_location(error, f"{self._label} {index}")
        if self._collect and not is_control_flow(error):
            return error
        raise error

    def _config(self, index: int) -> RunnableConfig:
        scope = self._scope
        if self._each is not None and isinstance(self._each[index], RowScope):
            scope = Scope(cast("RowScope", self._each[index]))
            scope.slots = self._scope.slots
        elif self._each is not None:
            scope = scope.merged(without(self._each[index], "max_concurrency"))
        elif index and scope.next_id is not None:  # an id is for one run only
            scope = Scope(scope)
            scope.next_id = None
        return scope.config

    def _row(self, index: int, item: Any) -> Routine:
        """Run an item whose bulk steps may get several items at once."""
        return (yield Step(self._runnable, item, self._config(index), self._kwargs))

    # -- all items

    def run(self) -> list[Any]:
        """Return the outputs, in order."""
        if self._order is not None:
            try:
                return self._fan_out(self._work_in_order, self.items).run(self.count)
            finally:
                self._give_up_places()
        if self._rows is None:
            return self._fan_out(self.work, self.items).run(self.count)
        try:
            return _in_order(self._row_fan_out(self._rows).run(self._row_workers()))
        finally:
            self._rows.close()

    async def arun(self) -> list[Any]:
        """Return the outputs, in order."""
        if self._order is not None:
            try:
                return await self._afan_out(self._awork_in_order, self.items).run(self.count)
            finally:
                self._give_up_places()
        if self._rows is None:
            return await self._afan_out(self.awork, self.items).run(self.count)
        try:
            return _in_order(await self._arow_fan_out(self._rows).run(self._row_workers()))
        finally:
            await self._rows.aclose()

    def completed(self) -> Generator[Any, None, None]:
        """Yield pairs of index and output, as they are done."""
        most = self.slots.limit
        if self._rows is None:
            work = self.work if self._order is None else self._work_in_order
            pairs = self._fan_out(work, self.items, most).as_completed(self.count)
        else:
            pairs = self._rows_completed(self._rows, most)
        try:
            yield from pairs
        finally:
            try:
                pairs.close()
            finally:
                self._give_up_places()

    async def acompleted(self) -> AsyncGenerator[Any, None]:
        """Yield pairs of index and output, as they are done."""
        most = self.slots.limit
        if self._rows is None:
            work = self.awork if self._order is None else self._awork_in_order
            pairs = self._afan_out(work, self.items, most).as_completed(self.count)
        else:
            pairs = self._arows_completed(self._rows, most)
        try:
            async for pair in owned(pairs):
                yield pair
        finally:
            try:
                await pairs.aclose()
            finally:
                self._give_up_places()

    def _rows_completed(self, rows: Rows, most: int) -> Generator[Any, None, None]:
        outcomes = self._row_fan_out(rows, most).as_completed(None)
        ordered = _Ordered(self.slots)
        try:
            for _, finished in outcomes:
                yield from ordered.add(finished)
        finally:
            outcomes.close()
            rows.close()

    async def _arows_completed(self, rows: Rows, most: int) -> AsyncGenerator[Any, None]:
        outcomes = self._arow_fan_out(rows, most).as_completed(None)
        ordered = _Ordered(self.slots)
        try:
            async for _, finished in owned(outcomes):
                for pair in ordered.add(finished):
                    yield pair
        finally:
            await outcomes.aclose()
            await rows.aclose()

    def _fan_out(self, work: Any, items: Iterator[Any], most: int | None = None) -> ThreadFanOut:
        """Return the fan-out that runs the items in threads."""
        owns = self.owns_limit
        return ThreadFanOut(work, items, self.slots, owns_limit=owns, max_buffered=most)

    def _afan_out(self, work: Any, items: Iterator[Any], most: int | None = None) -> TaskFanOut:
        """Return the fan-out that runs the items in tasks."""
        owns = self.owns_limit
        return TaskFanOut(work, items, self.slots, owns_limit=owns, max_buffered=most)

    def _row_fan_out(self, rows: Rows, most: int | None = None) -> ThreadFanOut:
        fan_out = self._fan_out(rows.work, rows, most)
        rows.serve(fan_out)
        return fan_out

    def _arow_fan_out(self, rows: Rows, most: int | None = None) -> TaskFanOut:
        fan_out = self._afan_out(rows.awork, rows, most)
        rows.serve(fan_out)
        return fan_out

    def _row_workers(self) -> int:
        """Return how many workers begin. They bring others in as soon as there is work for them."""
        return 2 if self.count is None else min(self.count, 2)


class _Ordered:
    """The finished rows of a batch: one worker completes them in order, several as they come."""

    def __init__(self, slots: Slots) -> None:
        self._in_order = any(limit == 1 for limit in _limits(slots))
        self._early: dict[int, Any] = {}
        self._next = 0

    def add(self, finished: Any) -> Iterable[tuple[int, Any]]:
        """Add what a job has finished, if anything; return the pairs that are next."""
        if finished is NO_RESULT:
            return ()
        if not self._in_order:
            return (finished,)
        self._early.update((finished,))
        pairs: list[tuple[int, Any]] = []
        while self._next in self._early:
            pairs.append((self._next, self._early.pop(self._next)))
            self._next += 1
        return pairs


def _limits(slots: Slots | None) -> Iterator[int]:
    while slots is not None:
        yield slots.limit
        slots = slots.parent


def _in_order(finished: Iterable[tuple[int, Any]]) -> list[Any]:
    return [output for _, output in sorted(finished, key=index_of)]


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
