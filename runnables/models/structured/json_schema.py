"""Validation of JSON values by a JSON schema, for answers whose type is given as a dict.

Types are validated by pydantic. This module knows the keywords that schemas for models are written
with; it lets pass what it does not know.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from typing import Any, Final, cast

from runnables.models.structured.strict import Schema, accepts_null, options_of, resolve

_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "number": (int, float),
    "integer": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}

_BOUNDS: Final[Sequence[tuple[str, str, Callable[[float, float], bool]]]] = (
    ("minimum", "is less than", operator.lt),
    ("maximum", "is more than", operator.gt),
    ("exclusiveMinimum", "is not more than", operator.le),
    ("exclusiveMaximum", "is not less than", operator.ge),
)
_SIZES: Final[Mapping[type[Any], tuple[str, str, str]]] = {
    str: ("minLength", "maxLength", "characters"),
    list: ("minItems", "maxItems", "items"),
    dict: ("minProperties", "maxProperties", "fields"),
}


def schema_errors(value: Any, schema: Schema, root: Schema | None = None) -> list[str]:
    """Return the errors of a value, a line each, as "path: error"; none where it fits.

    Args:
        value: the value.
        schema: the schema that it should fit.
        root: the schema that references are looked up in; by default this one.
    """
    return list(_errors(value, schema, schema if root is None else root, ""))


def _errors(value: Any, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    known = resolve(schema, root)
    if not _is_of_type(value, known.get("type")):
        yield f"{_prefix(path)}expected {_listed(known['type'])}, got {_short(value)}"
        return
    if "enum" in known and not any(_equal(value, member) for member in known["enum"]):
        yield f"{_prefix(path)}expected one of {_short(known['enum'])}, got {_short(value)}"
    if "const" in known and not _equal(value, known["const"]):
        yield f"{_prefix(path)}expected {_short(known['const'])}, got {_short(value)}"
    yield from _combination_errors(value, known, root, path)
    yield from _bound_errors(value, known, path)
    if isinstance(value, dict):
        yield from _field_errors(cast("dict[str, Any]", value), known, root, path)
    elif isinstance(value, list):
        yield from _item_errors(cast("Sequence[Any]", value), known, root, path)


def _combination_errors(value: Any, schema: Schema, root: Schema, path: str) -> Iterator[str]:
    for part in cast("Sequence[Schema]", schema.get("allOf") or ()):
        yield from _errors(value, part, root, path)
    options = options_of(schema)
    if any(not schema_errors(value, option, root) for option in options):
        return
    of_type = [
        option for option in options if _is_of_type(value, resolve(option, root).get("type"))
    ]
    if len(of_type) == 1:
        yield from _errors(value, of_type[0], root, path)
    elif options:
        yield f"{_prefix(path)}{_short(value)} fits none of the options"


def _bound_errors(value: Any, schema: Schema, path: str) -> Iterator[str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        for keyword, problem, is_out in _BOUNDS:
            if keyword in schema and is_out(value, schema[keyword]):
                yield f"{_prefix(path)}{value} {problem} {schema[keyword]}"
    if isinstance(value, str | list | dict):
        yield from _size_errors(cast("Sized", value), schema, path)
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{_prefix(path)}{_short(value)} does not match {schema['pattern']!r}"


def _size_errors(value: Sized, schema: Schema, path: str) -> Iterator[str]:
    least, most, unit = _SIZES[type(value)]
    if len(value) < schema.get(least, 0):
        yield f"{_prefix(path)}has fewer than {schema[least]} {unit}"
    if most in schema and len(value) > schema[most]:
        yield f"{_prefix(path)}has more than {schema[most]} {unit}"


def _field_errors(value: dict[str, Any], schema: Schema, root: Schema, path: str) -> Iterator[str]:
    fields: Mapping[str, Schema] = schema.get("properties") or {}
    for name in schema.get("required") or ():
        if name not in value:
            yield f"{_prefix(_join(path, name))}is missing"
    others: Any = schema.get("additionalProperties", True)
    for name, part in value.items():
        if name in fields:
            yield from _errors(part, fields[name], root, _join(path, name))
        elif isinstance(others, Mapping):
            yield from _errors(part, cast("Schema", others), root, _join(path, name))
        elif not others:
            yield f"{_prefix(_join(path, name))}is no field"


def _item_errors(value: Sequence[Any], schema: Schema, root: Schema, path: str) -> Iterator[str]:
    first: Sequence[Schema] = schema.get("prefixItems") or ()
    rest: Any = schema.get("items")
    for index, item in enumerate(value):
        item_schema = first[index] if index < len(first) else rest
        if isinstance(item_schema, Mapping):
            yield from _errors(item, cast("Schema", item_schema), root, _join(path, str(index)))


def _is_of_type(value: Any, names: Any) -> bool:
    listed: Sequence[Any] = cast("Sequence[Any]", names) if isinstance(names, list) else [names]
    return any(name not in _TYPES or _is_of_one(value, name) for name in listed)


def _is_of_one(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[name])


def _equal(one: Any, other: Any) -> bool:
    """Tell whether two JSON values are equal; true is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _listed(names: Any) -> str:
    return " or ".join(cast("list[str]", names)) if isinstance(names, list) else str(names)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _prefix(path: str) -> str:
    return f"{path}: " if path else ""


def _short(value: object) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


def drop_null_optionals(value: Any, schema: Schema, root: Schema | None = None) -> Any:
    """Return a value without the nulls that stand for fields which were left out.

    A null stands for such a field where the field is not required and does not accept null.

    Args:
        value: the value.
        schema: the schema that it should fit.
        root: the schema that references are looked up in; by default this one.
    """
    top = schema if root is None else root
    if isinstance(value, list):
        found: Any = resolve(schema, top).get("items")
        items: Schema = cast("Schema", found) if isinstance(found, Mapping) else {}
        return [drop_null_optionals(item, items, top) for item in cast("Sequence[Any]", value)]
    if not isinstance(value, dict):
        return value
    known = _option_for(cast("dict[str, Any]", value), schema, top)
    fields: Mapping[str, Schema] = known.get("properties") or {}
    required = known.get("required") or ()
    return {
        name: drop_null_optionals(part, fields.get(name, {}), top)
        for name, part in cast("dict[str, Any]", value).items()
        if part is not None
        or name in required
        or name not in fields
        or accepts_null(fields[name], top)
    }


def _option_for(value: dict[str, Any], schema: Schema, root: Schema) -> Schema:
    """Return the schema of objects, of several, that knows most of the keys of a value."""
    known = resolve(schema, root)
    options: Sequence[Schema] = options_of(known) or known.get("allOf") or ()
    if "properties" in known or not options:
        return known
    found = [_option_for(value, option, root) for option in options]
    return max(found, key=lambda option: len(value.keys() & (option.get("properties") or {})))
