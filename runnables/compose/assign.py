"""`assign`: a step that adds keys to a dict."""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Generator,
    Iterable,
    Mapping,
)
from typing import TYPE_CHECKING, Any

from runnables.compose.parallel import RunnableParallel
from runnables.compose.runnable import Runnable
from runnables.core.description import SEQUENCE_INPUT, SEQUENCE_OUTPUT, Keys
from runnables.core.rows import Routine, Step
from runnables.core.subclassing import config_of
from runnables.engine.addable import dict_chunk
from runnables.engine.merging import DELTAS, RESET, SNAPSHOTS, ByKey, Merge
from runnables.engine.stream import StreamInfo, aclose, close, merge_of, owned, raw_iterator
from runnables.engine.tee import AsyncTee, Tee

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel

    from runnables.core.config import RunnableConfig, Scope


class RunnableAssign(Runnable[Mapping[str, Any], dict[str, Any]], internal=True):
    """A step that passes a dict on with more keys, each computed from the dict.

    Streams pass the dict's own chunks on at once. Those of the new keys follow when all of the
    dict is there, as they come. `assign` makes one.

    Args:
        mapper: the runnables or functions by new key, or a RunnableParallel.

    Raises:
        TypeError: when run, an input that is no dict.

    Example:
        >>> RunnableAssign({"size": lambda values: len(values["text"])}).invoke({"text": "abc"})
        {'text': 'abc', 'size': 3}
    """

    def __init__(self, mapper: Mapping[str, Any] | RunnableParallel[Any]) -> None:
        self.mapper: RunnableParallel[Any] = (
            mapper if isinstance(mapper, RunnableParallel) else RunnableParallel(mapper)
        )

    def __repr__(self) -> str:
        inside = ", ".join(f"{key}={branch!r}" for key, branch in self.mapper.branches.items())
        return f"RunnablePassthrough.assign({inside})"

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """Return the name that is set, or one with the new keys in it."""
        base = name or self.name or f"RunnableAssign<{','.join(map(str, self.mapper.branches))}>"
        return super().get_name(suffix, name=base)

    @property
    def streams_input(self) -> bool:
        """Tell that the dict's own chunks are passed on as they come."""
        return True

    def _children(self) -> Iterable[Runnable[Any, Any]]:
        return (self.mapper,)

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return a model of the fields that the new keys are computed from."""
        from runnables.core.schemas import says_nothing, schema_of

        needed = self.mapper.get_input_schema(config)
        name = self.get_name("input")
        return schema_of(dict[str, Any], name) if says_nothing(needed) else needed

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        """Return a model of the fields of the input, and the new ones."""
        return self._all_fields(self.get_name("output"), self.get_input_schema(config), config)

    def _output_keys(self, keys: Keys) -> Keys:
        if keys is None or type(self) is not RunnableAssign:
            return None
        return keys.union(self.mapper.branches)

    def _missing_keys(self, keys: frozenset[str]) -> frozenset[str]:
        return self.mapper._missing_keys(keys)

    def _input_schema_given_next(
        self, following: Callable[[], type[BaseModel]], config: RunnableConfig | None
    ) -> type[BaseModel]:
        from runnables.core.schemas import fields_in, fields_schema, with_fields

        needed = fields_in(self.get_input_schema(config))
        later = fields_in(following()).items()
        passed = {key: field for key, field in later if key not in self.mapper.branches}
        fields = with_fields(needed, passed)
        return fields_schema(SEQUENCE_INPUT, fields) if fields else self.get_input_schema(config)

    def _output_schema_given_previous(
        self, preceding: Callable[[], type[BaseModel]], config: RunnableConfig | None
    ) -> type[BaseModel]:
        return self._all_fields(SEQUENCE_OUTPUT, preceding(), config)

    def _all_fields(
        self, name: str, given: type[BaseModel], config: RunnableConfig | None
    ) -> type[BaseModel]:
        from runnables.core.schemas import fields_in, fields_schema

        new = self.mapper.get_output_schema(config)
        return fields_schema(name, {**fields_in(given), **fields_in(new)})

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        self._check(value)
        return {**value, **self.mapper.invoke(value, config_of(scope), **kwargs)}

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        self._check(value)
        return {**value, **await self.mapper.ainvoke(value, config_of(scope), **kwargs)}

    def _row(self, value: Any, scope: Scope, kwargs: dict[str, Any]) -> Routine:
        self._check(value)
        return {**value, **(yield Step(self.mapper, value, scope.config, kwargs))}

    def _is_blocking(self) -> bool:
        return self.mapper._is_blocking()

    def _check(self, value: object) -> None:
        if not isinstance(value, Mapping):
            raise TypeError(
                f"{self!r} got a {type(value).__name__}, expected a dict to add keys to"
            )

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        tee = Tee(input, 2, info.outer, one_thread=True)
        streams = info.delegate_to(_AssignedStreams(input))
        own, copy = tee.reader(0), tee.reader(1)
        seen: dict[str, Any] = {}
        try:
            for chunk in _by_key(own):
                yield from self._passed_on(chunk, seen, streams)
            streams.new = new = self.mapper.transform(copy, config_of(scope), **kwargs)
            info.adopt(new)
            with new:
                yield from new
        finally:
            close(own)
            close(copy)
            tee.close()

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        tee = AsyncTee(input, 2, info.outer)
        streams = info.delegate_to(_AssignedStreams(input))
        own, copy = tee.reader(0), tee.reader(1)
        seen: dict[str, Any] = {}
        try:
            async for chunk in owned(_aby_key(own)):
                for part in self._passed_on(chunk, seen, streams):
                    yield part
            streams.new = new = self.mapper.atransform(copy, config_of(scope), **kwargs)
            info.adopt(new)
            async with new:
                async for chunk in owned(new):
                    yield chunk
        finally:
            await aclose(own)
            await aclose(copy)
            await tee.aclose()

    def _passed_on(
        self, chunk: Any, seen: dict[str, Any], streams: _AssignedStreams
    ) -> Iterable[Any]:
        """Return a chunk of the dict without the keys that are computed anew, or nothing.

        A reset becomes one of the keys that were seen, as the new keys have resets of their own.
        """
        if chunk is RESET:
            return (streams.chunk(seen),)
        self._check(chunk)
        kept = {key: value for key, value in chunk.items() if key not in self.mapper.branches}
        seen.update(dict.fromkeys(kept, RESET))
        return (streams.chunk(kept),) if kept or not chunk else ()


class _AssignedStreams:
    """The stream of a dict and that of its new keys; each says how its chunks add up."""

    def __init__(self, own: object) -> None:
        self.own = own
        self.new: object = None

    def chunk(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return a chunk that is added as the streams declare."""
        return dict_chunk(values, self.merge)

    @property
    def merge(self) -> Merge:
        return _AssignedMerge(self)


