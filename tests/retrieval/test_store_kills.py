"""A store that is killed, written by several processes, or on a full disk: nothing is lost."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runnables import Document, InMemoryVectorStore, SQLiteStore
from runnables.testing import WordEmbeddings
from tests.retrieval.kills import ROOT, check, run_round


def test_a_program_that_was_killed_goes_on(tmp_path: Path) -> None:
    """Two rounds of new, changed and removed documents; no text is embedded again needlessly."""
    chance = random.Random(5)
    rounds = [run_round(tmp_path, 200, number, chance) for number in (1, 2)]
    assert [done.problems for done in rounds] == [[], []]
    assert any(done.killed for done in rounds)


WRITER = """
import sys
from runnables import Document, SQLiteStore
from runnables.testing import WordEmbeddings
with SQLiteStore(sys.argv[1], WordEmbeddings()) as store:
    docs = [Document(f"sea {number}", metadata={"number": number}) for number in range(400)]
    added = store.add(docs if sys.argv[2] == "up" else docs[::-1], max_batch_size=8)
    gone = [Document(f"{sys.argv[2]} {number}") for number in range(50)]
    store.add(gone, max_batch_size=5)
    assert store.delete(ids=[doc.id for doc in store.search(sys.argv[2], k=500)
                             if doc.page_content.startswith(sys.argv[2])]) == 50
print(added.added)
"""

READER = """
import sys, pathlib
from runnables import Document, InMemoryVectorStore, SQLiteStore
from runnables.testing import WordEmbeddings
with SQLiteStore(sys.argv[1], WordEmbeddings()) as store:
    most = 0
    while not pathlib.Path(sys.argv[2]).exists():
        found = store.search("sea", k=1000, filter={"number": {"$gte": 0}})
        assert len({doc.id for doc in found}) == len(found)
        assert len(found) >= most, "documents have gone"
        most = len(found)
"""


def test_processes_write_and_read_one_file(tmp_path: Path) -> None:
    """Two write the same documents, two search: no error, no document twice or lost."""
    path, done = str(tmp_path / "docs.db"), tmp_path / "done"
    readers = [_start(READER, path, str(done)) for _ in range(2)]
    writers = [_start(WRITER, path, way) for way in ("up", "down")]
    try:
        added = [int(process.communicate()[0]) for process in writers]
    finally:
        done.touch()
        codes = [process.wait() for process in readers]
        for process in readers:
            process.communicate()
    assert codes == [0, 0]
    assert sum(added) == 400
    assert check(path) == []
    with SQLiteStore(path, WordEmbeddings()) as store:
        assert len(store) == 400


def _start(script: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


FORK = """
import os, sys
from runnables import Document, SQLiteStore
from runnables.testing import WordEmbeddings
store = SQLiteStore(sys.argv[1], WordEmbeddings())
store.add([Document("sea", id="a"), Document("bread", id="b")])
assert store.search("sea", k=1)[0].id == "a"
child = os.fork()
if child == 0:
    store.add([Document("sea sea", id="c")])
    os._exit(0 if {doc.id for doc in store.search("sea", k=9)} == set("abc") else 1)
assert os.waitpid(child, 0)[1] == 0
assert {doc.id for doc in store.search("sea", k=9)} == set("abc")
store.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks")
def test_a_fork_has_connections_and_vectors_of_its_own(tmp_path: Path) -> None:
    """Both go on, and see what the other has added."""
    path = str(tmp_path / "docs.db")
    subprocess.run([sys.executable, "-c", FORK, path], cwd=ROOT, check=True)
    assert check(path) == []


@pytest.mark.parametrize("make", ["file", "memory"])
def test_threads_share_a_store(tmp_path: Path, make: str) -> None:
    """Some add, some search: what is found is whole, and nothing is lost."""
    model = WordEmbeddings()
    path = tmp_path / "docs.db"
    store = SQLiteStore(path, model) if make == "file" else InMemoryVectorStore(model)

    def add(part: int) -> int:
        docs = [Document(f"sea {part} {number}") for number in range(60)]
        return sum(store.add([doc], 1).added for doc in docs)

    def find(_: int) -> int:
        counts = [len({doc.id for doc in store.search("sea", k=1000)}) for _ in range(30)]
        assert counts == sorted(counts)
        return 0

    with store, ThreadPoolExecutor(6) as pool:
        done = [pool.submit(work, part) for part in range(3) for work in (add, find)]
        assert sum(each.result() for each in done) == 180
        assert len(store) == len(store.search("sea", k=1000)) == 180


FULL = """
import resource, sys
from runnables import Document, SQLiteStore, StoreError
from runnables.testing import WordEmbeddings
docs = [Document("sea " * 200 + str(number)) for number in range(2000)]
store = SQLiteStore(sys.argv[1], WordEmbeddings())
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
try:
    store.add(docs)
except StoreError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
there = len(store)
done = store.add(docs)
assert 0 < there < 2000 and done == (2000 - there, 0, there), (there, done)
store.close()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of a file's size")
def test_a_full_disk_keeps_what_is_done(tmp_path: Path) -> None:
    """With a clear error; where there is space again, the same call goes on."""
    command = [sys.executable, "-c", FULL, str(tmp_path / "docs.db")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "What it has is kept" in done.stdout
    assert check(str(tmp_path / "docs.db")) == []
