"""A store that is killed, written by several processes, or on a full disk: nothing is lost."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from runnables import SQLiteStore
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
from runnables import SQLiteStore
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
