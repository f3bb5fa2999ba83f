"""Filters: what they refuse, and that SQL says what Python says."""

from __future__ import annotations

import json
import operator
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables import ConfigError
from runnables.retrieval.filter_sql import to_sql
from runnables.retrieval.filters import (
    AllOf,
    AnyOf,
    Compare,
    Condition,
    Exists,
    Not,
    OneOf,
    parse_filter,
)
from runnables.retrieval.stored_documents import to_json

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.integers(-3, 3),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.1, 1.0, 2.5]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    st.sampled_from(["", "a", "b", "[1]", "1", "true"]),
)
KEYS = st.sampled_from(["a", "b.c", "it's", "ü", "$x"[1:] + "[0]"])
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=2), st.dictionaries(KEYS, SCALARS))
ORDERED = SCALARS.filter(lambda value: value is not None and not isinstance(value, bool))
FIELDS = st.one_of(
    SCALARS,
    st.dictionaries(st.sampled_from(["$eq", "$ne"]), SCALARS, min_size=1),
    st.dictionaries(st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), ORDERED, min_size=1),
    st.fixed_dictionaries({"$in": st.lists(SCALARS)}),
    st.fixed_dictionaries({"$nin": st.lists(SCALARS, min_size=1)}),
    st.fixed_dictionaries({"$exists": st.booleans()}),
)
FILTERS = st.recursive(
    st.dictionaries(KEYS, FIELDS, min_size=1, max_size=2),
    lambda inner: st.one_of(
        st.fixed_dictionaries({"$and": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"$or": st.lists(inner, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"$not": inner}),
    ),
    max_leaves=6,
)
ORDERS = {"$gt": operator.gt, "$gte": operator.ge, "$lt": operator.lt, "$lte": operator.le}


def fits(condition: Condition, metadata: dict[str, Any]) -> bool:
    """Tell what a filter means, in the words of Python."""
    match condition:
        case Compare(key, name, value):
            return key in metadata and _compares(metadata[key], name, value)
        case OneOf(key, values):
            return any(fits(Compare(key, "$eq", value), metadata) for value in values)
        case Exists(key):
            return key in metadata
        case Not(inner):
            return not fits(inner, metadata)
        case AllOf(conditions):
            return all(fits(each, metadata) for each in conditions)
        case AnyOf(conditions):
            return any(fits(each, metadata) for each in conditions)


def _compares(stored: Any, name: str, value: Any) -> bool:
    if _kind(stored) != _kind(value):
        return False
    return bool(stored == value if name == "$eq" else ORDERS[name](stored, value))


def _kind(value: Any) -> str:
    if value is None or isinstance(value, (bool, list, dict)):
        return type(value).__name__
    return "text" if isinstance(value, str) else "number"


@given(FILTERS, st.dictionaries(KEYS, VALUES))
def test_sql_says_what_python_says(filter: dict[str, Any], metadata: dict[str, Any]) -> None:
    """Of any filter and any metadata."""
    condition = parse_filter(filter)
    text, values = to_sql(condition)
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE docs (metadata TEXT)")
        connection.execute("INSERT INTO docs VALUES (?)", (to_json(metadata),))
        found = connection.execute(f"SELECT count(*) FROM docs WHERE {text}", values)
        assert found.fetchone()[0] == fits(condition, json.loads(to_json(metadata)))


@given(FILTERS)
def test_a_filter_stays_as_it_is(filter: dict[str, Any]) -> None:
    """Reading it changes nothing."""
    before = repr(filter)
    parse_filter(filter)
    assert repr(filter) == before


@pytest.mark.parametrize(
    ("filter", "message"),
    [
        ({"year": {"$gtee": 1}}, r"Did you mean '\$gte'"),
        ({"$nor": []}, r"no operator '\$nor'.*\$and, \$or, \$not"),
        ({"$gt": 5}, "belongs to a key"),
        ({"a": {}}, r"filter\['a'\] is empty"),
        ({"$or": [{"a": 1}, {}]}, r"filter\['\$or'\]\[1\] is empty"),
        ({"a": {"$gt": None}}, "only numbers and strings have an order"),
        ({"a": 2**63}, "at most 64 bits"),
        ({"a": "b\0c"}, "zero characters"),
        ({"a": {"$in": ["b", "\0"]}}, "zero characters"),
        ({'a"b': 1}, "no quotes"),
        ({"a\ud800": 1}, "lone surrogates"),
        ([("a", 1)], "expected a dict"),
    ],
    ids=str,
)
def test_a_bad_filter_is_refused(filter: Any, message: str) -> None:
    """The error names the place, and a way out."""
    with pytest.raises(ConfigError, match=message):
        parse_filter(filter)
