"""The stores find the same for any filter: what plain Python finds, or they refuse it at once."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from runnables import (
    ConfigError,
    Document,
    InMemoryVectorStore,
    QdrantStore,
    SQLiteStore,
    VectorStore,
)
from runnables.retrieval.filters import parse_filter
from runnables.testing import WordEmbeddings
from tests.both_modes import Call
from tests.retrieval.test_filters import fits

NUMBERS = st.sampled_from(
    [
        *(0, 1, -1, 2, 0.0, -0.0, 1.0, 1.5, 0.1, 0.1 + 2**-56, 1e300, -1e-300, 5e-324),
        *(2**53, 2**53 + 1, 2.0**53, 2**53 - 1, 2**63 - 1, -(2**63), 2.0**63),
    ]
)
STRINGS = st.sampled_from(
    [
        *("", "a", "A", "b", "1", "true", "null", "[1]"),
        *("é", "e\u0301", "\U0001f600", "'", '"', "%"),
    ]
)
SCALARS = st.none() | st.booleans() | NUMBERS | STRINGS
KEYS = st.sampled_from(
    [*("a", "b", "a.b", "a b", "A", "é", "e\u0301", "it's", "[0]", "a[0]", "$", "\U0001f600", "#")]
)
ANY_KEYS = KEYS | st.sampled_from(["", '"', "\\", "\n", 'a"b', "$.a"])
METADATA = st.dictionaries(
    ANY_KEYS,
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(ANY_KEYS, inner, max_size=2),
        max_leaves=3,
    ),
    max_size=3,
)
ORDERED = NUMBERS | STRINGS
CONDITIONS = st.one_of(
    SCALARS,
    st.dictionaries(st.sampled_from(["$eq", "$ne"]), SCALARS, min_size=1),
    st.dictionaries(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), ORDERED, min_size=1),
    st.fixed_dictionaries({"$in": st.lists(SCALARS, max_size=4)}),
    st.fixed_dictionaries({"$nin": st.lists(SCALARS, min_size=1, max_size=4)}),
    st.fixed_dictionaries({"$exists": st.booleans()}),
)
FIELDS = CONDITIONS | st.fixed_dictionaries(
    {"$not": CONDITIONS.filter(lambda value: isinstance(value, dict))}
)
FILTERS = st.recursive(
    st.dictionaries(KEYS.filter(lambda key: key != "$"), FIELDS, min_size=1, max_size=2),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"$and": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"$or": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"$not": inner}),
    ),
    max_leaves=4,
)


class OneVector(WordEmbeddings):
    """A model that finds all strings equally close, in no time."""

    def embed_documents(self, texts: Any) -> list[list[float]]:
        self._requests.append(list(texts))
        return [[1.0, 0.0] for _ in texts]


@settings(max_examples=40)
@given(st.lists(METADATA, min_size=1, max_size=6), st.lists(FILTERS, min_size=1, max_size=4))
def test_all_stores_find_what_plain_python_finds(
    many: list[dict[str, Any]], filters: list[dict[str, Any]]
) -> None:
    """Whatever the keys and values are; or refuse the filter before they embed anything."""
    docs = [Document(str(n), id=str(n), metadata=data) for n, data in enumerate(many)]
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stores: list[VectorStore] = [
            stack.enter_context(SQLiteStore(f"{folder}/docs.db", OneVector())),
            stack.enter_context(InMemoryVectorStore(OneVector())),
            stack.enter_context(QdrantStore(":memory:", OneVector())),
        ]
        for store in stores:
            store.add(docs)
            assert [doc.metadata for doc in store.get([doc.id or "" for doc in docs])] == many
        for filter in filters:
            condition = parse_filter(filter)
            wanted = {str(n) for n, data in enumerate(many) if fits(condition, data)}
            for store in stores:
                count = len(store.embeddings.requests)
                try:
                    found = store.search("sea", k=10, filter=filter)
                except ConfigError:
                    assert isinstance(store, QdrantStore) and _has_no_exact_order(filter)
                    assert len(store.embeddings.requests) == count
                    continue
                assert {doc.id for doc in found} == wanted, (type(store).__name__, filter)
        _expect_deletes(stores, filters[0], docs)


def _expect_deletes(stores: list[VectorStore], filter: Any, docs: list[Document]) -> None:
    """Delete by a filter, and see that what fits it is gone, and no more."""
    condition = parse_filter(filter)
    left = [doc for doc in docs if not fits(condition, doc.metadata)]
    for store in stores:
        if isinstance(store, QdrantStore) and _has_no_exact_order(filter):
            continue
        assert store.delete(filter=filter) == len(docs) - len(left)
        assert store.get([doc.id or "" for doc in docs]) == left


def _has_no_exact_order(filter: Any) -> bool:
    """Tell whether a filter has an order of strings, or of numbers too large for Qdrant."""
    if isinstance(filter, list):
        return any(map(_has_no_exact_order, filter))
    return isinstance(filter, dict) and any(
        isinstance(value, str) or abs(value) >= 2**53
        if name in ("$gt", "$gte", "$lt", "$lte")
        else _has_no_exact_order(value)
        for name, value in filter.items()
    )


@pytest.fixture(params=["sqlite", "qdrant"])
def store(request: pytest.FixtureRequest) -> Iterator[VectorStore]:
    made = InMemoryVectorStore if request.param == "sqlite" else None
    model = WordEmbeddings()
    with made(model) if made else QdrantStore(":memory:", model) as store:
        yield store


def nested(levels: int) -> Any:
    value: Any = 1
    for level in range(levels):
        value = [value] if level % 2 else {"a": value}
    return value


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"a": nested(101)}, "more than 100 lists and dicts inside one another"),
        ({"a": nested(50_000)}, "more than 100 lists and dicts"),
        ({"a": 2**20_000}, "more than 64 bits"),
        ({"a\0b": 1}, "zero character"),
        ({"a": {"b\0": 1}}, "zero character"),
        ({"a": float("inf")}, "is inf"),
    ],
    ids=["deep", "very deep", "huge", "key", "inner key", "infinite"],
)
def test_metadata_that_cannot_be_stored_are_refused(
    store: VectorStore, metadata: dict[str, Any], message: str, call: Call
) -> None:
    """Before anything is embedded."""
    docs = [Document("sea"), Document("bread", metadata=metadata)]
    with pytest.raises(ConfigError, match=message):
        call.run(lambda: store.add(docs), lambda: store.aadd(docs))
    assert store.embeddings.requests == []


def test_metadata_with_themselves_inside_are_refused(store: VectorStore) -> None:
    """No call goes on for ever."""
    doc = Document("sea")
    doc.metadata["a"] = [doc.metadata]
    with pytest.raises(ConfigError, match="inside one another"):
        store.add([doc])


def test_deep_metadata_come_back(store: VectorStore, call: Call) -> None:
    """As deep as is allowed."""
    docs = [Document("sea", id="a", metadata={"a": nested(100)})]
    assert call.run(lambda: store.add(docs), lambda: store.aadd(docs)) == (1, 0, 0)
    assert store.get(["a"]) == docs
    assert store.search("sea", filter={"a": {"$exists": True}}) == docs


@pytest.mark.parametrize("kind", ["$or", "$and", "$nor", "keys"])
def test_a_filter_has_a_thousand_parts(store: VectorStore, kind: str, call: Call) -> None:
    """And no more; an `$in` has any number of values."""
    store.add([Document("sea", id=str(n), metadata={"n": n}) for n in range(3)])

    def filter(count: int) -> Any:
        if kind == "keys":
            return {f"n{key}": {"$exists": False} for key in range(count // 2)}
        if kind == "$and":
            return {"$and": [{"n": 1}] * (count - 1)}
        anything: Any = {"$or": [{"n": n} for n in range(1, count - 1)]}
        return anything if kind == "$or" else {"$not": anything}

    found = call.run(
        lambda: store.search("sea", filter=filter(1_000)),
        lambda: store.asearch("sea", filter=filter(1_000)),
    )
    wanted = {"$or": ["1", "2"], "$and": ["1"], "$nor": ["0"], "keys": ["0", "1", "2"]}
    assert sorted(doc.id or "" for doc in found) == wanted[kind]
    count = len(store.embeddings.requests)
    with pytest.raises(ConfigError, match=r"more than 1,000 parts.*\$in"):
        call.run(
            lambda: store.search("sea", filter=filter(3_000)),
            lambda: store.asearch("sea", filter=filter(3_000)),
        )
    assert len(store.embeddings.requests) == count
    many = {"n": {"$in": [*range(2, 100_000)]}}
    assert [doc.id for doc in store.search("sea", filter=many)] == ["2"]


@given(st.lists(st.sampled_from(["$and", "$or", "$not", "first", "last", "field"]), max_size=10))
def test_a_filter_of_the_greatest_depth_is_searched(kinds: list[str]) -> None:
    """In whatever order its groups are."""
    filter: Any = {"n": {"$gt": 0}}
    for kind in kinds:
        wrapped = {
            "$and": lambda inner: {"$and": [{"n": 1}, inner]},
            "$or": lambda inner: {"$or": [inner, {"n": 9}]},
            "$not": lambda inner: {"$not": inner},
            "first": lambda inner: {"$or": [*[{"m": 9}] * 60, inner]},
            "last": lambda inner: {"$and": [inner, *[{"n": 1}] * 60]},
            "field": lambda inner: {"m": {"$not": {"$gt": 0}}, "$and": [inner]},
        }
        filter = wrapped[kind](filter)
    with InMemoryVectorStore(OneVector()) as store:
        store.add([Document("sea", metadata={"n": 1})])
        fitting = fits(parse_filter(filter), {"n": 1})
        assert len(store.search("sea", filter=filter)) == fitting


def test_a_filter_that_is_too_deep_is_refused(store: VectorStore) -> None:
    """Before anything is embedded."""
    for levels in (12, 100_000):
        filter: Any = {"n": 1}
        for _ in range(levels):
            filter = {"$not": filter}
        with pytest.raises(ConfigError, match="more than 12 dicts inside one another"):
            store.search("sea", filter=filter)
    assert store.embeddings.requests == []


def test_an_id_with_a_zero_character_is_that_of_no_document(store: VectorStore, call: Call) -> None:
    """And least of all that of the document whose id it begins with."""
    store.add([Document("sea", id="a"), Document("bread\0oven", id="b")])
    ids = ["a\0", "a\0b", "\0"]
    assert call.run(lambda: store.get(ids), lambda: store.aget(ids)) == []
    assert call.run(lambda: store.delete(ids=ids), lambda: store.adelete(ids=ids)) == 0
    found = store.get(["a", "b"])
    assert [doc.page_content for doc in found] == ["sea", "bread\0oven"]


def test_thousands_of_ids_are_got_and_deleted_at_once(store: VectorStore, call: Call) -> None:
    """More than the variables that SQLite takes."""
    docs = [Document("sea", id=str(n)) for n in range(1_500)]
    assert store.add(docs, max_batch_size=2_000).added == 1_500
    ids = [str(n) for n in range(40_000)]
    assert call.run(lambda: store.get(ids), lambda: store.aget(ids)) == docs
    assert call.run(lambda: store.delete(ids=ids), lambda: store.adelete(ids=ids)) == 1_500
    assert json.dumps(store.get(ids)) == "[]"
