"""The suite that every store of documents passes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Final

from runnables.errors import ConfigError
from runnables.retrieval.documents import Document
from runnables.retrieval.stored_documents import document_id
from runnables.testing.require_pytest import pytest
from runnables.testing.sync_async import AsyncCall, SyncAsyncCall, SyncCall
from runnables.testing.word_embeddings import WordEmbeddings

if TYPE_CHECKING:
    from runnables.retrieval.vector_store import VectorStore

REFUSED: Final = (ConfigError, ValueError, TypeError)
"""What may be raised for input that is not valid."""


def some_documents() -> list[Document]:
    """Return the documents of the tests, with what filters look at."""
    return [
        Document(
            "sea salt", id="sea", metadata={"source": "water/sea", "year": 2019, "open": True}
        ),
        Document(
            "sea fish harbour",
            id="harbour",
            metadata={"source": "water/harbour", "year": 2021, "open": False, "depth": 2.5},
        ),
        Document(
            "bread oven flour",
            id="bread",
            metadata={"source": "food/bread", "year": 2021, "note": None},
        ),
        Document("bread salt", id="salt", metadata={"source": "food/salt", "year": 2023}),
        Document("fish", id="fish", metadata={"source": "food/fish", "year": "2021", "open": 1}),
        Document("music violin", id="violin"),
    ]


class VectorStoreTests:
    """Test suite that every store of documents passes. Subclass it, and write the fixture `store`.

    The fixture returns an empty store that embeds with the model of the fixture `embeddings`, which
    counts words, and notes its requests.

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

    supports_hybrid: ClassVar[bool] = False
    """Whether the store searches with `hybrid=True`; another one refuses it."""
    supports_string_order: ClassVar[bool] = True
    """Whether filters compare strings by their order."""

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

    # -- search

    def test_the_closest_is_first(self, store: VectorStore, call: SyncAsyncCall) -> None:
        """Documents come in the order of their cosines."""
        _add(call, store)
        found = _search(call, store, "sea fish harbour", k=3)
        assert [doc.id for doc in found] == ["harbour", "fish", "sea"]

    def test_a_score_is_the_cosine(self, store: VectorStore, call: SyncAsyncCall) -> None:
        """From 1, for the same direction, to 0, for nothing in common."""
        _add(call, store)
        found = _search(call, store, "sea sea", k=6)
        scores = {doc.id: doc.score for doc in found}
        assert scores["sea"] == pytest.approx(math.sqrt(1 / 2), abs=1e-5)
        assert scores["harbour"] == pytest.approx(math.sqrt(1 / 3), abs=1e-5)
        assert scores["violin"] == pytest.approx(0, abs=1e-5)

    def test_no_more_than_k_are_found(self, store: VectorStore, call: SyncAsyncCall) -> None:
        """And all there are, where there are fewer; four by default."""
        _add(call, store)
        assert len(_search(call, store, "sea", k=1)) == 1
        assert len(_search(call, store, "sea")) == 4
        assert len(_search(call, store, "sea", k=100)) == len(some_documents())

    def test_an_empty_store_finds_nothing(self, store: VectorStore, call: SyncAsyncCall) -> None:
        """It is no error."""
        assert _search(call, store, "sea") == []

    def test_a_vector_is_searched_as_its_string_is(
        self, store: VectorStore, embeddings: WordEmbeddings, call: SyncAsyncCall
    ) -> None:
        """It is not embedded."""
        _add(call, store)
        vector, by_string = embeddings.embed_query("fish"), _search(call, store, "fish")
        count = len(embeddings.requests)
        by_vector = _search(call, store, vector)
        assert [(doc.id, doc.score) for doc in by_vector] == [
            (doc.id, doc.score) for doc in by_string
        ]
        assert len(embeddings.requests) == count

    def test_a_document_comes_back_as_it_was(self, store: VectorStore, call: SyncAsyncCall) -> None:
        """With its id, its text in any script, and all that JSON can say as metadata."""
        metadata = {"a": [1, 2.5, {"b": None}], "c": {"d": True}, "ü": "车", "e f": ""}
        doc = Document("sea Grüße 车 😀\nline two", id="an id/1", metadata=metadata)
        _add(call, store, [doc])
        assert _search(call, store, "sea") == [doc]
        assert _get(call, store, ["an id/1"]) == [doc]

    def test_results_differ_with_mmr(self, store: VectorStore, call: SyncAsyncCall) -> None:
        """Of two that say the same, one is left out for another; not where relevance is all."""
        texts = {"one": "sea salt", "same": "salt sea", "other": "sea fish fish", "no": "violin"}
        _add(call, store, [Document(text, id=id) for id, text in texts.items()])
        plain = {doc.id for doc in _search(call, store, "sea sea salt", k=2)}
        assert plain == {"one", "same"}
        diverse = [doc.id for doc in _search(call, store, "sea sea salt", k=2, mmr=0.5)]
        assert "other" in diverse
        assert {doc.id for doc in _search(call, store, "sea sea salt", k=2, mmr=1)} == plain

    def test_words_count_in_a_hybrid_search(self, store: VectorStore, call: SyncAsyncCall) -> None:
        """A rare word decides, the score stays the cosine; a store that cannot refuses it."""
        docs = [Document(f"{'sea' if n % 2 else 'bread'} {n}", id=str(n)) for n in range(40)]
        _add(call, store, [*docs, Document("oven flour code F28", id="code")])
        if not self.supports_hybrid:
            with pytest.raises(REFUSED):
                _search(call, store, "sea f28", k=1, hybrid=True)
            return
        assert _search(call, store, "sea f28", k=1)[0].id != "code"
        best = _search(call, store, "sea f28", k=1, hybrid=True)[0]
        assert best.id == "code"
        every = {doc.id: doc.score for doc in _search(call, store, "sea f28", k=50)}
        assert best.score == pytest.approx(every["code"], abs=1e-5)

    def test_bad_numbers_are_refused(
        self, store: VectorStore, embeddings: WordEmbeddings, call: SyncAsyncCall
    ) -> None:
        """Before anything is embedded."""
        bad: list[dict[str, Any]] = [{"k": 0}, {"k": -1}, {"k": 1.5}, {"mmr": 2}, {"mmr": "a"}]
        for options in bad:
            with pytest.raises(REFUSED):
                _search(call, store, "sea", **options)
        with pytest.raises(REFUSED):
            _add(call, store, max_batch_size=0)
        assert embeddings.requests == []

    def test_a_vector_of_another_length_is_refused(
        self, store: VectorStore, call: SyncAsyncCall
    ) -> None:
        """It cannot be compared."""
        _add(call, store)
        with pytest.raises(Exception, match=r"(?i)3|dim|length|size|shape"):
            _search(call, store, [1.0, 0.0, 0.0])

    # -- add

    def test_adding_again_changes_nothing_and_embeds_nothing(
        self, store: VectorStore, embeddings: WordEmbeddings, call: SyncAsyncCall
    ) -> None:
        """Each document is there once, also those without an id."""
        docs = [*some_documents(), Document("sea fish", metadata={"a": 1, "b": 2})]
        again = [*some_documents(), Document("sea fish", metadata={"b": 2, "a": 1})]
        assert _add(call, store, docs) == (7, 0, 0)
        count = len(embeddings.requests)
        assert _add(call, store, again) == (0, 0, 7)
        assert len(embeddings.requests) == count
        assert len(_search(call, store, "sea", k=100)) == 7

    def test_a_document_without_an_id_has_one_of_its_content(
        self, store: VectorStore, call: SyncAsyncCall
    ) -> None:
        """Text and metadata; so other metadata make another document."""
        docs = [Document("sea", metadata={"page": page}) for page in (1, 2)]
        _add(call, store, docs)
        found = _search(call, store, "sea")
        assert {doc.id for doc in found} == {document_id(doc) for doc in docs}

    def test_the_documents_of_the_caller_stay_as_they_are(
        self, store: VectorStore, call: SyncAsyncCall
    ) -> None:
        """They get neither ids nor scores; and their later changes do not reach the store."""
        doc = Document("sea", metadata={"tags": ["a"]})
        _add(call, store, [doc])
        _search(call, store, "sea")
        assert doc.id is None and doc.score is None and doc.metadata == {"tags": ["a"]}
        doc.metadata["tags"].append("b")
        assert _search(call, store, "sea")[0].metadata == {"tags": ["a"]}

    def test_a_document_that_was_found_may_be_changed(
        self, store: VectorStore, call: SyncAsyncCall
    ) -> None:
        """The next search returns it as it was stored."""
        _add(call, store)
        first = _search(call, store, "sea", k=1)[0]
        first.metadata["year"] = 1
        first.page_content = "changed"
        assert _search(call, store, "sea", k=1)[0] == some_documents()[0]
        _get(call, store, ["sea"])[0].metadata["year"] = 1
        assert _get(call, store, ["sea"]) == [some_documents()[0]]

    def test_another_text_is_found_by_its_own_meaning(
        self, store: VectorStore, embeddings: WordEmbeddings, call: SyncAsyncCall
    ) -> None:
        """Under the id that it had; the old one is gone."""
        _add(call, store)
        count = len(embeddings.requests)
        assert _add(call, store, [Document("oven oven", id="sea")]) == (0, 1, 0)
        assert embeddings.requests[count:] == [["oven oven"]]
        best = _search(call, store, "oven", k=1)[0]
        assert (best.id, best.page_content) == ("sea", "oven oven")
        assert best.score == pytest.approx(1, abs=1e-5)
        assert len(_search(call, store, "oven", k=100)) == len(some_documents())

    def test_other_metadata_are_stored_and_not_embedded(
        self, store: VectorStore, embeddings: WordEmbeddings, call: SyncAsyncCall
    ) -> None:
        """The vector stays, filters see the new ones."""
        _add(call, store)
        count = len(embeddings.requests)
        new = Document("sea salt", id="sea", metadata={"year": 1900})
        assert _add(call, store, [new]) == (0, 1, 0)
        assert len(embeddings.requests) == count
        assert _search(call, store, "sea", filter={"year": 1900}) == [new]
        assert _search(call, store, "sea", filter={"year": 2019}) == []

    def test_of_equal_ids_the_last_one_counts(
        self, store: VectorStore, call: SyncAsyncCall
    ) -> None:
        """Within one call, too; it is one document."""
        docs = [Document("sea", id="a"), Document("bread", id="b"), Document("oven", id="a")]
        assert _add(call, store, docs) == (2, 0, 0)
        assert [doc.page_content for doc in _get(call, store, ["a"])] == ["oven"]

    def test_a_request_has_no_more_texts_than_allowed(
        self, store: VectorStore, embeddings: WordEmbeddings, call: SyncAsyncCall
    ) -> None:
        """And is as large as it may be."""
        docs = [Document(f"sea {number}") for number in range(10)]
        assert _add(call, store, docs, max_batch_size=4) == (10, 0, 0)
        assert [len(texts) for texts in embeddings.requests] == [4, 4, 2]

    def test_what_was_stored_before_an_error_stays(
        self, store: VectorStore, embeddings: WordEmbeddings, call: SyncAsyncCall
    ) -> None:
        """The same call goes on from there, and embeds only what is left."""
        docs = [Document(f"sea {number}", id=str(number)) for number in range(10)]
        embeddings.fails_on = "5"
        with pytest.raises(RuntimeError, match="'5'"):
            _add(call, store, docs, max_batch_size=2)
        assert len(_get(call, store, [str(number) for number in range(10)])) == 4
        embeddings.fails_on = None
        count = len(embeddings.requests)
        assert _add(call, store, docs, max_batch_size=2) == (6, 0, 4)
        embedded = [text for texts in embeddings.requests[count:] for text in texts]
        assert sorted(embedded) == [f"sea {number}" for number in range(4, 10)]

    def test_bad_documents_are_refused_before_the_first_is_embedded(
        self, store: VectorStore, embeddings: WordEmbeddings, call: SyncAsyncCall
    ) -> None:
        """What is no JSON, no text, no document; nothing is stored."""
        bad: list[Any] = [
            *({"a": object()}, {"a": float("nan")}, {"a": {1: 2}}, {"a": (1, 2)}, {"a": b"x"}),
            {"a": "\ud800"},
        ]
        docs: list[Any] = [Document("sea", metadata=metadata) for metadata in bad]
        docs += [Document("\ud800"), Document("sea", id=""), "sea", None]
        for doc in docs:
            with pytest.raises(REFUSED):
                _add(call, store, [Document("bread"), doc])
        with pytest.raises(REFUSED):
            call.run(lambda: store.add("sea"), lambda: store.aadd("sea"))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - that is the test
        assert embeddings.requests == []
        assert _search(call, store, "bread") == []

    # -- get and delete

    def test_get_returns_what_is_there_in_order(
        self, store: VectorStore, call: SyncAsyncCall
    ) -> None:
        """What is not there is left out; a string is no list of ids."""
        _add(call, store)
        found = _get(call, store, ["salt", "nothing", "sea"])
        assert found == [some_documents()[3], some_documents()[0]]
        assert [doc.score for doc in found] == [None, None]
        with pytest.raises(REFUSED):
            call.run(lambda: store.get("salt"), lambda: store.aget("salt"))

    def test_delete_removes_ids_and_counts_them(
        self, store: VectorStore, call: SyncAsyncCall
    ) -> None:
        """Those that are not there count for nothing, and no ids remove nothing."""
        _add(call, store)
        assert _delete(call, store, ids=["sea", "nothing", "fish"]) == 2
        assert _delete(call, store, ids=["sea"]) == 0
        assert _delete(call, store, ids=[]) == 0
        left = {doc.id for doc in _search(call, store, "sea", k=100)}
        assert left == {"harbour", "bread", "salt", "violin"}
        assert _get(call, store, ["sea", "fish"]) == []
        with pytest.raises(REFUSED):
            call.run(lambda: store.delete("bread"), lambda: store.adelete("bread"))

    def test_delete_removes_what_a_filter_says(
        self, store: VectorStore, call: SyncAsyncCall
    ) -> None:
        """With ids and a filter, what fulfils both."""
        _add(call, store)
        assert _delete(call, store, filter={"year": 2021}) == 2
        assert _delete(call, store, ids=["sea", "salt"], filter={"year": {"$gt": 2020}}) == 1
        left = {doc.id for doc in _search(call, store, "sea", k=100)}
        assert left == {"sea", "fish", "violin"}

    def test_delete_of_everything_is_refused(self, store: VectorStore, call: SyncAsyncCall) -> None:
        """Neither ids nor a filter, or one that says nothing; all documents are there still."""
        _add(call, store)
        nothing: list[Any] = [{}, {"a": {}}, {"$and": []}, {"$or": [{}]}, {"$not": {}}, []]
        nothing.append({"a": {"$nin": []}})
        with pytest.raises(REFUSED):
            _delete(call, store)
        for filter in nothing:
            with pytest.raises(REFUSED):
                _delete(call, store, filter=filter)
        assert len(_search(call, store, "sea", k=100)) == len(some_documents())

    def test_what_was_deleted_can_be_added_again(
        self, store: VectorStore, call: SyncAsyncCall
    ) -> None:
        """And is found again."""
        _add(call, store)
        _delete(call, store, ids=["sea"])
        assert _add(call, store) == (1, 0, 5)
        assert _search(call, store, "sea salt", k=1)[0].id == "sea"

    # -- filters

    def test_a_filter_compares_values(self, store: VectorStore, call: SyncAsyncCall) -> None:
        """A plain value is one that is equal; all keys must fit."""
        self._expect(
            call,
            store,
            [
                ({"year": 2021}, "harbour bread"),
                ({"year": {"$eq": 2021}}, "harbour bread"),
                ({"year": {"$ne": 2021}}, "sea salt fish violin"),
                ({"source": "food/salt"}, "salt"),
                ({"source": "food"}, ""),
                ({"year": 2021, "depth": 2.5}, "harbour"),
                ({"nothing": 1}, ""),
            ],
        )

    def test_a_filter_compares_by_order(self, store: VectorStore, call: SyncAsyncCall) -> None:
        """Numbers with numbers; what lacks the key does not fit."""
        table: list[tuple[Mapping[str, Any], str]] = [
            ({"year": {"$gt": 2021}}, "salt"),
            ({"year": {"$gte": 2021}}, "harbour bread salt"),
            ({"year": {"$lt": 2021}}, "sea"),
            ({"year": {"$lte": 2021}}, "sea harbour bread"),
            ({"year": {"$gt": 2019, "$lt": 2023}}, "harbour bread"),
            ({"depth": {"$gte": 2}}, "harbour"),
            ({"year": {"$gt": 2020.5}}, "harbour bread salt"),
        ]
        if self.supports_string_order:
            table.append(({"source": {"$gte": "food/", "$lt": "food0"}}, "bread salt fish"))
        self._expect(call, store, table)

    def test_a_filter_compares_with_lists(self, store: VectorStore, call: SyncAsyncCall) -> None:
        """One of them, or none; an empty list has nothing that is equal."""
        self._expect(
            call,
            store,
            [
                ({"year": {"$in": [2019, 2023, "2021"]}}, "sea salt fish"),
                ({"year": {"$nin": [2019, 2021]}}, "salt fish violin"),
                ({"source": {"$in": ["food/fish", "x"]}}, "fish"),
                ({"year": {"$in": []}}, ""),
            ],
        )

    def test_a_filter_has_groups(self, store: VectorStore, call: SyncAsyncCall) -> None:
        """All, one, or not, within each other."""
        self._expect(
            call,
            store,
            [
                ({"$and": [{"year": 2021}, {"depth": {"$exists": True}}]}, "harbour"),
                ({"$or": [{"year": 2019}, {"source": "food/salt"}]}, "sea salt"),
                ({"$not": {"year": 2021}}, "sea salt fish violin"),
                ({"year": {"$not": {"$gte": 2021}}}, "sea fish violin"),
                ({"$or": [{"year": 2019}, {"$not": {"year": {"$exists": True}}}]}, "sea violin"),
                ({"$or": [{"year": 2019}, {"year": 2021}], "open": False}, "harbour"),
            ],
        )

    def test_a_filter_asks_whether_a_key_is_there(
        self, store: VectorStore, call: SyncAsyncCall
    ) -> None:
        """Null is there, and equals None."""
        self._expect(
            call,
            store,
            [
                ({"note": {"$exists": True}}, "bread"),
                ({"note": None}, "bread"),
                ({"open": {"$exists": False}}, "bread salt violin"),
                ({"note": {"$ne": None}}, "sea harbour salt fish violin"),
            ],
        )

    def test_a_filter_keeps_types_apart(self, store: VectorStore, call: SyncAsyncCall) -> None:
        """True is not 1, and "2021" is not 2021."""
        self._expect(
            call,
            store,
            [
                ({"open": True}, "sea"),
                ({"open": 1}, "fish"),
                ({"open": False}, "harbour"),
                ({"year": "2021"}, "fish"),
                ({"open": {"$in": [True]}}, "sea"),
                ({"year": {"$gt": 0}}, "sea harbour bread salt"),
            ],
        )

    def test_a_filter_comes_before_k(self, store: VectorStore, call: SyncAsyncCall) -> None:
        """The best of those that fit are found, however many others are closer."""
        docs = [Document("sea", id=f"sea {number}", metadata={"n": number}) for number in range(50)]
        far = Document("sea bread oven flour", id="far", metadata={"n": -1})
        _add(call, store, [*docs, far])
        assert _search(call, store, "sea", k=1, filter={"n": -1}) == [far]
        assert _search(call, store, "sea", k=1, filter={"n": -1}, mmr=0.5) == [far]

    def test_a_bad_filter_is_refused_before_anything_is_embedded(
        self, store: VectorStore, embeddings: WordEmbeddings, call: SyncAsyncCall
    ) -> None:
        """An operator that is not known, a group without parts, a value without an order."""
        bad: list[Any] = [
            *({"year": {"$gte ": 1}}, {"year": {"$regex": "a"}}, {"$xor": [{"a": 1}]}),
            *({"$or": []}, {"$or": {"a": 1}}, {"a": {}}, {}, {"a": {"$in": 5}}, {"a": {"b": 1}}),
            *({"a": {"$gt": None}}, {"a": {"$gt": True}}, {"a": object()}, {"a": {"$exists": 1}}),
            *({"a": float("nan")}, {"a": [1]}, {1: 2}, "a", {"$gt": 5}, {"a": {"$nin": []}}),
        ]
        for filter in bad:
            with pytest.raises(REFUSED):
                _search(call, store, "sea", filter=filter)
        assert embeddings.requests == []

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
        assert _add(call, store, docs) == (10, 0, 0)
        kept = [doc for doc in docs[:6] if doc.metadata["page"] == 1]
        new = Document("fish", metadata={"source": "a/e.txt"})
        assert _sync(call, store, [*kept, new], "a") == (1, 0, 3, 3)
        left = {document_id(doc) for doc in _search(call, store, "sea", k=100)}
        assert left == {document_id(doc) for doc in (*kept, new, *docs[6:])}
        assert _sync(call, store, [], "a/e.txt") == (0, 0, 0, 1)

    def test_sync_refuses_documents_of_another_source(
        self, store: VectorStore, call: SyncAsyncCall
    ) -> None:
        """They would never be removed; and a source that is empty, which would remove all."""
        _add(call, store)
        for source, doc in (("a", Document("x", metadata={"source": "b"})), ("a", Document("x"))):
            with pytest.raises(REFUSED):
                _sync(call, store, [doc], source)
        for source in ("", "/"):
            with pytest.raises(REFUSED):
                _sync(call, store, [], source)
        assert len(_search(call, store, "sea", k=100)) == len(some_documents())

    def test_many_questions_are_one_request(
        self, store: VectorStore, embeddings: WordEmbeddings, call: SyncAsyncCall
    ) -> None:
        """And are answered as one after another."""
        _add(call, store)
        single = [_search(call, store, text, k=2) for text in ("sea", "oven", "sea")]
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
        _add(call, store)
        retriever = store.as_retriever(k=1, filter={"year": 2021})
        assert [doc.id for doc in call.output(retriever, "sea salt")] == ["harbour"]
        count = len(embeddings.requests)
        found = call.outputs(retriever, ["fish", "oven", "flour"])
        assert [[doc.id for doc in docs] for docs in found] == [["harbour"], ["bread"], ["bread"]]
        assert len(embeddings.requests) == count + 1
        near = store.as_retriever(k=6, score_threshold=0.9)
        assert [doc.id for doc in call.output(near, "sea salt")] == ["sea"]

    def _expect(
        self,
        call: SyncAsyncCall,
        store: VectorStore,
        table: Iterable[tuple[Mapping[str, Any], str]],
    ) -> None:
        """Compare what each filter finds with the ids that it should find."""
        _add(call, store)
        for filter, ids in table:
            found = _search(call, store, "sea", k=100, filter=filter)
            assert {doc.id for doc in found} == set(ids.split()), filter


def _add(
    call: SyncAsyncCall,
    store: VectorStore,
    docs: Iterable[Any] | None = None,
    **options: Any,
) -> tuple[int, int, int]:
    given = some_documents() if docs is None else list(docs)
    return call.run(lambda: store.add(given, **options), lambda: store.aadd(given, **options))


def _search(call: SyncAsyncCall, store: VectorStore, query: Any, **options: Any) -> list[Document]:
    return call.run(lambda: store.search(query, **options), lambda: store.asearch(query, **options))


def _get(call: SyncAsyncCall, store: VectorStore, ids: list[str]) -> list[Document]:
    return call.run(lambda: store.get(ids), lambda: store.aget(ids))


def _delete(call: SyncAsyncCall, store: VectorStore, **options: Any) -> int:
    return call.run(lambda: store.delete(**options), lambda: store.adelete(**options))


def _sync(
    call: SyncAsyncCall, store: VectorStore, docs: list[Document], source: str
) -> tuple[int, int, int, int]:
    return call.run(lambda: store.sync(docs, source), lambda: store.async_sync(docs, source))
