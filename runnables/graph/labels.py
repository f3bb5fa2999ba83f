"""What pictures and explanations call a step: short, on one line, without secrets."""

from __future__ import annotations

import re
from typing import Any, Final

from runnables.core.values import show
from runnables.redaction import hide_in_text

MAX_LENGTH: Final = 40
_MODULES: Final = re.compile(r"(?:\w+\.)+(?=\w)")


def label(text: object) -> str:
    """Return a label for a picture: on one line, cut, printable, without the secrets in it."""
    shown = " ".join(hide_in_text(str(text)).split())
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in shown)
    return shown if len(shown) <= MAX_LENGTH else f"{shown[: MAX_LENGTH - 3]}..."


def name_of(runnable: Any) -> str:
    """Return the name of a step; of a function that has none, its source or its repr."""
    function = getattr(runnable, "func", None) or getattr(runnable, "afunc", None)
    named = getattr(runnable, "name", None)
    if named is None and function is not None and _is_nameless(function):
        return label(show(function))
    return label(runnable.get_name())


def _is_nameless(function: Any) -> bool:
    """Tell whether a function has no name of its own: a lambda, a partial, an itemgetter."""
    return getattr(function, "__name__", "<lambda>") == "<lambda>"


def type_label(kind: Any) -> str | None:
    """Return the name of a type; None for one that says nothing, or whose name is long."""
    if kind is Any:
        return None
    named = kind.__name__ if isinstance(kind, type) and not hasattr(kind, "__args__") else str(kind)
    named = _MODULES.sub("", named)
    return None if len(named) > MAX_LENGTH or not named.isprintable() else named
