"""A file of SQLite that threads, processes and forks use at the same time.

Each process has its own connections, which are opened when they are needed, and which one thread
uses at a time. A new file is readable and writable by its owner alone.
"""

from __future__ import annotations

import os
import sqlite3
import stat
import time
import weakref
from collections import deque
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias

from runnables.engine.fork_barrier import FORKS
from runnables.engine.shared_connection import used_during_fork

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

LOCK_TIMEOUT: Final = 30.0
"""Seconds to wait for another process that writes; each write takes a few milliseconds."""

SMALLEST_PAGE: Final = 512
"""Bytes of the smallest file that SQLite writes, but for an empty one. It takes a smaller one for a
new file, and would write over it."""

_Idle: TypeAlias = dict[int, deque[sqlite3.Connection]]
"""The connections that no thread uses at the moment, by the process that opened them."""

_FILES: Final[dict[int, _Idle]] = {}
"""Those of all files that are open."""

_WITHOUT_FILE: Final = ("", ":memory:")
"""What SQLite makes no file for that has a name."""


class SQLiteFile:
    """The connections of this process to one file.

    Args:
        path: the file, created if it does not exist.
        prepare: statements that every new connection executes, after the change to WAL.
        label: what the file is, for a note on errors: "the cache".
        decode: reads the strings of the file.
        read_only: whether to change nothing, for a file, or a folder, that cannot be written. Each
            connection is a new one then: it sees the file as it is at that moment.
    """

    def __init__(
        self,
        path: str,
        prepare: Sequence[str],
        label: str,
        decode: Callable[[bytes], str] = bytes.decode,
        *,
        read_only: bool = False,
    ) -> None:
        # absolute, as the working folder may be another one when a connection is opened
        self._path = path if path in _WITHOUT_FILE else os.path.abspath(path)
        # what a child must not open, where it was in use at the fork, by whatever name
        self._real: object = object() if path in _WITHOUT_FILE else os.path.realpath(path)
        self._statements = prepare
        self._label = label
        self._decode = decode
        self._is_read_only = read_only
        self._idle: _Idle = {}
        if path not in _WITHOUT_FILE:
            _FILES[id(self._idle)] = self._idle
        weakref.finalize(self, _forget, self._idle)

    def close(self) -> None:
        """Close the idle connections of this process; later calls open new ones."""
        _close(self._idle)

    @contextmanager
    def connection(self) -> Generator[sqlite3.Connection]:
        """Yield a connection for one user at a time; one that failed is not used again.

        A fork waits for its end, for some seconds.
        """
        section = FORKS.enter(self._real)
        try:
            with self._connection() as connection:
                yield connection
        finally:
            FORKS.leave(section)

    @contextmanager
    def _connection(self) -> Generator[sqlite3.Connection]:
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
        if self._is_read_only:
            connection.close()
        else:
            idle.append(connection)

    def _connect(self) -> sqlite3.Connection:
        # The C library may be used from several threads, one after another; each statement is a
        # transaction of its own, so that nothing stays open between two of them.
        connection: sqlite3.Connection | None = None
        try:
            if FORKS.was_interrupted(self._real):
                raise used_during_fork()
            if self._is_read_only:
                return connect_read_only(self._path)
            _create_private(self._path)
            connection = sqlite3.connect(
                self._path, timeout=LOCK_TIMEOUT, isolation_level=None, check_same_thread=False
            )
            connection.text_factory = self._decode
            self._prepare(connection)
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            error.add_note(f"in {self._label} {Path(self._path)}")
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Let reads run during a write (WAL), and execute the statements."""
        deadline = time.monotonic() + LOCK_TIMEOUT
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                for statement in self._statements:
                    connection.execute(statement)
                return
            except sqlite3.OperationalError as error:
                # Where two processes create the file at once, SQLite does not wait with the change
                # to WAL, whatever the timeout is.
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)


@contextmanager
def opened_read_only(path: str) -> Generator[sqlite3.Connection]:
    """Yield a connection that only reads; a fork waits for its end.

    Raises:
        sqlite3.Error: as for `connect_read_only`.
    """
    real = os.path.realpath(path)
    if FORKS.was_interrupted(real):
        raise used_during_fork()
    section = FORKS.enter(real)
    try:
        with closing(connect_read_only(path)) as connection:
            yield connection
    finally:
        FORKS.leave(section)


def connect_read_only(path: str) -> sqlite3.Connection:
    """Connect to a file to read it, also while another process writes it.

    In a folder that cannot be written, SQLite cannot make the file that readers and writers share.
    No process writes there either, so the file is read as it is.

    Raises:
        sqlite3.Error: it cannot be read, or not all of it.
    """
    address = f"{Path(path).absolute().as_uri()}?mode=ro"
    connection = _connect_to(address)
    try:
        connection.execute("SELECT 1 FROM sqlite_master")
    except sqlite3.OperationalError as error:
        connection.close()
        with suppress(OSError):
            if os.stat(f"{path}-wal").st_size:
                refused = sqlite3.OperationalError(
                    f"its last changes are in {f'{path}-wal'!r}, which SQLite reads only in a "
                    "folder that can be written. Copy both files to one"
                )
                refused.sqlite_errorcode = error.sqlite_errorcode
                raise refused from error
        return _connect_to(f"{address}&immutable=1")
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def _connect_to(address: str) -> sqlite3.Connection:
    return sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)


def is_access_error(error: sqlite3.Error) -> bool:
    """Tell whether SQLite could not open a file, or not write it, or make one in its folder."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


def may_write(path: str) -> bool:
    """Tell whether this process may write a file, and make others in its folder."""
    as_user = bool(os.supports_effective_ids)  # `os.access` alone may be in it
    places = (path, Path(path).absolute().parent)
    return all(os.access(place, os.W_OK, effective_ids=as_user) for place in places)


def _create_private(path: str) -> None:
    """Create a file for its owner alone, unless it exists; its journals get the same mode.

    A file that exists is not opened. To close it would end all locks that this process has on it,
    those of SQLite among them (POSIX says so), and another process would then take the journal
    away from under a connection that uses it: that destroys the file.
    """
    if path in _WITHOUT_FILE:
        return
    real = os.path.realpath(path)
    with suppress(OSError):  # SQLite says more about what is wrong
        if not os.path.lexists(real):
            _create(real)


def _create(path: str) -> None:
    with suppress(OSError, AttributeError):  # neither on Windows, nor for all users of macOS
        os.mknod(path, 0o600 | stat.S_IFREG)
        return
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _forget(idle: _Idle) -> None:
    _FILES.pop(id(idle), None)
    _close(idle)


def _close(idle: _Idle) -> None:
    connections = idle.get(os.getpid())
    while connections:
        with suppress(IndexError):  # another thread has taken the last one
            connections.pop().close()


def _close_all() -> None:
    """Close the connections of this process, none of which is in use, before a fork.

    SQLite notes in memory which locks its process has. The child would find this note, and take no
    locks of its own, which are not inherited: then the parent, when it closes the file, took itself
    for the last one, and removed the journal that the child writes.
    """
    for idle in list(_FILES.values()):
        with suppress(sqlite3.Error):
            _close(idle)


FORKS.before_fork(_close_all)
