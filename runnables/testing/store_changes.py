"""The tests of what changes a store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnables.retrieval.documents import Document
from runnables.retrieval.stored_documents import document_id
from runnables.testing.require_pytest import pytest
from runnables.testing.store_calls import REFUSED, add, delete, get, search, some_documents

if TYPE_CHECKING:
    from runnables.retrieval.vector_store import VectorStore
    from runnables.testing.sync_async import SyncAsyncCall
    from runnables.testing.word_embeddings import WordEmbeddings


class ChangeTests:
    """Tests of `add`, `get` and `delete`."""

    def test_adding_again_changes_nothing_and_embeds_nothing(
        self, store: VectorStore, embeddings: WordEmbeddings, call: SyncAsyncCall
    ) -> None:
        """Each document is there once, also those without an id."""
        docs = [*some_documents(), Document("sea fish", metadata={"a": 1, "b": 2})]
        again = [*some_documents(), Document("sea fish", metadata={"b": 2, "a": 1})]
        assert add(call, store, docs) == (7, 0, 0)
        count = len(embeddings.requests)
        assert add(call, store, again) == (0, 0, 7)
        assert len(embeddings.requests) == count
        assert len(search(call, store, "sea", k=100)) == 7

    def test_a_document_without_an_id_has_one_of_its_content(
        self, store: VectorStore, call: SyncAsyncCall
    ) -> None:
        """Text and metadata; so other metadata make another document."""
        docs = [Document("sea", metadata={"page": page}) for page in (1, 2)]
        add(call, store, docs)
        found = search(call, store, "sea")
        assert {doc.id for doc in found} == {document_id(doc) for doc in docs}

    def test_the_documents_of_the_caller_stay_as_they_are(
        self, store: VectorStore, call: SyncAsyncCall
    ) -> None:
        """They get neither ids nor scores; and their later changes do not reach the store."""
        doc = Document("sea", metadata={"tags": ["a"]})
        add(call, store, [doc])
        search(call, store, "sea")
        assert doc.id is None and doc.score is None and doc.metadata == {"tags": ["a"]}
        doc.metadata["tags"].append("b")
        assert search(call, store, "sea")[0].metadata == {"tags": ["a"]}

    def test_a_document_that_was_found_may_be_changed(
        self, store: VectorStore, call: SyncAsyncCall
    ) -> None:
        """The next search returns it as it was stored."""
        add(call, store)
        first = search(call, store, "sea", k=1)[0]
        first.metadata["year"] = 1
        first.page_content = "changed"
        assert search(call, store, "sea", k=1)[0] == some_documents()[0]
        get(call, store, ["sea"])[0].metadata["year"] = 1
        assert get(call, store, ["sea"]) == [some_documents()[0]]

    def test_another_text_is_found_by_its_own_meaning(
        self, store: VectorStore, embeddings: WordEmbeddings, call: SyncAsyncCall
    ) -> None:
        """Under the id that it had; the old one is gone."""
        add(call, store)
        count = len(embeddings.requests)
        assert add(call, store, [Document("oven oven", id="sea")]) == (0, 1, 0)
        assert embeddings.requests[count:] == [["oven oven"]]
        best = search(call, store, "oven", k=1)[0]
        assert (best.id, best.page_content) == ("sea", "oven oven")
        assert best.score == pytest.approx(1, abs=1e-5)
        assert len(search(call, store, "oven", k=100)) == len(some_documents())

    def test_other_metadata_are_stored_and_not_embedded(
        self, store: VectorStore, embeddings: WordEmbeddings, call: SyncAsyncCall
    ) -> None:
        """The vector stays, filters see the new ones."""
        add(call, store)
        count = len(embeddings.requests)
        new = Document("sea salt", id="sea", metadata={"year": 1900})
        assert add(call, store, [new]) == (0, 1, 0)
        assert len(embeddings.requests) == count
        assert search(call, store, "sea", filter={"year": 1900}) == [new]
        assert search(call, store, "sea", filter={"year": 2019}) == []

    def test_of_equal_ids_the_last_one_counts(
        self, store: VectorStore, call: SyncAsyncCall
    ) -> None:
        """Within one call, too; it is one document."""
        docs = [Document("sea", id="a"), Document("bread", id="b"), Document("oven", id="a")]
        assert add(call, store, docs) == (2, 0, 0)
        assert [doc.page_content for doc in get(call, store, ["a"])] == ["oven"]

    def test_a_request_has_no_more_strings_than_allowed(
        self, store: VectorStore, embeddings: WordEmbeddings, call: SyncAsyncCall
    ) -> None:
        """And is as large as it may be."""
        docs = [Document(f"sea {number}") for number in range(10)]
        assert add(call, store, docs, max_batch_size=4) == (10, 0, 0)
        assert [len(strings) for strings in embeddings.requests] == [4, 4, 2]

    def test_what_was_stored_before_an_error_stays(
        self, store: VectorStore, embeddings: WordEmbeddings, call: SyncAsyncCall
    ) -> None:
        """The same call goes on from there, and embeds only what is left."""
        docs = [Document(f"sea {number}", id=str(number)) for number in range(10)]
        embeddings.fails_on = "5"
        with pytest.raises(RuntimeError, match="'5'"):
            add(call, store, docs, max_batch_size=2)
        assert len(get(call, store, [str(number) for number in range(10)])) == 4
        embeddings.fails_on = None
        count = len(embeddings.requests)
        assert add(call, store, docs, max_batch_size=2) == (6, 0, 4)
        embedded = [text for strings in embeddings.requests[count:] for text in strings]
        assert sorted(embedded) == [f"sea {number}" for number in range(4, 10)]

    def test_bad_documents_are_refused_before_the_first_is_embedded(
        self, store: VectorStore, embeddings: WordEmbeddings, call: SyncAsyncCall
    ) -> None:
        """What is no JSON, no text, no document; nothing is stored."""
        bad: list[Any] = [
            *({"a": object()}, {"a": float("nan")}, {"a": {1: 2}}, {"a": (1, 2)}, {"a": b"x"}),
            *({"a": "\ud800"}, {"a": "b\0c"}, {"a": [{"b": "\0"}]}),
        ]
        docs: list[Any] = [Document("sea", metadata=metadata) for metadata in bad]
        docs += [Document("\ud800"), Document("sea", id=""), "sea", None]
        for doc in docs:
            with pytest.raises(REFUSED):
                add(call, store, [Document("bread"), doc])
        with pytest.raises(REFUSED):
            call.run(lambda: store.add("sea"), lambda: store.aadd("sea"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - that is the test
        assert embeddings.requests == []
        assert search(call, store, "bread") == []

    def test_get_returns_what_is_there_in_order(
        self, store: VectorStore, call: SyncAsyncCall
    ) -> None:
        """What is not there is left out; a string is no list of ids."""
        add(call, store)
        found = get(call, store, ["salt", "nothing", "\ud800", "sea"])
        assert found == [some_documents()[3], some_documents()[0]]
        assert [doc.score for doc in found] == [None, None]
        with pytest.raises(REFUSED):
            call.run(lambda: store.get("salt"), lambda: store.aget("salt"))

    def test_delete_removes_ids_and_counts_them(
        self, store: VectorStore, call: SyncAsyncCall
    ) -> None:
        """Those that are not there count for nothing, and no ids remove nothing."""
        add(call, store)
        assert delete(call, store, ids=["sea", "nothing", "\ud800", "fish"]) == 2
        assert delete(call, store, ids=["sea"]) == 0
        assert delete(call, store, ids=[]) == 0
        left = {doc.id for doc in search(call, store, "sea", k=100)}
        assert left == {"harbour", "bread", "salt", "violin"}
        assert get(call, store, ["sea", "fish"]) == []
        with pytest.raises(REFUSED):
            call.run(lambda: store.delete("bread"), lambda: store.adelete("bread"))

    def test_delete_removes_what_a_filter_says(
        self, store: VectorStore, call: SyncAsyncCall
    ) -> None:
        """With ids and a filter, what fulfils both."""
        add(call, store)
        assert delete(call, store, filter={"year": 2021}) == 2
        assert delete(call, store, ids=["sea", "salt"], filter={"year": {"$gt": 2020}}) == 1
        left = {doc.id for doc in search(call, store, "sea", k=100)}
        assert left == {"sea", "fish", "violin"}

    def test_delete_of_everything_is_refused(self, store: VectorStore, call: SyncAsyncCall) -> None:
        """Neither ids nor a filter, or one that says nothing; all documents are there still."""
        add(call, store)
        nothing: list[Any] = [{}, {"a": {}}, {"$and": []}, {"$or": [{}]}, {"$not": {}}, []]
        nothing.append({"a": {"$nin": []}})
        with pytest.raises(REFUSED):
            delete(call, store)
        for filter in nothing:
            with pytest.raises(REFUSED):
                delete(call, store, filter=filter)
        assert len(search(call, store, "sea", k=100)) == len(some_documents())

    def test_what_was_deleted_can_be_added_again(
        self, store: VectorStore, call: SyncAsyncCall
    ) -> None:
        """And is found again."""
        add(call, store)
        delete(call, store, ids=["sea"])
        assert add(call, store) == (1, 0, 5)
        assert search(call, store, "sea salt", k=1)[0].id == "sea"
