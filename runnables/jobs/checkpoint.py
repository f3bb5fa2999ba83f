"""A checkpoint: a file of SQLite with the rows of a batch job that are finished."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import sys
from contextlib import closing, suppress
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from runnables.core.sqlite_file import SMALLEST_PAGE, is_access_error, opened_read_only
from runnables.engine.group_commit import GroupCommit
from runnables.engine.shared_connection import SharedConnection
from runnables.errors import CheckpointError
from runnables.jobs import schema
from runnables.jobs.file_lock import FileLock
from runnables.jobs.fingerprint import Fingerprint, changes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Durability = Literal["normal", "full"]
"""What outlives what: "normal" the death of the process, "full" a power cut, too."""

SYNCHRONOUS: Final[Mapping[str, str]] = {"normal": "NORMAL", "full": "FULL"}

_BUSY_SECONDS: Final = 30.0


class StoredRow(NamedTuple):
    """A row that an earlier run has finished."""

    id: int
    position: int | None
    status: str
    input: str
    output: str | None
    output_format: str | None
    error_type: str | None
    error: str | None


class _Put(NamedTuple):
    """What the next commit writes.

    Attributes:
        statement: the statement; None: `values` are the columns of a row.
        values: what it takes.
    """

    statement: str | None
    values: Sequence[Any]


_MOST_ROWS: Final = 64
"""How many rows one statement puts; SQLite has to know each number of them."""


class Checkpoint:
    """A file with the finished rows of one job; one process at a time writes it.

    Args:
        path: the file, created if it does not exist.
        durability: what the rows outlive.

    Attributes:
        path: the file.
        has_rows: whether earlier runs have left rows in it.

    Raises:
        CheckpointError: another job writes it, or it is no checkpoint, or a damaged one. Nothing
            was changed then.
    """

    def __init__(self, path: str | os.PathLike[str], durability: Durability = "normal") -> None:
        self.path = os.fspath(path)
        self._lock = FileLock(f"{os.path.realpath(self.path)}.lock")
        self._connections: list[SharedConnection] = []
        try:
            self._open(SYNCHRONOUS[durability])
        except BaseException as error:
            self.close()
            if isinstance(error, (sqlite3.Error, OSError)):
                problem = getattr(error, "strerror", None) or error
                raise CheckpointError(f"{self._name} cannot be used: {problem}.") from error
            raise
        self._commits: GroupCommit[_Put] = GroupCommit(self._commit)
        self._run = 0
        with self._writer as writer:
            self.has_rows = writer.execute(schema.ANY_ROW).fetchone() is not None

    @property
    def _name(self) -> str:
        return f"The checkpoint {self.path!r}"

    # -- opening

    def _open(self, synchronous: str) -> None:
        folder = Path(self.path).absolute().parent
        if not folder.is_dir():
            raise CheckpointError(f"{self._name} has no folder: make {str(folder)!r} first.")
        exists = Path(self.path).exists()
        if exists:
            check_file(self.path)
        if not self._lock.acquire():
            raise CheckpointError(
                f"{self._name} is in use: another job writes it. Wait until that has ended, or "
                "give this one a file of its own."
            )
        if not Path(self.path).exists():
            self._create()
        if not exists:
            check_file(self.path)
        self._writer = self._connect(synchronous)
        self._reader = self._connect(synchronous)
        with self._reader as reader:
            reader.execute("PRAGMA temp_store = FILE")
            for table in schema.READER_TABLES:
                reader.execute(table)

    def _create(self) -> None:
        """Create the file under another name first, so that a kill leaves none that is half one."""
        new = f"{self.path}.new"
        _remove(new)
        os.close(os.open(new, os.O_RDWR | os.O_CREAT, 0o600))
        with closing(sqlite3.connect(new, isolation_level=None)) as connection:
            connection.execute("BEGIN")
            for table in schema.TABLES:
                connection.execute(table)
            connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {schema.VERSION}")
            connection.execute("COMMIT")
        os.replace(new, self.path)

    def _connect(self, synchronous: str) -> SharedConnection:
        connection = sqlite3.connect(
            self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._connections.append(shared := SharedConnection(connection))
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        return shared

    def close(self) -> None:
        """Close the file, so that another job may write it, when no thread is in it."""
        for connection in self._connections:
            with suppress(sqlite3.Error):
                connection.close()
        self._connections.clear()
        self._lock.release()

    # -- the job and its runs

    def start_run(self, chain: Fingerprint, key: str, *, accept_change: bool) -> None:
        """Note that a run begins, after a look at whether it is the same job.

        Args:
            chain: what is known of the chain.
            key: what says the keys of rows.
            accept_change: whether another chain will do.

        Raises:
            CheckpointError: another chain, or other keys.
        """
        with self._writer as writer:
            known = dict(writer.execute("SELECT name, value FROM job"))
        if "key" in known and known["key"] != key:
            raise CheckpointError(
                f"{self._name} knows its rows by {_by(known['key'])}, and this job by {_by(key)}. "
                "Use the same, or another file."
            )
        if "chain" in known and not accept_change:
            changed = changes(json.loads(known["chain"]), chain)
            if changed is not None:
                raise CheckpointError(
                    f"{self._name} has the outputs of another chain: {changed}. Use another file; "
                    "or say accept_change=True, to keep those outputs and go on with this chain."
                )
        for put in (
            _Put(schema.SET_JOB, ("key", key)),
            _Put(schema.SET_JOB, ("chain", json.dumps(chain))),
            _Put(schema.START_RUN, (timestamp(), os.getpid(), platform.node(), _library_version())),
        ):
            self._commits.write(put)
        with self._writer as writer:
            self._run = int(writer.execute("SELECT max(id) FROM run").fetchone()[0])

    def end_run(self, reason: str, pulled: int, all_pulled: bool) -> None:
        """Note that the run has ended, and where its rows are, and close the file.

        So far as the disk allows it, unless all rows were tried.

        Args:
            reason: why.
            pulled: how many rows it has seen. Other rows that had one of their positions lose it.
            all_pulled: whether these were all; then all other rows lose their position.

        Raises:
            CheckpointError: all rows were tried, and their positions cannot be written.
        """
        ended = _Put(schema.END_RUN, (timestamp(), reason, self._run))
        try:
            with self._reader as reader:
                reader.execute(schema.FORGET_OTHERS, (sys.maxsize if all_pulled else pulled,))
                reader.execute(schema.MOVE_ROWS)
            with suppress(CheckpointError):
                self._commits.write(ended)
        except sqlite3.Error as error:
            if reason == "done":  # else there is another error, or another run will do it
                raise self._failure(error) from error
        finally:
            self.close()

    # -- rows

    def find(self, key: str, position: int) -> tuple[int, StoredRow | None]:
        """Return how often this run has had this key before, and the row, if it is stored.

        A row that is stored gets this position at the end, whether this run begins with it or not.
        One thread at a time calls this, each row once, in their order.
        """
        try:
            with self._reader as reader:
                (count,) = reader.execute(schema.COUNT_KEY, (key,)).fetchone()
                found = None
                if self.has_rows:  # each commit makes the reader forget its pages, so this is dear
                    found = reader.execute(schema.FIND_ROW, (key, count - 1)).fetchone()
                stored = None if found is None else StoredRow(*found)
                if stored is not None and stored.position != position:
                    reader.execute("INSERT INTO moved VALUES (?, ?)", (stored.id, position))
        except sqlite3.Error as error:
            raise self._failure(error) from error
        return count - 1, stored

    def put(self, row: Mapping[str, Any]) -> None:
        """Store a finished row; return when it is on disk.

        Raises:
            CheckpointError: the disk is full, or the file cannot be written.
        """
        self._commits.write(self._put_of(row))

    async def aput(self, row: Mapping[str, Any]) -> None:
        """Do what `put` does, async."""
        await self._commits.awrite(self._put_of(row))

    def _put_of(self, row: Mapping[str, Any]) -> _Put:
        return _Put(None, [*(row[name] for name in schema.ROW_COLUMNS[:-1]), self._run])

    def put_provider_job(self, job_id: str, custom_ids: Sequence[str]) -> None:
        """Store a job of a provider, so that a later run goes on with it."""
        values = (job_id, json.dumps(list(custom_ids)), timestamp(), self._run)
        self._commits.write(_Put(schema.PUT_PROVIDER_JOB, values))

    def provider_jobs(self) -> dict[str, list[str]]:
        """Return the custom ids of each job that earlier runs have submitted."""
        with self._writer as writer:
            found = writer.execute("SELECT id, custom_ids FROM provider_job").fetchall()
        return {job_id: json.loads(custom_ids) for job_id, custom_ids in found}

    def _commit(self, puts: list[_Put]) -> None:
        statements = list(_statements(puts))
        try:
            with self._writer as writer:
                if len(statements) == 1:  # a transaction by itself
                    writer.execute(*statements[0])
                    return
                writer.execute("BEGIN IMMEDIATE")
                try:
                    for statement in statements:
                        writer.execute(*statement)
                    writer.execute("COMMIT")
                except BaseException:
                    if writer.in_transaction:
                        writer.execute("ROLLBACK")
                    raise
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: sqlite3.Error) -> CheckpointError:
        return CheckpointError(
            f"{self._name} could not be used any more: {error}. What it has is kept; the same "
            "call goes on from there."
        )


def _statements(puts: Sequence[_Put]) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield the statements that write all this, with their values: few, for many rows."""
    for statement, group in groupby(puts, key=itemgetter(0)):
        values = [put.values for put in group]
        if statement is not None:
            yield from ((statement, each) for each in values)
            continue
        for start in range(0, len(values), _MOST_ROWS):
            rows = values[start : start + _MOST_ROWS]
            yield schema.put_rows(len(rows)), [value for row in rows for value in row]


