"""Filtering of conversations, and merging of neighbours."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from runnables.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    filter_messages,
    merge_message_runs,
)
from tests.messages.arbitrary import histories

CAST: list[BaseMessage] = [
    SystemMessage("s", id="0"),
    HumanMessage("a", name="ann", id="1"),
    AIMessage("b", id="2", tool_calls=[{"name": "f", "args": {}, "id": "x"}]),
    ToolMessage("c", tool_call_id="x", id="3"),
    AIMessage("d", id="4", name="bob"),
]


@pytest.mark.parametrize(
    ("options", "ids"),
    [
        ({}, "01234"),
        ({"include_names": ["ann"]}, "1"),
        ({"include_types": ["system", AIMessage], "exclude_ids": ["2"]}, "04"),
        ({"include_types": "user"}, "1"),
        ({"include_ids": ["1"], "include_names": ["bob"]}, "14"),
        ({"exclude_names": ["ann", "bob"]}, "023"),
        ({"exclude_types": ["ai"]}, "013"),
        ({"exclude_tool_calls": True}, "014"),
        ({"exclude_tool_calls": ["x"]}, "014"),
        ({"exclude_tool_calls": ["y"]}, "01234"),
    ],
    ids=str,
)
def test_messages_are_chosen(options: dict[str, Any], ids: str) -> None:
    """Names, kinds, ids and tool calls count; one `include` is enough, no `exclude` may apply."""
    assert "".join(str(message.id) for message in filter_messages(CAST, **options)) == ids


def test_a_message_keeps_the_calls_that_are_not_excluded() -> None:
    """Excluded calls are removed from the tool calls and from the blocks."""
    calls: Any = [{"name": "f", "args": {}, "id": id, "type": "tool_call"} for id in "xy"]
    blocks: Any = [{"type": "tool_use", "name": "f", "input": {}, "id": id} for id in "xy"]
    message = AIMessage(["a", *blocks], tool_calls=calls)
    assert filter_messages([message], exclude_tool_calls=["x"]) == [
        AIMessage(["a", blocks[1]], tool_calls=calls[1:])
    ]
    with pytest.raises(ValueError, match="exclude_types: 'humn'"):
        filter_messages([], exclude_types=["humn"])


def test_neighbours_of_one_role_become_one_message() -> None:
    """Strings are joined with a separator, lists become one list, calls and usage are kept."""
    call: Any = {"name": "f", "args": {"x": 2}, "id": "1", "type": "tool_call"}
    usage: Any = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    merged = merge_message_runs(
        [
            HumanMessage("a", id="1"),
            HumanMessage("b", id="2"),
            AIMessage("c", tool_calls=[call], usage_metadata=usage, response_metadata={"m": 1}),
            AIMessage([{"type": "text", "text": "d"}], usage_metadata=usage),
            ToolMessage("e", tool_call_id="1"),
            ToolMessage("f", tool_call_id="2"),
            HumanMessage("g", name="ann"),
            HumanMessage("h", name="bob"),
            ChatMessage("i", role="judge"),
            ChatMessage("j", role="critic"),
        ]
    )
    assert merged[:2] == [
        HumanMessage("a\nb", id="1"),
        AIMessage(
            ["c", {"type": "text", "text": "d"}],
            tool_calls=[call],
            usage_metadata={"input_tokens": 2, "output_tokens": 2, "total_tokens": 4},
            response_metadata={"m": 1},
        ),
    ]
    assert [message.text for message in merged[2:]] == list("efghij")
    assert merge_message_runs([HumanMessage("a"), HumanMessage("b")], chunk_separator="") == [
        HumanMessage("ab")
    ]


@given(histories())
def test_merging_runs_keeps_all_text(history: list[BaseMessage]) -> None:
    """No text is lost, and merging again changes nothing."""
    merged = merge_message_runs(history, chunk_separator="")
    assert "".join(message.text for message in merged) == "".join(
        message.text for message in history
    )
    assert merge_message_runs(merged) == merged
