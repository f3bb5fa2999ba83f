"""Context variables: when two contexts agree."""

from __future__ import annotations

import contextvars
import decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables.engine.variables import agree, is_same_value, let_differ

one: contextvars.ContextVar[Any] = contextvars.ContextVar("one", default=1)
other: contextvars.ContextVar[Any] = contextvars.ContextVar("other")
ours: contextvars.ContextVar[Any] = contextvars.ContextVar("ours")
let_differ(ours)


def context(**values: Any) -> contextvars.Context:
    """Return a context with these values, and no others."""
    made = contextvars.Context()
    for name, value in values.items():
        made.run({"one": one, "other": other, "ours": ours}[name].set, value)
    return made


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({}, {}, True),
        ({"one": "a"}, {"one": "a"}, True),
        ({"one": "a"}, {"one": "b"}, False),
        ({"one": 1}, {}, True),
        ({"one": 2}, {}, False),
        ({"other": None}, {}, False),
        ({"one": "a", "other": 1}, {"other": 1, "one": "a"}, True),
        ({"one": "a", "other": 1}, {"one": "a", "other": 2}, False),
        ({"ours": 1}, {"ours": 2}, True),
        ({"ours": 1}, {}, True),
    ],
)
def test_contexts_agree_where_code_finds_the_same(first: Any, second: Any, expected: bool) -> None:
    """A default counts as a value; a variable that the library sets for each call does not."""
    assert agree(context(**first), context(**second)) is expected
    assert agree(context(**second), context(**first)) is expected


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(0, 3)
    | st.text("ab", max_size=1)
    | st.binary(max_size=1).map(bytes.hex),
    lambda inner: st.tuples(inner) | st.tuples(inner, inner) | st.lists(inner, max_size=2),
)


@given(VALUES, VALUES)
def test_the_same_is_equal_of_one_type_and_never_changes(first: Any, second: Any) -> None:
    """`True` is not 1; a list is the same as itself only, also within a tuple."""
    assert is_same_value(first, first)
    if is_same_value(first, second):
        assert first == second
        assert repr(first) == repr(second)
        assert first is second or "[" not in repr(first)


def test_decimal_contexts_are_the_same_where_they_compute_alike() -> None:
    """Flags say what happened before, and do not count."""
    used = decimal.Context()
    used.divide(decimal.Decimal(1), decimal.Decimal(3))
    assert is_same_value(decimal.Context(), used)
    assert not is_same_value(decimal.Context(), decimal.Context(prec=5))


def test_values_are_never_asked_whether_they_are_equal() -> None:
    """Users' types may say anything, or raise."""

    class Odd:
        def __eq__(self, value: object) -> bool:
            raise ValueError("the truth value is ambiguous")

        __hash__ = None  # type: ignore[assignment]

    odd = Odd()
    assert is_same_value(odd, odd)
    assert not is_same_value(Odd(), Odd())
