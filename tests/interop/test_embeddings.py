"""Embeddings of LangChain as ours, and ours in LangChain's vector stores and caches."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_classic.embeddings import CacheBackedEmbeddings
from langchain_core.documents import Document as TheirDocument
from langchain_core.embeddings import Embeddings as TheirEmbeddings
from langchain_core.stores import InMemoryByteStore
from langchain_core.vectorstores import InMemoryVectorStore

from runnables import Embeddings, from_langchain, to_langchain
from tests.both_modes import Call


def vector(text: str) -> list[float]:
    return [float(len(text)), float(text.count("a")), 1.0]


class Ours(Embeddings):
    """A model of ours, which stores what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[list[str]] = []

    def embed_documents(self, texts: Any) -> list[list[float]]:
        self.requests.append(list(texts))
        return [vector(text) for text in texts]


class Theirs(TheirEmbeddings):
    """A model of theirs, in which queries are not embedded as documents are."""

    def __init__(self) -> None:
        self.requests: list[list[str]] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.requests.append(texts)
        return [vector(text) for text in texts]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        return self.embed_documents(texts)  # not in a thread of the loop

    def embed_query(self, text: str) -> list[float]:
        return vector(f"query: {text}")

    async def aembed_query(self, text: str) -> list[float]:
        return self.embed_query(text)


async def embedded(model: Any, texts: list[str], mode: str) -> Any:
    return await model.aembed_documents(texts) if mode == "async" else model.embed_documents(texts)


def test_a_query_goes_to_their_query_method(call: Call) -> None:
    model = from_langchain(Theirs())
    assert isinstance(model, Embeddings)
    assert call.invoke(model, "sea") == vector("query: sea")
    assert call.batch(model, ["sea", "sand"]) == [vector("query: sea"), vector("query: sand")]


@pytest.mark.parametrize("mode", ["sync", "async"])
async def test_many_documents_are_one_call_of_theirs(mode: str) -> None:
    theirs = Theirs()
    texts = [f"text {index}" for index in range(1000)]
    assert await embedded(from_langchain(theirs), texts, mode) == list(map(vector, texts))
    assert theirs.requests == [texts]


@pytest.mark.parametrize("mode", ["sync", "async"])
async def test_their_vector_store_takes_ours(mode: str) -> None:
    model = Ours()
    theirs = to_langchain(model)
    assert isinstance(theirs, TheirEmbeddings)
    store = InMemoryVectorStore(theirs)
    documents = [TheirDocument("banana"), TheirDocument("it"), TheirDocument("sea")]
    if mode == "async":
        await store.aadd_documents(documents)
        [found] = await store.asimilarity_search("bandana", k=1)
    else:
        store.add_documents(documents)
        [found] = store.similarity_search("bandana", k=1)
    assert found.page_content == "banana"
    assert model.requests == [["banana", "it", "sea"], ["bandana"]]


@pytest.mark.parametrize("mode", ["sync", "async"])
async def test_their_cache_stores_the_vectors_of_ours(mode: str) -> None:
    model = Ours()
    cached = CacheBackedEmbeddings.from_bytes_store(
        to_langchain(model), InMemoryByteStore(), namespace="ours", key_encoder="sha256"
    )
    for _ in range(2):
        assert await embedded(cached, ["sea", "sand"], mode) == [vector("sea"), vector("sand")]
    assert len(model.requests) == 1
    # ... and the cache is a model of ours again
    assert await embedded(from_langchain(cached), ["sea"], mode) == [vector("sea")]
    assert len(model.requests) == 1


def test_there_and_back_is_the_same_object() -> None:
    ours, theirs = Ours(), Theirs()
    assert from_langchain(to_langchain(ours)) is ours
    assert to_langchain(from_langchain(theirs)) is theirs


def test_the_space_of_the_vectors_is_unknown_unless_the_model_says_it() -> None:
    class Named(Theirs):
        vector_space = "letters"

    assert from_langchain(Theirs()).vector_space is None
    assert from_langchain(Named()).vector_space == "letters"
