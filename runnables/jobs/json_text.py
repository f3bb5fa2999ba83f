"""JSON of results, for files that other programs read."""

from __future__ import annotations

import json
from typing import Any


def json_text(value: Any) -> str:
    """Return a JSON value as text: NaN and infinity as null, which JSON has no words for.

    Example:
        >>> json_text({"text": "é", "score": float("nan")})
        '{"text": "é", "score": null}'
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        value = _without_nan(value)
        text = json.dumps(value, ensure_ascii=False)
    return text if is_utf8(text) else json.dumps(value)


def _without_nan(value: Any) -> Any:
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value, inf_nan_mode="null")


def is_utf8(text: str) -> bool:
    """Tell whether a string can be written: half of a pair of surrogates cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def writable(text: str) -> str:
    r"""Return a string that can be written: half of a pair of surrogates as an escape.

    Example:
        >>> writable("half \ud800") == r"half \ud800"
        True
    """
    return text.encode(errors="backslashreplace").decode()
