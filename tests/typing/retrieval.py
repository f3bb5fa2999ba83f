"""The types of stores. mypy and pyright read this file; it is not run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, assert_type

from runnables import (
    Added,
    DeterministicFakeEmbedding,
    Document,
    InMemoryVectorStore,
    Runnable,
    RunnableParallel,
    SQLiteStore,
    StoreRetriever,
    Synced,
    VectorStore,
    document_id,
)

model = DeterministicFakeEmbedding(size=8)
memory = InMemoryVectorStore(model)
docs = [Document("a", metadata={"source": "a.txt"}), Document("b", id="1", score=0.5)]

assert_type(docs[0].score, float | None)
assert_type(document_id(docs[0]), str)

with SQLiteStore("docs.db", model) as store:
    assert_type(store, SQLiteStore)
    added = store.add(docs, max_batch_size=8)
    assert_type(added, Added)
    assert_type(added.unchanged, int)
    assert_type(store.search("a", k=2, filter={"year": {"$gte": 2020}}), list[Document])
    assert_type(store.search([0.1, 0.2], mmr=0.5), list[Document])
    assert_type(store.search_many(["a", "b"], hybrid=True), list[list[Document]])
    assert_type(store.get(["1"]), list[Document])
    assert_type(store.delete(ids=["1"]), int)
    assert_type(store.sync(docs, source="a.txt"), Synced)
    assert_type(len(store), int)

retriever = memory.as_retriever(k=2, filter={"a": 1}, score_threshold=0.3)
assert_type(retriever, StoreRetriever)
assert_type(retriever.invoke("a"), list[Document])
runnable: Runnable[str, list[Document]] = retriever
chain = RunnableParallel(docs=retriever)
StoreRetriever(store=memory, k="a")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
memory.add("text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
SQLiteStore("docs.db")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def use() -> None:
    assert_type(await memory.aadd(docs), Added)
    assert_type(await memory.asearch("a"), list[Document])
    assert_type(await memory.asearch_many(["a"]), list[list[Document]])
    assert_type(await memory.adelete(filter={"a": 1}), int)
    assert_type(await memory.aget(["1"]), list[Document])
    assert_type(await memory.async_sync(docs, "a.txt"), Synced)
    assert_type(await retriever.ainvoke("a"), list[Document])


class Mine(VectorStore):
    """A store of your own: four methods."""

    def add(self, docs: Iterable[Document], max_batch_size: int = 64) -> Added:
        return Added(0, 0, 0)

    def search(
        self,
        query: str | Sequence[float],
        k: int = 4,
        filter: Mapping[str, Any] | None = None,
        hybrid: bool = False,
        mmr: float | None = None,
    ) -> list[Document]:
        return []

    def delete(
        self, ids: Iterable[str] | None = None, filter: Mapping[str, Any] | None = None
    ) -> int:
        return 0

    def get(self, ids: Iterable[str]) -> list[Document]:
        return []


assert_type(Mine().as_retriever().invoke("a"), list[Document])


class TheirEmbeddings:
    """A model of another library."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[0.0] for _ in texts]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        return self.embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        return [0.0]

    async def aembed_query(self, text: str) -> list[float]:
        return [0.0]


InMemoryVectorStore(TheirEmbeddings())


class SyncEmbeddings:
    """A model without async methods."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[0.0] for _ in texts]

    def embed_query(self, text: str) -> list[float]:
        return [0.0]


InMemoryVectorStore(SyncEmbeddings())
