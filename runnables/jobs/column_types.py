"""The one type that fits all values of a column, where there is one."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from runnables.jobs.json_text import is_utf8

ColumnType: TypeAlias = "str | tuple[ColumnType] | dict[str, ColumnType] | None"
"""A type of a column: a name; a tuple with the type of the items of lists; a dict with the types
of the fields of dicts; None: no value is known yet."""

MIXED: Final = "mixed"
"""No type fits all."""

_EXACT: Final = 2**53
"""Whole numbers above it are not exact as numbers with a fraction."""


def type_of(value: Any) -> ColumnType:
    """Return the type of a JSON value.

    Example:
        >>> type_of({"label": "spam", "scores": [1, 0.5]})
        {'label': 'string', 'scores': ('number',)}
    """
    if value is None:
        return None
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        if abs(value) <= _EXACT:
            return "whole"
        return "large" if -(2**63) <= value < 2**63 else MIXED
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string" if is_utf8(value) else MIXED
    known: Any = value
    if isinstance(value, list):
        return _type_of_list(known)
    return _type_of_dict(known)


def _type_of_list(items: list[Any]) -> ColumnType:
    kind: ColumnType = None
    for item in items:
        kind = unify(kind, type_of(item))
        if kind == MIXED:
            return MIXED
    return (kind,)


def _type_of_dict(fields: dict[str, Any]) -> ColumnType:
    if not fields or not all(map(is_utf8, fields)):
        return MIXED
    kinds = {name: type_of(value) for name, value in fields.items()}
    return MIXED if MIXED in kinds.values() else kinds


def unify(one: ColumnType, other: ColumnType) -> ColumnType:
    """Return the type that fits the values of both, or MIXED.

    Dicts have one where they have the same fields. Whole numbers among others are numbers, as long
    as they are exact.

    Example:
        >>> unify({"score": "whole"}, {"score": "number"}), unify("whole", "string")
        ({'score': 'number'}, 'mixed')
    """
    if one == other or other is None:
        return one
    if one is None:
        return other
    if isinstance(one, str) and isinstance(other, str):
        return _NUMBERS.get(frozenset((one, other)), MIXED)
    if isinstance(one, tuple) and isinstance(other, tuple):
        item = unify(one[0], other[0])
        return MIXED if item == MIXED else (item,)
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        kinds = {name: unify(kind, other[name]) for name, kind in one.items()}
        return MIXED if MIXED in kinds.values() else kinds
    return MIXED


_NUMBERS: Final[dict[frozenset[str], ColumnType]] = {
    frozenset(("whole", "large")): "large",
    frozenset(("whole", "number")): "number",
}
