"""A store whose file, or folder, cannot be written is searched; a change is refused at once."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runnables import Document, SQLiteStore, StoreError
from runnables.core.sqlite_file import SQLiteFile
from runnables.testing import WordEmbeddings
from tests.both_modes import Call
from tests.permissions import unprivileged_folder, without_privileges

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")

Locked = Callable[[Path, Path], None]
"""Makes a file, or its folder, read-only."""

WAYS: dict[str, Locked] = {
    "file": lambda path, folder: path.chmod(0o444),
    "folder": lambda path, folder: folder.chmod(0o555),
    "both": lambda path, folder: (path.chmod(0o444), folder.chmod(0o555)) and None,
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of a user who is not root."""
    with unprivileged_folder() as folder:
        yield folder


@pytest.fixture
def path(folder: Path) -> Path:
    """A store with two documents."""
    path = folder / "docs.db"
    with without_privileges(), SQLiteStore(path, WordEmbeddings()) as store:
        store.add([Document("sea salt", id="a"), Document("bread", id="b")])
    return path


@pytest.mark.parametrize("way", WAYS)
def test_a_store_that_cannot_be_written_is_searched(
    way: str, path: Path, folder: Path, call: Call
) -> None:
    """What would change it is refused before anything is embedded; what changes nothing is not."""
    WAYS[way](path, folder)
    before = path.read_bytes()
    model = WordEmbeddings()
    with without_privileges(), SQLiteStore(path, model) as store:
        found = call.run(lambda: store.search("sea", k=1), lambda: store.asearch("sea", k=1))
        assert ([doc.id for doc in found], len(store)) == (["a"], 2)
        assert [doc.id for doc in store.search("bread", k=1, hybrid=True)] == ["b"]
        assert [doc.id for doc in store.get(["b", "a"])] == ["b", "a"]
        same = [Document("bread", id="b")]
        assert call.run(lambda: store.add(same), lambda: store.aadd(same)) == (0, 0, 1)
        count, new = len(model.requests), [Document("oven")]
        for change in (
            lambda: call.run(lambda: store.add(new), lambda: store.aadd(new)),
            lambda: call.run(lambda: store.delete(ids=["a"]), lambda: store.adelete(ids=["a"])),
            lambda: store.delete(filter={"n": 1}),
        ):
            with pytest.raises(StoreError, match=r"docs\.db' cannot be written.*copy the file"):
                change()
        assert len(model.requests) == count
    assert path.read_bytes() == before


def test_a_copy_in_a_read_only_folder_is_searched(path: Path, folder: Path) -> None:
    """Whatever its journal mode is: `VACUUM INTO` makes one without the write-ahead log."""
    with without_privileges():
        with SQLiteStore(path, WordEmbeddings()) as store, store._database._connection() as db:
            db.execute("VACUUM INTO ?", (str(folder / "copy.db"),))
        folder.chmod(0o555)
        with SQLiteStore(folder / "copy.db", WordEmbeddings()) as store:
            assert [doc.id for doc in store.search("sea", k=1)] == ["a"]


def test_what_is_in_a_journal_that_cannot_be_read_is_not_passed_over(
    path: Path, folder: Path
) -> None:
    """A copy of a file that was in use: without its journal, documents would be missing."""
    copy = folder / "copy.db"
    with without_privileges():
        with SQLiteStore(path, WordEmbeddings()) as store:
            store.add([Document("oven")])
            for suffix in ("", "-wal"):
                shutil.copy(f"{path}{suffix}", f"{copy}{suffix}")
        folder.chmod(0o555)
        with pytest.raises(StoreError, match=r"last changes are in .*copy\.db-wal.*Copy both"):
            SQLiteStore(copy, WordEmbeddings())
        folder.chmod(0o755)
        with SQLiteStore(copy, WordEmbeddings()) as store:
            assert len(store) == 3


def test_a_file_that_may_not_be_read_is_a_clear_error(path: Path, folder: Path) -> None:
    """And so is a new one where none can be made."""
    path.chmod(0)
    with without_privileges():
        with pytest.raises(StoreError, match=r"docs\.db' cannot be read: .*may read it"):
            SQLiteStore(path, WordEmbeddings())
        (folder / "empty.db").touch(0o444)
        with pytest.raises(StoreError, match=r"empty\.db' cannot be written"):
            SQLiteStore(folder / "empty.db", WordEmbeddings())
        folder.chmod(0o555)
        with pytest.raises(StoreError, match=r"new\.db' cannot be opened: .*another folder"):
            SQLiteStore(folder / "new.db", WordEmbeddings())


def test_a_store_is_not_read_only_where_it_could_not_be_opened_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with too many open files: the error is raised."""

    def failing(*_: object) -> None:
        error = sqlite3.OperationalError("unable to open database file")
        error.sqlite_errorcode = sqlite3.SQLITE_CANTOPEN
        raise error

    with without_privileges():
        with monkeypatch.context() as patch:
            patch.setattr(SQLiteFile, "_prepare", failing)
            with pytest.raises(StoreError, match=r"docs\.db' cannot be opened"):
                SQLiteStore(path, WordEmbeddings())
        with SQLiteStore(path, WordEmbeddings()) as store:
            assert store.delete(ids=["a"]) == 1


def test_a_file_that_becomes_read_only_is_a_clear_error(path: Path, folder: Path) -> None:
    """While a store has it open."""
    with without_privileges(), SQLiteStore(path, WordEmbeddings()) as store:
        assert len(store) == 2
        store.close()
        path.chmod(0o444)
        assert [doc.id for doc in store.search("sea", k=1)] == ["a"]
        with pytest.raises(StoreError, match=r"docs\.db' cannot be written.*copy the file"):
            store.add([Document("oven")])
