"""Whether a JSON value fits a JSON schema, for answers whose form is given as a dict.

Types are pydantic's to check. This knows the words that schemas for models are written with; what
it does not know, it lets pass.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from typing import Any, Final, cast

from runnables.models.structured.strict import Schema, accepts_null, resolved

_KINDS: Final[Mapping[str, tuple[type, ...]]] = {
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
    """What is wrong with a value, a line each, as "place: what"; nothing where it fits.

    Args:
        value: the value.
        schema: what it should fit.
        root: the schema that references are looked up in; by default this one.
    """
    return list(_errors(value, schema, schema if root is None else root, ""))


def _errors(value: Any, schema: Schema, root: Schema, at: str) -> Iterator[str]:
    known = resolved(schema, root)
    if not _is_of_kind(value, known.get("type")):
        yield f"{_place(at)}expected {_listed(known['type'])}, got {_short(value)}"
        return
    if "enum" in known and not any(_same(value, it) for it in known["enum"]):
        yield f"{_place(at)}expected one of {_short(known['enum'])}, got {_short(value)}"
    if "const" in known and not _same(value, known["const"]):
        yield f"{_place(at)}expected {_short(known['const'])}, got {_short(value)}"
    yield from _combined(value, known, root, at)
    yield from _out_of_bounds(value, known, at)
    if isinstance(value, dict):
        yield from _in_fields(cast("dict[str, Any]", value), known, root, at)
    elif isinstance(value, list):
        yield from _in_items(cast("Sequence[Any]", value), known, root, at)


def _combined(value: Any, schema: Schema, root: Schema, at: str) -> Iterator[str]:
    for part in cast("Sequence[Schema]", schema.get("allOf") or ()):
        yield from _errors(value, part, root, at)
    options: Sequence[Schema] = schema.get("anyOf") or schema.get("oneOf") or ()
    if any(not schema_errors(value, option, root) for option in options):
        return
    kind = [it for it in options if _is_of_kind(value, resolved(it, root).get("type"))]
    if len(kind) == 1:
        yield from _errors(value, kind[0], root, at)
    elif options:
        yield f"{_place(at)}{_short(value)} fits none of the options"


def _out_of_bounds(value: Any, schema: Schema, at: str) -> Iterator[str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        for word, told, is_out in _BOUNDS:
            if word in schema and is_out(value, schema[word]):
                yield f"{_place(at)}{value} {told} {schema[word]}"
    if isinstance(value, str | list | dict):
        yield from _of_wrong_size(cast("Sized", value), schema, at)
    if isinstance(value, str) and not re.search(schema.get("pattern", ""), value):
        yield f"{_place(at)}{_short(value)} does not match {schema['pattern']!r}"


def _of_wrong_size(value: Sized, schema: Schema, at: str) -> Iterator[str]:
    least, most, unit = _SIZES[type(value)]
    if len(value) < schema.get(least, 0):
        yield f"{_place(at)}has fewer than {schema[least]} {unit}"
    if most in schema and len(value) > schema[most]:
        yield f"{_place(at)}has more than {schema[most]} {unit}"


def _in_fields(value: dict[str, Any], schema: Schema, root: Schema, at: str) -> Iterator[str]:
    fields: Mapping[str, Schema] = schema.get("properties") or {}
    for name in schema.get("required") or ():
        if name not in value:
            yield f"{_place(_under(at, name))}is missing"
    others: Any = schema.get("additionalProperties", True)
    for name, part in value.items():
        if name in fields:
            yield from _errors(part, fields[name], root, _under(at, name))
        elif isinstance(others, Mapping):
            yield from _errors(part, cast("Schema", others), root, _under(at, name))
        elif not others:
            yield f"{_place(_under(at, name))}is no field"


def _in_items(value: Sequence[Any], schema: Schema, root: Schema, at: str) -> Iterator[str]:
    first: Sequence[Schema] = schema.get("prefixItems") or ()
    rest: Any = schema.get("items")
    for number, item in enumerate(value):
        of = first[number] if number < len(first) else rest
        if isinstance(of, Mapping):
            yield from _errors(item, cast("Schema", of), root, _under(at, str(number)))


def _is_of_kind(value: Any, kind: Any) -> bool:
    kinds: Sequence[Any] = cast("Sequence[Any]", kind) if isinstance(kind, list) else [kind]
    return any(it not in _KINDS or _is_one(value, it) for it in kinds)


def _is_one(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _KINDS[kind])


def _same(one: Any, other: Any) -> bool:
    """Equality of JSON, where true is not 1."""
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _listed(kind: Any) -> str:
    return " or ".join(cast("list[str]", kind)) if isinstance(kind, list) else str(kind)


def _under(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def _place(at: str) -> str:
    return f"{at}: " if at else ""


def _short(value: object) -> str:
    shown = json.dumps(value, ensure_ascii=False)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


def drop_null_optionals(value: Any, schema: Schema, root: Schema | None = None) -> Any:
    """A value without the nulls that stand for fields which were left out.

    Such is a null where a field is not required, and null does not fit it.
    """
    top = schema if root is None else root
    if isinstance(value, list):
        items: Any = resolved(schema, top).get("items")
        of: Schema = cast("Schema", items) if isinstance(items, Mapping) else {}
        return [drop_null_optionals(it, of, top) for it in cast("Sequence[Any]", value)]
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
    """Of several schemas of objects, the one that knows most of the keys of a value."""
    known = resolved(schema, root)
    options: Sequence[Schema] = known.get("anyOf") or known.get("oneOf") or known.get("allOf") or ()
    if "properties" in known or not options:
        return known
    found = [_option_for(value, it, root) for it in options]
    return max(found, key=lambda it: len(value.keys() & (it.get("properties") or {}).keys()))
