"""A runnable whose outputs are kept."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from runnables.cache.keys import digest
from runnables.cache.stores import BaseCache, InMemoryCache, check_cache
from runnables.cache.values import NOT_CACHED, CacheEntry, Codec
from runnables.compose.coerce import coerce_to_runnable
from runnables.compose.typevars import Input, Output
from runnables.compose.wrappers import ForwardingWrapper, MethodCall
from runnables.core.bulk import Failed, arun_micro_batch, run_micro_batch
from runnables.core.subclassing import config_of
from runnables.core.values import with_settings
from runnables.engine.collect import acollect, collect
from runnables.engine.merging import RESET, SNAPSHOTS, comes_in_parts
from runnables.engine.stream import StreamInfo, aclose, close, merge_of, raw_iterator
from runnables.errors import ConfigError, MergeError
from runnables.messages.ai import AIMessage
from runnables.messages.kinds import final_chunk

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Sequence

    from runnables.compose.runnable import Runnable
    from runnables.core.config import Scope
    from runnables.engine.merging import Accumulator


class RunnableCache(ForwardingWrapper[Input, Output], internal=True):
    """A runnable whose outputs are kept, and given again for an equal input.

    Equal means: the same input, options and `configurable` values, of a runnable with the same
    configuration (classes count by their names, functions by their code, not by what they call;
    keys and other secrets do not count). Errors are not kept. A stream is kept when it was read
    to its end, and given again as one chunk. Of a batch, those that are not there run, also in
    groups. Equal calls at the same time all run.

    Args:
        bound: the runnable.
        cache: where outputs are kept; by default in memory, for this object alone.
        key: stands for the runnable's configuration, where that cannot be told, or should not
            count; give another one when its outputs change.

    Raises:
        ConfigError: something else than a cache, or than a text for a key.
    """

    def __init__(
        self, bound: Any, cache: BaseCache | None = None, *, key: str | None = None
    ) -> None:
        self.bound: Runnable[Input, Output] = coerce_to_runnable(bound)
        self.cache: BaseCache = InMemoryCache() if cache is None else cache
        self.key = key
        check_cache(self.cache)
        given: Any = key
        if given is not None and (not isinstance(given, str) or not given):
            raise ConfigError(f"with_cache(key={given!r}): expected a text")

    def __repr__(self) -> str:
        key = "" if self.key is None else f", key={self.key!r}"
        return f"({self.bound!r}).with_cache({self.cache!r}{key})"

    def _identity(self) -> dict[str, Any]:
        return {"bound": self.bound}

    def _rewrap(self, made: Any, call: MethodCall) -> Runnable[Any, Any]:
        # one key for what differs would mix up their outputs
        key = None if self.key is None else digest(self.key, call.name, call.args, call.kwargs)
        return with_settings(self, {"bound": made, "key": key})

    def _wrapped(self) -> Runnable[Input, Output]:
        return self.bound

    @property
    def max_batch_size(self) -> int:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride] - read only: that of the bound one
        """As the bound runnable's."""
        return self.bound.max_batch_size

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        kept = self._kept(value, scope, kwargs)
        output = kept.get()
        if output is NOT_CACHED:
            output = self.bound.invoke(value, config_of(scope), **kwargs)
            kept.set(output)
        return output

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        kept = self._kept(value, scope, kwargs)
        output = await kept.aget()
        if output is NOT_CACHED:
            output = await self.bound.ainvoke(value, config_of(scope), **kwargs)
            await kept.aset(output)
        return output

    def _invoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        group = _Group(values, [self._kept(value, scope, kwargs) for value in values])
        for kept in group.places:
            group.found(kept, kept.get())
        asked = group.asked()
        if asked:
            outputs = run_micro_batch(self.bound, asked, config_of(scope), kwargs)
            for kept, output in group.answered(outputs):
                kept.set(output)
        return group.outputs()

    async def _ainvoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        group = _Group(values, [self._kept(value, scope, kwargs) for value in values])
        for kept in group.places:
            group.found(kept, await kept.aget())
        asked = group.asked()
        if asked:
            outputs = await arun_micro_batch(self.bound, asked, config_of(scope), kwargs)
            for kept, output in group.answered(outputs):
                await kept.aset(output)
        return group.outputs()

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        value = collect(input)
        kept = self._kept(value, scope, kwargs)
        output = kept.get()
        if output is not NOT_CACHED:
            yield self._as_chunk(output, info)
            return
        chunks = info.delegate_to(self.bound.stream(value, config_of(scope), **kwargs))
        heard = _StreamRecorder(chunks)
        try:
            for chunk in chunks:
                heard.add(chunk)
                yield chunk
        finally:
            close(chunks)
        if heard.is_whole():
            kept.set(heard.value())

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        value = await acollect(input)
        kept = self._kept(value, scope, kwargs)
        output = await kept.aget()
        if output is not NOT_CACHED:
            yield self._as_chunk(output, info)
            return
        chunks = info.delegate_to(self.bound.astream(value, config_of(scope), **kwargs))
        heard = _StreamRecorder(chunks)
        try:
            async for chunk in raw_iterator(chunks):
                heard.add(chunk)
                yield chunk
        finally:
            await aclose(chunks)
        if heard.is_whole():
            await kept.aset(heard.value())

    def _kept(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> CacheEntry:
        """Where the output for this call is kept."""
        chosen: Any = {} if scope is None else scope.get("configurable", {})
        try:
            key = digest("runnable", self._config, value, kwargs, chosen)
        except TypeError as error:
            raise TypeError(
                f"{self!r}: what it is given has in it {error}. Its input, options and "
                "configurable values must be plain data, for the cache to know equal ones."
            ) from None
        return CacheEntry(self.cache, key, self._form)

    @cached_property
    def _config(self) -> str:
        """The part of every key that stands for the configuration."""
        if self.key is not None:
            return digest("key", self.key)
        try:
            return digest("configuration", self.bound)
        except TypeError as error:
            raise TypeError(
                f"{self!r}: its configuration has in it {error}. Give with_cache(key=...) a text "
                "that stands for it."
            ) from None

    @cached_property
    def _form(self) -> Codec:
        return Codec(self.bound, lambda: self.bound.OutputType)

    def _as_chunk(self, output: Any, info: StreamInfo) -> Any:
        """The whole output as the only chunk, which adds up to itself, whatever the merge."""
        if isinstance(output, AIMessage) and comes_in_parts(self.merge):
            return final_chunk(output)
        info.merge = SNAPSHOTS
        return output


class _StreamRecorder:
    """What the chunks of a stream add up to; nothing, where they do not."""

    def __init__(self, chunks: object) -> None:
        self._chunks = chunks
        self._parts: Accumulator | None = None
        self._value: Any = None

    def add(self, chunk: Any) -> None:
        if chunk is RESET:  # what starts over may add up in another way
            self._parts = None
            return
        self._parts = self._parts or merge_of(self._chunks).accumulator()
        self._parts.add(chunk)

    def is_whole(self) -> bool:
        """Whether there is a value; chunks without a merge are their consumer's affair."""
        if self._parts is None or self._parts.empty:
            return False
        try:
            self._value = self._parts.value()
        except MergeError:
            return False
        return True

    def value(self) -> Any:
        return self._value


class _Group:
    """The inputs of one group: which are there, which are asked for, each of them once."""

    def __init__(self, values: Sequence[Any], keys: Sequence[CacheEntry]) -> None:
        self._keys = keys
        self._first = {kept.key: (kept, value) for kept, value in zip(keys, values, strict=True)}
        self._outputs: dict[str, Any] = {}

    @property
    def places(self) -> list[CacheEntry]:
        return [kept for kept, _ in self._first.values()]

    def found(self, kept: CacheEntry, output: Any) -> None:
        if output is not NOT_CACHED:
            self._outputs[kept.key] = output

    def asked(self) -> list[Any]:
        return [value for key, (_, value) in self._first.items() if key not in self._outputs]

    def answered(self, outputs: Sequence[Any]) -> list[tuple[CacheEntry, Any]]:
        """What the others gave; those of them that can be kept."""
        missing = [kept for key, (kept, _) in self._first.items() if key not in self._outputs]
        pairs = list(zip(missing, outputs, strict=True))
        self._outputs |= {kept.key: output for kept, output in pairs}
        return [pair for pair in pairs if not isinstance(pair[1], Failed)]

    def outputs(self) -> list[Any]:
        return [self._outputs[kept.key] for kept in self._keys]
