"""Values that fit a JSON schema, for examples of requests: short ones, where there is a choice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypeAlias, cast

Schema: TypeAlias = Mapping[str, Any]

_TEXT: Final = "Hello"
_STRINGS: Final = (_TEXT, "hello", "HELLO", "1", "a1", "A1", "a-1", "2026-01-31", "10:00",
                   "https://example.com", "name@example.com")  # fmt: skip
"""What is tried for a pattern."""

_FORMATS: Final[Mapping[str, str]] = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T10:00:00Z",
    "time": "10:00:00Z",
    "duration": "PT1H",
    "email": "name@example.com",
    "uri": "https://example.com",
    "uuid": "12345678-1234-4234-8234-123456789012",
    "ipv4": "127.0.0.1",
    "ipv6": "::1",
}


class _Endless(Exception):
    """A type that contains itself, at its second level."""


def example_of(schema: Schema, definitions: Mapping[str, Schema]) -> Any:
    """Return a value that fits a schema: the first of its own `examples`, or one that is made.

    It has the fields that are required. A pattern, or a rule across fields, may ask for more than
    is known here: then the value is a beginning.

    Args:
        schema: the schema.
        definitions: the schemas that it refers to, by the last part of the reference.

    Example:
        >>> from runnables.serving.example_values import example_of
        >>> word = {
        ...     "type": "object",
        ...     "required": ["word"],
        ...     "properties": {"word": {"type": "string"}},
        ... }
        >>> example_of(word, {})
        {'word': 'Hello'}
    """
    try:
        return _Examples(definitions).of(schema)
    except _Endless:
        return {}


class _Examples:
    """Makes values, and remembers which types it is inside of."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = definitions
        self._open: list[str] = []

    def of(self, schema: Any, name: str = "") -> Any:
        """Return a value for a schema; `name` is that of its field."""
        if not isinstance(schema, Mapping):  # True: anything
            return _TEXT
        found = cast("Schema", schema)
        if examples := found.get("examples"):
            return examples[0]
        if (default := found.get("default")) is not None:
            return default
        if "const" in found:
            return found["const"]
        if known := found.get("enum"):
            return "user" if "user" in known else known[0]
        if reference := found.get("$ref"):
            return self._of_type(reference.rpartition("/")[2], name)
        for key in ("anyOf", "oneOf", "allOf"):
            if key in found:
                return self._first(found[key], name)
        return self._of_kind(found, name)

    def _of_type(self, type_name: str, name: str) -> Any:
        if type_name in self._open:
            raise _Endless
        self._open.append(type_name)
        try:
            return self.of(self._definitions.get(type_name, {}), name)
        finally:
            self._open.pop()

    def _first(self, choices: list[Schema], name: str) -> Any:
        """Return a value for the first of some schemas that has an end, and is not null.

        Among messages it is that of a person.
        """
        for choice in sorted(choices, key=lambda choice: not _is_of_a_person(choice)):
            if choice.get("type") != "null":
                try:
                    return self.of(choice, name)
                except _Endless:
                    continue
        if any(choice.get("type") == "null" for choice in choices):
            return None
        raise _Endless

    def _of_kind(self, schema: Schema, name: str) -> Any:
        given: Any = schema.get("type", "string")
        kinds: list[str] = cast("Any", given) if isinstance(given, list) else [given]
        match next((kind for kind in kinds if kind != "null"), "null"):
            case "object":
                fields: Any = schema.get("properties", {})
                required: Any = schema.get("required", ())
                return {key: self.of(fields.get(key), key) for key in required}
            case "array":
                return self._list(schema)
            case "boolean":
                return True
            case "null":
                return None
            case "integer":
                return int(_number(schema, 1))
            case "number":
                return _number(schema, schema.get("multipleOf", 0.5))
            case _:
                return _string(schema, name)

    def _list(self, schema: Schema) -> list[Any]:
        length = max(1, schema.get("minItems", 0))
        items: list[Any] = schema.get("prefixItems") or [schema.get("items")] * length
        try:
            return [self.of(item) for item in items]
        except _Endless:
            if schema.get("minItems"):
                raise
            return []


def _is_of_a_person(choice: Schema) -> bool:
    return str(choice.get("$ref", "")).endswith("HumanMessage")


def _number(schema: Schema, step: float) -> float:
    """Return the first multiple of a step, from 1 on, that is within the bounds."""
    step = schema.get("multipleOf", step)
    least, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    most, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    value = max(step, 1 // step * step)
    if least is not None and value < least:
        value = -(-least // step) * step
    if above is not None and value <= above:
        value = (above // step + 1) * step
    if most is not None and value > most:
        value = most // step * step
    if below is not None and value >= below:
        value = (-(-below // step) - 1) * step
    return value


def _string(schema: Schema, name: str) -> str:
    if pattern := schema.get("pattern"):
        try:
            return next((text for text in _STRINGS if re.search(pattern, text)), _TEXT)
        except re.error:  # JSON Schema has the patterns of JavaScript
            return _TEXT
    if known := _FORMATS.get(schema.get("format", "")):
        return known
    text = "1" if re.search(r"(^id|Id|_id)$", name) else _TEXT
    text = text.ljust(schema.get("minLength", 0), "o")
    return text[: schema.get("maxLength")]
