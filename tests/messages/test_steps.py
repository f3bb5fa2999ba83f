"""Trimming, filtering and merging as steps of a chain."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from runnables.messages import (
    BaseMessage,
    HumanMessage,
    filter_messages,
    merge_message_runs,
    trim_messages,
)
from tests.both_modes import Call


def count_letters(message: BaseMessage) -> int:
    """Count the letters of a single message."""
    return len(message.text)


def test_messages_may_be_passed_by_position_or_by_keyword() -> None:
    """With messages, each of the three returns a list."""
    history: Any = ["a", "b"]
    assert merge_message_runs(history) == merge_message_runs(messages=history)
    assert filter_messages(messages=[], include_ids=["1"]) == []


def test_without_messages_they_are_steps_of_a_chain(call: Call) -> None:
    """Without messages, each of the three returns a runnable."""
    history: list[Any] = [("system", "s"), ("human", "a"), ("human", "b"), ("ai", "c")]
    chain = (
        filter_messages(exclude_types=["system"])
        | merge_message_runs(chunk_separator=" ")
        | trim_messages(max_tokens=1, token_counter=len, end_on="human")
    )
    assert call.invoke(chain, history) == [HumanMessage("a b")]


@pytest.mark.parametrize(
    "make",
    [
        lambda: trim_messages(max_tokens=1, token_counter=count_letters, allow_partial=True),
        lambda: filter_messages(include_types=["ai"], exclude_tool_calls=True),
        lambda: merge_message_runs(chunk_separator=" "),
    ],
    ids=["trim", "filter", "merge"],
)
def test_as_steps_they_are_values(make: Any) -> None:
    """They are equal to others with the same options, also after pickling."""
    assert make() == make() == pickle.loads(pickle.dumps(make()))


def test_a_step_prints_its_options() -> None:
    """Empty options are left out."""
    step = trim_messages(max_tokens=1, token_counter=len, start_on="human")
    assert "trim_messages(max_tokens=1, token_counter=len, strategy='last', start_on=" in repr(step)
