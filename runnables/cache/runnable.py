"""A runnable whose outputs are cached."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from runnables.cache.keys import digest
from runnables.cache.stores import BaseCache, InMemoryCache, check_cache
from runnables.cache.values import NOT_CACHED, CacheEntry, Codec
from runnables.compose.coerce import coerce_to_runnable
from runnables.compose.typevars import Input, Output
from runnables.compose.wrappers import ForwardingWrapper, MethodCall
from runnables.core.bulk import arun_micro_batch, run_micro_batch
from runnables.core.rows import Call, Routine, Step
from runnables.core.subclassing import config_of
from runnables.core.values import with_settings
from runnables.engine.collect import acollect, collect
from runnables.engine.merging import RESET, SNAPSHOTS, comes_in_parts
from runnables.engine.rows import Failed
from runnables.engine.stream import StreamInfo, aclose, close, merge_of, owned
from runnables.errors import ConfigError, MergeError
from runnables.messages.ai import AIMessage
from runnables.messages.kinds import final_chunk

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Sequence

    from runnables.compose.runnable import Runnable
    from runnables.core.config import Scope
    from runnables.engine.merging import Accumulator


class RunnableCache(ForwardingWrapper[Input, Output], internal=True):
    """A runnable whose outputs are cached, and returned again for an equal call.

    Equal means: the same input, options and `configurable` values, of a runnable with the same
    configuration (classes count by their names, functions by their code, not by what they call;
    keys and other secrets do not count). Errors are not cached. A stream is cached when it was
    read to its end, and is a single chunk the next time. Of a batch, the inputs that are not
    cached run, also in micro-batches. Equal calls at the same time all run.

    Args:
        bound: the runnable.
        cache: the store of the outputs; by default in memory, for this object alone.
        key: a string that stands for the runnable's configuration, where that has no key of its
            own, or should not count; change it when the outputs change.

    Raises:
        ConfigError: another type than a cache, or than a string for a key.

    Example:
        >>> calls = []
        >>> def shout(text: str) -> str:
        ...     calls.append(text)
        ...     return text.upper()
        >>> cached = RunnableLambda(shout).with_cache()
        >>> cached.invoke("ahoy"), cached.invoke("ahoy"), calls
        ('AHOY', 'AHOY', ['ahoy'])
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
            raise ConfigError(f"with_cache(key={given!r}): expected a string")

    def __repr__(self) -> str:
        key = "" if self.key is None else f", key={self.key!r}"
        return f"({self.bound!r}).with_cache({self.cache!r}{key})"

    def _identity(self) -> dict[str, Any]:
        return {"bound": self.bound}

    def _rewrap(self, made: Any, call: MethodCall) -> Runnable[Any, Any]:
        # one key for runnables that differ would mix up their outputs
        key = None if self.key is None else digest(self.key, call.name, call.args, call.kwargs)
        return with_settings(self, {"bound": made, "key": key})

    def _wrapped(self) -> Runnable[Input, Output]:
        return self.bound

    @property
    def max_batch_size(self) -> int:  # type: ignore[override]  # pyright: ignore[reportIncompatibleVariableOverride] - read only: that of the bound one
        """Return that of the bound runnable."""
        return self.bound.max_batch_size

    def _takes_many(self) -> bool:
        return self.bound._takes_many()

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        entry = self._entry(value, scope, kwargs)
        output = entry.get()
        if output is NOT_CACHED:
            output = self.bound.invoke(value, config_of(scope), **kwargs)
            entry.set(output)
        return output

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        entry = self._entry(value, scope, kwargs)
        output = await entry.aget()
        if output is NOT_CACHED:
            output = await self.bound.ainvoke(value, config_of(scope), **kwargs)
            await entry.aset(output)
        return output

    def _row(self, value: Any, scope: Scope, kwargs: dict[str, Any]) -> Routine:
        entry = self._entry(value, scope, kwargs)
        output = yield Call(entry.get, entry.aget)
        if output is NOT_CACHED:
            output = yield Step(self.bound, value, scope.config, kwargs)
            yield Call(partial(entry.set, output), partial(entry.aset, output))
        return output

    def _invoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        batch = _Batch(values, [self._entry(value, scope, kwargs) for value in values])
        for entry in batch.entries:
            batch.add_cached(entry, entry.get())
        missing = batch.missing_values()
        if missing:
            outputs = run_micro_batch(self.bound, missing, config_of(scope), kwargs)
            for entry, output in batch.add_missing(outputs):
                entry.set(output)
        return batch.outputs()

    async def _ainvoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]:
        batch = _Batch(values, [self._entry(value, scope, kwargs) for value in values])
        for entry in batch.entries:
            batch.add_cached(entry, await entry.aget())
        missing = batch.missing_values()
        if missing:
            outputs = await arun_micro_batch(self.bound, missing, config_of(scope), kwargs)
            for entry, output in batch.add_missing(outputs):
                await entry.aset(output)
        return batch.outputs()

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        value = collect(input)
        entry = self._entry(value, scope, kwargs)
        output = entry.get()
        if output is not NOT_CACHED:
            yield self._as_chunk(output, info)
            return
        chunks = info.delegate_to(self.bound.stream(value, config_of(scope), **kwargs))
        recorder = _StreamRecorder(chunks)
        try:
            for chunk in chunks:
                recorder.add(chunk)
                yield chunk
        finally:
            close(chunks)
        if recorder.is_complete():
            entry.set(recorder.value())

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        value = await acollect(input)
        entry = self._entry(value, scope, kwargs)
        output = await entry.aget()
        if output is not NOT_CACHED:
            yield self._as_chunk(output, info)
            return
        chunks = info.delegate_to(self.bound.astream(value, config_of(scope), **kwargs))
        recorder = _StreamRecorder(chunks)
        try:
            async for chunk in owned(chunks):
                recorder.add(chunk)
                yield chunk
        finally:
            await aclose(chunks)
        if recorder.is_complete():
            await entry.aset(recorder.value())

    def _entry(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> CacheEntry:
        """Return the cache entry of a call."""
        configurable: Any = {} if scope is None else scope.get("configurable", {})
        try:
            key = digest("runnable", self._configuration_key, value, kwargs, configurable)
        except TypeError as error:
            raise TypeError(
                f"{self!r}: its input, options or configurable values contain {error}. They must "
                "be plain data, for the cache to know equal ones."
            ) from None
        return CacheEntry(self.cache, key, self._codec)

    @cached_property
    def _configuration_key(self) -> str:
        """Return the part of every key that stands for the configuration."""
        if self.key is not None:
            return digest("key", self.key)
        try:
            return digest("configuration", self.bound)
        except TypeError as error:
            raise TypeError(
                f"{self!r}: its configuration contains {error}. Set with_cache(key=...) to a "
                "string that stands for it."
            ) from None

    @cached_property
    def _codec(self) -> Codec:
        return Codec(self.bound, lambda: self.bound.OutputType)

    def _as_chunk(self, output: Any, info: StreamInfo) -> Any:
        """Return a complete output as the only chunk, which merges to itself."""
        if isinstance(output, AIMessage) and comes_in_parts(self.merge):
            return final_chunk(output)
        info.merge = SNAPSHOTS
        return output


class _StreamRecorder:
    """The value that the chunks of a stream merge to, if they do."""

    def __init__(self, chunks: object) -> None:
        self._chunks = chunks
        self._parts: Accumulator | None = None
        self._value: Any = None

    def add(self, chunk: Any) -> None:
        if chunk is RESET:  # the stream that starts over may merge in another way
            self._parts = None
            return
        self._parts = self._parts or merge_of(self._chunks).accumulator()
        self._parts.add(chunk)

    def is_complete(self) -> bool:
        """Tell whether there is a value; there is none where the chunks cannot be merged."""
        if self._parts is None or self._parts.empty:
            return False
        try:
            self._value = self._parts.value()
        except MergeError:
            return False
        return True

    def value(self) -> Any:
        return self._value


class _Batch:
    """The inputs of a micro-batch, of which equal ones run once, and cached ones do not run."""

    def __init__(self, values: Sequence[Any], entries: Sequence[CacheEntry]) -> None:
        self._keys = [entry.key for entry in entries]
        self._unique = {
            entry.key: (entry, value) for entry, value in zip(entries, values, strict=True)
        }
        self._outputs: dict[str, Any] = {}

    @property
    def entries(self) -> list[CacheEntry]:
        return [entry for entry, _ in self._unique.values()]

    def add_cached(self, entry: CacheEntry, output: Any) -> None:
        if output is not NOT_CACHED:
            self._outputs[entry.key] = output

    def missing_values(self) -> list[Any]:
        return [value for key, (_, value) in self._unique.items() if key not in self._outputs]

    def add_missing(self, outputs: Sequence[Any]) -> list[tuple[CacheEntry, Any]]:
        """Add the outputs of the missing values; return those to store, which are no errors."""
        missing = [entry for key, (entry, _) in self._unique.items() if key not in self._outputs]
        pairs = list(zip(missing, outputs, strict=True))
        self._outputs |= {entry.key: output for entry, output in pairs}
        return [pair for pair in pairs if not isinstance(pair[1], Failed)]

    def outputs(self) -> list[Any]:
        return [self._outputs[key] for key in self._keys]
