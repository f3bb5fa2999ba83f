"""`sync` in bad times: a source that fails, a kill, several processes at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from runnables import (
    Document,
    DocumentLoadError,
    InMemoryVectorStore,
    QdrantStore,
    SQLiteStore,
    Synced,
    VectorStore,
    iter_documents,
)
from runnables.testing import WordEmbeddings
from tests.both_modes import Call
from tests.retrieval.kills import ROOT, check


def some(count: int, version: int = 0) -> list[Document]:
    return [
        Document(f"sea {n} {version}", id=str(n), metadata={"source": f"a/{n}"})
        for n in range(count)
    ]


@pytest.fixture(params=["sqlite", "qdrant"])
def store(request: pytest.FixtureRequest) -> Iterator[VectorStore]:
    """A store with six documents of a source."""
    model = WordEmbeddings()
    made = InMemoryVectorStore(model) if request.param == "sqlite" else None
    with made or QdrantStore(":memory:", model) as store:
        store.add(some(6))
        yield store


def sync(call: Call, store: VectorStore, docs: Iterable[Document]) -> Synced:
    return call.run(
        lambda: store.sync(docs, "a", max_batch_size=2),
        lambda: store.async_sync(docs, "a", max_batch_size=2),
    )


def test_a_source_that_fails_midway_changes_nothing(store: VectorStore, call: Call) -> None:
    """What was not read is not taken for lost, and nothing is embedded."""

    def failing() -> Iterator[Document]:
        yield from some(2, version=1)
        raise OSError("the network is gone")

    count = len(store.embeddings.requests)
    with pytest.raises(OSError, match="the network is gone"):
        sync(call, store, failing())
    assert store.get([str(n) for n in range(6)]) == some(6)
    assert len(store.embeddings.requests) == count


def test_a_file_that_cannot_be_read_removes_nothing(
    store: VectorStore, call: Call, tmp_path: Path
) -> None:
    """The loader raises, unless on_error says to skip such files."""
    folder = tmp_path / "a"
    folder.mkdir()
    for name in ("1.txt", "2.txt", "3.txt"):
        (folder / name).write_text(f"sea {name}")

    def read() -> tuple[int, ...]:
        docs = iter_documents(folder)
        return call.run(
            lambda: store.sync(docs, folder.as_posix()),
            lambda: store.async_sync(docs, folder.as_posix()),
        )

    assert read() == (3, 0, 0, 0)
    (folder / "2.txt").write_bytes(b"\0")
    (folder / "1.txt").unlink()
    with pytest.raises(DocumentLoadError, match=r"2\.txt"):
        read()
    assert len(store.search("sea", k=20, filter={"source": {"$exists": True}})) == 9


def test_a_model_that_fails_midway_removes_nothing(store: VectorStore, call: Call) -> None:
    """The same call goes on from there; only when all is stored, the rest is removed."""
    new = [*some(3), *(Document(f"fish {n}", metadata={"source": "a"}) for n in range(4))]
    store.embeddings.fails_on = "fish 3"
    with pytest.raises(RuntimeError, match="fish 3"):
        sync(call, store, new)
    assert store.get([str(n) for n in range(6)]) == some(6)
    store.embeddings.fails_on = None
    count = len(store.embeddings.requests)
    added, updated, unchanged, deleted = sync(call, store, new)
    assert (updated, added + unchanged, deleted) == (0, 7, 3)
    embedded = [text for strings in store.embeddings.requests[count:] for text in strings]
    assert len(embedded) == added < 4
    assert [doc.id for doc in store.get([str(n) for n in range(6)])] == ["0", "1", "2"]


def test_a_source_is_read_in_another_thread_than_that_of_the_loop(
    store: VectorStore, call: Call
) -> None:
    """As it may read files."""
    threads: set[int] = set()

    def noted(docs: list[Document]) -> Iterator[Document]:
        threads.add(threading.get_ident())
        yield from docs

    sync(call, store, noted(some(2)))
    call.run(
        lambda: store.add_documents(noted(some(2))), lambda: store.aadd_documents(noted(some(2)))
    )
    assert (threading.get_ident() in threads) == (call.mode == "sync")


KILLED = """
import os, signal, sys
from runnables import Document, SQLiteStore
from runnables.testing import WordEmbeddings

class Killed(SQLiteStore):
    def delete(self, ids=None, filter=None):
        os.kill(os.getpid(), signal.SIGKILL)

kind = Killed if sys.argv[2] == "kill" else SQLiteStore
with kind(sys.argv[1], WordEmbeddings()) as store:
    docs = [Document(f"fish {n}", metadata={"source": "a/b"}) for n in range(20)]
    print(tuple(store.sync(docs, "a")))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_a_sync_that_was_killed_before_it_removed_anything_goes_on(tmp_path: Path) -> None:
    """What is new is there already, and what is lost goes with the next call."""
    path = str(tmp_path / "docs.db")
    with SQLiteStore(path, WordEmbeddings()) as store:
        store.add(some(6))
    codes, printed = [], ""
    for how in ("kill", "end"):
        command = [sys.executable, "-c", KILLED, path, how]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        codes.append(done.returncode)
        printed += done.stdout
        with SQLiteStore(path, WordEmbeddings()) as store:
            assert len(store) == (26 if how == "kill" else 20)
        assert check(path) == []
    assert (codes, printed.strip()) == ([-signal.SIGKILL, 0], "(0, 0, 20, 6)")


WORKER = """
import sys
from runnables import Document, SQLiteStore
from runnables.testing import WordEmbeddings
path, name = sys.argv[1:]
with SQLiteStore(path, WordEmbeddings()) as store:
    for version in range(6):
        docs = [Document(f"sea {name} {n} {version}", metadata={"source": f"{name}/{n}"})
                for n in range(version, version + 20)]
        assert tuple(store.sync(docs, name, max_batch_size=7))[:3] == (20, 0, 0)
        found = store.search(f"sea {name}", k=500, filter={"source": {"$gte": f"{name}/",
            "$lt": f"{name}0"}})
        assert sorted(doc.page_content for doc in found) == sorted(
            doc.page_content for doc in docs)
        assert len(store.get([doc.id for doc in found])) == 20
        store.add([Document("bread", id=f"of {name}"), Document("oven", id="of all")])
        assert store.delete(ids=[f"of {name}"]) == 1
"""


def test_processes_sync_sources_of_one_file(tmp_path: Path) -> None:
    """Each has its own source as it was read, at every moment; nothing is there twice."""
    path, names = str(tmp_path / "docs.db"), ["a", "b", "c", "d"]
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, path, name], cwd=ROOT) for name in names
    ]
    assert [worker.wait() for worker in workers] == [0] * 4
    assert check(path) == []
    with SQLiteStore(path, WordEmbeddings()) as store:
        assert len(store) == 4 * 20 + 1
