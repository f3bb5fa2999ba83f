"""The suite that every store of documents passes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from runnables.retrieval.documents import Document
from runnables.retrieval.stored_documents import document_id
from runnables.testing.require_pytest import pytest
from runnables.testing.store_calls import REFUSED, add, search, some_documents, sync
from runnables.testing.store_changes import ChangeTests
from runnables.testing.store_filters import FilterTests
from runnables.testing.store_search import SearchTests
from runnables.testing.sync_async import AsyncCall, SyncAsyncCall, SyncCall
from runnables.testing.word_embeddings import WordEmbeddings

if TYPE_CHECKING:
    from runnables.retrieval.vector_store import VectorStore


class VectorStoreTests(SearchTests, ChangeTests, FilterTests):
    """Test suite that every store of documents passes. Subclass it, and write the fixture `store`.

    The fixture returns an empty store that embeds with the model of the fixture `embeddings`, which
    counts words, and notes its requests. `supports_hybrid = True` says that the store searches by
    words as well; `supports_string_order = False` that its filters do not compare the order of
    strings.

    Example:
        >>> import pytest
        >>> from runnables.testing import VectorStoreTests
        >>> class TestMyStore(VectorStoreTests):
        ...     supports_hybrid = True
        ...
        ...     @pytest.fixture
        ...     def store(self, embeddings):
        ...         return InMemoryVectorStore(embeddings)
    """

    @pytest.fixture
    def embeddings(self) -> WordEmbeddings:
        """Return the model that the store embeds with."""
        return WordEmbeddings()

    @pytest.fixture
    def store(self, embeddings: WordEmbeddings) -> Iterator[VectorStore]:
        """Return an empty store; write this one."""
        raise NotImplementedError(f"{type(self).__name__} has no fixture `store`: write it")

    @pytest.fixture(params=[SyncCall(), AsyncCall()], ids=["sync", "async"])
    def call(self, request: pytest.FixtureRequest) -> SyncAsyncCall:
        """Return the caller of the sync methods, then that of the async ones."""
        call: SyncAsyncCall = request.param
        return call

    # -- what is made of these

    def test_sync_removes_what_its_source_lost(
        self, store: VectorStore, embeddings: WordEmbeddings, call: SyncAsyncCall
    ) -> None:
        """And nothing of another source, not even of one that begins with the same letters."""
        docs = [
            Document(f"sea {page}", metadata={"source": source, "page": page})
            for source in ("a", "a/b.txt", "a/c/d.txt", "a2", "b/a")
            for page in (1, 2)
        ]
        assert add(call, store, docs) == (10, 0, 0)
        kept = [doc for doc in docs[:6] if doc.metadata["page"] == 1]
        new = Document("fish", metadata={"source": "a/e.txt"})
        assert sync(call, store, [*kept, new], "a") == (1, 0, 3, 3)
        left = {document_id(doc) for doc in search(call, store, "sea", k=100)}
        assert left == {document_id(doc) for doc in (*kept, new, *docs[6:])}
        assert sync(call, store, [], "a/e.txt") == (0, 0, 0, 1)
        assert sync(call, store, kept[1:], "./a") == (0, 0, len(kept) - 1, 1)

    def test_sync_refuses_documents_of_another_source(
        self, store: VectorStore, call: SyncAsyncCall
    ) -> None:
        """They would never be removed; and a source that is empty, which would remove all."""
        add(call, store)
        for source, doc in (("a", Document("x", metadata={"source": "b"})), ("a", Document("x"))):
            with pytest.raises(REFUSED):
                sync(call, store, [doc], source)
        for source in ("", "/", "./"):
            with pytest.raises(REFUSED):
                sync(call, store, [], source)
        assert len(search(call, store, "sea", k=100)) == len(some_documents())

    def test_many_questions_are_one_request(
        self, store: VectorStore, embeddings: WordEmbeddings, call: SyncAsyncCall
    ) -> None:
        """And are answered as one after another."""
        add(call, store)
        single = [search(call, store, text, k=2) for text in ("sea", "oven", "sea")]
        count = len(embeddings.requests)
        many = call.run(
            lambda: store.search_many(["sea", "oven", "sea"], k=2),
            lambda: store.asearch_many(["sea", "oven", "sea"], k=2),
        )
        assert [[doc.id for doc in docs] for docs in many] == [
            [doc.id for doc in docs] for docs in single
        ]
        assert len(embeddings.requests) == count + 1

    def test_a_retriever_searches(
        self, store: VectorStore, embeddings: WordEmbeddings, call: SyncAsyncCall
    ) -> None:
        """With its settings; a batch is one request; what is too far is left out."""
        add(call, store)
        retriever = store.as_retriever(k=1, filter={"year": 2021})
        assert [doc.id for doc in call.output(retriever, "sea salt")] == ["harbour"]
        count = len(embeddings.requests)
        found = call.outputs(retriever, ["fish", "oven", "flour"])
        assert [[doc.id for doc in docs] for docs in found] == [["harbour"], ["bread"], ["bread"]]
        assert len(embeddings.requests) == count + 1
        near = store.as_retriever(k=6, score_threshold=0.9)
        assert [doc.id for doc in call.output(near, "sea salt")] == ["sea"]
