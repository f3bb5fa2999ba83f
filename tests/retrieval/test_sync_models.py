"""Models of embeddings without async methods: async calls of a store run them in a thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runnables import (
    Document,
    InMemoryVectorStore,
    QdrantStore,
    SemanticSimilarityExampleSelector,
    VectorStore,
)
from runnables.testing import WordEmbeddings
from tests.both_modes import Call


class SyncModel:
    """A model of a user's: two sync methods, and no more."""

    def __init__(self) -> None:
        self.threads: set[int] = set()

    def embed_documents(self, strings: list[str]) -> list[list[float]]:
        self.threads.add(threading.get_ident())
        return WordEmbeddings().embed_documents(strings)

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


class HalfModel(SyncModel):
    """A model that says by None that it has no async method."""

    aembed_documents = None
    aembed_query = None


STORES: dict[str, Callable[[Any], VectorStore]] = {
    "sqlite": InMemoryVectorStore,
    "qdrant": lambda model: QdrantStore(":memory:", model),
}


@pytest.fixture(params=STORES)
def make(request: pytest.FixtureRequest) -> Iterator[Callable[[Any], VectorStore]]:
    made: list[Any] = []

    def new(model: Any) -> VectorStore:
        made.append(STORES[request.param](model))
        return made[-1]

    yield new
    for store in made:
        store.close()


@pytest.mark.parametrize("kind", [SyncModel, HalfModel])
def test_a_sync_model_will_do(
    make: Callable[[Any], VectorStore], kind: type[SyncModel], call: Call
) -> None:
    """For all that embeds."""
    store = make(kind())
    docs = [Document("sea", id="a", metadata={"source": "a"}), Document("bread", id="b")]
    assert call.run(lambda: store.add(docs), lambda: store.aadd(docs)) == (2, 0, 0)
    found = call.run(lambda: store.search("sea", k=1), lambda: store.asearch("sea", k=1))
    assert [doc.id for doc in found] == ["a"]
    many = call.run(
        lambda: store.search_many(["sea", "bread"], k=1),
        lambda: store.asearch_many(["sea", "bread"], k=1),
    )
    assert [[doc.id for doc in each] for each in many] == [["a"], ["b"]]
    assert call.run(
        lambda: store.sync(docs[:1], source="a"), lambda: store.async_sync(docs[:1], source="a")
    ) == (0, 0, 1, 0)
    retriever = store.as_retriever(k=1)
    assert [doc.id for doc in call.invoke(retriever, "bread")] == ["b"]
    assert [[doc.id for doc in docs] for docs in call.batch(retriever, ["sea", "bread"])] == [
        ["a"],
        ["b"],
    ]


def test_a_sync_model_does_not_hold_up_the_event_loop(
    make: Callable[[Any], VectorStore],
) -> None:
    """It works in other threads than that of the loop."""
    model = SyncModel()
    store = make(model)

    async def use() -> None:
        await store.aadd([Document("sea")])
        await store.asearch("sea")
        await store.asearch_many(["sea", "bread"])

    asyncio.run(use())
    assert model.threads and threading.get_ident() not in model.threads


def test_a_selector_of_examples_takes_a_sync_model(call: Call) -> None:
    """As a store does."""
    examples = [{"word": "sea"}, {"word": "bread"}]
    new = SemanticSimilarityExampleSelector
    selector = call.run(
        lambda: new.from_examples(examples, SyncModel(), k=1),
        lambda: new.afrom_examples(examples, SyncModel(), k=1),
    )
    more = {"word": "fish"}
    call.run(lambda: selector.add_example(more), lambda: selector.aadd_example(more))
    assert call.run(
        lambda: selector.select_examples(more), lambda: selector.aselect_examples(more)
    ) == [more]
