"""Files of SQLite that several processes use: their locks outlive all that the library does."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from runnables import SQLiteCache, SQLiteStore
from runnables.core.sqlite_file import SQLiteFile
from runnables.testing import WordEmbeddings

OTHER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
connection.close()
"""
"""A process that opens and closes a file. Where it is the last one, it removes the journal."""


FORK = """
import os, sys
from runnables import Document, SQLiteCache, SQLiteStore
from runnables.testing import WordEmbeddings
path, kind = sys.argv[1:]
file = SQLiteStore(path, WordEmbeddings()) if kind == "docs" else SQLiteCache(path)
def put(text):
    file.add([Document(text)]) if kind == "docs" else file.set(text, "")
put("of the parent")
ready, go_on = os.pipe(), os.pipe()
if (child := os.fork()) == 0:
    put("while the parent has the file open")
    os.write(ready[1], b"x")
    os.read(go_on[0], 1)
    put("after it has closed it")
    os._exit(0)
os.read(ready[0], 1)
file.close()
os.write(go_on[1], b"x")
assert os.waitpid(child, 0)[1] == 0
"""
"""A process whose child goes on with a file, which its parent closes."""


def _file(path: str) -> Any:
    file = SQLiteFile(path, (), "the file")
    with file.connection() as one, file.connection() as two:
        one.execute("CREATE TABLE IF NOT EXISTS a (b)")
        two.execute("INSERT INTO a VALUES (1)")
    return file


def _cache(path: str) -> Any:
    cache = SQLiteCache(path)
    cache.set("a", "b")
    return cache


OPEN: dict[str, Callable[[str], Any]] = {
    "file": _file,
    "store": lambda path: SQLiteStore(path, WordEmbeddings()),
    "cache": _cache,
}


def _read(file: SQLiteFile) -> None:
    with file.connection() as connection:
        assert connection.execute("SELECT b FROM a").fetchone() == (1,)


USE: dict[str, Callable[[Any], object]] = {
    "file": _read,
    "store": len,
    "cache": lambda cache: cache.get("a"),
}


@pytest.mark.parametrize("name", OPEN)
def test_another_process_leaves_the_journal_of_an_open_file(name: str, tmp_path: Path) -> None:
    """Else it would be gone under this one, which destroys the file. To close any descriptor of
    the file in this process would end its locks."""
    path = str(tmp_path / "a.db")
    with closing(OPEN[name](path)), closing(OPEN[name](path)):
        before = os.stat(f"{path}-wal")
        subprocess.run([sys.executable, "-c", OTHER, path], check=True)
        assert os.stat(f"{path}-wal").st_ino == before.st_ino


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_new_file_is_for_its_owner_alone_also_behind_a_link(tmp_path: Path) -> None:
    """And so is its journal."""
    (tmp_path / "link.db").symlink_to(tmp_path / "a.db")
    with closing(_file(str(tmp_path / "link.db"))):
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("a.db*")}
    assert modes == dict.fromkeys(["a.db", "a.db-wal", "a.db-shm"], 0o600)


@pytest.mark.parametrize("name", OPEN)
def test_a_relative_path_stays_where_it_was(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection that is opened later finds the same file, in whatever folder the process is."""
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    with closing(OPEN[name]("a.db")) as file:
        file.close()
        monkeypatch.chdir(tmp_path / "other")
        USE[name](file)
    assert not list((tmp_path / "other").iterdir())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.parametrize("table", ["docs", "entries"])
def test_a_fork_keeps_its_journal_when_its_parent_closes_the_file(
    table: str, tmp_path: Path
) -> None:
    """Else what it writes is lost without a word."""
    path = str(tmp_path / "a.db")
    subprocess.run([sys.executable, "-c", FORK, path, table], check=True)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (3,)
