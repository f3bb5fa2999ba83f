"""The strings of a span: any value as one, without secrets; and what no exporter can write."""

from __future__ import annotations

import json
from typing import Any, Final, cast

from pydantic_core import to_jsonable_python

from runnables.redaction import hide, hide_in_text

_TEXT: Final = "text/plain"
_JSON: Final = "application/json"


def shown(value: Any) -> tuple[str, str]:
    """Return a value as a string without secrets, and the type of that string."""
    if isinstance(value, str):
        return hide_in_text(value), _TEXT
    try:
        plain = to_jsonable_python(hide(value), fallback=repr)
        text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    except Exception:  # a value whose own repr or serializer fails is no reason to lose the span
        return f"<{type(value).__name__}>", _TEXT
    return hide_in_text(text), _JSON


def writable(text: str) -> str:
    """Return a string with a "?" for each half of a pair of surrogates, which has no UTF-8.

    An exporter drops an attribute with one. Of a name, or of the message of an error, it drops all
    spans that it would have sent with it.
    """
    return text if text.isascii() else text.encode(errors="replace").decode()


def writable_values(attributes: dict[str, Any]) -> dict[str, Any]:
    """Return attributes with `writable` strings."""
    return {key: _writable_value(value) for key, value in attributes.items()}


def _writable_value(value: Any) -> Any:
    if isinstance(value, str):
        return writable(value)
    if isinstance(value, list):
        return [writable(text) for text in cast("list[str]", value)]
    return value
