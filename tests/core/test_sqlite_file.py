"""Files of SQLite that several connections and processes share."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from runnables import Document, RunnableLambda, SQLiteCache, SQLiteHistory, SQLiteStore
from runnables.jobs import checkpoint
from runnables.testing import WordEmbeddings

READ_AND_CLOSE = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
connection.close()
"""
"""What any program with SQLite may do; the last one to close a file removes its journal."""


def _open_cache(path: str) -> Any:
    return SQLiteCache(path).get("a")


def _open_history(path: str) -> Any:
    return SQLiteHistory(path)("ada").messages


def _open_store(path: str) -> Any:
    with SQLiteStore(path, WordEmbeddings()) as store:
        return len(store)


def _fill_checkpoint(path: str) -> Any:
    return RunnableLambda(len).batch(["a"], checkpoint=path)


def _fill_store(path: str) -> Any:
    with SQLiteStore(path, WordEmbeddings()) as store:
        return store.add([Document("sea")])


@pytest.mark.skipif(sys.platform == "win32", reason="locks of POSIX")
@pytest.mark.parametrize(
    ("fill", "open_again"),
    [
        (_open_cache, _open_cache),
        (_open_history, _open_history),
        (_fill_store, _open_store),
        (_fill_checkpoint, checkpoint.check_file),
    ],
    ids=["cache", "history", "store", "checkpoint"],
)
def test_opening_a_file_again_keeps_the_locks_of_other_connections(
    tmp_path: Path, fill: Callable[[str], Any], open_again: Callable[[str], Any]
) -> None:
    """Else another process, when it closes the file, removes the journal that is in use here."""
    path = str(tmp_path / "file.db")
    fill(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE seen (n)")
        open_again(path)
        subprocess.run([sys.executable, "-c", READ_AND_CLOSE, path], check=True)
        assert Path(f"{path}-wal").exists()
