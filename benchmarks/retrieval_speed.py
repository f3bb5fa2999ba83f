"""The speed of a store, beside the least that it takes and other stores, in one run.

    python -m benchmarks.retrieval_speed --sizes 1000 10000 100000
    python -m benchmarks.retrieval_speed --sizes 1000 10000 --without-numpy

Each store gets documents of 240 characters with vectors of 384 numbers, which cost nothing to make.
The floor is the cosines of all vectors and the best four of them, by NumPy alone, or by a loop of
plain Python. The peers are langchain-core's store in memory, and qdrant-client's. They get no
more than `--peer-limit` documents: the first keeps lists of Python's floats.
"""

from __future__ import annotations

import argparse
import heapq
import random
import statistics
import sys
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from operator import mul
from pathlib import Path
from typing import Any

from benchmarks.harness import Row, Run, repeated
from runnables import Document, Embeddings, SQLiteStore

SIZE = 384
WORDS = (
    "the sea was calm and no one spoke while salt dried on ropes near an old stone harbour".split()
)


class CheapVectors(Embeddings, internal=True):
    """A model whose vectors are random and cost next to nothing."""

    def __init__(self) -> None:
        super().__init__()
        self._random = random.Random(1)

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """Return a vector for each string."""
        return [self.vector() for _ in texts]

    def vector(self) -> list[float]:
        """Return a random vector."""
        return list(map(float, array("b", self._random.randbytes(SIZE))))


def some_documents(count: int) -> Iterator[Document]:
    """Yield documents of about 240 characters; one in a hundred has the metadata `rare`."""
    chance = random.Random(2)
    for number in range(count):
        words = " ".join(chance.choices(WORDS, k=46))
        yield Document(f"{number} {words}", metadata={"number": number, "rare": number % 100 == 0})


def _ms(work: Callable[[], object], times: int = 9) -> float:
    """Return the median of milliseconds, after a call that is not counted.

    A call that takes more than a second is repeated three times at most.
    """
    slow = _once(work) > 1000
    took: list[float] = []
    for _ in range(min(times, 3) if slow else times):
        start = time.perf_counter()
        work()
        took.append(1000 * (time.perf_counter() - start))
    return statistics.median(took)


def _once(work: Callable[[], object]) -> float:
    """Return the milliseconds of one call."""
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def floor(size: int) -> Callable[[], object]:
    """Return the search among so many vectors with nothing around it."""
    model = CheapVectors()
    try:
        import numpy as np
    except ImportError:
        rows = [array("f", model.vector()) for _ in range(size)]
        query = array("f", model.vector())

        def loop() -> object:
            scores = [sum(map(mul, row, query)) for row in rows]
            return heapq.nlargest(4, range(size), scores.__getitem__)

        return loop
    matrix = np.array([array("f", model.vector()) for _ in range(size)], np.float32)
    vector = np.array(model.vector(), np.float32)

    def search() -> object:
        scores = np.einsum("ij,j->i", matrix, vector)
        return np.argpartition(scores, -4)[-4:]

    return search


def ours(size: int, folder: Path) -> dict[str, float]:
    """Return the figures of this library's store."""
    model = CheapVectors()
    found: dict[str, float] = {}
    path = folder / f"{size}.db"
    with SQLiteStore(path, model) as store:
        found["add, documents/s"] = 1000 * size / _fill(store, size)
        found["add again, documents/s"] = 1000 * size / _fill(store, size)
    with SQLiteStore(path, model) as store:
        vector, text = model.vector(), "salt near the harbour 77"
        found["the first search, ms"] = _once(lambda: store.search(vector))
        found["search, ms"] = _ms(lambda: store.search(vector))
        found["hybrid, ms"] = _ms(lambda: store.search(text, hybrid=True))
        found["with a filter for 1 %, ms"] = _ms(
            lambda: store.search(vector, filter={"rare": True})
        )
        store.add([Document("new")])
        found["after one was added, ms"] = _once(lambda: store.search(vector))
        store.delete(ids=[str(store.search("new", k=1)[0].id)])
        found["after one was deleted, ms"] = _once(lambda: store.search(vector))
    found["file, MB"] = path.stat().st_size / 1e6
    return found


def _fill(store: SQLiteStore, size: int) -> float:
    """Add documents in parts, so that a million need no memory; return the milliseconds of that."""
    docs, took = some_documents(size), 0.0
    while part := list(islice(docs, 20_000)):
        took += _once(partial(store.add, part, 256))
    return took


