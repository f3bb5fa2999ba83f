"""Picking keys of dicts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from runnables.compose.functions import RunnableLambda
from runnables.compose.parallel import RunnableParallel
from runnables.compose.passthrough import MissingKeyError, RunnablePick
from runnables.engine.merging import merge_chunks
from tests.both_modes import Call


def letters(text: str) -> Iterator[str]:
    yield from text


ADA: dict[str, Any] = {"name": "Ada", "born": 1815, "died": None}


@pytest.mark.parametrize("keys", ["nme", ["name", "nme"], ["nme"]], ids=str)
def test_a_missing_key_is_an_error_with_the_near_name(keys: Any, call: Call) -> None:
    """It is a KeyError, whole and in streams, however the dict comes in chunks."""
    chunks: Any
    for chunks in ([ADA], [{"name": "Ada"}, {"born": 1815}], [{}, {"name": "Ada"}]):
        with pytest.raises(MissingKeyError, match="no key 'nme'.*Did you mean 'name'"):
            call.transform(RunnablePick(keys), chunks)
    for step in (RunnablePick(keys), RunnableLambda(lambda _: ADA).pick(keys)):
        with pytest.raises(KeyError, match="It has: 'name', 'born', 'died'"):
            call.invoke(step, ADA)
        with pytest.raises(KeyError):
            call.stream(step, ADA)
    fallen = RunnablePick("nme").with_fallbacks([RunnablePick("name")])
    assert call.invoke(fallen, ADA) == "Ada"


def test_a_key_that_is_there_is_picked_whatever_its_value(call: Call) -> None:
    """None and empty values are values; keys may come in any chunk."""
    assert call.invoke(RunnablePick("died"), ADA) is None
    assert call.invoke(RunnablePick(["died", "name"]), ADA) == {"died": None, "name": "Ada"}
    assert call.transform(RunnablePick("b"), [{"a": 1}, {"b": "x"}, {"b": "y"}]) == ["x", "y"]
    assert call.invoke(RunnablePick([]), ADA) == {}
    both = RunnableParallel(a=str.upper, b=str.lower)
    assert call.invoke(both.pick("b"), "X") == "x"
    assert merge_chunks(call.stream(both.pick(["a", "b"]), "X")) == {"a": "X", "b": "x"}


def test_chunks_of_several_keys_are_added_with_plus(call: Call) -> None:
    """Their sum is what `invoke` returns."""
    both = RunnableParallel(a=RunnableLambda(letters), b=str.lower, c=str.upper).pick(["a", "b"])
    first, *others = call.stream(both, "XY")
    total = first
    for chunk in others:
        total += chunk
    assert len(others) == 2
    assert total == call.invoke(both, "XY") == {"a": "XY", "b": "xy"}
