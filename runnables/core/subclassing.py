"""Users' own runnable classes: what they override is wrapped, and serves all other methods.

A user's class overrides public methods, most often only `invoke`. Each of them is wrapped, so that
its runs are reported, and that `chain.invoke(x)` inside it joins the call around it. Each also
becomes the underscored method that the other public methods call: `invoke` alone makes `stream`,
`batch` and the async methods work.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterable, Mapping
from functools import partial
from typing import Any, Final

from runnables.core.config import RunnableConfig, Scope, activate, resolve_scope
from runnables.core.events import Run
from runnables.core.missing_input import NOT_GIVEN, may_lack_input, missing_input
from runnables.core.stops import raise_without_stop
from runnables.core.stream_runs import arun_stream, run_stream
from runnables.core.user_code import aiterate_in_scope, iterate_in_scope, user_config
from runnables.engine.bridge import AsyncIteratorBridge, iterate_in_threads
from runnables.engine.cancellation import raise_if_cancelled
from runnables.engine.collect import AsyncSingleValue, SingleValue, acollect, collect
from runnables.engine.stream import AsyncStream, Stream, StreamInfo, owned, stream_may_restart
from runnables.engine.thread_calls import to_thread
from runnables.errors import SyncAsyncError

Raw = Callable[..., Any]
"""A method as the user wrote it, or what is made of one."""


def wrap_overrides(cls: Any) -> None:
    """Wrap the public methods that this class itself defines, and put each where it serves."""
    for name, wrap in _WRAPPERS.items():
        raw = cls.__dict__.get(name)
        if inspect.isfunction(raw):
            setattr(cls, name, _marked(wrap(raw), raw=raw))
            if name in _TAKES_CHUNKS:
                cls.streams_input = True
    written: dict[str, Any] = {name: getattr(getattr(cls, name), "raw", None) for name in _WRAPPERS}
    for inner, sources in _SOURCES.items():
        found = next((name for name in sources if written[name] is not None), None)
        if found is not None and _is_replaceable(cls, inner):
            setattr(cls, inner, _marked(sources[found](written[found]), adapts=True))


def _is_replaceable(cls: type, inner: str) -> bool:
    """Tell whether the inner method is that of the contract, or was made here for a base."""
    if inner in cls.__dict__:
        return False
    inherited = getattr(cls, inner)
    return hasattr(inherited, "adapts") or inherited.__qualname__.startswith("BaseRunnable.")


def _marked(function: Raw, **marks: Any) -> Raw:
    vars(function).update(marks)
    return function


def config_of(scope: Scope | None) -> RunnableConfig | None:
    """Return a scope as the config of a call; None where there is no scope."""
    return None if scope is None else scope.config


def _user_config(scope: Scope | None) -> RunnableConfig | None:
    """Return the config that a user's method receives."""
    return None if scope is None else user_config(scope)


# --- public methods: what the user wrote, as a run --------------------------------------------


