"""`runnables batch show`: what a checkpoint has, for people and as JSON Lines."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from runnables.core.sqlite_file import connect_read_only
from runnables.errors import CheckpointError, ConfigError
from runnables.jobs.checkpoint import check_file
from runnables.jobs.json_text import json_text
from runnables.jobs.progress import _duration
from runnables.jobs.value_format import Written, plain_output

_MOST_RUNS: Final = 5
_MOST_ERRORS: Final = 10

_COLUMNS: Final = (
    *("position", "key", "occurrence", "status", "input", "output", "error_type", "error"),
    *("attempts", "input_tokens", "output_tokens", "cost", "models", "started_at", "seconds"),
)

_ENDS: Final = {
    "done": "all rows were tried",
    "max_errors": "stopped, as too many rows failed",
    "budget": "stopped, as the budget was spent",
    "fatal": "stopped by an error that every row would get",
    "cancelled": "stopped by the user",
    "error": "stopped by another error",
}


@contextmanager
def opened(checkpoint: str) -> Generator[sqlite3.Connection]:
    """Open a checkpoint to be read, also while a job writes it.

    Raises:
        ConfigError: there is no such file.
        CheckpointError: it is none, or is damaged.
    """
    if not Path(checkpoint).is_file():
        raise ConfigError(f"There is no file {checkpoint!r}")
    check_file(checkpoint)
    db = connect_read_only(checkpoint)
    try:
        yield db
    except sqlite3.Error as error:
        raise CheckpointError(f"The checkpoint {checkpoint!r} cannot be read: {error}.") from error
    finally:
        db.close()


def last_run(
    db: sqlite3.Connection, *, status: str | None = None, limit: int | None = None
) -> Iterator[dict[str, Any]]:
    """Yield what is known of the rows of the last run, in their order; values as they are in JSON.

    Args:
        db: the checkpoint.
        status: that of the rows wanted: "done", "failed"; None: any.
        limit: how many rows at most.
    """
    query = (
        f"SELECT output_format, {', '.join(_COLUMNS)} FROM row WHERE position IS NOT NULL "
        "AND ? IN (status, '') ORDER BY position LIMIT ?"
    )
    limited = -1 if limit is None else limit
    for output_format, *values in db.execute(query, (status or "", limited)):
        row = dict(zip(_COLUMNS, values, strict=True))
        row["input"] = json.loads(row["input"])
        if row["output"] is not None:
            row["output"] = plain_output(Written(row["output"], output_format))
        yield row


def as_json(db: sqlite3.Connection, *, failed: bool, limit: int | None) -> Iterator[str]:
    """Yield the rows of the last run as JSON, a line each."""
    for row in last_run(db, status="failed" if failed else None, limit=limit):
        unknown = {"output"} if row["status"] == "failed" else {"error_type", "error"}
        yield json_text({name: value for name, value in row.items() if name not in unknown})


def as_text(
    db: sqlite3.Connection, checkpoint: str, *, failed: bool, limit: int | None
) -> Iterator[str]:
    """Yield the numbers of a job, its runs, its errors, and some of its rows."""
    yield from _totals(db)
    yield from _runs(db, checkpoint)
    yield from _errors(db)
    status = "failed" if failed else "done"
    for row in last_run(db, status=status, limit=20 if limit is None else limit):
        result = f"{row['error_type']}: {row['error']}" if failed else _text(row["output"])
        yield f"{row['position']}: {_short(_text(row['input']))} -> {_short(result)}"


def _text(value: Any) -> str:
    """Return what people read of a JSON value: of a message its content."""
    known: Any = value
    if isinstance(value, dict) and isinstance(known.get("content"), str):
        return str(known["content"])
    return json_text(value)


def _totals(db: sqlite3.Connection) -> Iterator[str]:
    counts = dict(db.execute("SELECT status, count(*) FROM row GROUP BY status"))
    read, written, cost, attempts, left, all_rows = db.execute(
        "SELECT total(input_tokens), total(output_tokens), sum(cost), total(attempts), "
        "count(*) - count(position), count(*) FROM row"
    ).fetchone()
    yield f"{counts.get('done', 0):,} rows done, {counts.get('failed', 0):,} failed"
    if left:
        yield f"{left:,} of them are not among the rows of the last run"
    if attempts > all_rows:
        yield f"{attempts:,.0f} attempts"
    if read or written:
        price = "" if cost is None else f", cost {cost:.4g}"
        yield f"{read:,.0f} input tokens, {written:,.0f} output tokens{price}"
    jobs = [job for (job,) in db.execute("SELECT id FROM provider_job ORDER BY submitted_at")]
    if jobs:
        yield f"{len(jobs):,} jobs at providers, the last one {jobs[-1]}"


def _runs(db: sqlite3.Connection, checkpoint: str) -> Iterator[str]:
    runs = db.execute("SELECT started_at, ended_at, ended, pid, host FROM run ORDER BY id")
    found = runs.fetchall()
    if len(found) > _MOST_RUNS:
        yield f"{len(found):,} runs, of which the last are:"
    for number, (started, ended_at, ended, pid, host) in enumerate(found, 1):
        if number <= len(found) - _MOST_RUNS:
            continue
        start = datetime.fromisoformat(started)
        line = f"run of {start:%Y-%m-%d %H:%M:%S} UTC: "
        if ended is not None:
            seconds = (datetime.fromisoformat(ended_at) - start).total_seconds()
            yield f"{line}{_ENDS.get(ended, ended)}, after {_duration(seconds)}"
        elif number == len(found) and _is_written(checkpoint):
            yield f"{line}runs as process {pid} on {host}"
        else:
            yield f"{line}was killed"


def _is_written(checkpoint: str) -> bool:
    """Tell whether a job of another process holds the checkpoint."""
    lock = f"{os.path.realpath(checkpoint)}.lock"
    if os.name != "posix" or not os.path.exists(lock):
        return False
    try:
        file = os.open(lock, os.O_RDWR)
    except OSError:
        return False
    try:
        os.lockf(file, os.F_TEST, 0)
    except OSError:
        return True
    finally:
        os.close(file)
    return False


def _errors(db: sqlite3.Connection) -> Iterator[str]:
    query = (
        "SELECT count(*), error_type, min(error) FROM row WHERE status = 'failed' "
        "GROUP BY error_type ORDER BY count(*) DESC LIMIT ?"
    )
    for count, kind, error in db.execute(query, (_MOST_ERRORS,)):
        yield f"{count:,} x {kind}, such as: {_short(error or '')}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:57]}..."
