"""The estimate of tokens."""

from __future__ import annotations

from typing import Any

from runnables.messages import (
    AIMessage,
    HumanMessage,
    SystemMessage,
    count_tokens_approximately,
)


def test_tokens_are_estimated_from_letters() -> None:
    """Four letters make a token; messages and images have a fixed count; parts add up."""
    assert count_tokens_approximately([HumanMessage("a" * 8)]) == 3 + 3
    assert count_tokens_approximately([HumanMessage([{"type": "image", "url": "u"}])]) == 85 + 1 + 3
    conversation = [SystemMessage("be nice"), HumanMessage("hello"), AIMessage("hi")]
    assert count_tokens_approximately(conversation) == sum(
        count_tokens_approximately([message]) for message in conversation
    )
    named = HumanMessage("", name="b" * 40)
    assert count_tokens_approximately([named]) - 10 == count_tokens_approximately(
        [named], count_name=False
    )
    call: Any = {"name": "f", "args": {}, "id": "1"}
    assert count_tokens_approximately(
        [AIMessage("", tool_calls=[call])]
    ) > count_tokens_approximately([AIMessage("")])
