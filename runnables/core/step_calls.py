"""Calls of a function by a user's step that is written with LangChain's helpers.

There `_call_with_config` reports the run of a step. Here the base class reports it around `invoke`,
so the helper has only to call the function: under the config, which it also passes on.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from runnables.core.config import activate, resolve_scope
from runnables.core.run_managers import RunManager
from runnables.core.user_code import aiterate_in_scope, iterate_in_scope, user_config
from runnables.engine.stream import StreamInfo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from runnables.core.config import RunnableConfig, Scope


def call_with_config(
    function: Callable[..., Any], value: Any, config: RunnableConfig | None, kwargs: dict[str, Any]
) -> Any:
    """Return what a function returns for an input, under a config."""
    scope = _inner(config)
    with activate(scope):
        return function(value, **_keywords(function, scope, kwargs))


async def acall_with_config(
    function: Callable[..., Awaitable[Any]],
    value: Any,
    config: RunnableConfig | None,
    kwargs: dict[str, Any],
) -> Any:
    """Return what an async function returns for an input, under a config."""
    scope = _inner(config)
    with activate(scope):
        return await function(value, **_keywords(function, scope, kwargs))


def iterate_with_config(
    runnable: Any,
    function: Callable[..., Iterator[Any]],
    chunks: Any,
    config: RunnableConfig | None,
    kwargs: dict[str, Any],
) -> Iterator[Any]:
    """Return what a generator function yields for the chunks of an input, under a config."""
    scope = _inner(config)
    output = function(chunks, **_keywords(function, scope, kwargs))
    return iterate_in_scope(output, scope, StreamInfo(runnable.merge, runnable))


def aiterate_with_config(
    runnable: Any,
    function: Callable[..., AsyncIterator[Any]],
    chunks: Any,
    config: RunnableConfig | None,
    kwargs: dict[str, Any],
) -> AsyncIterator[Any]:
    """Return what an async generator function yields for the chunks of an input."""
    scope = _inner(config)
    output = function(chunks, **_keywords(function, scope, kwargs))
    return aiterate_in_scope(output, scope, StreamInfo(runnable.merge, runnable))


def _inner(config: RunnableConfig | None) -> Scope | None:
    """Return the scope that a config makes, without what is for the run of the step itself."""
    scope = resolve_scope(config)
    return None if scope is None else scope.without_run_settings()


def _keywords(
    function: Callable[..., Any], scope: Scope | None, kwargs: dict[str, Any]
) -> dict[str, Any]:
    """Return the options, with the config and the `run_manager` that a function takes."""
    try:
        names = inspect.signature(function).parameters
    except ValueError:  # a function of C that does not say what it takes
        return kwargs
    added: dict[str, Any] = {}
    if "config" in names:
        added["config"] = user_config(scope)
    if "run_manager" in names:
        added["run_manager"] = RunManager(user_config(scope))
    return {**kwargs, **added}
