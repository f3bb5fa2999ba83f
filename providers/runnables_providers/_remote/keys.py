"""API keys: what a setting may be, and where they are in headers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

from pydantic import SecretStr

from runnables.errors import ConfigError

Given = TypeVar("Given")

Key: TypeAlias = str | SecretStr | Callable[[], str]
"""A key, or a function that returns the current key, for keys that expire."""

_KEY_HEADERS: Final = re.compile("auth|key|token|secret|cookie", re.IGNORECASE)
"""Matches the names of headers whose values are keys."""


def hidden(secret: Given | str) -> Given | SecretStr:
    """Return a string as a SecretStr, whose repr hides it; return anything else unchanged."""
    return SecretStr(secret) if isinstance(secret, str) else secret


def key_of(given: Key | None) -> str | None:
    """Return the current key, without the whitespace that files and shells leave around it.

    Raises:
        ConfigError: the function returned something other than a string.
    """
    key: Any = given
    if isinstance(given, SecretStr):
        key = given.get_secret_value()
    elif callable(given):
        key = given()
    if key is None or isinstance(key, str):
        return key.strip() if key else None
    raise ConfigError(
        f"The function for the key returned a value of type {type(key).__name__!r}: expected a "
        "string."
    )


def keys_in_headers(headers: Mapping[str, str] | None) -> list[str]:
    """Return the words in headers that may be keys."""
    values = (value for name, value in (headers or {}).items() if _KEY_HEADERS.search(name))
    return [word for value in values for word in value.split()]
