"""Forms that only some of the servers with OpenAI's interfaces have, on their way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables import AIMessage
from tests.providers import openai_forms as forms
from tests.providers.test_openai_round_trips import (
    chat,
    read_events,
    read_whole,
    responses,
    sent_items,
    sent_message,
    tidied,
)

names = st.from_regex(r"[a-z]{1,6}", fullmatch=True)


def deltas(*parts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the events of a stream with these deltas."""
    events = [{"id": "c", "choices": [{"index": 0, "delta": dict(part)}]} for part in parts]
    return [*events, {"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]


# -- Mistral: blocks that come whole

references = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("tool_reference"), "tool": names, "title": names, "url": names}
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("reference"),
            "reference_ids": st.lists(st.integers(0, 9), min_size=1, max_size=2),
        }
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("thinking"),
            "thinking": st.tuples(
                st.fixed_dictionaries({"type": st.just("text"), "text": names})
            ).map(list),
            "closed": st.just(True),
        }
    ),
    st.fixed_dictionaries({"type": st.just("text"), "text": names}),
)


@given(st.lists(references, min_size=1, max_size=5))
def test_blocks_that_come_whole_are_not_joined(blocks: list[dict[str, Any]]) -> None:
    """Although others of their type came right before."""
    separate = [
        block
        for place, block in enumerate(blocks)
        if block["type"] != "text" or place == 0 or blocks[place - 1]["type"] != "text"
    ]
    answer = read_events(chat(), deltas(*({"content": [block]} for block in separate)))
    sent = sent_message(answer)["content"]
    if isinstance(sent, str):
        sent = [{"type": "text", "text": sent}]
    assert sent == separate


# -- LiteLLM: Anthropic's reasoning


def thinking_parts(blocks: Sequence[Mapping[str, Any]], draw: forms.Draw) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    for block in blocks:
        if block["type"] != "thinking":
            parts.append(dict(block))
            continue
        for text in forms.cut(block["thinking"], draw):
            parts.append({"type": "thinking", "thinking": text, "signature": None})
        parts.append({**block, "thinking": ""})
    return parts


@given(
    st.lists(
        st.one_of(
            st.fixed_dictionaries(
                {"type": st.just("thinking"), "thinking": names, "signature": names}
            ),
            st.fixed_dictionaries({"type": st.just("redacted_thinking"), "data": names}),
        ),
        min_size=1,
        max_size=3,
    ),
    st.data(),
)
def test_parts_of_thinking_blocks_are_joined(
    blocks: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Each with its signature: Anthropic refuses a block without one."""
    parts = thinking_parts(blocks, data.draw)
    answer = read_events(chat(), deltas(*({"thinking_blocks": [part]} for part in parts)))
    assert sent_message(answer)["thinking_blocks"] == blocks


# -- DeepSeek, Moonshot: no reasoning before a call

CALL = {"id": "a", "type": "function", "function": {"name": "tide", "arguments": "{}"}}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("reasoning", ["", "So."])
def test_reasoning_is_sent_back_though_it_is_empty(streamed: bool, reasoning: str) -> None:
    """The services refuse a call without the field, where they sent one."""
    message = {"role": "assistant", "content": "", "reasoning_content": reasoning}
    if streamed:
        call = {**CALL, "index": 0}
        events = deltas({"reasoning_content": ""}, message, {"tool_calls": [call]})
        answer = read_events(chat(), events)
    else:
        answer = read_whole(chat(), forms.completion({**message, "tool_calls": [CALL]}))
    assert sent_message(answer)["reasoning_content"] == reasoning
    assert [block["type"] for block in answer.content_blocks] == [
        *(["reasoning"] if reasoning else []),
        "tool_call",
    ]


# -- several choices


@given(st.lists(st.text("abc ", min_size=1, max_size=6), min_size=1, max_size=3), st.data())
def test_further_choices_are_in_the_metadata(strings: list[str], data: st.DataObject) -> None:
    """As in a non-streamed answer; each with its calls, its reason, and the text that it has."""
    call = {"id": "a", "type": "function", "function": {"name": "tide", "arguments": "{}"}}
    choices: list[dict[str, Any]] = [
        {"index": place, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        for place, text in enumerate(strings)
    ]
    choices[-1]["message"]["tool_calls"] = [{**call, "index": 0}]
    parts: list[dict[str, Any]] = [
        {"index": choice["index"], "delta": delta}
        for choice in choices
        for text in [choice["message"]["content"]]
        for delta in (
            {"role": "assistant"},
            *({"content": part} for part in forms.cut(text, data.draw)),
        )
    ]
    parts.append({"index": len(strings) - 1, "delta": {"tool_calls": [{**call, "index": 0}]}})
    ends = [{"index": n, "delta": {}, "finish_reason": "stop"} for n in range(len(strings))]
    events = [{"id": "c1", "model": "m-1", "choices": [part]} for part in [*parts, *ends]]
    streamed = read_events(chat(), events)
    whole = read_whole(chat(), {"id": "c1", "model": "m-1", "choices": choices})
    assert streamed.text == whole.text == strings[0]
    assert streamed.response_metadata == whole.response_metadata
    assert whole.response_metadata.get("choices", []) == choices[1:]


def test_counts_of_groq_are_read() -> None:
    """Its streams may have them in a field of Groq's own."""
    end = {"index": 0, "delta": {}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    event = {"id": "c", "choices": [end], "x_groq": {"id": "r", "usage": usage}}
    answer = read_events(chat(), [*deltas({"content": "Hi"})[:1], event])
    assert answer.usage_metadata == {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}


# -- Responses without ids


def without_ids(value: Any) -> Any:
    """Return items or events without the ids of items."""
    if isinstance(value, list):
        return [without_ids(part) for part in value]
    if isinstance(value, dict):
        left_out = {"item_id"} if "id" not in value or "output" in value else {"id"}
        return {key: without_ids(value[key]) for key in value if key not in left_out}
    return value


@given(forms.response_items(), st.data())
def test_items_without_ids_are_known_by_their_places(
    items: list[dict[str, Any]], data: st.DataObject
) -> None:
    """Whole or streamed, in the order of the model; encrypted reasoning needs no id."""
    bare = [without_ids(item) for item in items]
    for item in bare:
        if item["type"] == "reasoning":
            item["encrypted_content"] = "encrypted"
    events = forms.response_events([{**item, "id": "x"} for item in bare], data.draw, in_order=True)
    streamed: AIMessage = read_events(responses(), without_ids(events))
    whole = read_whole(responses(), forms.response(bare))
    assert tidied(sent_items(streamed)) == tidied(sent_items(whole))
    assert streamed.content_blocks == whole.content_blocks
