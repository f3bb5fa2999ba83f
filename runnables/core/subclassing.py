"""Users' own runnable classes: what they override joins the rest.

A class of a user's overrides public methods, most often only `invoke`. Each is wrapped, so that
its runs are reported and `chain.invoke(x)` inside of it joins the call around it, and each is
also put where the other methods find it: `invoke` alone makes `stream`, `batch` and the async
twins work.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable, Mapping
from typing import Any, Final

from runnables.core.config import RunnableConfig, Scope, activate, resolve_scope
from runnables.core.events import Run
from runnables.core.stream_runs import aobserved_stream, observed_stream
from runnables.core.user_code import aiterate_in_scope, iterate_in_scope, user_config
from runnables.engine import (
    AsyncIteratorBridge,
    AsyncSingleValue,
    AsyncStream,
    SingleValue,
    Stream,
    StreamInfo,
    acollect,
    collect,
    iterate_in_threads,
    raise_if_cancelled,
    stream_may_restart,
    to_thread,
)
from runnables.errors import SyncAsyncError

Raw = Callable[..., Any]


def wrap_overrides(cls: Any) -> None:
    """Wrap the public methods that this class itself defines, and put each where it serves."""
    for name, wrap in _WRAPPERS.items():
        raw = cls.__dict__.get(name)
        if inspect.isfunction(raw):
            setattr(cls, name, _marked(wrap(raw), raw=raw))
            if name in _PIECEWISE:
                cls.streams_input = True
    written: dict[str, Any] = {name: getattr(getattr(cls, name), "raw", None) for name in _WRAPPERS}
    for inner, sources in _SOURCES.items():
        found = next((name for name in sources if written[name] is not None), None)
        if found is not None and _is_ours_to_replace(cls, inner):
            setattr(cls, inner, sources[found](written[found]))


def _is_ours_to_replace(cls: type, inner: str) -> bool:
    """Whether the inner method stems from the contract or an adapter, not from a real runnable."""
    if inner in cls.__dict__:
        return False
    inherited = getattr(cls, inner)
    return hasattr(inherited, "adapts") or inherited.__qualname__.startswith("BaseRunnable.")


def _marked(function: Raw, **marks: Any) -> Raw:
    vars(function).update(marks)
    return function


def _adapter(function: Raw) -> Raw:
    return _marked(function, adapts=True)


def config_of(scope: Scope | None) -> RunnableConfig | None:
    """A scope, or none, as the config of a call."""
    return None if scope is None else scope.config


def _user_config(scope: Scope | None) -> RunnableConfig | None:
    """What a user's method is given as its config."""
    return None if scope is None else user_config(scope)


# --- invoke -----------------------------------------------------------------------------------


