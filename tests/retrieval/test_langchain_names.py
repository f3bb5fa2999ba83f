"""The names of LangChain's stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runnables import ConfigError, Document, InMemoryVectorStore, SQLiteStore, document_id
from runnables.testing import WordEmbeddings
from tests.both_modes import Call

STRINGS = ["sea salt", "bread oven", "fish"]


@pytest.fixture
def store() -> Iterator[InMemoryVectorStore]:
    """Return a store with three documents."""
    metadatas = [{"n": n} for n in range(3)]
    made = InMemoryVectorStore.from_texts(STRINGS, WordEmbeddings(), metadatas, ids=list("abc"))
    yield made
    made.close()


def test_a_store_is_made_of_strings_or_documents(call: Call, tmp_path: Path) -> None:
    """In memory, or in a file whose path goes along."""
    model = WordEmbeddings()
    docs = [Document(text) for text in STRINGS]
    made: list[SQLiteStore] = [
        call.run(
            lambda: InMemoryVectorStore.from_texts(STRINGS, model),
            lambda: InMemoryVectorStore.afrom_texts(STRINGS, model),
        ),
        call.run(
            lambda: SQLiteStore.from_documents(docs, model, path=tmp_path / "docs.db"),
            lambda: SQLiteStore.afrom_documents(docs, model, path=tmp_path / "docs.db"),
        ),
    ]
    for store in made:
        assert {doc.id for doc in store.search("sea")} == {document_id(doc) for doc in docs}
        store.close()


def test_the_model_has_their_name() -> None:
    """As a keyword of the store in memory; without a model, there is none."""
    model = WordEmbeddings()
    with InMemoryVectorStore(embedding=model) as store:
        assert store.embeddings is model
    with pytest.raises(ConfigError, match="expected a model of embeddings"):
        InMemoryVectorStore()


def test_what_is_added_has_ids(store: InMemoryVectorStore, call: Call) -> None:
    """Those that were given, or those of the content; they are returned."""
    docs = [Document("flour"), Document("violin", id="v")]
    found = call.run(lambda: store.add_documents(docs), lambda: store.aadd_documents(docs))
    assert found == [document_id(docs[0]), "v"]
    found = call.run(
        lambda: store.add_documents(docs, ids=["x", "y"]),
        lambda: store.aadd_documents(docs, ids=["x", "y"]),
    )
    assert found == ["x", "y"] and [doc.id for doc in docs] == [None, "v"]
    found = call.run(
        lambda: store.add_texts(["harbour"], [{"n": 9}]),
        lambda: store.aadd_texts(["harbour"], [{"n": 9}]),
    )
    assert store.get(found) == [Document("harbour", id=found[0], metadata={"n": 9})]
    with pytest.raises(ConfigError, match="ids has 1 for 2 documents"):
        store.add_documents(docs, ids=["x"])
    with pytest.raises(ConfigError, match="expected a list of strings"):
        store.add_texts("harbour")


def test_searches_have_their_names(store: InMemoryVectorStore, call: Call) -> None:
    """And find what `search` finds; a score is the cosine."""
    best = store.search("sea salt", k=1)
    vector = WordEmbeddings().embed_query("sea salt")
    for found in (
        call.run(
            lambda: store.similarity_search("sea salt", k=1),
            lambda: store.asimilarity_search("sea salt", k=1),
        ),
        call.run(
            lambda: store.similarity_search_by_vector(vector, k=1),
            lambda: store.asimilarity_search_by_vector(vector, k=1),
        ),
        call.run(
            lambda: store.max_marginal_relevance_search("sea salt", k=1),
            lambda: store.amax_marginal_relevance_search("sea salt", k=1),
        ),
    ):
        assert found == best
    ((doc, score),) = call.run(
        lambda: store.similarity_search_with_score("sea salt", k=1),
        lambda: store.asimilarity_search_with_score("sea salt", k=1),
    )
    assert [doc] == best and score == pytest.approx(1)


@pytest.mark.parametrize(
    ("settings", "same"),
    [
        ({"search_kwargs": {"k": 2}}, {"k": 2}),
        ({"search_type": "similarity"}, {}),
        ({"search_type": "mmr", "search_kwargs": {"fetch_k": 9, "k": 1}}, {"mmr": 0.5, "k": 1}),
        ({"search_type": "mmr", "search_kwargs": {"lambda_mult": 0.2}}, {"mmr": 0.2}),
        (
            {
                "search_type": "similarity_score_threshold",
                "search_kwargs": {"score_threshold": 0.5},
            },
            {"score_threshold": 0.5},
        ),
    ],
    ids=["k", "similarity", "mmr", "lambda_mult", "score_threshold"],
)
def test_a_retriever_takes_their_settings(
    store: InMemoryVectorStore, settings: dict[str, Any], same: dict[str, Any]
) -> None:
    """As if they had been given under our names."""
    assert store.as_retriever(**settings) == store.as_retriever(**same)


def test_settings_that_are_not_known_are_refused(store: InMemoryVectorStore) -> None:
    """With the near name, or the known ones."""
    with pytest.raises(ConfigError, match="similarity, mmr"):
        store.as_retriever(search_type="mrr")
    with pytest.raises(ConfigError, match="score_treshold.*score_threshold"):
        store.as_retriever(search_kwargs={"score_treshold": 0.5})
    with pytest.raises(ConfigError, match="needs search_kwargs"):
        store.as_retriever(search_type="similarity_score_threshold")
