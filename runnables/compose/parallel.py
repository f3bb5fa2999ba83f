"""Parallel: several runnables on one input, at once; a dict of steps in a pipe becomes one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from runnables.compose.coerce import coerce_part
from runnables.compose.runnable import Runnable
from runnables.compose.typevars import Input
from runnables.core.batching import enter_limit
from runnables.core.config import CURRENT_SCOPE
from runnables.core.error_notes import add_location, clock
from runnables.core.rows import Fork, Routine, Step
from runnables.engine.addable import dict_chunk
from runnables.engine.interleave import ainterleave, interleave
from runnables.engine.merging import ByKey, Merge
from runnables.engine.stream import StreamInfo, aclose, close, merge_of, owned
from runnables.engine.task_fan_out import TaskFanOut
from runnables.engine.tee import AsyncTee, Tee
from runnables.engine.thread_fan_out import ThreadFanOut

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable

    from pydantic import BaseModel

    from runnables.core.config import RunnableConfig, Scope
    from runnables.core.description import Keys


class RunnableParallel(Runnable[Input, dict[str, Any]], internal=True):
    """Several runnables on one input, at once; the output is a dict of their outputs by name.

    Branches run at once as far as the limit of the call allows. The first that fails cancels
    the others. The stream's chunks are dicts with a chunk of one branch each.

    Args:
        steps__: the runnables by name, or what `|` takes for one.
        name: the name in events and error notes, if it is a string, else a branch of that name.
        **more: more branches.

    Example:
        >>> RunnableParallel(upper=str.upper, size=len).invoke("abc")
        {'upper': 'ABC', 'size': 3}
    """

    def __init__(
        self, steps__: Mapping[str, Any] | None = None, *, name: Any = None, **more: Any
    ) -> None:
        given: Any = {} if steps__ is None else steps__
        if not isinstance(given, Mapping):
            raise TypeError(
                f"RunnableParallel({given!r}): expected a dict of branches by name, or "
                "RunnableParallel(key=...)."
            )
        if name is not None and not isinstance(name, str):
            more, name = {**more, "name": name}, None
        named = {**cast("Mapping[str, Any]", given), **more}
        self.branches: dict[str, Runnable[Any, Any]] = {
            key: coerce_part(branch, _location(key)) for key, branch in named.items()
        }
        self.name = name

    @property
    def steps__(self) -> dict[str, Runnable[Any, Any]]:
        """Return the branches, by their name in LangChain."""
        return self.branches

    @property
    def merge(self) -> Merge:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride] - read only: it follows from what is inside
        """Return how its chunks add up: by key, each branch in its own way."""
        return ByKey({key: branch.merge for key, branch in self.branches.items()})

    def __repr__(self) -> str:
        return repr(self.branches)

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """Return the name that is set, or one with the branches' names in it."""
        base = name or self.name or f"RunnableParallel<{','.join(map(str, self.branches))}>"
        return super().get_name(suffix, name=base)

    @property
    def streams_input(self) -> bool:
        """Tell whether a branch works on chunks of the input as they come."""
        branches = self.branches.values()
        return any(branch.streams_input for branch in branches) or not branches

    def _children(self) -> Iterable[Runnable[Any, Any]]:
        return self.branches.values()

    @property
    def InputType(self) -> Any:
        """Return the input type of the first branch that declares one."""
        return _first_known(branch.InputType for branch in self.branches.values())

    @property
    def _accepted_type(self) -> Any:
        return _first_known(branch._accepted_type for branch in self.branches.values())

    def _output_keys(self, keys: Keys) -> Keys:
        return frozenset(self.branches) if type(self) is RunnableParallel else None

    def _missing_keys(self, keys: frozenset[str]) -> frozenset[str]:
        missing = (branch._missing_keys(keys) for branch in self.branches.values())
        return frozenset[str]().union(*missing)

    @property
    def OutputType(self) -> Any:
        """Return the type of its output: a dict."""
        return dict[str, Any]

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return a model of all the fields that the branches need."""
        from runnables.core.schemas import joined

        schemas = [branch.get_input_schema(config) for branch in self.branches.values()]
        return joined(self.get_name("input"), schemas, self.InputType)

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return a model with a field for each branch."""
        from runnables.core.schemas import fields_schema, type_in

        types = {
            key: type_in(branch.get_output_schema(config)) for key, branch in self.branches.items()
        }
        return fields_schema(self.get_name("output"), types)

    # -- one output

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        slots, owns_limit, scope = enter_limit(scope)

        def work(_: int, item: tuple[str, Runnable[Any, Any]]) -> Any:
            key, branch = item
            try:
                config = _child_config(scope, key) if scope.observed else None
                return branch.invoke(value, config, **kwargs)
            except Exception as error:
                add_location(error, _location(key))
                raise

        fan_out = ThreadFanOut(work, iter(self.branches.items()), slots, owns_limit=owns_limit)
        fan_out.set_context(CURRENT_SCOPE, scope)
        return dict(zip(self.branches, fan_out.run(len(self.branches)), strict=True))

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        slots, owns_limit, scope = enter_limit(scope)

        async def work(_: int, item: tuple[str, Runnable[Any, Any]]) -> Any:
            key, branch = item
            try:
                config = _child_config(scope, key) if scope.observed else None
                return await branch.ainvoke(value, config, **kwargs)
            except Exception as error:
                add_location(error, _location(key))
                raise

        fan_out = TaskFanOut(work, iter(self.branches.items()), slots, owns_limit=owns_limit)
        fan_out.set_context(CURRENT_SCOPE, scope)
        return dict(zip(self.branches, await fan_out.run(len(self.branches)), strict=True))

    # -- a row of a batch

    def _row(self, value: Any, scope: Scope, kwargs: dict[str, Any]) -> Routine:
        outputs = yield Fork([self._branch_row(key, value, scope, kwargs) for key in self.branches])
        return dict(zip(self.branches, outputs, strict=True))

    def _branch_row(self, key: str, value: Any, scope: Scope, kwargs: dict[str, Any]) -> Routine:
        try:
            config = _child_config(scope, key)
            return (yield Step(self.branches[key], value, config, kwargs, at=key))
        except Exception as error:
            add_location(error, _location(key))
            raise

    def _is_blocking(self) -> bool:
        return any(branch._is_blocking() for branch in self.branches.values())

    # -- the output in chunks

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        if not self.branches:
            yield dict_chunk({}, self.merge)
        slots, owns_limit, scope = enter_limit(scope)
        tee = Tee(input, len(self.branches), info.outer, one_thread=slots.limit == 1)
        merges = _BranchMerges(info, self.branches)
        makers = {
            key: partial(self._chunks_of, index, key, tee, scope, kwargs, merges)
            for index, key in enumerate(self.branches)
        }
        pairs = interleave(makers, slots, info.outer, owns_limit=owns_limit)
        try:
            merge = merges.merge
            for key, chunk in pairs:
                yield dict_chunk({key: chunk}, merge)
        finally:
            try:
                pairs.close()
            finally:
                tee.close()

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        if not self.branches:
            yield dict_chunk({}, self.merge)
        slots, owns_limit, scope = enter_limit(scope)
        tee = AsyncTee(input, len(self.branches), info.outer)
        merges = _BranchMerges(info, self.branches)
        makers = {
            key: partial(self._achunks_of, index, key, tee, scope, kwargs, merges)
            for index, key in enumerate(self.branches)
        }
        pairs = ainterleave(makers, slots, info.outer, owns_limit=owns_limit)
        try:
            merge = merges.merge
            async for key, chunk in owned(pairs):
                yield dict_chunk({key: chunk}, merge)
        finally:
            try:
                await pairs.aclose()
            finally:
                await tee.aclose()

    def _chunks_of(
        self,
        index: int,
        key: str,
        tee: Tee,
        scope: Scope,
        kwargs: dict[str, Any],
        merges: _BranchMerges,
    ) -> Generator[Any, None, None]:
        reader = tee.reader(index)
        chunks = self.branches[key].transform(reader, _child_config(scope, key), **kwargs)
        merges.add(key, chunks)
        began = clock.now
        try:
            yield from chunks
        except Exception as error:
            if error is not tee.error:
                add_location(error, _location(key), began)
            raise
        finally:
            close(chunks)
            close(reader)

    async def _achunks_of(
        self,
        index: int,
        key: str,
        tee: AsyncTee,
        scope: Scope,
        kwargs: dict[str, Any],
        merges: _BranchMerges,
    ) -> AsyncGenerator[Any, None]:
        reader = tee.reader(index)
        chunks = self.branches[key].atransform(reader, _child_config(scope, key), **kwargs)
        merges.add(key, chunks)
        began = clock.now
        try:
            async for chunk in owned(chunks):
                yield chunk
        except Exception as error:
            if error is not tee.error:
                add_location(error, _location(key), began)
            raise
        finally:
            await aclose(chunks)
            await aclose(reader)


