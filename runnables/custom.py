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
from typing import Any, Final, cast

from runnables.concurrency import check_stop
from runnables.config import RunnableConfig, Scope, enter, reset_ambient, set_ambient, within
from runnables.events import Run
from runnables.streams import (
    AsyncStream,
    Declared,
    Stream,
    aclose,
    acollect,
    close,
    collect,
    given,
    in_threads,
)

Raw = Callable[..., Any]


def adapt(cls: type) -> None:
    """Wrap the public methods that this class itself defines."""
    for name, wrap in _WRAPPERS.items():
        raw = cls.__dict__.get(name)
        if inspect.isfunction(raw):
            setattr(cls, name, wrap(raw))
            for inner, adapter in _ADAPTERS.get(name, {}).items():
                if inner not in cls.__dict__ and _is_ours_to_replace(cls, inner):
                    setattr(cls, inner, adapter(raw))


def _is_ours_to_replace(cls: type, inner: str) -> bool:
    """Whether the inner method stems from the contract or an adapter, not from a real runnable."""
    inherited = getattr(cls, inner)
    return hasattr(inherited, "adapts") or inherited.__qualname__.startswith("Runnable.")


def _adapter(function: Raw) -> Raw:
    cast("Any", function).adapts = True
    return function


def config_of(scope: Scope | None) -> RunnableConfig | None:
    """What a user's method is given as its config."""
    return None if scope is None else scope.config


# --- invoke -----------------------------------------------------------------------------------


