"""The keys of rows, by which a checkpoint knows them again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from runnables.errors import ConfigError
from runnables.jobs.json_text import is_utf8

KeyOf: TypeAlias = str | Callable[[Any], Any] | None
"""What says the key of a row: the name of a field, a function, or None for the content."""


def check_key(key: Any) -> None:
    """Refuse what says no key.

    Raises:
        ConfigError: neither a name, nor a function, nor None.
    """
    if key is not None and not isinstance(key, str) and not callable(key):
        raise ConfigError(
            f"key={key!r}: expected the name of a field of the rows, or a function of a row"
        )


def key_of(row: Any, text: str, key: KeyOf, position: int) -> str:
    """Return the key of a row: that of its content, where nothing else says it.

    Args:
        row: the row.
        text: its content as JSON.
        key: what says the key.
        position: where the row is, for errors.

    Raises:
        ConfigError: the row has no such field, or its key is neither a string nor a whole number.
    """
    if key is None:
        return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()
    found: Any
    if isinstance(key, str):
        given: Any = row
        found = given.get(key) if isinstance(row, Mapping) else getattr(given, key, None)
    else:
        found = key(row)
    if isinstance(found, str) and found and is_utf8(found):
        return found
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    raise ConfigError(
        f"The key of row {position} is {found!r}: key={key!r} must say a string or a whole number "
        "for each row"
    )
