"""The database of a store: a file that threads and processes share, or one in memory."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from runnables.core.sqlite_file import LOCK_TIMEOUT, SQLiteFile, is_access_error, may_write
from runnables.engine.shared_connection import SharedConnection
from runnables.errors import StoreError
from runnables.retrieval.sqlite_schema import check_file, create

IN_MEMORY: Final = ":memory:"

_PREPARE: Final = ("PRAGMA synchronous = NORMAL",)  # syncs at checkpoints; survives every kill


class Database:
    """Transactions on a file, or on one database in memory that one thread at a time uses.

    A file that cannot be written is read.

    Args:
        path: the file, created if it does not exist; or ":memory:".

    Raises:
        StoreError: another file than one of a store, or a damaged one. Nothing was changed then.
    """

    def __init__(self, path: str) -> None:
        self._name = "The store in memory" if path == IN_MEMORY else f"The store {path!r}"
        self._is_read_only = False
        self._file: SQLiteFile | None = None
        self._shared: SharedConnection | None = None
        if path == IN_MEMORY:
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            create(connection, self._name)
            self._shared = SharedConnection(connection)
            return
        check_file(path)
        try:
            self._file = self._opened(path)
        except sqlite3.Error as error:
            raise self._failure(error) from error
        check_file(path)

    def _opened(self, path: str) -> SQLiteFile:
        """Return a file, with the tables in it."""
        file = SQLiteFile(path, _PREPARE, "the store")
        try:
            with file.connection() as connection:
                create(connection, self._name)
        except sqlite3.OperationalError as error:
            has_tables = os.path.exists(path) and os.path.getsize(path)
            if not has_tables or not is_access_error(error) or may_write(path):
                raise
            self._is_read_only = True
            return SQLiteFile(path, (), "the store", read_only=True)
        return file

    def close(self) -> None:
        """Close the connections of this process; a file is opened again when it is needed."""
        if self._file is not None:
            self._file.close()
        if self._shared is not None:
            self._shared.close()

    def check_writable(self) -> None:
        """Refuse a change of a file that cannot be written, before any work.

        Raises:
            StoreError: says so.
        """
        if self._is_read_only:
            raise self._refusal()

    def _refusal(self) -> StoreError:
        return StoreError(
            f"{self._name} cannot be written: the file, or its folder, is read-only for this "
            "process. Searches work. Change their mode, or copy the file to where it can be "
            "written."
        )

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
        self.check_writable()
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
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_READONLY:
            return self._refusal()
        if code == sqlite3.SQLITE_CANTOPEN:
            return StoreError(
                f"{self._name} cannot be opened: {text}. See whether this process may read the "
                "file, and write in its folder; or use another folder."
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