def _wrap_invoke(raw: Raw) -> Raw:
    @functools.wraps(raw)
    def invoke(self: Any, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        scope = resolve_scope(config)
        if scope is None:
            return raw(self, input, None, **kwargs)
        raise_if_cancelled()
        if not scope.observed:
            with activate(scope.without_run_settings()):
                return raw(self, input, user_config(scope.without_run_settings()), **kwargs)
        with Run(self, scope, input) as run, activate(run.scope):
            return run.end(raw(self, input, user_config(run.scope), **kwargs))

    return invoke


def _wrap_ainvoke(raw: Raw) -> Raw:
    @functools.wraps(raw)
    async def ainvoke(
        self: Any, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Any:
        scope = resolve_scope(config)
        if scope is None:
            return await raw(self, input, None, **kwargs)
        raise_if_cancelled()
        if not scope.observed:
            with activate(scope.without_run_settings()):
                return await raw(self, input, user_config(scope.without_run_settings()), **kwargs)
        async with Run(self, scope, input) as run:
            with activate(run.scope):
                return run.end(await raw(self, input, user_config(run.scope), **kwargs))

    return ainvoke


def _adapt_invoke(raw: Raw) -> Raw:
    def _invoke(self: Any, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        with activate(scope):
            return raw(self, value, _user_config(scope), **kwargs)

    return _adapter(_invoke)


def _adapt_ainvoke(raw: Raw) -> Raw:
    async def _ainvoke(self: Any, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        with activate(scope):
            return await raw(self, value, _user_config(scope), **kwargs)

    return _adapter(_ainvoke)


def _adapt_in_thread(_: Raw) -> Raw:
    async def _ainvoke(self: Any, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        return await to_thread(self._invoke, value, scope, kwargs)

    return _adapter(_ainvoke)


# --- stream and transform ---------------------------------------------------------------------


def _wrap_transform(raw: Raw) -> Raw:
    @functools.wraps(raw)
    def transform(
        self: Any, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Any:
        def work(pieces: Any, inside: Scope | None) -> Any:
            chunks = raw(self, _without_restarts(pieces), _user_config(inside), **kwargs)
            return iterate_in_scope(info.delegate_to(chunks), inside)

        info = StreamInfo(self.merge, self)
        return Stream(_run(self, work, input, resolve_scope(config), info), info)

    return transform


def _wrap_atransform(raw: Raw) -> Raw:
    @functools.wraps(raw)
    def atransform(
        self: Any, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Any:
        def work(pieces: Any, inside: Scope | None) -> Any:
            chunks = raw(self, _awithout_restarts(pieces), _user_config(inside), **kwargs)
            return aiterate_in_scope(info.delegate_to(chunks), inside)

        info = StreamInfo(self.merge, self)
        return AsyncStream(_arun(self, work, input, resolve_scope(config), info), info)

    return atransform


def _wrap_stream(raw: Raw) -> Raw:
    @functools.wraps(raw)
    def stream(self: Any, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        def work(_: Any, inside: Scope | None) -> Any:
            chunks = raw(self, input, _user_config(inside), **kwargs)
            return iterate_in_scope(info.delegate_to(chunks), inside)

        info = StreamInfo(self.merge, self)
        return Stream(_run(self, work, SingleValue(input), resolve_scope(config), info), info)

    return stream


def _wrap_astream(raw: Raw) -> Raw:
    @functools.wraps(raw)
    def astream(self: Any, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        def work(_: Any, inside: Scope | None) -> Any:
            chunks = raw(self, input, _user_config(inside), **kwargs)
            return aiterate_in_scope(info.delegate_to(chunks), inside)

        info = StreamInfo(self.merge, self)
        return AsyncStream(
            _arun(self, work, AsyncSingleValue(input), resolve_scope(config), info), info
        )

    return astream


def _run(
    self: Any, work: Raw, input: Any, scope: Scope | None, info: StreamInfo
) -> Generator[Any, None, None]:
    if scope is not None and scope.observed:
        chunks = observed_stream(self, scope, input, info, work)
    else:
        chunks = work(input, None if scope is None else scope.without_run_settings())
    yield from chunks


async def _arun(
    self: Any, work: Raw, input: Any, scope: Scope | None, info: StreamInfo
) -> AsyncGenerator[Any, None]:
    if scope is not None and scope.observed:
        chunks = aobserved_stream(self, scope, input, info, work)
    else:
        chunks = work(input, None if scope is None else scope.without_run_settings())
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        await chunks.aclose()


def _without_restarts(input: Any) -> Any:
    """An input as it is, or its whole, where it may start over: a user's method knows no reset."""
    return map(collect, (input,)) if stream_may_restart(input) else input


def _awithout_restarts(input: Any) -> Any:
    """`_without_restarts` in the other colour."""
    return _acollected(input) if stream_may_restart(input) else input


async def _acollected(input: Any) -> AsyncGenerator[Any, None]:
    yield await acollect(input)


def _adapt_transform(raw: Raw) -> Raw:
    def _transform(
        self: Any, input: Iterable[Any], scope: Scope | None, kwargs: dict[str, Any], _: StreamInfo
    ) -> Generator[Any, None, None]:
        yield from iterate_in_scope(raw(self, iter(input), _user_config(scope), **kwargs), scope)

    return _adapter(_transform)


def _adapt_atransform(raw: Raw) -> Raw:
    async def _atransform(
        self: Any,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        _: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        chunks = aiterate_in_scope(raw(self, aiter(input), _user_config(scope), **kwargs), scope)
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await chunks.aclose()

    return _adapter(_atransform)


def _for_one_value(adapter: Callable[[Raw], Raw]) -> Callable[[Raw], Raw]:
    """An adapter for a method that takes a whole input, from one for those that take pieces."""

    def adapt_whole(raw: Raw) -> Raw:
        def on_whole(self: Any, pieces: Any, config: Any, **kwargs: Any) -> Any:
            return raw(self, collect(pieces), config, **kwargs)

        return adapter(on_whole)

    return adapt_whole


def _for_one_avalue(adapter: Callable[[Raw], Raw]) -> Callable[[Raw], Raw]:
    """`_for_one_value` in the other colour."""

    def adapt_whole(raw: Raw) -> Raw:
        async def on_whole(self: Any, pieces: Any, config: Any, **kwargs: Any) -> Any:
            value = await acollect(pieces)
            async for chunk in raw(self, value, config, **kwargs):
                yield chunk

        return adapter(on_whole)

    return adapt_whole


def _adapt_to_threads(raw: Raw) -> Raw:
    """A sync `transform` serves async runs, in worker threads."""

    async def _atransform(
        self: Any,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        _: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        given = AsyncIteratorBridge(aiter(_awithout_restarts(input)))
        chunks = iterate_in_threads(
            lambda: iterate_in_scope(raw(self, given, _user_config(scope), **kwargs), scope)
        )
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await chunks.aclose()

    return _adapter(_atransform)


def _adapt_whole_of_stream(_: Raw) -> Raw:
    """`invoke` for who writes only how it streams: the sum of the pieces."""

    def _invoke(self: Any, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        info = StreamInfo(self.merge, self)
        chunks = self._transform(SingleValue(value), scope, kwargs, info)
        return collect(Stream(chunks, info))

    return _adapter(_invoke)


def _adapt_whole_of_astream(_: Raw) -> Raw:
    """`_adapt_whole_of_stream` in the other colour."""

    async def _ainvoke(self: Any, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        info = StreamInfo(self.merge, self)
        chunks = self._atransform(AsyncSingleValue(value), scope, kwargs, info)
        return await acollect(AsyncStream(chunks, info))

    return _adapter(_ainvoke)


def _refuse_sync(raw: Raw) -> Raw:
    """A sync call of who writes async methods only."""

    def _invoke(self: Any, *_: Any) -> Any:
        raise SyncAsyncError(
            f"{self!r} writes `{raw.__name__}` only, so it cannot be run synchronously. "
            "Use `ainvoke` instead of `invoke`. Use `astream` instead of `stream`. "
            "Or write `invoke` as well."
        )

    return _adapter(_invoke)


_WRAPPERS: Final[Mapping[str, Callable[[Raw], Raw]]] = {
    "invoke": _wrap_invoke,
    "ainvoke": _wrap_ainvoke,
    "stream": _wrap_stream,
    "astream": _wrap_astream,
    "transform": _wrap_transform,
    "atransform": _wrap_atransform,
}
_PIECEWISE: Final = frozenset({"transform", "atransform"})
_SOURCES: Final[Mapping[str, Mapping[str, Callable[[Raw], Raw]]]] = {
    "_invoke": {
        "invoke": _adapt_invoke,
        "transform": _adapt_whole_of_stream,
        "stream": _adapt_whole_of_stream,
        "ainvoke": _refuse_sync,
        "atransform": _refuse_sync,
        "astream": _refuse_sync,
    },
    "_ainvoke": {
        "ainvoke": _adapt_ainvoke,
        "invoke": _adapt_in_thread,
        "atransform": _adapt_whole_of_astream,
        "astream": _adapt_whole_of_astream,
    },
    "_transform": {
        "transform": _adapt_transform,
        "stream": _for_one_value(_adapt_transform),
    },
    "_atransform": {
        "atransform": _adapt_atransform,
        "astream": _for_one_avalue(_adapt_atransform),
        "transform": _adapt_to_threads,
        "stream": _for_one_value(_adapt_to_threads),
    },
}