def _wrap_invoke(raw: Raw) -> Raw:
    @may_lack_input
    @functools.wraps(raw)
    def invoke(self: Any, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        if input is NOT_GIVEN:
            raise missing_input(self.invoke, kwargs)
        scope = resolve_scope(config)
        try:
            if scope is None:
                return raw(self, input, None, **kwargs)
            raise_if_cancelled()
            if not scope.observed:
                inner = scope.without_run_settings()
                with activate(inner):
                    return raw(self, input, user_config(inner), **kwargs)
            with Run(self, scope, input, kwargs) as run:
                with activate(run.scope):
                    return run.end(raw(self, input, user_config(run.scope), **kwargs))
        except Exception as error:
            raise_without_stop(error, self)
            raise

    return invoke


def _awrap_invoke(raw: Raw) -> Raw:
    @may_lack_input
    @functools.wraps(raw)
    async def ainvoke(
        self: Any, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Any:
        if input is NOT_GIVEN:
            raise missing_input(self.ainvoke, kwargs)
        scope = resolve_scope(config)
        try:
            if scope is None:
                return await raw(self, input, None, **kwargs)
            raise_if_cancelled()
            if not scope.observed:
                inner = scope.without_run_settings()
                with activate(inner):
                    return await raw(self, input, user_config(inner), **kwargs)
            async with Run(self, scope, input, kwargs) as run:
                with activate(run.scope):
                    return run.end(await raw(self, input, user_config(run.scope), **kwargs))
        except Exception as error:
            raise_without_stop(error, self)
            raise

    return ainvoke


def _wrap_chunks(raw: Raw, *, whole: bool) -> Raw:
    """Wrap a `transform`, or a `stream`, which takes a whole input."""
    transform = _transform_from(raw, whole=whole)

    @functools.wraps(raw)
    def wrapped(self: Any, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        chunks = SingleValue(input) if whole else input
        info = StreamInfo(self.merge, self)
        scope = resolve_scope(config)
        return run_stream(self, partial(transform, self), chunks, scope, kwargs, info)

    return wrapped


def _awrap_chunks(raw: Raw, *, whole: bool) -> Raw:
    """Wrap an `atransform`, or an `astream`, which takes a whole input."""
    transform = _atransform_from(raw, whole=whole)

    @functools.wraps(raw)
    def wrapped(self: Any, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        chunks = AsyncSingleValue(input) if whole else input
        info = StreamInfo(self.merge, self)
        scope = resolve_scope(config)
        return arun_stream(self, partial(transform, self), chunks, scope, kwargs, info)

    return wrapped


# --- underscored methods: what the other public methods call ----------------------------------


def _invoke_from(raw: Raw) -> Raw:
    """Return an `_invoke` that calls the user's `invoke`."""

    def _invoke(self: Any, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        with activate(scope):
            return _called(raw, self, value, scope, kwargs)

    return _invoke


def _ainvoke_from(raw: Raw) -> Raw:
    """Return an `_ainvoke` that calls the user's `ainvoke`."""

    async def _ainvoke(self: Any, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        with activate(scope):
            return await _acalled(raw, self, value, scope, kwargs)

    return _ainvoke


def _ainvoke_in_thread(_: Raw) -> Raw:
    """Return an `_ainvoke` that runs `_invoke` in a worker thread."""

    async def _ainvoke(self: Any, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        return await to_thread(self._invoke, value, scope, kwargs)

    return _ainvoke


def _transform_from(raw: Raw, *, whole: bool = False) -> Raw:
    """Return a `_transform` that calls the user's `transform`, or `stream` with the whole input."""

    def _transform(
        self: Any,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        argument = collect(input) if whole else _without_restarts(input)
        chunks = _called(raw, self, argument, scope, kwargs)
        yield from iterate_in_scope(info.delegate_to(chunks), scope, info)

    return _transform


def _atransform_from(raw: Raw, *, whole: bool = False) -> Raw:
    """Return an `_atransform` that calls the user's `atransform`, or `astream`."""

    async def _atransform(
        self: Any,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        argument = await acollect(input) if whole else _awithout_restarts(input)
        chunks = _called(raw, self, argument, scope, kwargs)
        items = aiterate_in_scope(info.delegate_to(chunks), scope, info)
        try:
            async for chunk in owned(items):
                yield chunk
        finally:
            await items.aclose()

    return _atransform


def _atransform_in_threads(raw: Raw, *, whole: bool = False) -> Raw:
    """Return an `_atransform` that drives a sync `transform` or `stream` in a worker thread."""
    transform = _transform_from(raw, whole=whole)

    async def _atransform(
        self: Any,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        bridge = None if whole else AsyncIteratorBridge(_awithout_restarts(input), info.outer)
        source = SingleValue(await acollect(input)) if bridge is None else bridge
        chunks = iterate_in_threads(
            lambda: transform(self, source, scope, kwargs, info), info.outer, bridge
        )
        try:
            async for chunk in owned(chunks):
                yield chunk
        finally:
            await chunks.aclose()

    return _atransform


def _called(
    raw: Raw, runnable: Any, argument: Any, scope: Scope | None, kwargs: dict[str, Any]
) -> Any:
    """Return what a user's method returns for this input."""
    try:
        return raw(runnable, argument, _user_config(scope), **kwargs)
    except Exception as error:
        raise_without_stop(error, runnable)
        raise


async def _acalled(
    raw: Raw, runnable: Any, argument: Any, scope: Scope | None, kwargs: dict[str, Any]
) -> Any:
    """Return what a user's async method returns for this input."""
    try:
        return await raw(runnable, argument, _user_config(scope), **kwargs)
    except Exception as error:
        raise_without_stop(error, runnable)
        raise


def _without_restarts(input: Any) -> Any:
    """Return an input as it is, or its whole where it may restart: users' code knows no `RESET`."""
    return _collected(input) if stream_may_restart(input) else input


def _awithout_restarts(input: Any) -> Any:
    """Return an async input as it is, or its whole where it may restart."""
    return _acollected(input) if stream_may_restart(input) else input


def _collected(input: Any) -> Generator[Any, None, None]:
    yield collect(input)


async def _acollected(input: Any) -> AsyncGenerator[Any, None]:
    yield await acollect(input)


def _invoke_from_chunks(_: Raw) -> Raw:
    """Return an `_invoke` that merges the chunks of `_transform`."""

    def _invoke(self: Any, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        info = StreamInfo(self.merge, self)
        chunks = self._transform(SingleValue(value), scope, kwargs, info)
        return collect(Stream(chunks, info))

    return _invoke


def _ainvoke_from_chunks(_: Raw) -> Raw:
    """Return an `_ainvoke` that merges the chunks of `_atransform`."""

    async def _ainvoke(self: Any, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        info = StreamInfo(self.merge, self)
        chunks = self._atransform(AsyncSingleValue(value), scope, kwargs, info)
        return await acollect(AsyncStream(chunks, info))

    return _ainvoke


def _refuse_sync(raw: Raw) -> Raw:
    """Return an `_invoke` that refuses, for a class that writes async methods only."""

    def _invoke(self: Any, *_: Any) -> Any:
        raise SyncAsyncError(
            f"{self!r} defines `{raw.__name__}` only, so it cannot be run synchronously. "
            "Use `ainvoke` instead of `invoke`. Use `astream` instead of `stream`. "
            "Or define `invoke` as well."
        )

    return _invoke


_WRAPPERS: Final[Mapping[str, Callable[[Raw], Raw]]] = {
    "invoke": _wrap_invoke,
    "ainvoke": _awrap_invoke,
    "stream": partial(_wrap_chunks, whole=True),
    "astream": partial(_awrap_chunks, whole=True),
    "transform": partial(_wrap_chunks, whole=False),
    "atransform": partial(_awrap_chunks, whole=False),
}
_TAKES_CHUNKS: Final = frozenset({"transform", "atransform"})
_SOURCES: Final[Mapping[str, Mapping[str, Callable[[Raw], Raw]]]] = {
    "_invoke": {
        "invoke": _invoke_from,
        "transform": _invoke_from_chunks,
        "stream": _invoke_from_chunks,
        "ainvoke": _refuse_sync,
        "atransform": _refuse_sync,
        "astream": _refuse_sync,
    },
    "_ainvoke": {
        "ainvoke": _ainvoke_from,
        "invoke": _ainvoke_in_thread,
        "atransform": _ainvoke_from_chunks,
        "astream": _ainvoke_from_chunks,
    },
    "_transform": {
        "transform": _transform_from,
        "stream": partial(_transform_from, whole=True),
    },
    "_atransform": {
        "atransform": _atransform_from,
        "astream": partial(_atransform_from, whole=True),
        "transform": _atransform_in_threads,
        "stream": partial(_atransform_in_threads, whole=True),
    },
}
"""For each underscored method, the public methods that can serve it, the best one first."""
