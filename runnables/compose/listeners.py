"""Listeners: functions that receive the events of one runnable."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from runnables.core.signatures import can_take, is_async, takes_config
from runnables.core.user_code import user_config
from runnables.errors import ConfigError, SyncAsyncError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence

    from runnables.core.config import RunnableConfig, Scope
    from runnables.core.handlers import Event, Handler

    Listener: TypeAlias = Callable[[Event], Any] | Callable[[Event, RunnableConfig], Any]
    """A function of the event, or of the event and the `config` of the run."""

    AsyncListener: TypeAlias = (
        Callable[[Event], Awaitable[Any]] | Callable[[Event, RunnableConfig], Awaitable[Any]]
    )
    """An async function of the event, or of the event and the `config` of the run."""


class _Listening:
    """A handler that calls a function for each kind of event.

    Args:
        functions: the functions, by kind.
        scope: the scope of the run, for functions that take its config.
    """

    def __init__(
        self, functions: Mapping[str, Callable[..., Any]], scope: Scope | None = None
    ) -> None:
        self._functions = functions
        self._scope = scope
        self._needs_scope = any(takes_config(function) for function in functions.values())

    def for_run(self, scope: Scope) -> Self:
        """Return the handler for a run in this scope."""
        return type(self)(self._functions, scope) if self._needs_scope else self

    def __eq__(self, other: object) -> bool:
        """Tell whether both call the same functions with the same config: rows that go together."""
        return (
            isinstance(other, _Listening)
            and self._functions is other._functions
            and self._scope == other._scope
        )

    __hash__ = object.__hash__

    def _called(self, event: Event) -> Any:
        """Call the function for this kind of event, where there is one."""
        function = self._functions.get(event.kind)
        if function is None:
            return None
        if self._needs_scope and takes_config(function):
            return function(event, config=user_config(self._scope))
        return function(event)


class _Listener(_Listening):
    """A handler that calls a function for each kind of event."""

    def on_event(self, event: Event) -> None:
        """Call the function for this kind of event, where there is one."""
        self._called(event)


class _AsyncListener(_Listening):
    """A handler that awaits an async function for each kind of event."""

    async def on_event(self, event: Event) -> None:
        """Await the function for this kind of event, where there is one."""
        if (result := self._called(event)) is not None:
            await result


def for_run(listeners: Sequence[Handler], scope: Scope) -> Iterator[Handler]:
    """Yield listeners, and give those that take the config of the run the one of this scope."""
    for listener in listeners:
        if isinstance(listener, (_Listener, _AsyncListener)):
            listener = listener.for_run(scope)
        yield listener


def listeners(on_start: Any, on_end: Any, on_error: Any) -> tuple[Handler, ...]:
    """Return the handlers that call these functions.

    Raises:
        ConfigError: a function that takes neither the event alone, nor the event and `config`.
        SyncAsyncError: an async function.
    """
    functions = _by_kind(start=on_start, end=on_end, error=on_error)
    for kind, function in functions.items():
        if is_async(function):
            raise SyncAsyncError(
                f"with_listeners(on_{kind}={function!r}) is async: use with_alisteners"
            )
    return (_Listener(functions),)


def alisteners(on_start: Any, on_end: Any, on_error: Any) -> tuple[Handler, ...]:
    """Return the handlers that await these functions.

    Raises:
        ConfigError: a function that takes neither the event alone, nor the event and `config`.
    """
    return (_AsyncListener(_by_kind(start=on_start, end=on_end, error=on_error)),)


def _by_kind(**functions: Any) -> dict[str, Any]:
    """Return the functions that were passed, by kind of event.

    Raises:
        ConfigError: a function that takes neither the event alone, nor the event and `config`.
    """
    passed = {kind: function for kind, function in functions.items() if function is not None}
    for kind, function in passed.items():
        if not (can_take(function, 1) or _takes_event_and_config(function)):
            raise ConfigError(
                f"on_{kind}={function!r}: expected a function of one argument, the event, or of "
                "two, the event and `config`; the event says event.input, .output, .error, .name, "
                ".run_id, .tags and .metadata."
            )
    return passed


def _takes_event_and_config(function: Any) -> bool:
    try:
        inspect.signature(function).bind(None, config=None)
    except (TypeError, ValueError):
        return False
    return True
