"""The order of sets in rows: each process has another one, and JSON keeps it."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any, Final

from pydantic import BaseModel

_SETS: Final = (set, frozenset)
_ORDERED: Final = (list, tuple, deque)


def sort_sets(value: Any, plain: Any) -> None:
    """Sort what the sets in a value have become in its JSON, so that equal values have equal JSON.

    Args:
        value: a value, of any depth.
        plain: what pydantic made of it as JSON, which is changed.
    """
    is_array = _is(plain, list) and _is(value, *_ORDERED, *_SETS)
    pairs: Iterable[tuple[Any, Any]] = ()
    if _is(plain, dict):
        pairs = _fields(value, plain)
    elif is_array:
        pairs = zip(value, plain, strict=False)
    for part, item in pairs:
        if type(item) is list or type(item) is dict:
            sort_sets(part, item)
    if is_array and _is(value, *_SETS):
        plain.sort(key=_text)


def _is(value: object, *types: type) -> bool:
    """Do what `isinstance` does, which would have checkers forget that items may be anything."""
    return isinstance(value, types)


def _fields(value: Any, plain: dict[str, Any]) -> Iterable[tuple[Any, Any]]:
    """Return the parts of a value, each with its JSON."""
    if _is(value, dict, Mapping):  # keys that are no strings have become some
        return zip(value.values(), plain.values(), strict=False) if len(value) == len(plain) else ()
    if isinstance(value, BaseModel):
        return _fields_of_model(value, plain)
    if is_dataclass(value):
        return ((getattr(value, name, None), item) for name, item in plain.items())
    return ()


def _fields_of_model(value: BaseModel, plain: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    for name, field in type(value).model_fields.items():
        for place in (field.serialization_alias, name):
            if place in plain:
                yield getattr(value, name), plain[place]
                break
    for name, part in (value.model_extra or {}).items():
        if name in plain:
            yield part, plain[name]


def _text(item: Any) -> str:
    return json.dumps(item, sort_keys=True)