def check_file(path: str) -> None:
    """Refuse a file that is no checkpoint, or is damaged; change nothing.

    Raises:
        CheckpointError: says what it is.
    """
    name = f"{path!r} is no checkpoint"
    way_out = "Nothing was changed. Use another file, or move this one away."
    if not (size := Path(path).stat().st_size):
        raise CheckpointError(f"{name}: the file is empty. {way_out}")
    if size < SMALLEST_PAGE:
        raise CheckpointError(f"{name}: the file is not one of SQLite. {way_out}")
    try:
        # not by `open`: to close a file ends the locks of a job of this process that writes it
        with opened_read_only(path) as db:
            (application,) = db.execute("PRAGMA application_id").fetchone()
            (version,) = db.execute("PRAGMA user_version").fetchone()
            problems = [line for (line,) in db.execute("PRAGMA quick_check(3)") if line != "ok"]
    except sqlite3.DatabaseError as error:
        if is_access_error(error):
            raise CheckpointError(f"The checkpoint {path!r} cannot be read: {error}.") from error
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            raise CheckpointError(f"{name}: the file is not one of SQLite. {way_out}") from error
        raise CheckpointError(f"{path!r} is damaged: {error}. {way_out}") from error
    if application != schema.APPLICATION_ID:
        raise CheckpointError(f"{name}: it is a file of SQLite from another program. {way_out}")
    if version != schema.VERSION:
        raise CheckpointError(
            f"{path!r} is a checkpoint of version {version}, and this library writes version "
            f"{schema.VERSION}. {way_out}"
        )
    if problems:
        raise CheckpointError(f"{path!r} is damaged: {'; '.join(problems)}. {way_out}")


def _by(key: str) -> str:
    """Return what says the keys of rows, in words."""
    if key in ("content", "a function"):
        return key if key == "a function" else "their content"
    return f"key={key!r}"


def timestamp() -> str:
    """Return the time now, in UTC, as ISO 8601 writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _library_version() -> str:
    return str(sys.modules["runnables"].__version__)


def _remove(path: str) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(FileNotFoundError):
            os.remove(path + suffix)
