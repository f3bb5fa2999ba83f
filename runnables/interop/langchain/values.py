"""Values at the border: messages, documents and prompt values within inputs and outputs.

Values are converted at the top, in lists, tuples and dicts (at any depth of these). What holds none
is passed on as the same object, so that dicts of other classes keep their class.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from runnables.interop.langchain.registry import VALUES, kind_of_ours, kind_of_theirs

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnables.interop.langchain.registry import Kind

_PLAIN: Final = frozenset({str, int, float, bool, bytes, type(None)})


def from_value(value: Any) -> Any:
    """Return a value of theirs with our messages, documents and prompt values in it."""
    return value if type(value) in _PLAIN else _replaced(value, kind_of_theirs, "from_theirs")


def to_value(value: Any) -> Any:
    """Return a value of ours with their messages, documents and prompt values in it."""
    return value if type(value) in _PLAIN else _replaced(value, kind_of_ours, "to_theirs")


def _replaced(value: Any, kind_of: Callable[[object], Kind | None], function: str) -> Any:
    cls = type(value)
    if cls in _PLAIN:
        return value
    if cls is list or cls is tuple:
        items = [_replaced(item, kind_of, function) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else cls(items)
    if issubclass(cls, dict):
        return _with_values(cast("dict[Any, Any]", value), kind_of, function)
    kind = kind_of(value)
    return getattr(kind.load(), function)(value) if kind in VALUES and kind else value


def _with_values(
    value: dict[Any, Any], kind_of: Callable[[object], Kind | None], function: str
) -> dict[Any, Any]:
    """Return a dict with its values replaced; the same one where nothing is to be replaced."""
    changed: dict[Any, Any] = {}
    for key, old in value.items():
        if (new := _replaced(old, kind_of, function)) is not old:
            changed[key] = new
    if not changed:
        return value
    copied = value.copy()
    if type(copied) is not type(value):  # a dict of another class gives a plain copy
        copied = type(value)(copied)
    copied.update(changed)
    return copied
