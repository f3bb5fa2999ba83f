"""JSON schemas as Claude's structured outputs take them, which support only some keywords.

Other keywords are written into the description, for the model to read, and are checked when the
answer is parsed. https://platform.claude.com/docs/en/build-with-claude/structured-outputs lists
those that are supported.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from runnables.errors import ConfigError

Schema = Mapping[str, Any]

_SUPPORTED: Final = frozenset(
    "type properties required items enum const anyOf allOf $defs definitions description title "
    "default".split()
)
_FORMATS: Final = frozenset(
    "date-time time date duration email hostname uri ipv4 ipv6 uuid".split()
)
_REFUSED: Final = frozenset(
    "prefixItems patternProperties propertyNames not if then else contains".split()
)
_IGNORED: Final = frozenset({"discriminator", "$schema", "$id"})
"""Keywords that do not constrain the answer."""

_NAMED: Final = ("properties", "$defs", "definitions")
"""Keywords that hold schemas by name; their keys are no keywords."""


def is_supported(schema: Schema) -> bool:
    """Tell whether the API supports this schema."""
    try:
        claude_schema(schema)
    except ConfigError:
        return False
    return True


def claude_schema(schema: Schema) -> dict[str, Any]:
    """Return a JSON schema as the API takes it.

    Raises:
        ConfigError: the API does not support it: an object with any keys (`dict[str, int]`),
            values of any type, tuples, a type that contains itself.
    """
    _check_depth(schema)
    return _node(schema)


def _node(schema: Schema) -> dict[str, Any]:
    if "$ref" in schema:  # other keywords next to it would be refused
        return {key: _part(key, schema[key]) for key in ("$ref", "$defs") if key in schema}
    if refused := _REFUSED & schema.keys():
        raise _unsupported(f"{min(refused)!r}", schema)
    if not schema.keys() & {"type", "enum", "const", "anyOf", "oneOf", "allOf", "properties"}:
        raise _unsupported("values of any type", schema)
    node: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "oneOf":
            node["anyOf"] = _part("anyOf", value)
        elif _is_supported(key, value):
            node[key] = _part(key, value)
        elif key not in _IGNORED and key != "additionalProperties":
            rest[key] = value
    if schema.get("type") == "object" or "properties" in schema:
        node = _closed(node, schema)
    return _with_description(node, rest)


def _is_supported(key: str, value: Any) -> bool:
    if key == "format":
        return value in _FORMATS
    if key == "minItems":
        return value in (0, 1)
    return key in _SUPPORTED


def _part(key: str, value: Any) -> Any:
    if key in _NAMED:
        return {name: _node(part) for name, part in cast("Mapping[str, Schema]", value).items()}
    if key == "items":
        return _node(value)
    if key in ("anyOf", "allOf"):
        return [_node(part) for part in cast("Sequence[Schema]", value)]
    return value


def _closed(node: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """Return an object without additional keys, which the API requires."""
    extra = schema.get("additionalProperties")
    if extra or (extra is None and "properties" not in schema):
        raise _unsupported("objects with any keys", schema)
    return {**node, "properties": node.get("properties", {}), "additionalProperties": False}


def _with_description(node: dict[str, Any], rest: Schema) -> dict[str, Any]:
    """Return a schema with the unsupported keywords in its description."""
    if not rest:
        return node
    keywords = "; ".join(f"{key}: {json.dumps(value)}" for key, value in rest.items())
    description = f"{node.get('description', '')}\n\n({keywords})".strip()
    return {**node, "description": description}


def _check_depth(schema: Schema) -> None:
    """Refuse a type that contains itself."""
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
        f"Claude's structured outputs do not support {what}, as in "
        f"{json.dumps(dict(schema))[:100]}. "
        "Take method='function_calling', or a type whose fields are known."
    )
