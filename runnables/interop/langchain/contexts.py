"""The contexts of single steps: theirs within a call of ours, and ours within one of theirs.

A stream enters them for each chunk. So they are classes, and change nothing that is set already: a
generator function with `contextmanager` would take several times as long. They may be entered again
once they are left, but never across a `yield`, where the caller's own code would run in them.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

from runnables.core.config import CURRENT_SCOPE, current_scope
from runnables.interop.langchain.ambient import hide, show

if TYPE_CHECKING:
    from runnables.core.config import Scope

_left: ContextVar[Scope | None] = ContextVar("runnables_left", default=None)
left_scope: Final = _left.get
"""Return the scope from which a call of ours went out to LangChain: its limits hold there, too."""

_silent: ContextVar[object] = ContextVar("runnables_silent", default=None)
"""Stands for the scope in which LangChain reports nothing; None where it reports."""

_NO_SCOPE: Final = object()


class _Switched:
    """A context with another current scope, and another one that was left for LangChain."""

    __slots__ = ("_current", "_left", "_tokens")

    def __init__(self, current: Scope | None, left: Scope | None) -> None:
        self._current = current
        self._left = left

    def __enter__(self) -> None:
        self._tokens: Any = None
        if current_scope() is not self._current or left_scope() is not self._left:
            self._tokens = CURRENT_SCOPE.set(self._current), _left.set(self._left)

    def __exit__(self, *_: object) -> None:
        if self._tokens is not None:
            current, left = self._tokens
            _left.reset(left)
            CURRENT_SCOPE.reset(current)


def outside(scope: Scope | None) -> _Switched:
    """Return a context for a call of theirs that has the config of a scope: see `border.py`."""
    return _Switched(None, scope)


def inside(scope: Scope | None) -> _Switched:
    """Return a context for a step of ours that LangChain asks for, such as a chunk of its input."""
    return _Switched(scope, None)


class silent:
    """A context in which a call of theirs reports nothing.

    For models of theirs, whose run is reported as ours. Pass them a config without handlers, too.
    """

    __slots__ = ("_hidden", "_token")

    def __enter__(self) -> None:
        scope = current_scope()
        self._token = _silent.set(_mark(scope))
        self._hidden = hide(() if scope is None else scope.handlers)

    def __exit__(self, *_: object) -> None:
        show(self._hidden)
        _silent.reset(self._token)


def is_silent(scope: Scope | None) -> bool:
    """Tell whether LangChain reports nothing in this scope."""
    return _silent.get() is _mark(scope)


def _mark(scope: Scope | None) -> object:
    return _NO_SCOPE if scope is None else scope
