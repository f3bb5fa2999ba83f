"""JSON schemas that are complete: with the definitions that they refer to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

_PREFIX: Final = "#/$defs/"


def self_contained(
    schema: Mapping[str, Any], definitions: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return a part of a JSON schema that needs nothing outside of it.

    A reference is replaced by the definition that it names. A definition that contains itself
    cannot be: it goes along, in "$defs" of the part.

    Args:
        schema: the part.
        definitions: the definitions of the whole, by name.
    """
    reader = _Reader(definitions)
    whole = reader.read(schema)
    kept: dict[str, Any] = {}
    while missing := [name for name in reader.recursive if name not in kept]:
        for name in missing:
            kept[name] = reader.read(definitions[name])
    return {**whole, "$defs": kept} if kept else dict(whole)


class _Reader:
    """A reader of schemas, which replaces their references.

    Attributes:
        recursive: the definitions that contain themselves, among those that were met.
    """

    def __init__(self, definitions: Mapping[str, Mapping[str, Any]]) -> None:
        self._definitions = definitions
        self.recursive: dict[str, None] = {}

    def read(self, value: Any) -> Any:
        """Return a schema, or any part of one, with references to recursive definitions alone."""
        if isinstance(value, list):
            return [self.read(item) for item in cast("Sequence[Any]", value)]
        if not isinstance(value, Mapping):
            return value
        schema = dict(cast("Mapping[str, Any]", value))
        name = self._name(schema.get("$ref"))
        if name is None:
            return self._parts(schema)
        if name in self.recursive or self._contains_itself(name):
            self.recursive[name] = None
            return self._parts(schema)
        del schema["$ref"]
        definition = self.read(self._definitions[name])
        return {**definition, **self._parts(schema)}

    def _parts(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        parts = {key: self.read(part) for key, part in schema.items()}
        if isinstance(found := parts.get("discriminator"), dict):
            # its mapping names definitions, which are no longer there
            parts["discriminator"] = {"propertyName": cast("Any", found).get("propertyName")}
        return parts

    def _name(self, reference: Any) -> str | None:
        """Return the definition that a reference names; None for any other value."""
        if not isinstance(reference, str) or not reference.startswith(_PREFIX):
            return None
        name = reference.removeprefix(_PREFIX).replace("~1", "/").replace("~0", "~")
        return name if name in self._definitions else None

    def _contains_itself(self, name: str) -> bool:
        """Tell whether a definition leads back to itself."""
        seen: set[str] = set()
        left = [name]
        while left:
            for found in self._references(self._definitions[left.pop()]):
                if found == name:
                    return True
                if found not in seen:
                    seen.add(found)
                    left.append(found)
        return False

    def _references(self, value: Any) -> list[str]:
        """Return the definitions that a schema names."""
        if isinstance(value, list):
            items: list[Any] = cast("Any", value)
            return [name for item in items for name in self._references(item)]
        if not isinstance(value, Mapping):
            return []
        schema = cast("Mapping[str, Any]", value)
        own = self._name(schema.get("$ref"))
        inner = [name for part in schema.values() for name in self._references(part)]
        return [*([own] if own else []), *inner]
