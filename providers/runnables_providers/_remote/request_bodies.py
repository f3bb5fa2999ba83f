"""Request bodies with the keys that users add to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import SecretBytes, SecretStr

from runnables.redaction import SecretDict, SecretHeaders


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


def guarded(options: dict[str, Any]) -> dict[str, Any]:
    """Return options whose reprs hide the secrets in them, as tracebacks may show the options."""
    changes: dict[str, Any] = {}
    for name in ("extra_body", "extra_headers"):
        if isinstance(value := options.get(name), Mapping):
            kind = SecretDict if name == "extra_body" else SecretHeaders
            changes[name] = kind(cast("Mapping[str, Any]", value))
    if isinstance(tools := options.get("tools"), list):
        changes["tools"] = [_guarded_tool(tool) for tool in cast("Sequence[Any]", tools)]
    return {**options, **changes} if changes else options


def _guarded_tool(tool: Any) -> Any:
    """Return a tool; the definition of one that runs elsewhere, such as an MCP server, hides its
    secrets."""
    if not isinstance(tool, dict) or cast("dict[str, Any]", tool).get("type") == "function":
        return cast("Any", tool)
    return SecretDict(cast("dict[str, Any]", tool))


def revealed(value: Any) -> Any:
    """Return a value in which secrets of pydantic are strings, as the service expects them."""
    if isinstance(value, (SecretStr, SecretBytes)):
        return value.get_secret_value()
    if isinstance(value, Mapping):
        fields = cast("Mapping[str, Any]", value)
        return {key: revealed(inner) for key, inner in fields.items()}
    if isinstance(value, (list, tuple)):
        return [revealed(inner) for inner in cast("list[Any]", value)]
    return value
