"""Filters: what the metadata of a document must say, as a dict that users write.

`parse_filter` turns the dict into conditions, or refuses it. A store translates the conditions into
its own language (`filter_sql.py` for SQLite).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from runnables.errors import ConfigError, did_you_mean

Scalar: TypeAlias = str | int | float | bool | None
"""A value that metadata are compared with."""

Filter: TypeAlias = Mapping[str, Any]
"""A filter, as users write it: `{"year": {"$gte": 2020}, "source": "a.txt"}`."""

ORDER: Final = ("$gt", "$gte", "$lt", "$lte")
"""The operators that compare by order."""

_EACH: Final = ("$in", "$nin")
_VALUES: Final = ("$eq", "$ne", *ORDER)
_FIELD: Final = (*_VALUES, *_EACH, "$exists", "$not")
_GROUPS: Final = ("$and", "$or", "$not")
_MOST: Final = 2**63
_DEEPEST: Final = 12
"""How many dicts may be inside one another. The parser of SQLite takes some more."""
_MOST_PARTS: Final = 1_000


@dataclass(frozen=True)
class Compare:
    """A condition on one value: `operator` is "$eq", or one of `ORDER`.

    It holds where the document has the key, with a value of the same kind (a string, a number, true
    or false, null) that compares so. An order is one of strings or of numbers.
    """

    key: str
    operator: str
    value: Scalar


@dataclass(frozen=True)
class OneOf:
    """A condition that holds where the value of the key equals one of these."""

    key: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True)
class Exists:
    """A condition that holds where the document has the key, also with null."""

    key: str


@dataclass(frozen=True)
class Not:
    """A condition that holds where another does not."""

    condition: Condition


@dataclass(frozen=True)
class AllOf:
    """A condition that holds where all of these do."""

    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class AnyOf:
    """A condition that holds where one of these does."""

    conditions: tuple[Condition, ...]


Condition: TypeAlias = Compare | OneOf | Exists | Not | AllOf | AnyOf


def parse_filter(filter: Filter) -> Condition:
    """Return the conditions of a filter.

    Raises:
        ConfigError: no dict, an operator that is not known, an empty group, a value that metadata
            cannot be compared with, or more than a store takes. The message names the part.

    Example:
        >>> from runnables.retrieval.filters import parse_filter
        >>> parse_filter({"year": {"$gte": 2020}})
        Compare(key='year', operator='$gte', value=2020)
    """
    _check_size(filter)
    return _group(filter, "filter")


def _check_size(filter: Any) -> None:
    """Refuse a filter with more parts, or deeper ones, than a store takes."""
    left: list[tuple[Any, int]] = [(filter, 1)]
    count = 0
    while left:
        part, depth = left.pop()
        if depth > _DEEPEST:
            raise ConfigError(f"filter has more than {_DEEPEST} dicts inside one another.")
        for key, value in part.items() if _is_dict(part) else ():
            count += 1
            several = key in ("$and", "$or") and type(value) in (list, tuple)
            parts: Sequence[Any] = value if several else [value]
            left += [(each, depth + 1) for each in parts if _is_dict(each)]
        if count > _MOST_PARTS:
            raise ConfigError(
                f"filter has more than {_MOST_PARTS:,} parts. {{'$in': [...]}} takes any number of "
                "values."
            )


def _group(filter: Any, where: str) -> Condition:
    """Return the conditions of a dict of keys."""
    if not _is_dict(filter):
        raise ConfigError(f"{where}={filter!r}: expected a dict, such as {{'source': 'a.txt'}}.")
    parts: Mapping[Any, Any] = filter
    if not parts:
        raise ConfigError(f"{where} is empty, which says nothing. Leave it out.")
    found = [_entry(key, value, where) for key, value in parts.items()]
    return found[0] if len(found) == 1 else AllOf(tuple(found))


def _entry(key: Any, value: Any, where: str) -> Condition:
    """Return the condition of one key of a filter, which may be `$and`, `$or` or `$not`."""
    if not isinstance(key, str):
        raise ConfigError(f"{where} has the key {key!r}: expected a string.")
    if key == "$not":
        return Not(_group(value, f"{where}['$not']"))
    if key in ("$and", "$or"):
        parts = tuple(
            _group(part, f"{where}[{key!r}][{index}]")
            for index, part in enumerate(_list(value, f"{where}[{key!r}]", "filters"))
        )
        if not parts:
            raise ConfigError(f"{where}[{key!r}] is empty: expected at least one filter.")
        return AllOf(parts) if key == "$and" else AnyOf(parts)
    if key.startswith("$"):
        hint = did_you_mean(key, _GROUPS)
        if key in _FIELD:
            hint = f" It belongs to a key: {{'year': {{{key!r}: ...}}}}."
        raise ConfigError(f"{where} has no operator {key!r}.{hint} Known: {', '.join(_GROUPS)}.")
    _check_key(key, where)
    return _field(key, value, f"{where}[{key!r}]")


def _check_key(key: str, where: str) -> None:
    is_plain = key and not any(character in '"\\' or character < " " for character in key)
    if not is_plain or not _is_utf8(key):
        raise ConfigError(
            f"{where} has the key {key!r}: a filter takes keys that are not empty, and have no "
            "quotes, backslashes, control characters or lone surrogates."
        )


def _field(key: str, value: Any, where: str) -> Condition:
    """Return the condition on one key: a value, or a dict of operators."""
    if not _is_dict(value):
        return Compare(key, "$eq", _scalar(value, where))
    operators: Mapping[Any, Any] = value
    if not operators:
        raise ConfigError(
            f"{where} is empty, which says nothing. Leave it out, or write an operator, such as "
            "{'$exists': True}."
        )
    found = [_operator(key, name, each, where) for name, each in operators.items()]
    return found[0] if len(found) == 1 else AllOf(tuple(found))


def _operator(key: str, name: Any, value: Any, where: str) -> Condition:
    """Return the condition of one operator on a key."""
    place = f"{where}[{name!r}]"
    if name == "$not":
        if not _is_dict(value):
            raise ConfigError(f"{place}={value!r}: expected a dict of operators.")
        return Not(_field(key, value, place))
    if name == "$exists":
        if not isinstance(value, bool):
            raise ConfigError(f"{place}={value!r}: expected True or False.")
        return Exists(key) if value else Not(Exists(key))
    if name in _EACH:
        values = tuple(_scalar(each, place) for each in _list(value, place, "values"))
        if name == "$nin" and not values:
            raise ConfigError(f"{place} is empty, so it would match every document. Leave it out.")
        return OneOf(key, values) if name == "$in" else Not(OneOf(key, values))
    if name not in _VALUES:
        hint = did_you_mean(str(name), _FIELD)
        raise ConfigError(f"{where} has no operator {name!r}.{hint} Known: {', '.join(_FIELD)}.")
    scalar = _scalar(value, place)
    if name in ORDER and (scalar is None or isinstance(scalar, bool)):
        raise ConfigError(f"{place}={value!r}: only numbers and strings have an order.")
    return Not(Compare(key, "$eq", scalar)) if name == "$ne" else Compare(key, name, scalar)


def _list(value: Any, place: str, what: str) -> Sequence[Any]:
    if type(value) in (list, tuple, set, frozenset):
        return list(value)
    raise ConfigError(f"{place}={value!r}: expected a list of {what}.")


def _scalar(value: Any, place: str) -> Scalar:
    """Return a value that metadata can be compared with; refuse any other."""
    if _is_list(value):
        raise ConfigError(f"{place}={value!r}: for one of several values, write {{'$in': [...]}}.")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and _is_utf8(value) and "\0" not in value:
        return value
    if isinstance(value, int) and -_MOST <= value < _MOST:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    # Python refuses to show a number of thousands of digits
    shown = "a number of more bits" if isinstance(value, int) else repr(value)
    hint = " Its isoformat() is a string." if hasattr(value, "isoformat") else ""
    raise ConfigError(
        f"{place}={shown}: metadata can be compared with a string (without zero characters and "
        f"lone surrogates), a number of at most 64 bits, True, False and None.{hint}"
    )


def _is_list(value: Any) -> bool:
    return isinstance(value, (list, tuple, set, frozenset))


def _is_dict(value: Any) -> bool:
    return isinstance(value, Mapping)


def _is_utf8(text: str) -> bool:
    """Tell whether a string can be written as UTF-8: lone surrogates cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
