"""Keys, and how they stay out of what is printed, raised and written down."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias, TypeVar

from pydantic import SecretStr

from runnables.errors import ConfigError

Given = TypeVar("Given")

Key: TypeAlias = str | SecretStr | Callable[[], str]
"""A key, or a function that gives the one to use now, where keys run out after a while."""

HIDDEN: Final = "**********"

_CARRIES: Final = re.compile("auth|key|token|secret|cookie", re.IGNORECASE)
"""What names of headers have in them whose values are keys."""
_LENGTH: Final = 8
"""How many characters a key has at least: shorter words, like "Bearer" or the "none" that a server
of one's own is given, tell nothing, and stand in many a text."""


class SecretHeaders(dict[str, str]):
    """Headers that print without their values, as one of them may be a key."""

    def __repr__(self) -> str:
        return repr(dict.fromkeys(self, HIDDEN))


def hidden(secret: Given | str) -> Given | SecretStr:
    """A text as a value that does not print; anything else as it is."""
    return SecretStr(secret) if isinstance(secret, str) else secret


def key_of(given: Key | None) -> str | None:
    """The key of the moment, without the blanks that files and shells leave around it.

    Raises:
        ConfigError: a function gave what is no text.
    """
    key: Any = given
    if isinstance(given, SecretStr):
        key = given.get_secret_value()
    elif callable(given):
        key = given()
    if key is None or isinstance(key, str):
        return key.strip() if key else None
    raise ConfigError(
        f"The function that gives the key gave a value of type {type(key).__name__!r}: expected a "
        "text."
    )


def keys_in_headers(headers: Mapping[str, str] | None) -> list[str]:
    """The words in headers that may be keys."""
    values = (value for name, value in (headers or {}).items() if _CARRIES.search(name))
    return [word for value in values for word in value.split()]


def redacted(text: str, secrets: Iterable[str]) -> str:
    """A text without these keys, and without all that this process has sent lately."""
    for secret in sorted({*secrets, *RECENT_KEYS.keys()}, key=len, reverse=True):
        if len(secret) >= _LENGTH:
            text = text.replace(secret, HIDDEN)
    return text


class RecentKeys:
    """The keys that this process has sent lately.

    A function that gives keys is not asked again for an error: by then it may give another one,
    and it may wait or fail.
    """

    most: Final = 1000

    def __init__(self) -> None:
        # Two halves, so that threads need no lock: the older one is dropped as a whole.
        self._new: dict[str, None] = {}
        self._old: dict[str, None] = {}

    def note(self, key: str) -> None:
        """Remember a key."""
        if key not in self._new:
            if len(self._new) >= self.most:
                self._old, self._new = self._new, {}
            self._new[key] = None

    def keys(self) -> list[str]:
        """All of them."""
        return [*self._new.copy(), *self._old.copy()]


RECENT_KEYS: Final = RecentKeys()
