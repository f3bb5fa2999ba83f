"""A connection of SQLite that several threads share."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from runnables.engine.fork_barrier import FORKS

if TYPE_CHECKING:
    import sqlite3


class SharedConnection:
    """A connection of SQLite that several threads have: one of them at a time is in its `with`.

    `sqlite3` crashes the process where one thread closes a connection while another executes a
    statement on it. Here, the one that closes waits. So does a fork; a child whose parent was in
    the connection all the same gets an error.

    Args:
        connection: made with `check_same_thread=False`.
    """

    __slots__ = ("_connection", "_lock", "_section")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._section: object = None

    def __enter__(self) -> sqlite3.Connection:
        if FORKS.was_interrupted(self._connection):  # its lock may stay locked
            raise used_during_fork()
        section = FORKS.enter(self._connection)
        try:
            self._lock.acquire()
        except BaseException:
            FORKS.leave(section)
            raise
        self._section = section
        return self._connection

    def __exit__(self, *error: object) -> None:
        section = self._section
        self._lock.release()
        FORKS.leave(section)

    def close(self) -> None:
        """Close the connection when no thread is in it; later statements raise."""
        with self as connection:
            connection.close()


def used_during_fork() -> sqlite3.OperationalError:
    """Return the error for a child that uses what a thread of its parent was in at the fork."""
    import sqlite3  # most programs have no file of SQLite

    return sqlite3.OperationalError(
        "a thread of the parent process was using it when this process was forked. Fork when no "
        "thread uses it, or start processes by 'spawn'"
    )
