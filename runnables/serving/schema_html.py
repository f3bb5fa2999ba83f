"""JSON schemas as lists of fields, for the page of the endpoints."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, TypeAlias, cast

from runnables.serving.html import Markup, element, joined

Schema: TypeAlias = Mapping[str, Any]

_MAX_DEPTH: Final = 6
"""Deeper objects are shown by their kind alone."""

_NOTES: Final = (
    *("format", "pattern", "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"),
    *("multipleOf", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems", "default"),
)
"""Keys whose values are shown as they are."""


def schema_html(schema: Schema, depth: int = 0) -> Markup:
    """Return what a schema allows: its kind, what it says of itself, and its fields.

    Args:
        schema: the schema.
        depth: how many objects it is inside of.
    """
    notes = [f"{key}: {_json(schema[key])}" for key in _NOTES if schema.get(key) is not None]
    text = schema.get("description")
    parts: list[str] = [element("code", _kind(schema))]
    if notes:
        parts += [" ", element("small", ", ".join(notes))]
    if isinstance(text, str):
        parts.append(element("p", text, class_="note"))
    if depth < _MAX_DEPTH:
        parts += [_fields(found, depth) for found in _objects_in(schema)]
    return joined(*parts)


def type_anchor(name: str) -> str:
    """Return the id on the page of a type that schemas refer to."""
    return f"type-{name}"


def _fields(schema: Schema, depth: int) -> Markup:
    """Return the list of the fields of an object."""
    required = schema.get("required", ())
    fields: Schema = schema["properties"]
    rows = [
        element(
            "li",
            element("b", name),
            " " if name in required else element("small", " (optional) "),
            schema_html(_schema(field), depth + 1),
        )
        for name, field in fields.items()
    ]
    return element("ul", *rows) if rows else Markup()


def _objects_in(schema: Schema) -> list[Schema]:
    """Return the objects with fields that a schema shows: itself, its items, its alternatives."""
    if "properties" in schema:
        return [schema]
    inner = [*_alternatives(schema), *([_schema(schema["items"])] if "items" in schema else [])]
    return [found for item in inner for found in _objects_in(item)]


def _alternatives(schema: Schema) -> list[Schema]:
    return [_schema(item) for key in ("anyOf", "oneOf", "allOf") for item in schema.get(key, ())]


def _kind(schema: Schema) -> Markup:
    """Return in a few words what a value is."""
    if reference := schema.get("$ref"):
        name = str(reference).rpartition("/")[2]
        return element("a", name.rpartition(".")[2], href=f"#{type_anchor(name)}")
    if "const" in schema:
        return joined(_json(schema["const"]))
    if "enum" in schema:
        return joined(" | ".join(_json(value) for value in schema["enum"]))
    if alternatives := _alternatives(schema):
        return _or([_kind(item) for item in alternatives])
    given: Any = schema.get("type", "any value")
    kinds: list[str] = cast("Any", given) if isinstance(given, list) else [given]
    return _or([_named(kind, schema) for kind in kinds])


def _named(kind: str, schema: Schema) -> Markup:
    if kind == "array" and (items := _schema(schema.get("items"))):
        return joined("list of ", _kind(items))
    return joined("list" if kind == "array" else kind)


def _or(kinds: list[Markup]) -> Markup:
    """Return the kinds that a value may be of, each once."""
    first, *others = dict.fromkeys(kinds)
    return joined(first, *(part for kind in others for part in (" or ", kind)))


def _schema(value: Any) -> Schema:
    """Return a schema as an object; True allows anything, as an empty one does."""
    return cast("Schema", value) if isinstance(value, Mapping) else {}


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
