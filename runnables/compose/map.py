"""`map`: a runnable that runs on each item of a list."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Generator,
    Iterable,
    Mapping,
    Sequence,
)
from functools import partial
from typing import TYPE_CHECKING, Any

from runnables.compose.coerce import coerce_to_runnable
from runnables.compose.runnable import Runnable
from runnables.compose.typevars import Input, Output
from runnables.core.batching import Batch, enter_limit, is_many
from runnables.core.config import CURRENT_SCOPE
from runnables.core.error_notes import add_location, clock
from runnables.core.rows import Fork, Routine, Step, has_bulk_steps
from runnables.core.subclassing import config_of
from runnables.engine.collect import acollect, collect
from runnables.engine.interleave import ainterleave, interleave
from runnables.engine.merging import ByIndex, Merge
from runnables.engine.stream import StreamInfo, aclose, close, merge_of, owned
from runnables.engine.task_fan_out import TaskFanOut
from runnables.engine.thread_fan_out import ThreadFanOut

if TYPE_CHECKING:
    from pydantic import BaseModel

    from runnables.core.config import RunnableConfig, Scope


class RunnableEach(Runnable[Iterable[Input], Sequence[Output]], internal=True):
    """A runnable that runs another on each item of a list, several at once; outputs in order.

    The stream's chunks are pairs of an item's index and a chunk of its output. The first item that
    fails cancels the others. `map` makes one.

    Args:
        bound: the runnable, or what `|` takes for one.

    Raises:
        TypeError: when run, an input that is no list.

    Example:
        >>> RunnableEach(len).invoke(["a", "bc"])
        [1, 2]
    """

    def __init__(self, bound: Any) -> None:
        self.bound: Runnable[Input, Output] = coerce_to_runnable(bound)

    @property
    def merge(self) -> Merge:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride] - read only: it follows from what is inside
        """Return how its chunks add up: by index, each item as the runnable inside."""
        return ByIndex(self.bound.merge)

    def __repr__(self) -> str:
        return f"({self.bound!r}).map()"

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """Return the name that is set, or one with that of the runnable inside."""
        base = name or self.name or f"RunnableEach<{self.bound.get_name()}>"
        return super().get_name(suffix, name=base)

    def _children(self) -> Iterable[Runnable[Any, Any]]:
        return (self.bound,)

    @property
    def InputType(self) -> Any:
        """Return the type of a list of what the runnable inside takes."""
        return list[self.bound.InputType]  # type: ignore[name-defined]  # a type made at run time

    @property
    def OutputType(self) -> Any:
        """Return the type of a list of what the runnable inside returns."""
        return list[self.bound.OutputType]  # type: ignore[name-defined]  # likewise

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return the schema of a list of what the runnable inside takes."""
        from runnables.core.schemas import schema_of, type_in

        item = type_in(self.bound.get_input_schema(config))
        return schema_of(list[item], self.get_name("input"))  # type: ignore[valid-type]  # likewise

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return the schema of a list of what the runnable inside returns."""
        from runnables.core.schemas import schema_of, type_in

        item = type_in(self.bound.get_output_schema(config))
        return schema_of(list[item], self.get_name("output"))  # type: ignore[valid-type]  # likewise

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        if has_bulk_steps(self.bound):
            return self._batch(value, scope, kwargs).run()
        slots, owns_limit, scope = enter_limit(scope)

        def work(index: int, item: Any) -> Any:
            try:
                config = scope.config if scope.observed else None
                return self.bound.invoke(item, config, **kwargs)
            except Exception as error:
                add_location(error, f"item {index}")
                raise

        items = self._items(value)
        fan_out = ThreadFanOut(work, iter(items), slots, owns_limit=owns_limit)
        fan_out.set_context(CURRENT_SCOPE, scope)
        return fan_out.run(len(items))

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        if has_bulk_steps(self.bound):
            return await self._batch(value, scope, kwargs).arun()
        slots, owns_limit, scope = enter_limit(scope)

        async def work(index: int, item: Any) -> Any:
            try:
                config = scope.config if scope.observed else None
                return await self.bound.ainvoke(item, config, **kwargs)
            except Exception as error:
                add_location(error, f"item {index}")
                raise

        items = self._items(value)
        fan_out = TaskFanOut(work, iter(items), slots, owns_limit=owns_limit)
        fan_out.set_context(CURRENT_SCOPE, scope)
        return await fan_out.run(len(items))

    def _batch(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Batch:
        """Return a batch of the items, for bulk steps inside."""
        items = self._items(value)
        return Batch(self.bound, items, config_of(scope), None, False, kwargs, label="item")

    def _row(self, value: Any, scope: Scope, kwargs: dict[str, Any]) -> Routine:
        items = enumerate(self._items(value))
        return (yield Fork([self._item_row(*item, scope, kwargs) for item in items]))

    def _item_row(self, index: int, item: Any, scope: Scope, kwargs: dict[str, Any]) -> Routine:
        try:
            return (yield Step(self.bound, item, scope.config, kwargs))
        except Exception as error:
            add_location(error, f"item {index}")
            raise

    def _is_blocking(self) -> bool:
        return self.bound._is_blocking()

    def _items(self, value: Any) -> list[Any]:
        if not is_many(value):
            raise TypeError(f"{self!r} got a {type(value).__name__}, expected a list of inputs")
        return list(value)

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        slots, owns_limit, scope = enter_limit(scope)
        items = self._items(collect(input))
        if not items:
            yield []
            return
        merges = info.delegate_to(_ItemMerges(self.bound.merge, info))
        makers = {
            index: partial(self._chunks_of, index, item, scope, kwargs, merges)
            for index, item in enumerate(items)
        }
        yield from interleave(makers, slots, info.outer, owns_limit=owns_limit)

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        slots, owns_limit, scope = enter_limit(scope)
        items = self._items(await acollect(input))
        if not items:
            yield []
            return
        merges = info.delegate_to(_ItemMerges(self.bound.merge, info))
        makers = {
            index: partial(self._achunks_of, index, item, scope, kwargs, merges)
            for index, item in enumerate(items)
        }
        pairs = ainterleave(makers, slots, info.outer, owns_limit=owns_limit)
        try:
            async for pair in owned(pairs):
                yield pair
        finally:
            await pairs.aclose()

    def _chunks_of(
        self, index: int, item: Any, scope: Scope, kwargs: dict[str, Any], merges: _ItemMerges
    ) -> Generator[Any, None, None]:
        chunks = self.bound.stream(item, scope.config, **kwargs)
        merges.add(index, chunks)
        began = clock.now
        try:
            yield from chunks
        except Exception as error:
            add_location(error, f"item {index}", began)
            raise
        finally:
            close(chunks)

    async def _achunks_of(
        self, index: int, item: Any, scope: Scope, kwargs: dict[str, Any], merges: _ItemMerges
    ) -> AsyncGenerator[Any, None]:
        chunks = self.bound.astream(item, scope.config, **kwargs)
        merges.add(index, chunks)
        began = clock.now
        try:
            async for chunk in owned(chunks):
                yield chunk
        except Exception as error:
            add_location(error, f"item {index}", began)
            raise
        finally:
            await aclose(chunks)


class _ItemMerges:
    """The ways in which the items' chunks add up; each is known when its item begins."""

    def __init__(self, otherwise: Merge, info: StreamInfo) -> None:
        self._streams: dict[int, object] = {}
        self._otherwise = otherwise
        self._info = info

    def add(self, index: int, chunks: object) -> None:
        self._info.adopt(chunks)
        self._streams[index] = chunks

    @property
    def merge(self) -> Merge:
        return _ByItem(self._streams, self._otherwise)


class _ByItem(ByIndex):
    """A merge by index that asks each item's stream when its first chunk is there."""

    def __init__(self, streams: Mapping[int, object], otherwise: Merge) -> None:
        super().__init__(otherwise)
        self._streams = streams

    def merge_of_index(self, index: int) -> Merge:
        stream = self._streams.get(index)
        return self.item if stream is None else merge_of(stream)
