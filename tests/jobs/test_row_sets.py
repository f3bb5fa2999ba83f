"""Sets in rows: their order is another one in each process, and counts for nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, Field

from runnables import RunnableLambda
from runnables.jobs.value_format import input_text
from tests.both_modes import Call

ONE, OTHER = [0, 8], [8, 0]
"""Items that sets have in the order in which they were added: their hashes collide."""


class Tagged(BaseModel):
    """A model with sets."""

    tags: set[int] = Field(serialization_alias="Tags")
    more: list[frozenset[int]] = []


@dataclass
class Item:
    """A dataclass with sets."""

    tags: set[int]
    inside: Any = None
    count: int = field(default=0)


ROWS: dict[str, Callable[[Any], Any]] = {
    "a set": set,
    "in a dict": lambda items: {"id": 1, "tags": set(items)},
    "in a list": lambda items: [["a"], {"tags": frozenset(items)}],
    "in a tuple": lambda items: (set(items), 1),
    "in a deque": lambda items: deque([set(items)]),
    "in a set": lambda items: {frozenset(items), frozenset([3])},
    "in a model": lambda items: Tagged(tags=set(items), more=[frozenset(items)]),
    "in a dataclass": lambda items: Item(set(items), inside=Tagged(tags=set(items))),
    "under a number": lambda items: {1: set(items), "a": 2},
}


@pytest.mark.parametrize("name", ROWS)
def test_the_order_of_a_set_does_not_count(call: Call, tmp_path: Path, name: str) -> None:
    """A row is known by its content, so the second run calls nothing."""
    assert list(set(ONE)) != list(set(OTHER)), "the items have to collide"
    calls: list[Any] = []

    def note(row: Any) -> int:
        calls.append(row)
        return 1

    for items in (ONE, OTHER):
        row = ROWS[name](items)
        call.batch(RunnableLambda(note), [row], checkpoint=tmp_path / "run.sqlite",
                   accept_change=True)  # fmt: skip
    assert len(calls) == 1


def test_the_order_of_a_list_does(call: Call) -> None:
    """Only sets are sorted."""
    assert input_text(ONE, 0) != input_text(OTHER, 0)
    assert input_text({"b": [2, 1], "a": (3, 1)}, 0) == '{"a": [3, 1], "b": [2, 1]}'


def test_processes_know_the_same_row() -> None:
    """Whatever the seed of their hashes of strings."""
    program = (
        "from runnables.jobs.value_format import input_text;"
        "print(input_text({'tags': set('some words with tags'.split())}, 0))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {'{"tags": ["some", "tags", "with", "words"]}\n'}