class _BranchMerges:
    """The ways in which the branches' chunks add up; each is known when its branch begins."""

    def __init__(self, info: StreamInfo, order: Iterable[str]) -> None:
        self._streams: dict[str, Any] = {}
        self._order = tuple(order)
        self._info = info
        info.delegate_to(self)

    def add(self, key: str, chunks: Any) -> None:
        self._info.adopt(chunks)
        self._streams[key] = chunks

    @property
    def merge(self) -> Merge:
        return _ByBranch(self._streams, self._order)


class _ByBranch(ByKey):
    """A merge by key that asks each branch's stream when its first chunk is there."""

    def __init__(self, streams: Mapping[str, Any], order: Iterable[str]) -> None:
        super().__init__({})
        self._streams = streams
        self._order = order

    def merge_of_key(self, key: str) -> Merge:
        return merge_of(self._streams.get(key))

    def has_key(self, key: str) -> bool:
        return key in self._streams

    def build(self, parts: dict[Any, Any]) -> dict[Any, Any]:
        return {key: parts[key] for key in self._order if key in parts}


def _child_config(scope: Scope, key: str) -> RunnableConfig:
    return scope.for_step(f"map:key:{key}", _location(key)).config


def _first_known(types: Iterable[Any]) -> Any:
    """Return the first type that is not Any; Any where there is none."""
    return next((known for known in types if known is not Any), Any)


def _location(key: str) -> str:
    return f'branch "{key}"'


RunnableMap = RunnableParallel
"""LangChain's other name for it."""
