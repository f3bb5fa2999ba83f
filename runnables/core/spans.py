"""The current span of a tracing library, which a handler sets around the code of a run.

A handler that makes a span of each run (`tracing/`) says which context variable holds the current
span. It is set wherever users' code gets its scope, and taken away with it. So what that code opens
(a span of its own, one of an instrumented HTTP client) becomes a child of the run's span, and no
other code sees the run's span, also where a generator goes on in another task or thread.
"""

from __future__ import annotations

from contextvars import Context, Token
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from runnables.core.config import Scope
    from runnables.engine.variables import Variable


class SpanHandler(Protocol):
    """A handler that makes spans of runs."""

    def current_span(self, run_ids: Sequence[str]) -> tuple[Variable, Any] | None:
        """Return the variable of the current span, and its value within a run; None: unchanged.

        Args:
            run_ids: the runs around the code, the innermost last.
        """
        ...

    def left_behind(self, now: Any, before: Any) -> Any:
        """Return what the variable is set to after code that has changed it, and not changed back.

        Args:
            now: its value at the end of that code.
            before: its value before the run's span was set.
        """
        ...

    def on_failed_attempt(
        self, run_ids: Sequence[str], number: int, error: Exception, seconds: float
    ) -> None:
        """Receive a failed attempt that a model repeats by itself, within one run.

        Args:
            run_ids: the runs around the attempt, the innermost last.
            number: the number of the attempt, from 1.
            error: its error.
            seconds: how long the model waits before the next.
        """
        ...


def span_handlers(handlers: Iterable[object]) -> tuple[SpanHandler, ...]:
    """Return those of the handlers that make spans; their classes say so, not a `__getattr__`."""
    found = (handler for handler in handlers if hasattr(type(handler), "current_span"))
    return cast("tuple[SpanHandler, ...]", tuple(found))


def current_spans(scope: Scope) -> Mapping[Variable, Any]:
    """Return the variables of current spans, with their values for code that runs in a scope."""
    found = (handler.current_span(scope.parents) for handler in scope.span_handlers)
    return dict(pair for pair in found if pair is not None)


def spans_in(scope: Scope | None) -> Callable[[], Mapping[Variable, Any]] | None:
    """Return `current_spans` for the steps of an iterator; None where no handler makes spans."""
    if scope is None or not scope.span_handlers:
        return None
    return partial(current_spans, scope)


def context_of_spans(scope: Scope | None) -> Context | None:
    """Return a context in which nothing is set but the current spans of a scope.

    It is for work in another thread that may outlive the call, such as a connection, which must
    not keep all that the caller has set. None where no handler makes spans.
    """
    if scope is None or not scope.span_handlers:
        return None
    context = Context()
    for handler in scope.span_handlers:
        pair = context.run(handler.current_span, scope.parents)
        if pair is not None:
            context.run(pair[0].set, pair[1])
    return context


class spans_of:
    """A context manager that sets the current spans for code that runs in a scope.

    Args:
        scope: a scope with `span_handlers`.
    """

    __slots__ = ("_scope", "_set")

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __enter__(self) -> Self:
        self._set: list[tuple[SpanHandler, Variable, Any, Token[Any]]] = []
        for handler in self._scope.span_handlers:
            pair = handler.current_span(self._scope.parents)
            if pair is not None:
                variable, value = pair
                self._set.append((handler, variable, value, variable.set(value)))
        return self

    def __exit__(self, *_: object) -> None:
        for handler, variable, value, token in reversed(self._set):
            before = None if token.old_value is token.MISSING else token.old_value
            now = variable.get(None)
            if now is not value:
                variable.set(handler.left_behind(now, before))
                continue
            try:
                variable.reset(token)
            except ValueError:  # set in another context: a generator went on in another task
                variable.set(before)
