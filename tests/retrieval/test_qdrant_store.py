"""The store in Qdrant passes the suite for stores; qdrant-client runs in this process for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from qdrant_client import QdrantClient

from runnables import ConfigError, Document, MissingExtra, QdrantStore, StoreError
from runnables.testing import VectorStoreTests, WordEmbeddings


class TestQdrantStore(VectorStoreTests):
    """The suite."""

    supports_string_order = False

    @pytest.fixture
    def store(self, embeddings: WordEmbeddings) -> Iterator[QdrantStore]:
        with QdrantStore(":memory:", embeddings) as store:
            yield store


@pytest.fixture
def client() -> Iterator[QdrantClient]:
    """A client of the user's."""
    client = QdrantClient(":memory:")
    yield client
    client.close()


class Other(WordEmbeddings):
    """A model whose vectors have a name."""

    vector_space = "other"


class Third(WordEmbeddings):
    """Another one."""

    vector_space = "third"


class Short(WordEmbeddings):
    """A model of shorter vectors."""

    def embed_documents(self, texts: Any) -> list[list[float]]:
        return [vector[:3] for vector in super().embed_documents(texts)]


def test_two_stores_share_a_collection(client: QdrantClient) -> None:
    """And a store of another name has documents of its own; closing leaves the user's client."""
    with QdrantStore(client, WordEmbeddings()) as first:
        first.add([Document("sea", id="sea")])
    second = QdrantStore(client, WordEmbeddings())
    assert second.add([Document("sea", id="sea")]) == (0, 0, 1)
    assert [doc.id for doc in second.search("sea")] == ["sea"]
    assert QdrantStore(client, WordEmbeddings(), collection="others").search("sea") == []


@pytest.mark.parametrize("kind", [Third, Short], ids=["another name", "another length"])
def test_vectors_of_another_model_are_refused(client: QdrantClient, kind: Any) -> None:
    """Before they are mixed."""
    QdrantStore(client, Other()).add([Document("sea")])
    store = QdrantStore(client, kind())
    with pytest.raises(StoreError, match="another (model|collection)"):
        store.add([Document("bread")])
    with pytest.raises(StoreError, match="another (model|collection)"):
        store.search("bread")


def test_strings_have_no_order(client: QdrantClient) -> None:
    """The error says what has."""
    store = QdrantStore(client, WordEmbeddings())
    with pytest.raises(ConfigError, match="compares numbers by order"):
        store.search("sea", filter={"source": {"$gt": "a"}})


def test_any_key_is_filtered(client: QdrantClient) -> None:
    """Also one that is a path, or has spaces; long strings stay apart."""
    store = QdrantStore(client, WordEmbeddings())
    keys = ["a.b", "a b", "ä", "a[0]", "metadata"]
    docs = [Document(f"sea {n}", id=str(n), metadata={key: n}) for n, key in enumerate(keys)]
    long = Document("sea", id="long", metadata={"text": "x" * 1_000})
    store.add([*docs, long])
    for number, key in enumerate(keys):
        for filter in ({key: number}, {key: {"$lte": number}}, {key: {"$exists": True}}):
            assert [doc.id for doc in store.search("sea", filter=filter)] == [str(number)]
    assert store.search("sea", filter={"text": "x" * 1_000}) == [long]
    assert store.search("sea", filter={"text": "x" * 999}) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, WordEmbeddings()), "client=3"),
        ((":memory:", "local"), "Write init_embeddings"),
        ((":memory:", WordEmbeddings(), ""), "collection=''"),
    ],
    ids=["client", "model", "collection"],
)
def test_mistakes_are_refused(arguments: tuple[Any, ...], message: str) -> None:
    """At once."""
    with pytest.raises(ConfigError, match=message):
        QdrantStore(*arguments)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra that has the client."""
    monkeypatch.setitem(sys.modules, "qdrant_client", None)
    monkeypatch.setitem(sys.modules, "qdrant_client.models", None)
    with pytest.raises(MissingExtra, match="qdrant"):
        QdrantStore(":memory:", WordEmbeddings())
