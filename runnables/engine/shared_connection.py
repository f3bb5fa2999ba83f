"""A connection of SQLite that several threads share."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3


class SharedConnection:
    """A connection of SQLite that several threads have: one of them at a time is in its `with`.

    `sqlite3` crashes the process where one thread closes a connection while another executes a
    statement on it. Here, the one that closes waits.

    Args:
        connection: made with `check_same_thread=False`.
    """

    __slots__ = ("_connection", "_lock")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()

    def __enter__(self) -> sqlite3.Connection:
        self._lock.acquire()
        return self._connection

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def close(self) -> None:
        """Close the connection when no thread is in it; later statements raise."""
        with self as connection:
            connection.close()