class _AssignedMerge(ByKey):
    """A merge by key that asks the stream which a key comes from."""

    def __init__(self, streams: _AssignedStreams) -> None:
        super().__init__({})
        self._streams = streams

    def build(self, parts: dict[Any, Any]) -> dict[Any, Any]:
        new = merge_of(self._streams.new)
        added = {key for key in parts if isinstance(new, ByKey) and new.has_key(key)}
        own = {key: value for key, value in parts.items() if key not in added}
        last = {key: parts[key] for key in added}
        return {**_built(merge_of(self._streams.own), own), **_built(new, last)}

    def merge_of_key(self, key: str) -> Merge:
        new = merge_of(self._streams.new)
        if isinstance(new, ByKey) and new.has_key(key):
            return new.merge_of_key(key)
        own = merge_of(self._streams.own)
        if isinstance(own, ByKey):
            return own.merge_of_key(key)
        return DELTAS if own is DELTAS else SNAPSHOTS


def _built(merge: Merge, parts: dict[Any, Any]) -> dict[Any, Any]:
    """Return parts of a dict in the order of the merge, where it has one."""
    return merge.build(parts) if isinstance(merge, ByKey) else parts


def _adds_by_key(chunks: object) -> bool:
    """Tell whether chunks of a dict can be passed on as they are; else only the whole can."""
    merge = merge_of(chunks)
    return merge is DELTAS or merge is SNAPSHOTS or isinstance(merge, ByKey)


def _by_key(chunks: Iterable[Any]) -> Generator[Any, None, None]:
    seen: list[Any] = []
    for chunk in chunks:
        if _adds_by_key(chunks):
            yield chunk
        else:
            seen.append(chunk)
    if seen:
        yield whole_of(chunks, seen)


async def _aby_key(chunks: AsyncIterable[Any]) -> AsyncGenerator[Any, None]:
    seen: list[Any] = []
    async for chunk in raw_iterator(chunks):
        if _adds_by_key(chunks):
            yield chunk
        else:
            seen.append(chunk)
    if seen:
        yield whole_of(chunks, seen)


def whole_of(chunks: object, seen: Iterable[Any]) -> Any:
    """Return the value that the chunks seen of this stream add up to."""
    parts = merge_of(chunks).accumulator()
    for chunk in seen:
        parts.add(chunk)
    return parts.value()