def _wrap_invoke(raw: Raw) -> Raw:
    @functools.wraps(raw)
    def invoke(self: Any, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        scope = enter(config)
        if scope is None:
            return raw(self, input, None, **kwargs)
        check_stop()
        if not scope.observed:
            with within(scope.fresh()):
                return raw(self, input, scope.fresh().config, **kwargs)
        with Run(self, scope, input) as run, within(run.scope):
            return run.end(raw(self, input, run.scope.config, **kwargs))

    return invoke


def _wrap_ainvoke(raw: Raw) -> Raw:
    @functools.wraps(raw)
    async def ainvoke(
        self: Any, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Any:
        scope = enter(config)
        if scope is None:
            return await raw(self, input, None, **kwargs)
        check_stop()
        if not scope.observed:
            with within(scope.fresh()):
                return await raw(self, input, scope.fresh().config, **kwargs)
        async with Run(self, scope, input) as run:
            with within(run.scope):
                return run.end(await raw(self, input, run.scope.config, **kwargs))

    return ainvoke


def _adapt_invoke(raw: Raw) -> Raw:
    def _invoke(self: Any, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        with within(scope):
            return raw(self, value, config_of(scope), **kwargs)

    return _adapter(_invoke)


def _adapt_ainvoke(raw: Raw) -> Raw:
    async def _ainvoke(self: Any, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        with within(scope):
            return await raw(self, value, config_of(scope), **kwargs)

    return _adapter(_ainvoke)


# --- stream and transform ---------------------------------------------------------------------


def _wrap_transform(raw: Raw) -> Raw:
    @functools.wraps(raw)
    def transform(
        self: Any, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Any:
        scope = enter(config)
        declared = Declared(self.merge, self)
        return Stream(_run(self, raw, input, scope, kwargs, declared), declared)

    return transform


def _wrap_atransform(raw: Raw) -> Raw:
    @functools.wraps(raw)
    def atransform(
        self: Any, input: Any, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Any:
        scope = enter(config)
        declared = Declared(self.merge, self)
        return AsyncStream(_arun(self, raw, input, scope, kwargs, declared), declared)

    return atransform


def _run(
    self: Any,
    raw: Raw,
    input: Any,
    scope: Scope | None,
    kwargs: dict[str, Any],
    declared: Declared,
) -> Generator[Any, None, None]:
    if scope is None or not scope.observed:
        inner = None if scope is None else scope.fresh()
        yield from driven(declared.follow(raw(self, input, config_of(inner), **kwargs)), inner)
        return
    with Run(self, scope, given(input)) as run:
        chunks = driven(raw(self, input, run.scope.config, **kwargs), run.scope)
        try:
            for chunk in chunks:
                run.chunk(chunk, declared)
                yield chunk
        finally:
            chunks.close()


async def _arun(
    self: Any,
    raw: Raw,
    input: Any,
    scope: Scope | None,
    kwargs: dict[str, Any],
    declared: Declared,
) -> AsyncGenerator[Any, None]:
    if scope is None or not scope.observed:
        inner = None if scope is None else scope.fresh()
        chunks = adriven(declared.follow(raw(self, input, config_of(inner), **kwargs)), inner)
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await chunks.aclose()
        return
    async with Run(self, scope, given(input)) as run:
        chunks = adriven(raw(self, input, run.scope.config, **kwargs), run.scope)
        try:
            async for chunk in chunks:
                await run.achunk(chunk, declared)
                yield chunk
        finally:
            await chunks.aclose()


def _adapt_stream(raw: Raw) -> Raw:
    def _transform(
        self: Any, input: Iterable[Any], scope: Scope | None, kwargs: dict[str, Any], _: Declared
    ) -> Generator[Any, None, None]:
        yield from driven(raw(self, collect(input), config_of(scope), **kwargs), scope)

    return _adapter(_transform)


def _adapt_astream(raw: Raw) -> Raw:
    async def _atransform(
        self: Any,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        _: Declared,
    ) -> AsyncGenerator[Any, None]:
        chunks = adriven(raw(self, await acollect(input), config_of(scope), **kwargs), scope)
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await chunks.aclose()

    return _adapter(_atransform)


def _adapt_stream_for_async(raw: Raw) -> Raw:
    async def _atransform(
        self: Any,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        _: Declared,
    ) -> AsyncGenerator[Any, None]:
        value = await acollect(input)
        chunks = in_threads(lambda: driven(raw(self, value, config_of(scope), **kwargs), scope))
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await chunks.aclose()

    return _adapter(_atransform)


# --- users' generators ------------------------------------------------------------------------


def driven(chunks: Iterable[Any], scope: Scope | None) -> Generator[Any, None, None]:
    """A user's iterator, with the scope around each of its steps; closed at the end.

    The scope is set for each step alone: a generator runs in its consumer's context, where a
    variable that is left set would leak out.
    """
    items = iter(chunks)
    try:
        if scope is None:
            yield from items
            return
        while True:
            token = set_ambient(scope)
            try:
                chunk = next(items)
            except StopIteration:
                return
            finally:
                reset_ambient(token)
            yield chunk
    finally:
        close(items)


async def adriven(chunks: AsyncIterable[Any], scope: Scope | None) -> AsyncGenerator[Any, None]:
    """`driven` in the other colour."""
    items = aiter(chunks)
    try:
        if scope is None:
            async for chunk in items:
                yield chunk
            return
        while True:
            token = set_ambient(scope)
            try:
                chunk = await anext(items)
            except StopAsyncIteration:
                return
            finally:
                reset_ambient(token)
            yield chunk
    finally:
        await aclose(items)


_WRAPPERS: Final[Mapping[str, Callable[[Raw], Raw]]] = {
    "invoke": _wrap_invoke,
    "ainvoke": _wrap_ainvoke,
    "stream": _wrap_transform,
    "astream": _wrap_atransform,
    "transform": _wrap_transform,
    "atransform": _wrap_atransform,
}
_ADAPTERS: Final[Mapping[str, Mapping[str, Callable[[Raw], Raw]]]] = {
    "invoke": {"_invoke": _adapt_invoke},
    "ainvoke": {"_ainvoke": _adapt_ainvoke},
    "astream": {"_atransform": _adapt_astream},
    "stream": {"_transform": _adapt_stream, "_atransform": _adapt_stream_for_async},
}
