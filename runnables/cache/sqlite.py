"""A cache in a file of SQLite, which several processes share and which outlives them."""

from __future__ import annotations

import os
import time
from typing import Any, Final

from runnables.cache.stores import BaseCache
from runnables.core.bounds import check_seconds
from runnables.core.signatures import checks_keywords
from runnables.core.sqlite_file import SQLiteFile

_PREPARE: Final = (
    "PRAGMA synchronous = NORMAL",  # syncs at checkpoints only
    "CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, text TEXT NOT NULL, expires REAL) "
    "WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS entries_expires ON entries (expires) WHERE expires IS NOT NULL",
)


class SQLiteCache(BaseCache):
    """A cache in a file, which threads, processes and forks use at the same time.

    A new file is readable and writable by its owner alone, since it holds what was answered; the
    mode of a file that exists stays what it is.

    Entries survive the death of the process (also by a signal); the last ones before a power cut
    may be lost, and the file stays intact. Each process has its own connections, which are opened
    when they are needed. The values are strings of JSON; nothing in the file is run.

    Args:
        path: the file, created if it does not exist.
        ttl: seconds after which an entry expires; None: never.

    Raises:
        ConfigError: a number that is not above 0.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     cache = SQLiteCache(f"{folder}/answers.db", ttl=86_400)
        ...     print(RunnableLambda(len).with_cache(cache).batch(["ahoy", "ahoy"]))
        ...     cache.close()
        [4, 4]
    """

    @checks_keywords
    def __init__(self, path: str | os.PathLike[str], *, ttl: float | None = None) -> None:
        self.ttl = None if ttl is None else check_seconds("ttl={}", ttl)
        self.path = os.fspath(path)
        self._file = self._open()

    def _open(self) -> SQLiteFile:
        return SQLiteFile(self.path, _PREPARE, "the cache", _decode)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._file = self._open()

    def get(self, key: str) -> str | None:
        """Return the string of this key; None where there is none, or it has expired."""
        query = "SELECT text FROM entries WHERE key = ? AND (expires IS NULL OR expires > ?)"
        with self._file.connection() as connection:
            row = connection.execute(query, (key, time.time())).fetchone()
        return None if row is None else str(row[0])

    def set(self, key: str, text: str) -> None:
        """Store a string, in place of an earlier one, and remove the entries that have expired."""
        with self._file.connection() as connection:
            now = time.time()
            expires = None if self.ttl is None else now + self.ttl
            if self.ttl is not None:
                connection.execute("DELETE FROM entries WHERE expires <= ?", (now,))
            connection.execute(
                "INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", (key, text, expires)
            )

    def clear(self) -> None:
        """Remove all entries."""
        with self._file.connection() as connection:
            connection.execute("DELETE FROM entries")

    def close(self) -> None:
        """Close the idle connections of this process; later calls open new ones."""
        self._file.close()


def _decode(text: bytes) -> str:
    """Return a string of the file; an empty one, which is no answer, where it is damaged."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return ""
