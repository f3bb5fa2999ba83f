"""What goes into a `RunnableLambda`, a function, and what may come out: a runnable."""

from __future__ import annotations

from typing import Any

from runnables.compose.runnable import Runnable
from runnables.core.foreign import from_foreign, is_foreign_runnable


def returned_runnable(result: object) -> Any:
    """Return the runnable that a function has returned, ours or LangChain's; None for a value."""
    if _is_ours(result):
        return result
    # the values of most functions are of Python's own types
    if type(result).__module__ != "builtins" and is_foreign_runnable(result):
        return from_foreign(result)
    return None


def _is_ours(result: object) -> bool:
    return isinstance(result, Runnable)


def require_function(func: object) -> None:
    """Refuse what is no function.

    Raises:
        TypeError: names it.
    """
    if isinstance(func, Runnable):
        raise TypeError(f"RunnableLambda({func!r}): it is a runnable already, use it as it is")
    if not callable(func):
        raise TypeError(f"RunnableLambda({func!r}): expected a function")
