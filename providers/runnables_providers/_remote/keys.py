"""API keys, and their redaction from reprs, errors and logs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

from pydantic import SecretStr

from runnables.errors import ConfigError

Given = TypeVar("Given")

Key: TypeAlias = str | SecretStr | Callable[[], str]
"""A key, or a function that returns the current key, for keys that expire."""

HIDDEN: Final = "**********"

_KEY_HEADERS: Final = re.compile("auth|key|token|secret|cookie", re.IGNORECASE)
"""Matches the names of headers whose values are keys."""
_MIN_KEY_LENGTH: Final = 8
"""The smallest number of characters of a key. Shorter words, like "Bearer", or a "none" for a local
server, are no secrets, and occur in ordinary text."""


class SecretHeaders(dict[str, str]):
    """Headers whose repr hides the values, since one may be a key."""

    def __repr__(self) -> str:
        return repr(dict.fromkeys(self, HIDDEN))


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


def redact(text: str, secrets: Iterable[str]) -> str:
    """Replace these keys in a string, and all keys that this process has sent recently."""
    for secret in sorted({*secrets, *RECENT_KEYS.keys()}, key=len, reverse=True):
        if len(secret) >= _MIN_KEY_LENGTH:
            text = text.replace(secret, HIDDEN)
    return text


class RecentKeys:
    """Keys that this process has sent recently.

    An error is redacted with these, not by calling the function for the key again: it may return
    another key by then, and it may block or fail.
    """

    max_keys: Final = 1000

    def __init__(self) -> None:
        # Two dicts, so that threads need no lock: the older one is dropped at once.
        self._newer: dict[str, None] = {}
        self._older: dict[str, None] = {}

    def add(self, key: str) -> None:
        """Add a key."""
        if key not in self._newer:
            if len(self._newer) >= self.max_keys:
                self._older, self._newer = self._newer, {}
            self._newer[key] = None

    def keys(self) -> list[str]:
        """Return all keys."""
        return [*self._newer.copy(), *self._older.copy()]


RECENT_KEYS: Final = RecentKeys()
