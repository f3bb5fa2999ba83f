"""JSON schemas as services take them that hold a model to every word of a schema.

Their rule, which is OpenAI's: every object says which fields it has, all of them are required,
and no others may be there. A field that may be left out may be null instead, which
`drop_null_optionals` (in checking.py) reads as left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from runnables.errors import ConfigError

Schema = Mapping[str, Any]

_NULL: Final[Schema] = {"type": "null"}
_REFUSED: Final = frozenset(
    "prefixItems patternProperties propertyNames not if then else dependentSchemas "
    "dependentRequired unevaluatedProperties contains".split()
)


def strict_schema(schema: Schema) -> dict[str, Any]:
    """A schema by the rule of this module.

    Raises:
        ConfigError: it cannot be said by the rule: keys that nobody knows before
            (`dict[str, int]`), values of any kind, tuples.
    """
    strict = _Strict(schema)
    made = strict.node(resolved(schema, schema), "the answer")
    if "$defs" in schema:
        defs = cast("Mapping[str, Schema]", schema["$defs"])
        made["$defs"] = {name: strict.node(it, name) for name, it in defs.items()}
    return made


def without_references(schema: Schema) -> dict[str, Any]:
    """A schema with each `$ref` in it replaced by what it names, for services that know none.

    Raises:
        ConfigError: it contains itself.
    """
    made = _inlined(schema, schema, ())
    made.pop("$defs", None)
    return made


def resolved(schema: Schema, root: Schema) -> dict[str, Any]:
    """A schema whose `$ref`, if it has one, is replaced by what it names; what it adds stays."""
    named = schema.get("$ref")
    if not isinstance(named, str):
        return dict(schema)
    own = {key: value for key, value in schema.items() if key != "$ref"}
    return {**resolved(_named(named, root), root), **own}


def _named(reference: str, root: Schema) -> Schema:
    found: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        found = cast("Mapping[str, Any]", found).get(key) if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping):
        raise ConfigError(f"The JSON schema refers to {reference!r}, which is not in it.")
    return cast("Schema", found)


def is_object(schema: Schema) -> bool:
    """Whether a schema is one of objects with fields."""
    known = resolved(schema, schema)
    return "properties" in known or known.get("type") == "object"


def accepts_null(schema: Schema, root: Schema) -> bool:
    """Whether null fits a schema."""
    known = resolved(schema, root)
    kind: Any = known.get("type")
    if kind == "null" or (isinstance(kind, list) and "null" in kind):
        return True
    options: Sequence[Schema] = known.get("anyOf") or known.get("oneOf") or ()
    if any(accepts_null(it, root) for it in options):
        return True
    if "enum" in known:
        return None in known["enum"]
    if "const" in known:
        return known["const"] is None
    return not (kind or options or "allOf" in known or "properties" in known)


class _Strict:
    """Rewrites the parts of one schema."""

    def __init__(self, root: Schema) -> None:
        self._root = root

    def node(self, schema: Schema, where: str) -> dict[str, Any]:
        """A part by the rule; `where` is what errors call it."""
        if "$ref" in schema:  # what stands beside it, a description say, is not allowed
            return {"$ref": schema["$ref"]}
        if refused := _REFUSED & schema.keys():
            raise _not_strict(where, f"{sorted(refused)[0]!r}")
        if not schema.keys() - {"title", "description", "default"}:
            raise _not_strict(where, "values of any kind")
        made = {
            key: value
            for key, value in schema.items()
            if key not in ("default", "discriminator", "$defs", "oneOf", "allOf")
        }
        self._combine(made, schema, where)
        if "items" in made:
            made["items"] = self.node(made["items"], f"the items of {where}")
        if "properties" in made or made.get("type") == "object":
            self._close(made, where)
        return made

    def _combine(self, made: dict[str, Any], schema: Schema, where: str) -> None:
        every: Sequence[Schema] = schema.get("allOf") or ()
        if len(every) > 1:
            raise _not_strict(where, "'allOf'")
        for only in every:
            made.update(self.node(only, where))
        options: Sequence[Schema] = schema.get("anyOf") or schema.get("oneOf") or ()
        if options:
            made["anyOf"] = [self.node(it, where) for it in options]

    def _close(self, made: dict[str, Any], where: str) -> None:
        fields: Mapping[str, Schema] = made.get("properties") or {}
        free = made.get("additionalProperties")
        if free or (free is None and "properties" not in made):
            raise _not_strict(where, "keys that nobody knows before")
        required = made.get("required") or ()
        made["properties"] = {
            name: self._field(it, f"{where}.{name}", name in required)
            for name, it in fields.items()
        }
        made["required"] = list(fields)
        made["additionalProperties"] = False

    def _field(self, schema: Schema, where: str, required: bool) -> dict[str, Any]:
        made = self.node(schema, where)
        if required or accepts_null(schema, self._root):
            return made
        about = {"description": made.pop("description")} if "description" in made else {}
        return {"anyOf": [made, dict(_NULL)], **about}


def _not_strict(where: str, what: str) -> ConfigError:
    return ConfigError(
        f"strict=True: {where} has {what}, which a strict schema cannot say. "
        "Give it fields of its own, or leave strict= out."
    )


def _inlined(schema: Schema, root: Schema, around: tuple[str, ...]) -> dict[str, Any]:
    named = schema.get("$ref")
    if named is not None:
        if named in around:
            raise ConfigError(
                f"The JSON schema contains itself ({named!r}), which this model's service cannot "
                "take. Give the answer a type of limited depth."
            )
        around = (*around, cast("str", named))
    return {
        key: _inlined_part(value, root, around)
        for key, value in resolved(schema, root).items()
        if key != "$defs"
    }


def _inlined_part(value: Any, root: Schema, around: tuple[str, ...]) -> Any:
    if isinstance(value, Mapping):
        return _inlined(cast("Schema", value), root, around)
    if isinstance(value, list):
        return [_inlined_part(it, root, around) for it in cast("Sequence[Any]", value)]
    return value
