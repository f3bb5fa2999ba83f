"""Items of Responses that come late, as a whole, or with more than text: nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import AIMessage
from runnables.testing import Response
from tests.both_modes import Call
from tests.providers.test_openai_answers import MODES, ask
from tests.sdk.recorder import sse_response


def of_items(call: Call, events: list[dict[str, Any]], output: list[dict[str, Any]]) -> AIMessage:
    response = {"id": "r", "status": "completed", "model": "m", "output": output}
    end = {"type": "response.completed", "response": response}
    return ask(call, sse_response([*events, end]), use_responses_api=True)


CALL = {
    "type": "function_call",
    "id": "fc",
    "call_id": "c",
    "name": "tide",
    "arguments": '{"x": 1}',
}


@pytest.mark.parametrize("where", ["arguments.done", "item.done", "completed", "object"])
def test_arguments_may_come_as_a_whole_alone(call: Call, where: str) -> None:
    """In their own last event, that of the item, or that of the answer (LM Studio)."""
    events: list[dict[str, Any]] = [
        {"type": "response.output_item.added", "output_index": 0, "item": {**CALL, "arguments": ""}}
    ]
    if where == "arguments.done":
        kind = "response.function_call_arguments.done"
        events += [{"type": kind, "output_index": 0, "item_id": "fc", "arguments": '{"x": 1}'}]
    if where in ("item.done", "object"):
        item = {**CALL, "arguments": {"x": 1}} if where == "object" else CALL
        events += [{"type": "response.output_item.done", "output_index": 0, "item": item}]
    answer = of_items(call, events, [CALL] if where == "completed" else [])
    assert [(one["name"], one["args"], one["id"]) for one in answer.tool_calls] == [
        ("tide", {"x": 1}, "c")
    ]
    assert answer.invalid_tool_calls == []
    assert answer.response_metadata["finish_reason"] == "tool_calls"


def test_items_may_come_at_the_end_alone(call: Call) -> None:
    """Beside others that were streamed."""
    text = {"type": "output_text", "text": "Hello", "annotations": []}
    message = {"type": "message", "id": "msg", "role": "assistant", "content": [text]}
    listed = {"type": "mcp_list_tools", "id": "mcpl", "tools": []}
    events = [
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {**message, "content": []},
        },
        {"type": "response.output_text.delta", "output_index": 0, "item_id": "msg", "delta": "Hel"},
        {"type": "response.output_text.delta", "output_index": 0, "item_id": "msg", "delta": "lo"},
        {"type": "response.output_item.done", "output_index": 0, "item": message},
    ]
    answer = of_items(call, events, [listed, message, CALL])
    assert answer.text == "Hello"
    assert [block["type"] for block in answer.content_blocks] == [
        "text",
        "non_standard",
        "tool_call",
    ]


def test_an_item_may_get_another_id_at_the_end(call: Call) -> None:
    """It is the same item (OpenRouter makes ids up)."""
    thought = {"type": "reasoning", "id": "tmp_1", "summary": []}
    whole = {**thought, "id": "tmp_2", "content": [{"type": "reasoning_text", "text": "Hm."}]}
    delta = {"type": "response.reasoning_text.delta", "output_index": 0, "item_id": "tmp_1"}
    events = [
        {"type": "response.output_item.added", "output_index": 0, "item": thought},
        {**delta, "delta": "Hm", "content_index": 0},
    ]
    answer = of_items(call, events, [whole])
    (block,) = answer.content_blocks
    assert (block["type"], block.get("reasoning")) == ("reasoning", "Hm.")


@MODES
def test_log_probabilities_are_in_the_metadata(call: Call, streamed: bool) -> None:
    """As chat completions have them."""
    chance = {"token": "4", "logprob": -0.125, "bytes": [52], "top_logprobs": []}
    part = {"type": "output_text", "text": "4", "annotations": [], "logprobs": [chance]}
    item = {"type": "message", "id": "m", "role": "assistant", "content": [part]}
    if streamed:
        delta = {"type": "response.output_text.delta", "output_index": 0, "item_id": "m"}
        events = [
            {**delta, "delta": "4", "logprobs": [chance]},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
        ]
        answer = of_items(call, events, [item])
    else:
        body = {"id": "r", "status": "completed", "output": [item]}
        answer = ask(call, Response(body), use_responses_api=True)
    assert answer.response_metadata["logprobs"] == {"content": [chance]}


def test_unknown_facts_of_a_response_are_metadata(call: Call) -> None:
    """What only repeats the request is not."""
    body = {
        "id": "r",
        "status": "completed",
        "output": [],
        "tools": [{"type": "web_search"}],
        "instructions": "Be brief.",
        "content_filters": [{"blocked": False}],
        "usage": {"input_tokens": 1, "output_tokens": 2, "cost": 0.5},
    }
    metadata = ask(call, Response(body), use_responses_api=True).response_metadata
    assert metadata["content_filters"] == [{"blocked": False}]
    assert metadata["usage"] == {"cost": 0.5}
    assert not {"tools", "instructions", "output"} & metadata.keys()
