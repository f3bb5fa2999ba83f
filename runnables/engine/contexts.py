"""Contexts of their own, for code that runs in steps, and what such code sets.

A generator is advanced step by step, and its consumer may ask for each step from another thread or
task. What the generator has opened (a token of a context variable, a tracing span) belongs to the
context that it was opened in, so all its steps, and its closing, run in one context: a copy of its
consumer's, made at the first step.

What it sets there, its consumer sees after the step, as if the code had run in place. A `Flow`
takes it over, once for each consumer.
"""

from __future__ import annotations

import contextvars
import gc
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import asyncio
else:
    from runnables.engine import lazy_asyncio as asyncio

_UNSET: Final = object()

_PRIVATE: Final[set[contextvars.ContextVar[Any]]] = set()


def keep_private(variable: contextvars.ContextVar[Any]) -> None:
    """Let no consumer take over this variable: what it says holds for its own context only."""
    _PRIVATE.add(variable)


class Flow:
    """The way back from a context of its own to that of one consumer.

    `take` and `withdraw` are called in the consumer's context.

    Args:
        context: the context of its own, a copy of the consumer's.
        start: what was set when it was made; by default what is set now.
    """

    __slots__ = ("_context", "_seen", "_start", "_tokens")

    def __init__(
        self, context: contextvars.Context, start: contextvars.Context | None = None
    ) -> None:
        self._context = context
        self._start = self._seen = context.copy() if start is None else start
        # of what had no value here: only a token can take the value away again
        self._tokens: dict[contextvars.ContextVar[Any], contextvars.Token[Any]] = {}

    def another(self) -> Flow:
        """Return the way to one more consumer, which has taken over nothing yet."""
        return Flow(self._context, self._start)

    def take(self) -> None:
        """Set here what was set there since the last time; what was reset there is reset here."""
        now = self._context.copy()
        self._go(self._seen, now)
        self._seen = now

    def withdraw(self) -> None:
        """Undo here what was taken over, where nothing else was set meanwhile."""
        seen, self._seen = self._seen, self._start
        for variable, value in seen.items():
            if self._start.get(variable, _UNSET) is not value and variable not in _PRIVATE:
                if variable.get(_UNSET) is value:
                    self._put(variable, self._start.get(variable, _UNSET))

    def _go(self, before: contextvars.Context, after: contextvars.Context) -> None:
        for variable, value in after.items():
            if before.get(variable, _UNSET) is not value and variable not in _PRIVATE:
                self._put(variable, value)
        for variable in before:
            if variable not in after and variable not in _PRIVATE:
                self._put(variable, _UNSET)

    def _put(self, variable: contextvars.ContextVar[Any], value: Any) -> None:
        if value is not _UNSET:
            token = variable.set(value)
            if token.old_value is contextvars.Token.MISSING:
                self._tokens[variable] = token
            return
        token_or_none = self._tokens.pop(variable, None)
        try:
            if token_or_none is not None:
                variable.reset(token_or_none)
        except ValueError:  # it was taken over in another context than this one
            variable.set(contextvars.Context().run(variable.get, None))


def task_context() -> contextvars.Context | None:
    """Return the context of the current task, itself and no copy; None outside of a task."""
    task: Any = asyncio.current_task()
    if task is None:
        return None
    if sys.version_info >= (3, 12):
        return task.get_context()
    # 3.11 has no such method; the first context that its task refers to is its own
    return next((found for found in gc.get_referents(task) if _is_context(found)), None)


def _is_context(thing: object) -> bool:
    return isinstance(thing, contextvars.Context)
