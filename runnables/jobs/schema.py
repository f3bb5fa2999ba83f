"""The tables of a checkpoint, which anyone can read with sqlite3; `docs/batch-jobs.md` shows them.

`application_id` and `user_version` of the file say that it is one, and of which version.
"""

from __future__ import annotations

from functools import cache
from typing import Final

APPLICATION_ID: Final = 0x52554E42  # "RUNB"
VERSION: Final = 1

TABLES: Final = (
    # what is known of the chain: "chain" is a fingerprint in JSON
    "CREATE TABLE job (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    "CREATE TABLE run (id INTEGER PRIMARY KEY, started_at TEXT NOT NULL, ended_at TEXT, "
    "ended TEXT, pid INTEGER NOT NULL, host TEXT NOT NULL, version TEXT NOT NULL) STRICT",
    "CREATE TABLE row (id INTEGER PRIMARY KEY, key TEXT NOT NULL, occurrence INTEGER NOT NULL, "
    "position INTEGER, status TEXT NOT NULL CHECK (status IN ('done', 'failed')), "
    "input TEXT NOT NULL CHECK (json_valid(input)), "
    "output TEXT CHECK (output IS NULL OR json_valid(output)), output_format TEXT, "
    "error_type TEXT, error TEXT, attempts INTEGER NOT NULL, "
    "input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cost REAL, models TEXT, "
    "started_at TEXT NOT NULL, seconds REAL NOT NULL, run INTEGER NOT NULL REFERENCES run, "
    "UNIQUE (key, occurrence)) STRICT",
    # jobs of providers: custom_ids is a list in JSON, as `on_submitted` of via_provider gets it
    "CREATE TABLE provider_job (id TEXT PRIMARY KEY, custom_ids TEXT NOT NULL, "
    "submitted_at TEXT NOT NULL, run INTEGER NOT NULL REFERENCES run) STRICT",
    "CREATE INDEX row_failed ON row (id) WHERE status = 'failed'",
    # a row that the rows of the last run did not have has no position
    "CREATE VIEW results AS SELECT position, key, occurrence, status, input, output, error_type, "
    "error, attempts, input_tokens, output_tokens, cost, models, started_at, seconds "
    "FROM row WHERE position IS NOT NULL ORDER BY position",
)

PUT_PROVIDER_JOB: Final = "INSERT OR REPLACE INTO provider_job VALUES (?, ?, ?, ?)"

SET_JOB: Final = "INSERT OR REPLACE INTO job VALUES (?, ?)"

START_RUN: Final = "INSERT INTO run (started_at, pid, host, version) VALUES (?, ?, ?, ?)"

END_RUN: Final = "UPDATE run SET ended_at = ?, ended = ? WHERE id = ?"

ROW_COLUMNS: Final = (
    *("key", "occurrence", "position", "status", "input", "output", "output_format"),
    *("error_type", "error", "attempts", "input_tokens", "output_tokens", "cost", "models"),
    *("started_at", "seconds", "run"),
)
"""The columns of a row that is put, in their order."""

_MERGED: Final = (
    " ON CONFLICT (key, occurrence) DO UPDATE SET position = excluded.position, "
    "status = excluded.status, input = excluded.input, output = excluded.output, "
    "output_format = excluded.output_format, error_type = excluded.error_type, "
    "error = excluded.error, attempts = row.attempts + excluded.attempts, "
    "input_tokens = row.input_tokens + excluded.input_tokens, "
    "output_tokens = row.output_tokens + excluded.output_tokens, "
    "cost = CASE WHEN excluded.cost IS NULL THEN row.cost "
    "ELSE coalesce(row.cost, 0) + excluded.cost END, "
    "models = excluded.models, started_at = excluded.started_at, seconds = excluded.seconds, "
    "run = excluded.run"
)


@cache
def put_rows(count: int) -> str:
    """Return the statement that puts so many rows, in a transaction of its own.

    One statement releases the lock of the interpreter once. With several, each of them waits for
    the other threads of a job, which takes three times as long.
    """
    places = f"({', '.join('?' * len(ROW_COLUMNS))})"
    rows = ", ".join([places] * count)
    return f"INSERT INTO row ({', '.join(ROW_COLUMNS)}) VALUES {rows}{_MERGED}"


MOVE_ROWS: Final = "UPDATE row SET position = moved.position FROM moved WHERE moved.id = row.id"

READER_TABLES: Final = (
    # how often this run has had a key, and the rows that it has at another position
    "CREATE TEMP TABLE seen (key TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TEMP TABLE moved (id INTEGER PRIMARY KEY, position INTEGER)",
)

COUNT_KEY: Final = (
    "INSERT INTO seen VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count"
)

ANY_ROW: Final = "SELECT 1 FROM row LIMIT 1"

FIND_ROW: Final = (
    "SELECT id, position, status, input, output, output_format, error_type, error FROM row "
    "WHERE key = ? AND occurrence = ?"
)

FORGET_OTHERS: Final = (
    "UPDATE row SET position = NULL WHERE position < ? AND NOT EXISTS "
    "(SELECT 1 FROM seen WHERE seen.key = row.key AND row.occurrence < seen.count)"
)
"""Take the positions below this one from the rows that this run does not have."""
