"""The tests of what a store finds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

from runnables.retrieval.documents import Document
from runnables.testing.require_pytest import pytest
from runnables.testing.store_calls import REFUSED, add, get, search, some_documents

if TYPE_CHECKING:
    from runnables.retrieval.vector_store import VectorStore
    from runnables.testing.sync_async import SyncAsyncCall
    from runnables.testing.word_embeddings import WordEmbeddings


class SearchTests:
    """Tests of `search`."""

    supports_hybrid: ClassVar[bool] = False
    """Whether the store searches with `hybrid=True`; another one refuses it."""

    def test_the_closest_is_first(self, store: VectorStore, call: SyncAsyncCall) -> None:
        """Documents come in the order of their cosines."""
        add(call, store)
        found = search(call, store, "sea fish harbour", k=3)
        assert [doc.id for doc in found] == ["harbour", "fish", "sea"]

    def test_a_score_is_the_cosine(self, store: VectorStore, call: SyncAsyncCall) -> None:
        """From 1, for the same direction, to 0, for nothing in common."""
        add(call, store)
        found = search(call, store, "sea sea", k=6)
        scores = {doc.id: doc.score for doc in found}
        assert scores["sea"] == pytest.approx(math.sqrt(1 / 2), abs=1e-5)
        assert scores["harbour"] == pytest.approx(math.sqrt(1 / 3), abs=1e-5)
        assert scores["violin"] == pytest.approx(0, abs=1e-5)

    def test_no_more_than_k_are_found(self, store: VectorStore, call: SyncAsyncCall) -> None:
        """And all there are, where there are fewer; four by default."""
        add(call, store)
        assert len(search(call, store, "sea", k=1)) == 1
        assert len(search(call, store, "sea")) == 4
        assert len(search(call, store, "sea", k=100)) == len(some_documents())

    def test_an_empty_store_finds_nothing(self, store: VectorStore, call: SyncAsyncCall) -> None:
        """It is no error."""
        assert search(call, store, "sea") == []

    def test_a_vector_is_searched_as_its_string_is(
        self, store: VectorStore, embeddings: WordEmbeddings, call: SyncAsyncCall
    ) -> None:
        """It is not embedded."""
        add(call, store)
        vector, by_string = embeddings.embed_query("fish"), search(call, store, "fish")
        count = len(embeddings.requests)
        by_vector = search(call, store, vector)
        assert [(doc.id, doc.score) for doc in by_vector] == [
            (doc.id, doc.score) for doc in by_string
        ]
        assert len(embeddings.requests) == count

    def test_a_document_comes_back_as_it_was(self, store: VectorStore, call: SyncAsyncCall) -> None:
        """With its id, its text in any script, and all that JSON can say as metadata."""
        metadata = {"a": [1, 2.5, {"b": None}], "c": {"d": True}, "ü": "车", "e f": ""}
        doc = Document("sea Grüße 车 😀\nline two", id="an id/1", metadata=metadata)
        add(call, store, [doc])
        assert search(call, store, "sea") == [doc]
        assert get(call, store, ["an id/1"]) == [doc]

    def test_results_differ_with_mmr(self, store: VectorStore, call: SyncAsyncCall) -> None:
        """Of two that say the same, one is left out for another; not where relevance is all."""
        strings = {"one": "sea salt", "same": "salt sea", "other": "sea fish fish", "no": "violin"}
        add(call, store, [Document(text, id=id) for id, text in strings.items()])
        plain = {doc.id for doc in search(call, store, "sea sea salt", k=2)}
        assert plain == {"one", "same"}
        diverse = [doc.id for doc in search(call, store, "sea sea salt", k=2, mmr=0.5)]
        assert "other" in diverse
        assert {doc.id for doc in search(call, store, "sea sea salt", k=2, mmr=1)} == plain

    def test_words_count_in_a_hybrid_search(self, store: VectorStore, call: SyncAsyncCall) -> None:
        """A rare word decides, the score stays the cosine; a store that cannot refuses it."""
        docs = [Document("bread " * n, id=f"bread {n}") for n in range(1, 20)]
        docs += [Document(f"sea {word}", id=word) for word in ("fish", "salt", "boat")]
        long = "oven flour salt yeast water: code F28 of the gas"
        add(call, store, [*docs, Document(long, id="code")])
        if not self.supports_hybrid:
            with pytest.raises(REFUSED):
                search(call, store, "sea code f28", k=1, hybrid=True)
            return
        assert search(call, store, "sea code f28", k=1)[0].id != "code"
        best = search(call, store, "sea code f28", k=1, hybrid=True)[0]
        assert best.id == "code"
        every = {doc.id: doc.score for doc in search(call, store, "sea code f28", k=50)}
        assert best.score == pytest.approx(every["code"], abs=1e-5)

    def test_bad_numbers_are_refused(
        self, store: VectorStore, embeddings: WordEmbeddings, call: SyncAsyncCall
    ) -> None:
        """Before anything is embedded."""
        bad: list[dict[str, Any]] = [{"k": 0}, {"k": -1}, {"k": 1.5}, {"mmr": 2}, {"mmr": "a"}]
        for options in bad:
            with pytest.raises(REFUSED):
                search(call, store, "sea", **options)
        with pytest.raises(REFUSED):
            add(call, store, max_batch_size=0)
        assert embeddings.requests == []

    def test_a_vector_of_another_length_is_refused(
        self, store: VectorStore, call: SyncAsyncCall
    ) -> None:
        """It cannot be compared."""
        add(call, store)
        with pytest.raises(Exception, match=r"(?i)3|dim|length|size|shape"):
            search(call, store, [1.0, 0.0, 0.0])
