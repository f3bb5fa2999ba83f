"""A cache in a file of SQLite, which several processes share and which outlives them."""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections import deque
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from runnables.cache.stores import BaseCache
from runnables.core.bounds import check_seconds
from runnables.core.signatures import checks_keywords

if TYPE_CHECKING:
    from collections.abc import Generator

_LOCK_TIMEOUT: Final = 30.0
"""Seconds to wait for another process that writes; each write takes a few milliseconds."""

_TABLE: Final = (
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
        self._init_connections()

    def _init_connections(self) -> None:
        self._idle: dict[int, deque[sqlite3.Connection]] = {}
        weakref.finalize(self, _close, self._idle)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._init_connections()

    def get(self, key: str) -> str | None:
        """Return the string of this key; None where there is none, or it has expired."""
        query = "SELECT text FROM entries WHERE key = ? AND (expires IS NULL OR expires > ?)"
        with self._connection() as connection:
            row = connection.execute(query, (key, time.time())).fetchone()
        return None if row is None else str(row[0])

    def set(self, key: str, text: str) -> None:
        """Store a string, in place of an earlier one, and remove the entries that have expired."""
        with self._connection() as connection:
            now = time.time()
            expires = None if self.ttl is None else now + self.ttl
            if self.ttl is not None:
                connection.execute("DELETE FROM entries WHERE expires <= ?", (now,))
            connection.execute(
                "INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", (key, text, expires)
            )

    def clear(self) -> None:
        """Remove all entries."""
        with self._connection() as connection:
            connection.execute("DELETE FROM entries")

    def close(self) -> None:
        """Close the idle connections of this process; later calls open new ones."""
        _close(self._idle)

    @contextmanager
    def _connection(self) -> Generator[sqlite3.Connection]:
        """Yield a connection for one user at a time; one that failed is not used again."""
        # Those of a parent process stay where they are: a fork may neither use nor close them.
        idle = self._idle.setdefault(os.getpid(), deque())
        try:
            connection = idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        idle.append(connection)

    def _connect(self) -> sqlite3.Connection:
        # The C library may be used from several threads, one after another; each statement is a
        # transaction of its own, so that nothing stays open between two of them.
        connection: sqlite3.Connection | None = None
        _create_private(self.path)
        try:
            connection = sqlite3.connect(
                self.path, timeout=_LOCK_TIMEOUT, isolation_level=None, check_same_thread=False
            )
            connection.text_factory = _decode
            _prepare(connection)
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            error.add_note(f"in the cache {Path(self.path)}")
            raise
        return connection


def _create_private(path: str) -> None:
    """Create a file for its owner alone, unless it exists; its journals get the same mode."""
    if path not in ("", ":memory:"):
        with suppress(OSError):  # SQLite says more about what is wrong
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _decode(text: bytes) -> str:
    """Return a string of the file; an empty one, which is no answer, where it is damaged."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return ""


def _prepare(connection: sqlite3.Connection) -> None:
    """Let reads run during a write (WAL), which syncs at checkpoints only, and create the table."""
    deadline = time.monotonic() + _LOCK_TIMEOUT
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            for statement in _TABLE:
                connection.execute(statement)
            return
        except sqlite3.OperationalError as error:
            # Where two processes create the file at once, SQLite does not wait with the change to
            # WAL, whatever the timeout is.
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _close(idle: dict[int, deque[sqlite3.Connection]]) -> None:
    connections = idle.get(os.getpid(), ())
    while connections:
        connections.pop().close()
