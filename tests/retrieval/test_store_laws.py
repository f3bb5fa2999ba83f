"""A store is a dict of documents that is searched: laws over any changes."""

from __future__ import annotations

import math
import tempfile
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from runnables import Added, Document, SQLiteStore, document_id
from runnables.testing import WordEmbeddings

STRINGS = st.sampled_from(["sea", "sea salt", "bread oven", "fish fish sea", "violin", ""])
METADATA = st.sampled_from([{}, {"n": 1}, {"n": 2, "source": "a"}])
DOCUMENTS = st.builds(
    lambda text, id, metadata: Document(text, id=id, metadata=metadata),
    STRINGS,
    st.none() | st.sampled_from("abc"),
    METADATA,
)
CHANGES = st.lists(
    st.tuples(
        st.integers(0, 1),  # which of two stores on one file
        st.one_of(
            st.tuples(st.just("add"), st.lists(DOCUMENTS, max_size=5)),
            st.tuples(st.just("delete"), st.lists(st.sampled_from("abcx"), max_size=2)),
            st.tuples(st.just("filter"), st.integers(1, 2)),
            st.tuples(st.just("search"), STRINGS),
        ),
    ),
    max_size=12,
)


def add_to(model: dict[str, Document], docs: list[Document]) -> Added:
    """Do what `add` does, to a dict."""
    last = {document_id(doc): doc for doc in docs}
    changed = [id for id in last if id in model and not same(model[id], last[id])]
    added = [id for id in last if id not in model]
    for id in (*changed, *added):
        model[id] = last[id].model_copy(update={"id": id})
    return Added(len(added), len(changed), len(last) - len(added) - len(changed))


def same(one: Document, other: Document) -> bool:
    return (one.page_content, one.metadata) == (other.page_content, other.metadata)


def cosine(one: list[float], other: list[float]) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths if lengths else 0.0


@settings(max_examples=60)
@given(CHANGES)
def test_a_store_is_a_dict_that_is_searched(changes: list[tuple[int, Any]]) -> None:
    """After any changes, through any of two stores on one file, with the scores that they say."""
    model: dict[str, Document] = {}
    embeddings = WordEmbeddings()
    with tempfile.TemporaryDirectory() as folder:
        stores = [SQLiteStore(f"{folder}/docs.db", embeddings) for _ in range(2)]
        for which, (change, value) in [*changes, (0, ("search", "sea")), (1, ("search", "sea"))]:
            store = stores[which]
            if change == "add":
                assert store.add(value, max_batch_size=2) == add_to(model, value)
            elif change == "delete":
                gone = {id for id in value if model.pop(id, None)}
                assert store.delete(ids=value) == len(gone)
            elif change == "filter":
                gone = {id for id, doc in model.items() if doc.metadata.get("n") == value}
                assert store.delete(filter={"n": value}) == len(gone)
                for id in gone:
                    del model[id]
            else:
                expect(store, model, value, embeddings)
            assert len(store) == len(model)
            assert store.get(list(model)) == list(model.values())
        for store in stores:
            store.close()


def expect(
    store: SQLiteStore, model: dict[str, Document], query: str, embeddings: WordEmbeddings
) -> None:
    """Compare what a search finds with all that there is."""
    vector = embeddings.embed_query(query)
    found = store.search(query, k=100)
    assert {doc.id: doc for doc in found} == model
    scores = [doc.score for doc in found if doc.score is not None]
    assert scores == sorted(scores, reverse=True)
    for doc in found:
        wanted = cosine(vector, embeddings.embed_query(doc.page_content))
        assert doc.score == pytest.approx(wanted, abs=1e-5)
