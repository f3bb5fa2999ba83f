"""The tables of a store, which anyone can read with sqlite3; `docs/retrieval.md` shows them.

`application_id` and `user_version` of the file say that it is one, and of which version.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from runnables.core.sqlite_file import SMALLEST_PAGE
from runnables.errors import StoreError

APPLICATION_ID: Final = 0x52554E56  # "RUNV"
VERSION: Final = 1

TABLES: Final = (
    # "dimensions" and "vector_space" of the vectors
    "CREATE TABLE store (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
    # AUTOINCREMENT: no n is used twice, so a reader knows by it which rows it has seen. A document
    # whose text changes gets a new one. text_hash finds the vector of a string that is known.
    "CREATE TABLE docs (n INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, "
    "text TEXT NOT NULL, metadata TEXT NOT NULL CHECK (json_valid(metadata)), "
    "text_hash INTEGER NOT NULL) STRICT",
    "CREATE INDEX docs_text ON docs (text_hash)",
    # 32-bit floats of a vector of length 1, the lowest byte first. In a table of its own, because a
    # filter reads all of docs.
    "CREATE TABLE vecs (n INTEGER PRIMARY KEY, vec BLOB NOT NULL) STRICT",
    # the rows that were deleted last, by which a reader knows what to drop
    "CREATE TABLE deleted (g INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER NOT NULL) STRICT",
    "CREATE VIRTUAL TABLE words USING fts5(text, content='docs', content_rowid='n', "
    "tokenize='porter unicode61 remove_diacritics 2')",
    "CREATE TRIGGER docs_insert AFTER INSERT ON docs BEGIN "
    "INSERT INTO words (rowid, text) VALUES (new.n, new.text); END",
    "CREATE TRIGGER docs_delete AFTER DELETE ON docs BEGIN "
    "INSERT INTO words (words, rowid, text) VALUES ('delete', old.n, old.text); "
    "DELETE FROM vecs WHERE n = old.n; INSERT INTO deleted (n) VALUES (old.n); END",
    "CREATE TRIGGER docs_update BEFORE UPDATE OF n, text ON docs BEGIN "
    "SELECT RAISE(ABORT, 'delete the row and insert another: its vector is that of the text'); END",
)

_WAY_OUT: Final = "Nothing was changed. Use another file, or move this one away."


def create(connection: sqlite3.Connection, name: str) -> None:
    """Create the tables in a new database, unless another process has just done so.

    Raises:
        StoreError: this SQLite lacks what they need.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        if connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
            for table in TABLES:
                connection.execute(table)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        connection.execute("ROLLBACK")
        if "fts5" in str(error):
            raise StoreError(
                f"{name} needs SQLite with its full-text search (FTS5), and this Python has "
                f"SQLite {sqlite3.sqlite_version} without it. Use a Python that has it."
            ) from error
        raise


def check_file(path: str) -> None:
    """Refuse a file that is no store, or is damaged; change nothing. A new file will do.

    Raises:
        StoreError: says what it is.
    """
    if not Path(path).absolute().parent.is_dir():
        folder = str(Path(path).absolute().parent)
        raise StoreError(f"The store {path!r} has no folder: make {folder!r} first.")
    if Path(path).is_dir():
        raise StoreError(f"The store {path!r} is a folder: name a file in it, such as 'docs.db'.")
    if not Path(path).exists() or not (size := Path(path).stat().st_size):
        return  # SQLite makes an empty file before it writes the first page
    if size < SMALLEST_PAGE:
        raise StoreError(f"{path!r} is no store: the file is not one of SQLite. {_WAY_OUT}")
    try:
        # not by `open`: to close a file ends the locks that SQLite has on it in this process
        with closing(sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)) as db:
            db.execute("BEGIN")
            (application,) = db.execute("PRAGMA application_id").fetchone()
            (version,) = db.execute("PRAGMA user_version").fetchone()
            tables = {str(name) for (name,) in db.execute("SELECT name FROM sqlite_master")}
            missing_bytes = _missing_bytes(db, path)
    except sqlite3.OperationalError as error:
        raise StoreError(f"The store {path!r} cannot be read: {error}.") from error
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            raise StoreError(
                f"{path!r} is no store: the file is not one of SQLite. {_WAY_OUT}"
            ) from error
        raise StoreError(
            f"The store {path!r} is damaged, or its end is missing: {error}. {_WAY_OUT}"
        ) from error
    if missing_bytes:
        raise StoreError(
            f"The store {path!r} is damaged: its end is missing, {missing_bytes:,} bytes. "
            f"{_WAY_OUT}"
        )
    if not tables and application == 0:
        return
    if application != APPLICATION_ID:
        raise StoreError(f"{path!r} is no store, but another program's file. {_WAY_OUT}")
    if version != VERSION:
        newer = " Install a newer version of this library." if version > VERSION else ""
        raise StoreError(
            f"{path!r} is a store of version {version}, and this library knows version {VERSION}."
            f"{newer} {_WAY_OUT}"
        )
    if missing := {"store", "docs", "vecs", "deleted", "words"} - tables:
        raise StoreError(
            f"The store {path!r} is damaged: it has no table {sorted(missing)}. {_WAY_OUT}"
        )


def _missing_bytes(connection: sqlite3.Connection, path: str) -> int:
    """Return how many bytes the last page of a file lacks; SQLite notices only whole pages.

    While there is something in the journal, the last pages may be there alone: another process is
    about to copy them, or was killed, or found the disk full.
    """
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (page,) = connection.execute("PRAGMA page_size").fetchone()
    size = Path(path).stat().st_size
    journal = Path(f"{path}-wal")
    in_journal = journal.exists() and journal.stat().st_size
    return 0 if in_journal else max(0, pages * page - size)
