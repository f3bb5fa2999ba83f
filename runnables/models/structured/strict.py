"""JSON schemas as services take them that hold a model to every word of a schema.

Their rule, which is OpenAI's: every object names its fields, all of them are required, and there
may be no others. A field that may be left out may be null instead, which `drop_null_optionals` (in
json_schema.py) reads as left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias, cast

from runnables.errors import ConfigError

Schema: TypeAlias = Mapping[str, Any]
"""A JSON schema, or a part of one."""

_FORMATS: Final = frozenset("date-time time date duration email hostname ipv4 ipv6 uuid".split())
"""The formats of strings that strict services know; they refuse others."""
_IGNORED: Final = frozenset(
    "default discriminator $defs definitions $schema $id $comment $anchor oneOf allOf examples "
    "example readOnly writeOnly deprecated contentEncoding contentMediaType contentSchema".split()
)
"""Keywords that strict services refuse and that do not constrain a value, or that are converted."""
_IN_WORDS: Final[Mapping[str, str]] = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "uniqueItems": "no item twice",
    "minProperties": "at least {} fields",
    "maxProperties": "at most {} fields",
    "format": "in the format {}",
    "pattern": "matching {}",
}
"""Keywords that strict services refuse, in words for the description, where the model reads them.
The parser of the answer checks them."""
_NULL: Final[Schema] = {"type": "null"}
_REFUSED: Final = frozenset(
    "prefixItems patternProperties propertyNames not if then else dependentSchemas "
    "dependentRequired unevaluatedProperties unevaluatedItems contains".split()
)


def strict_schema(schema: Schema) -> dict[str, Any]:
    """Return a schema that follows the rule of strict services, as OpenAI defines it.

    Every object in it names its fields, requires all of them and allows no others. A field that
    was optional may be null. Defaults are dropped. Other keywords that the services refuse, such as
    `minLength` and some formats, go into the description.

    Raises:
        ConfigError: the rule cannot express it: keys that are not known in advance
            (`dict[str, int]`), values of any type, tuples.

    Example:
        >>> from runnables.models import strict_schema
        >>> strict = strict_schema({"type": "object", "properties": {"salt": {"type": "number"}}})
        >>> strict["required"], strict["properties"]["salt"]
        (['salt'], {'anyOf': [{'type': 'number'}, {'type': 'null'}]})
    """
    strict = _Strict(schema)
    converted = strict.convert(resolve(schema, schema), "the answer")
    for key in ("$defs", "definitions"):
        if key in schema:
            parts = cast("Mapping[str, Schema]", schema[key])
            converted[key] = {name: strict.convert(part, name) for name, part in parts.items()}
    return converted


def without_references(schema: Schema) -> dict[str, Any]:
    """Return a schema with each `$ref` replaced by what it names, for services that take none.

    Raises:
        ConfigError: the schema contains itself.

    Example:
        >>> from runnables.models import without_references
        >>> without_references({"items": {"$ref": "#/$defs/N"}, "$defs": {"N": {"type": "number"}}})
        {'items': {'type': 'number'}}
    """
    converted = _inline(schema, schema, ())
    converted.pop("$defs", None)
    return converted


def resolve(schema: Schema, root: Schema) -> dict[str, Any]:
    """Return a schema with its own `$ref`, if any, replaced by what it names; what it adds stays.

    Raises:
        ConfigError: the root has no such part.
    """
    named = schema.get("$ref")
    if not isinstance(named, str):
        return dict(schema)
    own = {key: value for key, value in schema.items() if key != "$ref"}
    return {**resolve(_look_up(named, root), root), **own}


def _look_up(reference: str, root: Schema) -> Schema:
    found: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        found = cast("Mapping[str, Any]", found).get(key) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        raise ConfigError(f"The JSON schema refers to {reference!r}, which is not in it.")
    return cast("Schema", found)


def options_of(schema: Schema) -> Sequence[Schema]:
    """Return the schemas of which a value has to fit one; none where there is no choice."""
    return schema.get("anyOf") or schema.get("oneOf") or ()


def is_object(schema: Schema) -> bool:
    """Tell whether a schema is one of objects with fields."""
    known = resolve(schema, schema)
    return "properties" in known or known.get("type") == "object"


def accepts_null(schema: Schema, root: Schema) -> bool:
    """Tell whether null fits a schema."""
    known = resolve(schema, root)
    kind: Any = known.get("type")
    if kind == "null" or (isinstance(kind, list) and "null" in kind):
        return True
    options = options_of(known)
    if any(accepts_null(option, root) for option in options):
        return True
    if "enum" in known:
        return None in known["enum"]
    if "const" in known:
        return known["const"] is None
    return not (kind or options or "allOf" in known or "properties" in known)


class _Strict:
    """A conversion of the parts of one schema."""

    def __init__(self, root: Schema) -> None:
        self._root = root

    def convert(self, schema: Schema, path: str) -> dict[str, Any]:
        """Return a part that follows the rule; `path` is its name in errors."""
        if "$ref" in schema:  # keywords next to it, such as a description, are not allowed
            return {"$ref": schema["$ref"]}
        if impossible := _REFUSED & schema.keys():
            raise _not_strict(path, f"{sorted(impossible)[0]!r}")
        if not schema.keys() - _IGNORED.difference(("oneOf", "allOf")) - {"title", "description"}:
            raise _not_strict(path, "values of any kind")
        converted = {
            key: value
            for key, value in schema.items()
            if key not in _IGNORED and not _is_refused(key, value)
        }
        refused = {key: value for key, value in schema.items() if _is_refused(key, value)}
        if words := [
            _IN_WORDS[key].format(refused[key]) for key in refused if refused[key] is not False
        ]:
            about, notes = schema.get("description"), ", ".join(words)
            converted["description"] = f"{about} ({notes})" if about else notes
        self._combine(converted, schema, path)
        if "items" in converted:
            converted["items"] = self.convert(converted["items"], f"the items of {path}")
        if "properties" in converted or converted.get("type") == "object":
            self._close(converted, path)
        return converted

    def _combine(self, converted: dict[str, Any], schema: Schema, path: str) -> None:
        every: Sequence[Schema] = schema.get("allOf") or ()
        if len(every) > 1:
            raise _not_strict(path, "'allOf'")
        for only in every:
            converted.update(self.convert(only, path))
        if options := options_of(schema):
            converted["anyOf"] = [self.convert(option, path) for option in options]

    def _close(self, converted: dict[str, Any], path: str) -> None:
        fields: Mapping[str, Schema] = converted.get("properties") or {}
        free = converted.get("additionalProperties")
        if free or (free is None and "properties" not in converted):
            raise _not_strict(path, "keys that are not known in advance")
        required = converted.get("required") or ()
        converted["properties"] = {
            name: self._field(field, f"{path}.{name}", name in required)
            for name, field in fields.items()
        }
        converted["required"] = list(fields)
        converted["additionalProperties"] = False

    def _field(self, schema: Schema, path: str, required: bool) -> dict[str, Any]:
        converted = self.convert(schema, path)
        if required or accepts_null(schema, self._root):
            return converted
        about = {"description": converted.pop("description")} if "description" in converted else {}
        return {"anyOf": [converted, dict(_NULL)], **about}


def _is_refused(key: str, value: Any) -> bool:
    """Tell whether a strict service refuses a keyword that constrains a value."""
    if key == "format":
        return value not in _FORMATS
    if key == "pattern":  # no regular expression that looks around
        return any(mark in str(value) for mark in ("(?=", "(?!", "(?<=", "(?<!"))
    return key in _IN_WORDS


def _not_strict(path: str, problem: str) -> ConfigError:
    return ConfigError(
        f"strict=True: {path} has {problem}, which a strict schema cannot express. "
        "Give it fields of its own, or leave strict= out."
    )


def _inline(schema: Schema, root: Schema, outer: tuple[str, ...]) -> dict[str, Any]:
    """Return a part without references; `outer` are those that it is inside of."""
    named = schema.get("$ref")
    if named is not None:
        if named in outer:
            raise ConfigError(
                f"The JSON schema contains itself ({named!r}), which this model's service cannot "
                "take. Give the answer a type of limited depth."
            )
        outer = (*outer, cast("str", named))
    return {
        key: _inline_value(value, root, outer)
        for key, value in resolve(schema, root).items()
        if key != "$defs"
    }


def _inline_value(value: Any, root: Schema, outer: tuple[str, ...]) -> Any:
    if isinstance(value, Mapping):
        return _inline(cast("Schema", value), root, outer)
    if isinstance(value, list):
        return [_inline_value(item, root, outer) for item in cast("Sequence[Any]", value)]
    return value
