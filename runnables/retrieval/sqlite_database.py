"""The database of a store: a file that threads and processes share, or one in memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from runnables.core.sqlite_file import LOCK_TIMEOUT, SQLiteFile
from runnables.engine.shared_connection import SharedConnection
from runnables.errors import StoreError
from runnables.retrieval.sqlite_schema import check_file, create

IN_MEMORY: Final = ":memory:"

_PREPARE: Final = ("PRAGMA synchronous = NORMAL",)  # syncs at checkpoints; survives every kill


class Database:
    """Transactions on a file, or on one database in memory that one thread at a time uses.

    Args:
        path: the file, created if it does not exist; or ":memory:".

    Raises:
        StoreError: another file than one of a store, or a damaged one. Nothing was changed then.
    """

    def __init__(self, path: str) -> None:
        self._name = "The store in memory" if path == IN_MEMORY else f"The store {path!r}"
        self._file: SQLiteFile | None = None
        self._shared: SharedConnection | None = None
        if path == IN_MEMORY:
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            create(connection, self._name)
            self._shared = SharedConnection(connection)
            return
        check_file(path)
        self._file = SQLiteFile(path, _PREPARE, "the store")
        with self._connection() as connection:
            create(connection, self._name)
        check_file(path)

    def close(self) -> None:
        """Close the connections of this process; a file is opened again when it is needed."""
        if self._file is not None:
            self._file.close()
        if self._shared is not None:
            self._shared.close()

    @contextmanager
    def read(self) -> Generator[sqlite3.Connection]:
        """Yield a connection on which all reads see the same state of the store."""
        with self._connection() as connection:
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                if connection.in_transaction:  # some errors of the disk have ended it
                    connection.execute("ROLLBACK")  # nothing was written

    @contextmanager
    def write(self) -> Generator[sqlite3.Connection]:
        """Yield a connection whose changes are all there afterwards; after an error, none is."""
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _connection(self) -> Generator[sqlite3.Connection]:
        try:
            if self._file is not None:
                with self._file.connection() as connection:
                    yield connection
            elif self._shared is not None:
                with self._shared as connection:
                    yield connection
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: sqlite3.Error) -> StoreError:
        """Return what to tell a user about an error of SQLite."""
        text = str(error)
        if "locked" in text:
            return StoreError(
                f"{self._name} was not free for {LOCK_TIMEOUT:g} s: another program holds a "
                "transaction open. End it."
            )
        if "no such table" in text:
            return StoreError(f"{self._name} has no tables: its file was removed, or replaced.")
        if "was forked" in text:
            return StoreError(f"{self._name} cannot be used in this process: {text}.")
        if "closed" in text:
            return StoreError(f"{self._name} is closed.")
        if type(error) is sqlite3.DatabaseError or "malformed" in text:
            return StoreError(f"{self._name} is damaged: {text}. Take a copy of it from before.")
        return StoreError(
            f"{self._name} could not be used: {text}. What it has is kept, and the same call goes "
            "on from there."
        )
