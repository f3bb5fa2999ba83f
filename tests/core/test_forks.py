"""Forks while a thread uses a file of SQLite: the child goes on, and the parent's file is whole."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.retrieval.kills import ROOT, check

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")

KINDS = """
import os, signal, sys, threading, time, warnings
from runnables import (AIMessage, Document, InMemoryVectorStore, SQLiteCache, SQLiteHistory,
    SQLiteStore, StoreError)
from runnables.engine.fork_barrier import FORKS
from runnables.testing import WordEmbeddings

warnings.simplefilter("ignore")  # Python warns of forks with threads, which this is about
FORKS.seconds = 200
kind, path = sys.argv[1:]
files = {
    "store": lambda: SQLiteStore(path, WordEmbeddings()),
    "memory": lambda: InMemoryVectorStore(WordEmbeddings()),
    "cache": lambda: SQLiteCache(path),
    "history": lambda: SQLiteHistory(path),
}
file = files[kind]()
def put(text):
    if kind == "cache": file.set(text, text)
    elif kind == "history": file("a").append([AIMessage(text)])
    else: file.add([Document(f"sea {text}", id=text)])
def has(text):
    if kind == "cache": return file.get(text) == text
    if kind == "history": return AIMessage(text) in file("a").get()
    return [doc.id for doc in file.get([text])] == [text] and any(
        doc.id == text for doc in file.search("sea", k=1000))
def transaction():
    if kind in ("store", "memory"): return file._database.write()
    return file._file.connection()
def fork(work):
    if (child := os.fork()) == 0:
        signal.alarm(250)  # a child that hangs is killed
        work()
        os._exit(0)
    return child
put("before")
"""
"""A file of each kind, and how it is used."""

IN_TRANSACTION = """
inside = threading.Event()
def hold():
    with transaction():
        inside.set()
        while not FORKS.is_forking:  # the fork waits for this thread
            time.sleep(0.001)
thread = threading.Thread(target=hold, daemon=True)
thread.start()
inside.wait()
def work():
    assert has("before")
    put("child")
    assert has("child")
child = fork(work)
thread.join()
put("parent")
assert os.waitpid(child, 0)[1] == 0
assert has("before") and has("parent") and has("child") == (kind != "memory")
file.close()
"""

LOOPS = """
done = threading.Event()
def write():
    for number in range(10_000):
        put(f"thread {number}")
        if done.is_set(): return
def read():
    while not done.is_set():
        assert has("before")
threads = [threading.Thread(target=work, daemon=True) for work in (write, read, read)]
for thread in threads: thread.start()
try:
    for number in range(10):
        def work():
            put(f"child {number}")
            assert has("before") and has(f"child {number}")
        assert os.waitpid(fork(work), 0)[1] == 0
        assert has(f"child {number}") == (kind != "memory")
finally:
    done.set()
    for thread in threads: thread.join()
assert all(has(f"child {number}") for number in range(10)) == (kind != "memory")
file.close()
"""

TOO_LONG = """
FORKS.seconds = 0  # a fork that does not wait
inside, end = threading.Event(), threading.Event()
def hold():
    with transaction():
        inside.set()
        end.wait()
thread = threading.Thread(target=hold, daemon=True)
thread.start()
inside.wait()
def work():
    global file
    for make in (lambda: file, files[kind])[: 1 if kind == "memory" else 2]:
        try:
            file = make()
            has("before")
        except Exception as error:
            assert "when this process was forked" in str(error), error
            assert "spawn" in str(error), error
            assert isinstance(error, StoreError) == (kind in ("store", "memory"))
        else:
            raise AssertionError("the child used it")
child = fork(work)
assert os.waitpid(child, 0)[1] == 0
end.set()
thread.join()
put("parent")
assert has("before") and has("parent")
file.close()
"""


def _run(script: str, kind: str, path: Path) -> None:
    command = [sys.executable, "-c", KINDS + script, kind, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    if kind == "store":
        assert check(str(path)) == []
    elif kind != "memory":
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("kind", ["store", "memory", "cache", "history"])
def test_a_fork_waits_for_a_transaction_of_another_thread(kind: str, tmp_path: Path) -> None:
    """Else the child waited for its end, which it never sees, or worked without locks."""
    _run(IN_TRANSACTION, kind, tmp_path / "a.db")


@pytest.mark.parametrize("kind", ["store", "memory", "cache", "history"])
def test_forks_among_threads_that_work_lose_nothing(kind: str, tmp_path: Path) -> None:
    """The children use the file at once; what they store is there afterwards."""
    _run(LOOPS, kind, tmp_path / "a.db")


@pytest.mark.parametrize("kind", ["store", "memory", "cache", "history"])
def test_a_fork_that_cannot_wait_leaves_the_file_to_its_parent(kind: str, tmp_path: Path) -> None:
    """The error in the child names the way out, also for another object on the same file."""
    _run(TOO_LONG, kind, tmp_path / "a.db")
