"""JSON schemas as Claude's structured outputs take them: fewer words than JSON Schema has.

What a schema says beyond them is told to the model in the description, and checked where the
answer is read. The words are those of
https://platform.claude.com/docs/en/build-with-claude/structured-outputs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from runnables.errors import ConfigError

Schema = Mapping[str, Any]

_KEPT: Final = frozenset(
    "type properties required items enum const anyOf allOf $defs definitions description title "
    "default".split()
)
_FORMATS: Final = frozenset(
    "date-time time date duration email hostname uri ipv4 ipv6 uuid".split()
)
_REFUSED: Final = frozenset(
    "prefixItems patternProperties propertyNames not if then else contains".split()
)
_SILENT: Final = frozenset({"discriminator", "$schema", "$id"})
"""Words that say nothing of the answer."""

_NAMED: Final = ("properties", "$defs", "definitions")
"""Words that hold schemas by name; their keys are no words."""


def is_supported(schema: Schema) -> bool:
    """Whether the API can hold an answer to this schema."""
    try:
        claude_schema(schema)
    except ConfigError:
        return False
    return True


def claude_schema(schema: Schema) -> dict[str, Any]:
    """A JSON schema as the API takes it.

    Raises:
        ConfigError: it cannot be said: keys that nobody knows before (`dict[str, int]`), values
            of any kind, tuples, a type that contains itself.
    """
    _check_depth(schema)
    return _node(schema)


def _node(schema: Schema) -> dict[str, Any]:
    if "$ref" in schema:  # what stands beside it would be refused
        return {key: _part(key, schema[key]) for key in ("$ref", "$defs") if key in schema}
    if refused := _REFUSED & schema.keys():
        raise _unsupported(f"{min(refused)!r}", schema)
    if not schema.keys() & {"type", "enum", "const", "anyOf", "oneOf", "allOf", "properties"}:
        raise _unsupported("values of any kind", schema)
    form: dict[str, Any] = {}
    beyond: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "oneOf":
            form["anyOf"] = _part("anyOf", value)
        elif _can_be_said(key, value):
            form[key] = _part(key, value)
        elif key not in _SILENT and key != "additionalProperties":
            beyond[key] = value
    if schema.get("type") == "object" or "properties" in schema:
        form = _closed(form, schema)
    return _told(form, beyond)


def _can_be_said(key: str, value: Any) -> bool:
    if key == "format":
        return value in _FORMATS
    if key == "minItems":
        return value in (0, 1)
    return key in _KEPT


def _part(key: str, value: Any) -> Any:
    if key in _NAMED:
        return {name: _node(part) for name, part in cast("Mapping[str, Schema]", value).items()}
    if key == "items":
        return _node(value)
    if key in ("anyOf", "allOf"):
        return [_node(part) for part in cast("Sequence[Schema]", value)]
    return value


def _closed(form: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """An object with no other keys than it says, as all have to be."""
    free = schema.get("additionalProperties")
    if free or (free is None and "properties" not in schema):
        raise _unsupported("keys that nobody knows before", schema)
    return {**form, "properties": form.get("properties", {}), "additionalProperties": False}


def _told(form: dict[str, Any], beyond: Schema) -> dict[str, Any]:
    """The form with the rest in its description."""
    if not beyond:
        return form
    rest = "; ".join(f"{key}: {json.dumps(value)}" for key, value in beyond.items())
    about = f"{form.get('description', '')}\n\n({rest})".strip()
    return {**form, "description": about}


def _check_depth(schema: Schema) -> None:
    """Refuse what contains itself."""
    needs = {
        name: set(_references(part))
        for key in ("$defs", "definitions")
        for name, part in cast("Mapping[str, Any]", schema.get(key) or {}).items()
    }
    while free := [name for name, names in needs.items() if not names & needs.keys()]:
        for name in free:
            del needs[name]
    if needs:
        raise _unsupported(f"{min(needs)!r}, which contains itself", schema)


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        for key, value in cast("Schema", part).items():
            if key == "$ref" and isinstance(value, str):
                yield value.rpartition("/")[2]
            yield from _references(value)
    elif isinstance(part, list):
        for value in cast("Sequence[Any]", part):
            yield from _references(value)


def _unsupported(what: str, schema: Schema) -> ConfigError:
    return ConfigError(
        f"Claude's structured outputs cannot say {what}, as in {json.dumps(dict(schema))[:100]}. "
        "Take method='function_calling', or a type with fields that are known."
    )