def langchain_memory(size: int) -> dict[str, float]:
    """Return the figures of langchain-core's store in memory."""
    from langchain_core.documents import Document as TheirDocument
    from langchain_core.vectorstores import InMemoryVectorStore

    model: Any = CheapVectors()
    store: Any = InMemoryVectorStore(model)
    docs = [TheirDocument(doc.page_content, metadata=doc.metadata) for doc in some_documents(size)]
    added = 1000 * size / _once(lambda: store.add_documents(docs))
    vector = model.vector()
    return {
        "add, documents/s": added,
        "search, ms": _ms(lambda: store.similarity_search_by_vector(vector), 3),
        "with a filter for 1 %, ms": _ms(
            lambda: store.similarity_search_by_vector(
                vector, filter=lambda doc: doc.metadata["rare"]
            ),
            3,
        ),
    }


def qdrant_memory(size: int) -> dict[str, float]:
    """Return the figures of qdrant-client's store in memory."""
    from qdrant_client import QdrantClient, models

    model = CheapVectors()
    client = QdrantClient(":memory:")
    params = models.VectorParams(size=SIZE, distance=models.Distance.COSINE)
    client.create_collection("docs", vectors_config=params)
    docs = list(some_documents(size))

    def fill() -> None:
        for start in range(0, size, 256):
            client.upsert(
                "docs",
                [
                    models.PointStruct(
                        id=start + place,
                        vector=model.vector(),
                        payload={"text": doc.page_content, **doc.metadata},
                    )
                    for place, doc in enumerate(docs[start : start + 256])
                ],
            )

    added = 1000 * size / _once(fill)
    vector = model.vector()
    rare = models.Filter(
        must=[models.FieldCondition(key="rare", match=models.MatchValue(value=True))]
    )
    return {
        "add, documents/s": added,
        "search, ms": _ms(lambda: client.query_points("docs", vector, limit=4), 5),
        "with a filter for 1 %, ms": _ms(
            lambda: client.query_points("docs", vector, limit=4, query_filter=rare), 3
        ),
    }


def figures(sizes: Sequence[int], peer_limit: int) -> dict[tuple[str, str], dict[int, float]]:
    """Return the figures by subject and kind, for each size."""
    found: dict[tuple[str, str], dict[int, float]] = {}

    def note(subject: str, size: int, values: dict[str, float]) -> None:
        for kind, value in values.items():
            found.setdefault((subject, kind), {})[size] = value

    has_numpy = sys.modules.get("numpy", True) is not None
    for size in sizes:
        print(f"{size:,} documents ...", file=sys.stderr, flush=True)
        note("floor", size, {"search, ms": _ms(floor(size))})
        with tempfile.TemporaryDirectory() as folder:
            note("ours", size, ours(size, Path(folder)))
        for name, peer in (("langchain-core", langchain_memory), ("qdrant-client", qdrant_memory)):
            if has_numpy and size <= peer_limit:
                try:
                    note(name, size, peer(size))
                except ImportError:
                    print(f"{name} is not installed", file=sys.stderr)
    return found


def table(found: dict[tuple[str, str], dict[int, float]], sizes: Sequence[int]) -> str:
    """Return the figures as a table of Markdown."""
    lines = [
        f"| | | {' | '.join(f'{size:,}' for size in sizes)} |",
        f"|---|---|{'--:|' * len(sizes)}",
    ]
    for (subject, kind), values in sorted(found.items(), key=lambda pair: pair[0][1]):
        cells = [_shown(values[size]) if size in values else "" for size in sizes]
        lines.append(f"| {kind} | {subject} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


# -- the row of `python -m benchmarks`

_ROW_SIZE = 10_000


def _floor_run() -> Run:
    return repeated(floor(_ROW_SIZE))


def _peer_run() -> Run:
    from langchain_core.documents import Document as TheirDocument
    from langchain_core.vectorstores import InMemoryVectorStore

    model: Any = CheapVectors()
    store: Any = InMemoryVectorStore(model)
    store.add_documents([TheirDocument(doc.page_content) for doc in some_documents(_ROW_SIZE)])
    vector = model.vector()
    return repeated(lambda: store.similarity_search_by_vector(vector))


def _our_run() -> Run:
    from runnables import InMemoryVectorStore

    model = CheapVectors()
    store = InMemoryVectorStore(model)
    store.add(some_documents(_ROW_SIZE), 1000)
    vector = model.vector()
    return repeated(lambda: store.search(vector))


ROWS = (
    Row(
        name="retrieval",
        title="search among 10,000 documents",
        unit="us",
        per=1,
        budget=3.0,
        floor=_floor_run,
        peer=_peer_run,
        ours=_our_run,
    ),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the sizes, and print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.retrieval_speed", description=__doc__
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--peer-limit", type=int, default=10_000)
    parser.add_argument("--without-numpy", action="store_true")
    options = parser.parse_args(arguments)
    if options.without_numpy:
        sys.modules["numpy"] = None  # type: ignore[assignment]  # as if not installed
    print(table(figures(options.sizes, options.peer_limit), options.sizes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
