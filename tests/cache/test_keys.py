"""Keys: equal values have equal ones, in every process; secrets are not in them."""

from __future__ import annotations

import functools
import itertools
import re
import subprocess
import sys
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from operator import attrgetter, itemgetter, methodcaller
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, strategies as st
from pydantic import BaseModel, SecretStr

from runnables import (
    ChatPromptTemplate,
    HumanMessage,
    JsonOutputParser,
    PydanticOutputParser,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
)
from runnables.cache import digest
from tests.laws import steps
from tests.laws.registry import REGISTRY

ROOT = Path(__file__).resolve().parents[2]


class Size(Enum):
    SMALL = 1
    LARGE = 2


class Person(BaseModel):
    name: str
    age: int = 0


class Named(BaseModel):
    name: str
    age: int = 0


@dataclass
class Point:
    x: int


class Plain:
    def __init__(self, x: int) -> None:
        self.x = x

    def method(self) -> None:
        """Nothing."""


def adder(amount: int) -> Any:
    def add(number: int, by: int = amount) -> int:
        return number + amount + by

    return add


def different() -> list[Any]:
    """Return values of which no two are the same."""
    return [
        *(None, True, 1, 1.0, "1", b"1", "", b"", 0, False, 0.5, "None"),
        *([], (), {}, set(), [1], (1,), {1}, {"1": 1}, {1: 1}, [[1]], [1, 2], [2, 1]),
        *(frozenset({1}), deque([1]), OrderedDict(a=1), range(1), {"a": 1}, {"a": {"b": 1}}),
        *(Size.SMALL, Size.LARGE, date(2024, 1, 1), Decimal(1), UUID(int=1), Path("1"), 1j, ...),
        *(Person(name="1"), Person(name="2"), Person(name="1", age=1), Named(name="1"), Point(1)),
        *(Point(2), Plain(1), Plain(2), Plain(1).method, Plain(2).method, Person, Named, int),
        *(len, abs, "a".upper, "b".upper, str.upper, functools.partial(len, 1), list[int]),
        *(itemgetter("a"), itemgetter("b"), attrgetter("a"), methodcaller("a", 1), str.lower),
        *(
            adder(1),
            adder(2),
            lambda number: number,
            lambda number: number + 1,
            lambda number: number + 2,
            lambda x: (x, 1),
        ),
        *(HumanMessage("1"), HumanMessage("1", name="a"), ValueError("1"), KeyError("1")),
        *(
            RunnableLambda(steps.double),
            RunnableLambda(steps.increment),
            RunnableGenerator(steps.letters),
        ),
        *(RunnableLambda(steps.add).bind(other=1), RunnableLambda(steps.add).bind(other=2)),
        RunnableLambda(steps.double) | RunnableLambda(steps.increment),
        RunnableParallel(a=RunnableLambda(steps.double)),
        ChatPromptTemplate([("human", "{a}")]),
        ChatPromptTemplate([("system", "{a}")]),
        *(JsonOutputParser(), PydanticOutputParser(Person), PydanticOutputParser(Named)),
    ]


def test_different_values_have_different_keys() -> None:
    """Values that Python takes for equal, such as 1, 1.0 and True, have different keys, too."""
    values = different()
    keys = [digest(value) for value in values]
    for (one, key), (other, same) in itertools.combinations(zip(values, keys, strict=True), 2):
        assert key != same, (one, other)


def test_equal_values_have_equal_keys() -> None:
    """Values that are made twice, or in another order, have the same keys."""
    assert [*map(digest, different())] == [*map(digest, different())]
    assert digest({"a": 1, "b": {2, 1}}) == digest({"b": {1, 2}, "a": 1})
    assert digest("a", "b") != digest("ab")
    assert digest(["a"], "b") != digest("a", ["b"])


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda values: st.lists(values) | st.dictionaries(st.text(), values),
    )
)
def test_a_copy_of_any_json_value_has_its_key(value: Any) -> None:
    """Strings with lone surrogates included."""
    import copy

    assert digest(copy.deepcopy(value)) == digest(value)


def test_every_registered_runnable_has_a_key() -> None:
    """A runnable that is made again has the same key; what has a lock or is in itself has none."""
    for specimen in REGISTRY:
        try:
            assert digest(specimen.make()) == digest(specimen.make()), specimen
        except TypeError as error:
            in_itself = "a (Opaque|ChannelWrite) that contains itself"
            kept = f"<(unlocked _thread.lock|itertools.cycle) object|{in_itself}"
            assert re.match(kept, str(error)), specimen


def test_keys_are_the_same_in_another_process() -> None:
    """They do not depend on the seed of Python's hashes."""
    code = "from tests.cache.test_keys import *; print(*map(digest, different()))"
    command = [sys.executable, "-c", code]
    here = " ".join(map(digest, different()))
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.split() == here.split()


def test_secrets_do_not_count() -> None:
    """Calls that differ only in the API key have the same key."""
    assert digest(SecretStr("a")) == digest(SecretStr("b"))


def test_a_value_without_a_key_is_refused() -> None:
    """The error names it, also inside of another value."""
    itself: list[Any] = []
    itself.append(itself)
    for value in (iter([1]), threading.Lock(), object(), itertools.count(), itself):
        with pytest.raises(TypeError, match="no key|itself"):
            digest({"a": [value]})
