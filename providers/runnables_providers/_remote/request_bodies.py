"""Request bodies with the keys that users add to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import SecretBytes, SecretStr


def merged_body(body: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body with more keys: objects are merged key by key, anything else is replaced."""
    merged = dict(body)
    for key, value in extra.items():
        known = merged.get(key)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            inner = cast("Mapping[str, Any]", value)
            merged[key] = merged_body(cast("Mapping[str, Any]", known), inner)
        else:
            merged[key] = value
    return merged


def revealed(value: Any) -> Any:
    """Return a value in which secrets of pydantic are strings, as the service expects them."""
    if isinstance(value, (SecretStr, SecretBytes)):
        return value.get_secret_value()
    if isinstance(value, Mapping):
        items = cast("Mapping[Any, Any]", value).items()
        return {key: revealed(inner) for key, inner in items}
    if isinstance(value, (list, tuple)):
        return [revealed(inner) for inner in cast("list[Any]", value)]
    return value
