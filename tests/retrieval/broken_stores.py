"""Stores with one defect each, and the test of the suite that is about it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from typing import Any

from runnables import Added, ConfigError, Document, InMemoryVectorStore, Synced, document_id
from runnables.retrieval.filters import Filter
from runnables.retrieval.vector_store import Query, VectorStore

BROKEN: list[tuple[type[InMemoryVectorStore], str]] = []
"""Each broken store, with the name of the test that has to catch it."""


def caught_by(test: str) -> Callable[[type[Any]], type[Any]]:
    """Register a store with the test that is about its defect."""

    def register(cls: type[Any]) -> type[Any]:
        BROKEN.append((cls, test))
        return cls

    return register


class _Found(InMemoryVectorStore):
    """A store whose `_change` spoils what was found."""

    def search(self, query: Query, k: int = 4, **options: Any) -> list[Document]:  # type: ignore[override]
        return self._change(super().search(query, k, **options))

    def _change(self, found: list[Document]) -> list[Document]:
        return found


# -- search


@caught_by("test_the_closest_is_first")
class Reversed(_Found):
    def _change(self, found: list[Document]) -> list[Document]:
        return found[::-1]


@caught_by("test_a_score_is_the_cosine")
class Distance(_Found):
    def _change(self, found: list[Document]) -> list[Document]:
        for doc in found:
            doc.score = 1 - (doc.score or 0)
        return found


@caught_by("test_a_score_is_the_cosine")
class NoScore(_Found):
    def _change(self, found: list[Document]) -> list[Document]:
        for doc in found:
            doc.score = None
        return found


@caught_by("test_no_more_than_k_are_found")
class IgnoresK(InMemoryVectorStore):
    def search(self, query: Query, k: int = 4, **options: Any) -> list[Document]:  # type: ignore[override]
        return super().search(query, 100, **options)


@caught_by("test_an_empty_store_finds_nothing")
class FailsWhenEmpty(_Found):
    def _change(self, found: list[Document]) -> list[Document]:
        return [found[0], *found[1:]]


@caught_by("test_a_vector_is_searched_as_its_string_is")
class EmbedsVectors(InMemoryVectorStore):
    def search(self, query: Query, k: int = 4, **options: Any) -> list[Document]:  # type: ignore[override]
        text = query if isinstance(query, str) else "fish"
        return super().search(text, k, **options)


@caught_by("test_a_document_comes_back_as_it_was")
class LosesNesting(InMemoryVectorStore):
    def add(self, docs: Iterable[Document], max_batch_size: int = 64) -> Added:
        flat = [doc.model_copy(update={"metadata": _flat(doc.metadata)}) for doc in docs]
        return super().add(flat, max_batch_size)


def _flat(metadata: dict[str, Any]) -> dict[str, Any]:
    return {key: str(value) for key, value in metadata.items()}


@caught_by("test_results_differ_with_mmr")
class IgnoresMmr(InMemoryVectorStore):
    def search(  # type: ignore[override]
        self, query: Query, k: int = 4, mmr: float | None = None, **options: Any
    ) -> list[Document]:
        return super().search(query, k, **options)


@caught_by("test_words_count_in_a_hybrid_search")
class IgnoresHybrid(InMemoryVectorStore):
    def search(  # type: ignore[override]
        self, query: Query, k: int = 4, hybrid: bool = False, **options: Any
    ) -> list[Document]:
        return super().search(query, k, **options)


@caught_by("test_bad_numbers_are_refused")
class TakesAnyK(InMemoryVectorStore):
    def search(self, query: Query, k: Any = 4, **options: Any) -> list[Document]:  # type: ignore[override]
        return super().search(query, max(1, round(k)), **options)


@caught_by("test_bad_numbers_are_refused")
class ChecksTooLate(InMemoryVectorStore):
    def search(self, query: Query, k: int = 4, **options: Any) -> list[Document]:  # type: ignore[override]
        vector = self.embeddings.embed_query(query) if isinstance(query, str) else query
        return super().search(vector, k, **options)


@caught_by("test_a_vector_of_another_length_is_refused")
class CutsVectors(InMemoryVectorStore):
    def search(self, query: Query, k: int = 4, **options: Any) -> list[Document]:  # type: ignore[override]
        if not isinstance(query, str):
            query = [*query, *[0.0] * 25][:25]
        return super().search(query, k, **options)


# -- add


@caught_by("test_adding_again_changes_nothing_and_embeds_nothing")
class EmbedsAgain(InMemoryVectorStore):
    def add(self, docs: Iterable[Document], max_batch_size: int = 64) -> Added:
        docs = list(docs)
        self.embeddings.embed_documents([doc.page_content for doc in docs])
        return super().add(docs, max_batch_size)


@caught_by("test_adding_again_changes_nothing_and_embeds_nothing")
class Doubles(InMemoryVectorStore):
    def add(self, docs: Iterable[Document], max_batch_size: int = 64) -> Added:
        new = [doc.model_copy(update={"id": str(random.random())}) for doc in docs]
        return super().add(new, max_batch_size)


@caught_by("test_a_document_without_an_id_has_one_of_its_content")
class IdOfTextAlone(InMemoryVectorStore):
    def add(self, docs: Iterable[Document], max_batch_size: int = 64) -> Added:
        new = [doc.model_copy(update={"id": doc.id or doc.page_content}) for doc in docs]
        return super().add(new, max_batch_size)


@caught_by("test_the_documents_of_the_caller_stay_as_they_are")
class SetsIds(InMemoryVectorStore):
    def add(self, docs: Iterable[Document], max_batch_size: int = 64) -> Added:
        docs = list(docs)
        for doc in docs:
            doc.id = document_id(doc)
        return super().add(docs, max_batch_size)


class _Keeps(InMemoryVectorStore):
    """A store that hands out the same objects again and again."""

    def __init__(self, embeddings: Any) -> None:
        super().__init__(embeddings)
        self._kept: dict[str, Document] = {}

    def search(self, query: Query, k: int = 4, **options: Any) -> list[Document]:  # type: ignore[override]
        found = super().search(query, k, **options)
        return [self._kept.setdefault(str(doc.id), doc) for doc in found]


@caught_by("test_a_document_that_was_found_may_be_changed")
class SharesDocuments(_Keeps):
    pass


@caught_by("test_another_text_is_found_by_its_own_meaning")
class KeepsTheOldVector(InMemoryVectorStore):
    def search(self, query: Query, k: int = 4, **options: Any) -> list[Document]:  # type: ignore[override]
        found = super().search(query, 100, **options)
        return sorted(found, key=lambda doc: doc.id == "sea")[:k]


@caught_by("test_another_text_is_found_by_its_own_meaning")
class NeverUpdates(InMemoryVectorStore):
    def add(self, docs: Iterable[Document], max_batch_size: int = 64) -> Added:
        docs = list(docs)
        known = {doc.id for doc in self.get([document_id(doc) for doc in docs])}
        new = [doc for doc in docs if document_id(doc) not in known]
        return super().add(new, max_batch_size)


@caught_by("test_other_metadata_are_stored_and_not_embedded")
class EmbedsForMetadata(InMemoryVectorStore):
    def add(self, docs: Iterable[Document], max_batch_size: int = 64) -> Added:
        done = super().add(docs, max_batch_size)
        if done.updated:
            self.embeddings.embed_documents(["sea salt"])
        return done


@caught_by("test_other_metadata_are_stored_and_not_embedded")
class ForgetsMetadata(InMemoryVectorStore):
    def add(self, docs: Iterable[Document], max_batch_size: int = 64) -> Added:
        docs = list(docs)
        old = {doc.id: doc for doc in self.get([document_id(doc) for doc in docs])}
        same = [
            old[doc.id] if doc.id in old and old[doc.id].page_content == doc.page_content else doc
            for doc in docs
        ]
        return super().add(same, max_batch_size)


@caught_by("test_of_equal_ids_the_last_one_counts")
class FirstIdCounts(InMemoryVectorStore):
    def add(self, docs: Iterable[Document], max_batch_size: int = 64) -> Added:
        return super().add(list(docs)[::-1], max_batch_size)


@caught_by("test_a_request_has_no_more_strings_than_allowed")
class OneRequestForAll(InMemoryVectorStore):
    def add(self, docs: Iterable[Document], max_batch_size: int = 64) -> Added:
        return super().add(docs, 1000)


@caught_by("test_a_request_has_no_more_strings_than_allowed")
class OneRequestEach(InMemoryVectorStore):
    def add(self, docs: Iterable[Document], max_batch_size: int = 64) -> Added:
        return super().add(docs, 1)


@caught_by("test_what_was_stored_before_an_error_stays")
class AllOrNothing(InMemoryVectorStore):
    def add(self, docs: Iterable[Document], max_batch_size: int = 64) -> Added:
        docs = list(docs)
        try:
            return super().add(docs, max_batch_size)
        except RuntimeError:
            self.delete(ids=[document_id(doc) for doc in docs])
            raise


@caught_by("test_bad_documents_are_refused_before_the_first_is_embedded")
class ChecksOneByOne(InMemoryVectorStore):
    def add(self, docs: Iterable[Document], max_batch_size: int = 64) -> Added:
        return Added(
            *map(sum, zip(*(super(ChecksOneByOne, self).add([it]) for it in docs), strict=False))
        )


# -- get and delete


@caught_by("test_get_returns_what_is_there_in_order")
class GetsInAnyOrder(InMemoryVectorStore):
    def get(self, ids: Iterable[str]) -> list[Document]:
        return sorted(super().get(ids), key=lambda doc: doc.page_content, reverse=True)


@caught_by("test_get_returns_what_is_there_in_order")
class GetsByLetters(InMemoryVectorStore):
    def get(self, ids: Iterable[str]) -> list[Document]:
        return super().get(list(ids))


@caught_by("test_delete_removes_ids_and_counts_them")
class DeletesNothing(InMemoryVectorStore):
    def delete(self, ids: Iterable[str] | None = None, filter: Filter | None = None) -> int:
        ids = None if ids is None else list(ids)
        found = self.get(ids or [])
        return len(found) if ids is not None else super().delete(ids, filter)


@caught_by("test_delete_removes_ids_and_counts_them")
class CountsIds(InMemoryVectorStore):
    def delete(self, ids: Iterable[str] | None = None, filter: Filter | None = None) -> int:
        ids = None if ids is None or isinstance(ids, str) else list(ids)
        super().delete(ids, filter)
        return len(ids or [])


@caught_by("test_delete_removes_what_a_filter_says")
class DeletesByEither(InMemoryVectorStore):
    def delete(self, ids: Iterable[str] | None = None, filter: Filter | None = None) -> int:
        return super().delete(ids) if ids is not None else super().delete(None, filter)


@caught_by("test_delete_of_everything_is_refused")
class DeletesEverything(InMemoryVectorStore):
    def delete(self, ids: Iterable[str] | None = None, filter: Filter | None = None) -> int:
        if ids is None and not filter:
            return super().delete(filter={"$not": {"nothing": {"$exists": True}}})
        return super().delete(ids, filter)


@caught_by("test_delete_of_everything_is_refused")
class EmptyConditionsFit(InMemoryVectorStore):
    def delete(self, ids: Iterable[str] | None = None, filter: Filter | None = None) -> int:
        if isinstance(filter, dict) and filter.get("a") == {}:
            return super().delete(filter={"$not": {"nothing": {"$exists": True}}})
        return super().delete(ids, filter)


@caught_by("test_what_was_deleted_can_be_added_again")
class RemembersTheDeleted(InMemoryVectorStore):
    def __init__(self, embeddings: Any) -> None:
        super().__init__(embeddings)
        self._gone: set[str] = set()

    def delete(self, ids: Iterable[str] | None = None, filter: Filter | None = None) -> int:
        self._gone |= set(ids or ())
        return super().delete(ids, filter)

    def add(self, docs: Iterable[Document], max_batch_size: int = 64) -> Added:
        return super().add([doc for doc in docs if doc.id not in self._gone], max_batch_size)


# -- filters


class _Filtered(InMemoryVectorStore):
    """A store whose `_filter` spoils a filter."""

    def search(  # type: ignore[override]
        self, query: Query, k: int = 4, filter: Any = None, **options: Any
    ) -> list[Document]:
        return super().search(query, k, self._filter(filter), **options)

    def _filter(self, filter: Any) -> Any:
        return filter


def _replaced(filter: Any, change: Callable[[Any, Any], tuple[Any, Any]]) -> Any:
    """Return a filter with each key and value changed, within it, too."""
    if isinstance(filter, list):
        return [_replaced(part, change) for part in filter]
    if not isinstance(filter, dict):
        return filter
    pairs = (change(key, value) for key, value in filter.items())
    return {key: _replaced(value, change) for key, value in pairs}


@caught_by("test_a_filter_compares_values")
class IgnoresFilters(_Filtered):
    def _filter(self, filter: Any) -> Any:
        return None


@caught_by("test_a_filter_compares_values")
class NotEqualNeedsTheKey(_Filtered):
    def _filter(self, filter: Any) -> Any:
        for key, value in (filter or {}).items():
            if isinstance(value, dict) and "$ne" in value:
                return {key: {**value, "$exists": True}}
        return filter


@caught_by("test_a_filter_compares_by_order")
class OrderWithoutItsEnd(_Filtered):
    def _filter(self, filter: Any) -> Any:
        swap = {"$gte": "$gt", "$lte": "$lt"}
        return _replaced(filter, lambda key, value: (swap.get(key, key), value))


@caught_by("test_a_filter_compares_with_lists")
class FirstOfAList(_Filtered):
    def _filter(self, filter: Any) -> Any:
        return _replaced(
            filter, lambda key, value: (key, value[:1] if key in ("$in", "$nin") else value)
        )


@caught_by("test_a_filter_has_groups")
class AnyIsAll(_Filtered):
    def _filter(self, filter: Any) -> Any:
        return _replaced(filter, lambda key, value: ("$and" if key == "$or" else key, value))


@caught_by("test_a_filter_has_groups")
class ForgetsNot(_Filtered):
    def _filter(self, filter: Any) -> Any:
        return _replaced(
            filter,
            lambda key, value: (
                (key, next(iter(value.values())))
                if isinstance(value, dict) and set(value) == {"$not"}
                else (key, value)
            ),
        )


@caught_by("test_a_filter_asks_whether_a_key_is_there")
class NullIsMissing(_Filtered):
    def _filter(self, filter: Any) -> Any:
        if filter == {"note": None}:
            return {"note": {"$exists": False}}
        return filter


@caught_by("test_a_filter_keeps_types_apart")
class TrueIsOne(_Filtered):
    def _filter(self, filter: Any) -> Any:
        return _replaced(
            filter,
            lambda key, value: (
                (key, {"$in": [1, True]}) if value is True and key != "$exists" else (key, value)
            ),
        )


@caught_by("test_a_filter_comes_before_k")
class FiltersTheResults(InMemoryVectorStore):
    def search(  # type: ignore[override]
        self, query: Query, k: int = 4, filter: Any = None, **options: Any
    ) -> list[Document]:
        found = super().search(query, k, **options)
        if filter is None:
            return found
        fitting = {doc.id for doc in super().search(query, 1000, filter)}
        return [doc for doc in found if doc.id in fitting]


@caught_by("test_a_bad_filter_is_refused_before_anything_is_embedded")
class IgnoresUnknownOperators(_Filtered):
    def _filter(self, filter: Any) -> Any:
        try:
            super().search([1.0] * 25, 1, filter)
        except ConfigError:
            return None
        return filter


@caught_by("test_a_bad_filter_is_refused_before_anything_is_embedded")
class RefusesFiltersTooLate(InMemoryVectorStore):
    def search(self, query: Query, k: int = 4, **options: Any) -> list[Document]:  # type: ignore[override]
        vector = self.embeddings.embed_query(query) if isinstance(query, str) else query
        return super().search(vector, k, **options)


# -- what is made of these


@caught_by("test_sync_removes_what_its_source_lost")
class SyncKeepsAll(InMemoryVectorStore):
    def sync(self, docs: Iterable[Document], source: str, max_batch_size: int = 64) -> Synced:
        return Synced(*self.add(docs, max_batch_size), 0)


@caught_by("test_sync_removes_what_its_source_lost")
class SyncByFirstLetters(InMemoryVectorStore):
    def _ids_of_source(self, source: str) -> list[str]:
        found = self.search(source, 1000, {"source": {"$gte": source, "$lt": source + "\uffff"}})
        return [str(doc.id) for doc in found]


@caught_by("test_sync_refuses_documents_of_another_source")
class SyncTakesAll(InMemoryVectorStore):
    def sync(self, docs: Iterable[Document], source: str, max_batch_size: int = 64) -> Synced:
        return Synced(*self.add(docs, max_batch_size), 0)


@caught_by("test_many_questions_are_one_request")
class OneRequestAQuestion(InMemoryVectorStore):
    def search_many(self, queries: Iterable[Query], **options: Any) -> list[list[Document]]:  # type: ignore[override]
        return [self.search(query, **options) for query in queries]


@caught_by("test_a_retriever_searches")
class RetrieverForgetsItsFilter(InMemoryVectorStore):
    def as_retriever(self, **settings: Any) -> Any:
        return super().as_retriever(**{**settings, "filter": None})


@caught_by("test_a_retriever_searches")
class RetrieverWithoutThreshold(InMemoryVectorStore):
    def as_retriever(self, **settings: Any) -> Any:
        return super().as_retriever(**{**settings, "score_threshold": None})


@caught_by("test_the_closest_is_first")
class AsyncReversed(InMemoryVectorStore):
    async def asearch(self, query: Query, k: int = 4, **options: Any) -> list[Document]:  # type: ignore[override]
        return (await super().asearch(query, k, **options))[::-1]


class FourMethods(VectorStore):
    """A store that writes four methods, and leaves the rest to the base; it is not broken."""

    def __init__(self, embeddings: Any) -> None:
        self.embeddings = embeddings
        self._inner = InMemoryVectorStore(embeddings)

    def add(self, docs: Iterable[Document], max_batch_size: int = 64) -> Added:
        return self._inner.add(docs, max_batch_size)

    def search(
        self,
        query: Query,
        k: int = 4,
        filter: Filter | None = None,
        hybrid: bool = False,
        mmr: float | None = None,
    ) -> list[Document]:
        return self._inner.search(query, k, filter, hybrid, mmr)

    def delete(self, ids: Iterable[str] | None = None, filter: Filter | None = None) -> int:
        return self._inner.delete(ids, filter)

    def get(self, ids: Iterable[str]) -> list[Document]:
        return self._inner.get(ids)
