"""Filters as expressions of SQL, on a column `metadata` of JSON.

A comparison looks at the type of the value, too: SQLite reads true as 1, and a list as the string
that it is written as. A key that is missing makes an expression NULL; so a negation first makes it
false.

An expression `json_extract(metadata, '$."key"')` may have an index, which such a filter then uses.
"""

from __future__ import annotations

import json
from typing import Any, Final

from runnables.retrieval.filters import AllOf, AnyOf, Compare, Condition, Exists, Not, OneOf, Scalar

_SIGNS: Final = {"$eq": "=", "$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_NUMBER: Final = "IN ('integer', 'real')"
_STRING: Final = "= 'text'"
_CHUNK: Final = 50
"""How many expressions are joined at once: each joined one is a level of SQLite's tree."""


def to_sql(condition: Condition) -> tuple[str, list[Any]]:
    """Return an expression, and the values of its parameters.

    Example:
        >>> from runnables.retrieval.filter_sql import to_sql
        >>> from runnables.retrieval.filters import parse_filter
        >>> to_sql(parse_filter({"a": {"$exists": True}}))
        ("(json_type(metadata, '$.\"a\"') IS NOT NULL)", [])
    """
    match condition:
        case Compare(key, operator, value):
            return _compare(key, operator, value)
        case OneOf(key, choices):
            return _one_of(key, choices)
        case Exists(key):
            return f"({_type(key)} IS NOT NULL)", []
        case Not(inner):
            text, values = to_sql(inner)
            return f"(NOT ifnull({text}, 0))", values
        case AllOf(conditions):
            return _joined(" AND ", conditions)
        case AnyOf(conditions):
            return _joined(" OR ", conditions)


def _joined(word: str, conditions: tuple[Condition, ...]) -> tuple[str, list[Any]]:
    parts = [to_sql(condition) for condition in conditions]
    found = [text for text, _ in parts]
    while len(found) > _CHUNK:
        starts = range(0, len(found), _CHUNK)
        found = [f"({word.join(found[start : start + _CHUNK])})" for start in starts]
    return f"({word.join(found)})", [each for _, some in parts for each in some]


def _compare(key: str, operator: str, value: Scalar) -> tuple[str, list[Any]]:
    if value is None or isinstance(value, bool):
        return f"({_type(key)} = ?)", [json.dumps(value)]
    sign = _SIGNS[operator]
    if isinstance(value, str):
        return f"({_value(key)} {sign} ? AND {_type(key)} {_STRING})", [value]
    # SQLite reads a number in JSON as it reads the stored one, maybe not to the last bit as Python.
    number = f"{_value(key)} {sign} json_extract(?, '$')"
    return f"({number} AND {_type(key)} {_NUMBER})", [json.dumps(value)]


def _one_of(key: str, values: tuple[Scalar, ...]) -> tuple[str, list[Any]]:
    strings = [value for value in values if isinstance(value, str)]
    others = [value for value in values if value is None or isinstance(value, bool)]
    numbers = [
        value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)
    ]
    parts = [_compare(key, "$eq", value) for value in others]
    for some, kind in ((strings, _STRING), (numbers, _NUMBER)):
        if some:
            listed = "(SELECT value FROM json_each(?))"
            text = f"({_value(key)} IN {listed} AND {_type(key)} {kind})"
            parts.append((text, [json.dumps(some, ensure_ascii=False)]))
    if not parts:
        return "0", []
    return f"({' OR '.join(text for text, _ in parts)})", [
        each for _, some in parts for each in some
    ]


def _value(key: str) -> str:
    return f"json_extract(metadata, {_path(key)})"


def _type(key: str) -> str:
    return f"json_type(metadata, {_path(key)})"


def _path(key: str) -> str:
    """Return the path of a key, as a literal of SQL; `filters.py` refuses keys with quotes."""
    escaped = key.replace("'", "''")
    return f"'$.\"{escaped}\"'"
