"""Answers in a file of SQLite, for several processes and for tomorrow."""

from __future__ import annotations

import os
import sqlite3
import time
import weakref
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from runnables.cache.stores import BaseCache, check_positive
from runnables.core.signatures import checks_keywords

if TYPE_CHECKING:
    from collections.abc import Generator

_PATIENCE: Final = 30.0
"""Seconds to wait for another process that writes; each write takes a few milliseconds."""

_TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, text TEXT NOT NULL, expires REAL) "
    "WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS kept_expires ON kept (expires) WHERE expires IS NOT NULL",
)


class SQLiteCache(BaseCache):
    """Keeps texts in a file, for threads, processes and forks at the same time.

    What is kept survives the death of the process (also by a signal); the last moments before a
    power cut may be lost, the file stays whole. Connections are made when they are needed, in
    each process its own. Values are texts of JSON; nothing in the file is run.

    Args:
        path: the file, made where it is not there.
        ttl: seconds after which a text is forgotten; None: never.

    Raises:
        ConfigError: a number that is not above 0.
    """

    @checks_keywords
    def __init__(self, path: str | os.PathLike[str], *, ttl: float | None = None) -> None:
        check_positive("ttl", ttl)
        self.path = os.fspath(path)
        self.ttl = ttl
        self._open()

    def _open(self) -> None:
        self._idle: dict[int, deque[sqlite3.Connection]] = {}
        weakref.finalize(self, _close, self._idle)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._open()

    def get(self, key: str) -> str | None:
        """The text of this key; None where there is none, or no longer."""
        ask = "SELECT text FROM kept WHERE key = ? AND (expires IS NULL OR expires > ?)"
        with self._connection() as connection:
            row = connection.execute(ask, (key, time.time())).fetchone()
        return None if row is None else str(row[0])

    def set(self, key: str, text: str) -> None:
        """Keep this text, in place of what was there; what is over is forgotten."""
        with self._connection() as connection:
            now = time.time()
            expires = None if self.ttl is None else now + self.ttl
            if self.ttl is not None:
                connection.execute("DELETE FROM kept WHERE expires <= ?", (now,))
            connection.execute("INSERT OR REPLACE INTO kept VALUES (?, ?, ?)", (key, text, expires))

    def clear(self) -> None:
        """Forget everything."""
        with self._connection() as connection:
            connection.execute("DELETE FROM kept")

    def close(self) -> None:
        """Close the connections of this process that nobody uses; later calls make new ones."""
        _close(self._idle)

    @contextmanager
    def _connection(self) -> Generator[sqlite3.Connection]:
        """A connection that is ours alone meanwhile; one that failed is not used again."""
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
        try:
            connection = sqlite3.connect(
                self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
            )
            connection.text_factory = _readable
            _prepare(connection)
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            error.add_note(f"in the cache {Path(self.path)}")
            raise
        return connection


def _readable(text: bytes) -> str:
    """A text of the file; an empty one where it is damaged, which is no answer."""
    try:
        return text.decode()
    except UnicodeDecodeError:
        return ""


def _prepare(connection: sqlite3.Connection) -> None:
    """Readers beside a writer (WAL), which is written through at checkpoints only; the table."""
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            for statement in _TABLE:
                connection.execute(statement)
            return
        except sqlite3.OperationalError as error:
            # Where two processes make the file at once, SQLite does not wait with the change to
            # WAL, whatever the timeout says.
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.01)


def _close(idle: dict[int, deque[sqlite3.Connection]]) -> None:
    connections = idle.get(os.getpid(), ())
    while connections:
        connections.pop().close()
