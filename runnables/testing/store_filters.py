"""The tests of filters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from runnables.retrieval.documents import Document
from runnables.testing.require_pytest import pytest
from runnables.testing.store_calls import REFUSED, add, search

if TYPE_CHECKING:
    from runnables.retrieval.vector_store import VectorStore
    from runnables.testing.sync_async import SyncAsyncCall
    from runnables.testing.word_embeddings import WordEmbeddings


class FilterTests:
    """Tests of what filters mean, and which are refused."""

    supports_string_order: ClassVar[bool] = True
    """Whether filters compare strings by their order."""

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
        add(call, store, [*docs, far])
        assert search(call, store, "sea", k=1, filter={"n": -1}) == [far]
        assert search(call, store, "sea", k=1, filter={"n": -1}, mmr=0.5) == [far]

    def test_a_bad_filter_is_refused_before_anything_is_embedded(
        self, store: VectorStore, embeddings: WordEmbeddings, call: SyncAsyncCall
    ) -> None:
        """An operator that is not known, a group without parts, a value without an order."""
        bad: list[Any] = [
            *({"year": {"$gte ": 1}}, {"year": {"$regex": "a"}}, {"$xor": [{"a": 1}]}),
            *({"$or": []}, {"$or": {"a": 1}}, {"a": {}}, {}, {"a": {"$in": 5}}, {"a": {"b": 1}}),
            *({"a": {"$gt": None}}, {"a": {"$gt": True}}, {"a": object()}, {"a": {"$exists": 1}}),
            *({"a": "b\0c"}, {"a": "\ud800"}, {"a": {"$in": ["\0"]}}),
            *({"a": float("nan")}, {"a": [1]}, {1: 2}, "a", {"$gt": 5}, {"a": {"$nin": []}}),
        ]
        for filter in bad:
            with pytest.raises(REFUSED):
                search(call, store, "sea", filter=filter)
        assert embeddings.requests == []

    def _expect(
        self,
        call: SyncAsyncCall,
        store: VectorStore,
        table: Iterable[tuple[Mapping[str, Any], str]],
    ) -> None:
        """Compare what each filter finds with the ids that it should find."""
        add(call, store)
        for filter, ids in table:
            found = search(call, store, "sea", k=100, filter=filter)
            assert {doc.id for doc in found} == set(ids.split()), filter
