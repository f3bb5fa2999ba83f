"""The file of a store: which files are refused, and what their errors say."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from runnables import ConfigError, Document, SQLiteStore, StoreError
from runnables.testing import WordEmbeddings


def test_a_file_that_is_no_store_is_refused_and_stays(path: str) -> None:
    """Text, or the database of another program."""
    for data in (b"x", b"no database at all" * 20, b"x" * 5000, b"SQLite format 3\0"):
        Path(path).write_bytes(data)
        with pytest.raises(StoreError, match="not one of SQLite"):
            SQLiteStore(path, WordEmbeddings())
        assert Path(path).read_bytes() == data
        os.remove(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = Path(path).read_bytes()
    with pytest.raises(StoreError, match="another program's file"):
        SQLiteStore(path, WordEmbeddings())
    assert Path(path).read_bytes() == before


def test_a_newer_store_is_refused(filled: str) -> None:
    """Its tables are not known."""
    with closing(sqlite3.connect(filled)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="version 99, and this library knows version 1"):
        SQLiteStore(filled, WordEmbeddings())


@pytest.mark.parametrize("count", [1, 4095, 4096, 9000])
def test_a_file_without_its_end_is_refused(filled: str, count: int) -> None:
    """Before SQLite needs a page of it."""
    whole = Path(filled).read_bytes()
    Path(filled).write_bytes(whole[: len(whole) - count])
    with pytest.raises(StoreError, match="end is missing"):
        SQLiteStore(filled, WordEmbeddings())


def test_a_file_whose_end_is_in_its_journal_is_whole(path: str, tmp_path: Path) -> None:
    """A process was killed, or found the disk full, after it had copied the first page."""
    copied = str(tmp_path / "copied.db")
    with SQLiteStore(path, WordEmbeddings()) as store:
        store.add([Document(f"sea {number}") for number in range(500)])
        journal = Path(f"{path}-wal").read_bytes()
        Path(copied).write_bytes(Path(path).read_bytes())
    size = int.from_bytes(journal[8:12], "big")
    frames = [journal[at : at + 24 + size] for at in range(32, len(journal), 24 + size)]
    first = [frame[24:] for frame in frames if frame[:4] == b"\0\0\0\1"][-1]
    Path(copied).write_bytes(first + Path(copied).read_bytes()[size:])
    Path(f"{copied}-wal").write_bytes(journal)
    assert Path(copied).stat().st_size < int.from_bytes(first[28:32], "big") * size
    with SQLiteStore(copied, WordEmbeddings()) as store:
        assert len(store) == 500


def test_a_damaged_file_is_a_clear_error(filled: str) -> None:
    """Where it opens at all, when the page is needed."""
    data = bytearray(Path(filled).read_bytes())
    for start in range(4096, len(data), 4096):
        data[start : start + 4096] = b"\x55" * 4096
    Path(filled).write_bytes(data)
    with pytest.raises(StoreError, match="damaged"), SQLiteStore(filled, WordEmbeddings()) as store:
        store.search("sea")


def test_a_vector_that_was_cut_is_a_clear_error(filled: str) -> None:
    """No search goes on with half of it."""
    with closing(sqlite3.connect(filled)) as connection, connection:
        connection.execute("UPDATE vecs SET vec = x'00' WHERE n = 2")
    with SQLiteStore(filled, WordEmbeddings()) as store:
        with pytest.raises(StoreError, match="has not 25 numbers"):
            store.search("sea")


def test_an_empty_file_becomes_a_store(path: str) -> None:
    """SQLite makes one before it writes its first page."""
    Path(path).touch()
    with SQLiteStore(path, WordEmbeddings()) as store:
        assert store.add([Document("sea")]).added == 1


def test_an_error_of_the_disk_is_not_hidden(filled: str) -> None:
    """SQLite ends the transaction at some errors, so there is nothing left to end."""
    with SQLiteStore(filled, WordEmbeddings()) as store:
        for transaction in (store._database.read, store._database.write):
            with pytest.raises(StoreError, match="disk I/O error"), transaction() as connection:
                connection.execute("ROLLBACK")
                raise sqlite3.OperationalError("disk I/O error")


@pytest.mark.parametrize("path", ["", b"docs.db", "a\0b", 3, None])
def test_a_path_that_is_none_is_refused(path: Any) -> None:
    """Before anything is opened."""
    with pytest.raises(ConfigError, match="expected the path of a file"):
        SQLiteStore(path, WordEmbeddings())


def test_a_file_that_is_gone_is_a_clear_error(filled: str) -> None:
    """Not one about tables that its user has not made."""
    with SQLiteStore(filled, WordEmbeddings()) as store:
        store.close()
        os.remove(filled)
        with pytest.raises(StoreError, match="was removed, or replaced"):
            store.search("sea")


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """It is not made."""
    with pytest.raises(StoreError, match="make '.*nothing' first"):
        SQLiteStore(tmp_path / "nothing" / "docs.db", WordEmbeddings())


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    """The error says what to name."""
    with pytest.raises(StoreError, match="is a folder: name a file in it"):
        SQLiteStore(tmp_path, WordEmbeddings())


def test_a_text_is_not_changed_behind_its_vector(filled: str) -> None:
    """By hand, with sqlite3, either."""
    with closing(sqlite3.connect(filled)) as connection:
        with pytest.raises(sqlite3.IntegrityError, match="its vector is that of the text"):
            connection.execute("UPDATE docs SET text = 'oven'")
