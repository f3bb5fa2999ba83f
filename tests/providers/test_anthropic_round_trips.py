"""What Anthropic said goes back as it was said, through JSON, and to no other service."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables import AIMessage, HumanMessage, ToolMessage
from runnables.testing import Response
from runnables_providers.anthropic import ChatAnthropic
from runnables_providers.anthropic.messages_api import MessagesCall
from runnables_providers.google import ChatGoogleGenerativeAI
from runnables_providers.ollama import ChatOllama
from tests.both_modes import Call
from tests.providers.anthropic_events import answer, events
from tests.providers.round_trips import ARGS, FIELDS, JSON, WORDS, next_turn, streamed, through_json
from tests.sdk.recorder import Recorder

IDS = st.uuids().map(lambda made: f"toolu_{made.hex}")


def block(kind: str, more: Any = FIELDS, **fields: Any) -> Any:
    """Return a strategy of blocks, with fields of unknown names."""
    strategies = {
        key: field if isinstance(field, st.SearchStrategy) else st.just(field)
        for key, field in fields.items()
    }
    known = st.fixed_dictionaries({"type": st.just(kind), **strategies})
    return st.builds(lambda one, two: {**two, **one}, known, more)


CITATIONS = st.lists(
    st.one_of(
        block("char_location", cited_text=WORDS, document_index=0, start_char_index=0),
        block("web_search_result_location", url="https://u", encrypted_index=WORDS),
        block("a_later_location", place=JSON),
    ),
    min_size=1,
    max_size=2,
)
PLAIN = st.builds(lambda text: {"type": "text", "text": text}, WORDS)
TEXT = block("text", text=WORDS.filter(str.strip))
CITED = block("text", text=WORDS.filter(str.strip), citations=CITATIONS)
CONTENTS = st.lists(
    st.one_of(
        PLAIN,
        TEXT,
        CITED,
        block("thinking", thinking=WORDS | st.just(""), signature=WORDS),
        block("redacted_thinking", data=WORDS),
        block("tool_use", id=IDS, name=st.sampled_from(["add", "look"]), input=ARGS),
        block("server_tool_use", id=IDS, name="web_search", input=ARGS),
        block("web_search_tool_result", tool_use_id="srvtoolu_1", content=st.lists(JSON)),
        block("code_execution_tool_result", tool_use_id="srvtoolu_2", content=FIELDS),
        block("mcp_tool_use", id=IDS, name="m", server_name="s", input=ARGS),
        block("container_upload", file_id=WORDS),
        block("a_later_block", payload=JSON),
    ),
    min_size=1,
    max_size=6,
)


def api_call(messages: Any = None) -> MessagesCall:
    """Return a call whose answer may cite."""
    return MessagesCall(messages or [HumanMessage("q")], {"model": "m"}, provider="anthropic")


def expected(blocks: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the blocks as they go back: plain strings in a row are one, and blank ones none."""
    found: list[dict[str, Any]] = []
    for item in blocks:
        is_plain = set(item) == {"type", "text"}
        if is_plain and found and set(found[-1]) == {"type", "text"}:
            found[-1] = {**item, "text": found[-1]["text"] + item["text"]}
        else:
            found.append(dict(item))
    return [item for item in found if item.get("text", "x").strip()]


def sent_back(message: AIMessage) -> list[dict[str, Any]]:
    """Return the content of the answer in the request of the next turn."""
    body = api_call(next_turn(through_json(message))).body(streamed=False)
    turns = [turn["content"] for turn in body["messages"] if turn["role"] == "assistant"]
    content: Any = turns[0] if turns else []
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


@given(CONTENTS)
def test_all_blocks_go_back_as_they_came(blocks: list[dict[str, Any]]) -> None:
    """Each in its place, with its fields, of known and unknown kinds."""
    assert sent_back(api_call().answer(answer(*blocks), {})) == expected(blocks)


@given(CONTENTS)
def test_a_stream_goes_back_like_an_answer(blocks: list[dict[str, Any]]) -> None:
    """The blocks are put together from their deltas."""
    assert sent_back(streamed(api_call(), events(answer(*blocks)))) == expected(blocks)


@given(CONTENTS)
def test_blocks_of_anthropic_go_to_no_other_service(blocks: list[dict[str, Any]]) -> None:
    """Gemini and Ollama get the words and the calls, and nothing that only Anthropic reads."""
    message = through_json(api_call().answer(answer(*blocks), {}))
    conversation = next_turn(message)
    google = ChatGoogleGenerativeAI("m", api_key="k" * 12)
    contents = google._exchange(conversation, {"model": "m"}).body(streamed=False)["contents"]
    parts = [
        part for content in contents if content["role"] == "model" for part in content["parts"]
    ]
    assert all(set(part) <= {"text", "functionCall", "thoughtSignature"} for part in parts)
    assert all(part.get("thoughtSignature", "skip_").startswith("skip_") for part in parts)
    ollama = ChatOllama("m")._exchange(conversation, {"model": "m"}).body(streamed=False)
    [said] = [turn for turn in ollama["messages"] if turn["role"] == "assistant"]
    assert set(said) <= {"role", "content", "tool_calls"}
    for call in said.get("tool_calls", ()):
        assert set(call) <= {"id", "function"}
        assert set(call["function"]) == {"name", "arguments"}


FOREIGN = [
    {"type": "reasoning", "reasoning": "hm", "extras": {"signature": "theirs"}},
    {"type": "thinking", "thinking": "hm", "signature": "theirs"},
    {"type": "web_search_call", "id": "ws_1"},
    {"type": "image", "base64": "AA==", "mime_type": "image/png"},
    {"type": "image", "source": {"type": "url", "url": "https://u"}},
    {"type": "file", "file_id": "file-1"},
    {"executableCode": {"code": "1"}},
]


@pytest.mark.parametrize("provider", ["openai", "google", "ollama", "groq"])
@pytest.mark.parametrize("foreign", FOREIGN)
def test_blocks_of_others_are_left_out(foreign: dict[str, Any], provider: str) -> None:
    """Only the words of another service's answer are sent."""
    message = AIMessage(["So.", foreign], response_metadata={"model_provider": provider})
    assert sent_back(message) == [{"type": "text", "text": "So."}]


def test_extras_of_others_are_left_out() -> None:
    """The ids and signatures of another service's calls mean nothing to Anthropic."""
    call: Any = {"name": "add", "args": {}, "id": "c1", "extras": {"item_id": "fc_1"}}
    message = AIMessage("", tool_calls=[call], response_metadata={"model_provider": "openai"})
    assert sent_back(message) == [{"type": "tool_use", "id": "c1", "name": "add", "input": {}}]


def test_a_changed_call_goes_back_changed() -> None:
    """What was run is what the conversation says, also where the content has the call."""
    use = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1}, "zeta": 2}
    message = api_call().answer(answer(use, {"type": "text", "text": "now"}), {})
    message.tool_calls[0]["args"] = {"a": 5}
    assert sent_back(message)[0] == {**use, "input": {"a": 5}}


def test_reasoning_without_a_signature_goes_to_who_does_not_sign(call: Call) -> None:
    """Anthropic would refuse it; a compatible server gets back what it said."""
    thinking = {"type": "thinking", "thinking": "hm"}
    message = api_call().answer(answer(thinking, {"type": "text", "text": "So."}), {})
    assert sent_back(message) == [{"type": "text", "text": "So."}]
    with Recorder().listening() as server:
        server.enqueue(Response(answer({"type": "text", "text": "k"})))
        model = ChatAnthropic("m", base_url=server.url, api_key="k" * 12)
        call.invoke(model, [HumanMessage("q"), through_json(message), HumanMessage("and?")])
        assert server.bodies[0]["messages"][1]["content"][0] == thinking


# -- the container

CONTAINER = {"id": "container_1", "expires_at": "2020-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("option", "sent"),
    [
        ({}, "container_1"),
        ({"container": "container_2"}, "container_2"),
        ({"container": ""}, None),
        ({"container": {"skills": []}}, {"id": "container_1", "skills": []}),
        ({"container": {"id": "container_3"}}, {"id": "container_3"}),
    ],
)
def test_the_container_is_used_again(option: dict[str, Any], sent: Any, call: Call) -> None:
    """The next turn names the container of the answer before, unless an option says another."""
    body = {**answer({"type": "text", "text": "k"}), "container": CONTAINER}
    with Recorder().listening() as server:
        server.enqueue(Response(body))
        model = ChatAnthropic("m", base_url=server.url, api_key="k" * 12)
        message = through_json(call.invoke(model, "q"))
        call.invoke(model, [HumanMessage("q"), message, HumanMessage("and?")], **option)
        first, second = server.bodies
    assert "container" not in first
    assert second.get("container") == sent


def test_the_container_of_a_stream_is_used_again() -> None:
    """It comes in the last event of one."""
    parts = events({**answer({"type": "text", "text": "k"}), "container": CONTAINER})
    message = streamed(api_call(), parts)
    assert message.response_metadata["container"] == CONTAINER
    foreign = AIMessage("k", response_metadata={"container": CONTAINER, "model_provider": "x"})
    body = api_call([HumanMessage("q"), foreign, HumanMessage("and?")]).body(streamed=False)
    assert "container" not in body


# -- nothing is lost


@given(FIELDS, FIELDS, st.booleans())
def test_unknown_fields_are_metadata(
    fields: dict[str, Any], of_usage: dict[str, Any], is_streamed: bool
) -> None:
    """Of the message, and of its usage."""
    body = {**answer({"type": "text", "text": "k"}), **fields}
    body["usage"] = {**of_usage, **body["usage"], "server_tool_use": {"web_search_requests": 2}}
    message = streamed(api_call(), events(body)) if is_streamed else api_call().answer(body, {})
    metadata = message.response_metadata
    assert {key: metadata[key] for key in fields} == fields
    assert metadata.get("usage", {}) == of_usage
    assert metadata["server_tool_use"] == {"web_search_requests": 2}


def test_unknown_events_and_deltas_are_kept() -> None:
    """A delta goes to its block where that can have it; what has no place is metadata."""
    blocks = [
        {"type": "text", "text": "a"},
        {"type": "thinking", "thinking": "b", "signature": "s"},
        {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {}},
    ]
    parts = events(answer(*blocks))
    later = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "x_delta", "x": 1}},
        {"type": "a_later_event", "y": 2},
    ]
    at = [place for place, part in enumerate(parts) if part["type"] == "content_block_stop"]
    more = {
        1: {"type": "content_block_delta", "index": 1, "delta": {"type": "z_delta", "z": "3"}},
        2: {"type": "content_block_delta", "index": 2, "delta": {"type": "z_delta", "z": "4"}},
    }
    stream = [
        *parts[: at[0]],
        *later,
        *parts[at[0] : at[1]],
        more[1],
        *parts[at[1] : at[2]],
        more[2],
        *parts[at[2] :],
    ]
    message = streamed(api_call(), stream)
    assert message.response_metadata["unknown_events"] == [
        {"type": "a_later_event", "y": 2},
        {"index": 0, "type": "x_delta", "x": 1},
    ]
    text, thinking, use = sent_back(message)
    assert text == {"type": "text", "text": "a"}
    assert thinking == {**blocks[1], "z": "3"}
    assert use == {**blocks[2], "z": "4"}


def test_counts_of_each_event_are_not_summed() -> None:
    """Each usage is a total so far."""
    parts = events(answer({"type": "text", "text": "k"}))
    usage = {"input_tokens": 10, "cache_creation_input_tokens": 4, "output_tokens": 7}
    for part in parts:
        if part["type"] == "message_start":
            part["message"]["usage"] = {**usage, "output_tokens": 1}
        if part["type"] == "message_delta":
            part["usage"] = usage
    last = next(place for place, part in enumerate(parts) if part["type"] == "message_delta")
    again = {"type": "message_delta", "delta": {}, "usage": {**usage, "output_tokens": 3}}
    message = streamed(api_call(), [*parts[:last], again, *parts[last:]])
    assert message.usage_metadata == {
        "input_tokens": 14,
        "output_tokens": 7,
        "total_tokens": 21,
        "input_token_details": {"cache_creation": 4},
    }


def test_a_nameless_call_goes_back_with_a_name() -> None:
    """A call that names no tool has the name "unknown", and its result belongs to it."""
    broken: Any = {"name": None, "args": "add(1", "id": None, "error": "?"}
    message = AIMessage("", invalid_tool_calls=[broken])
    [use] = sent_back(message)
    assert use["name"] == "unknown"
    results = MessagesCall(
        [HumanMessage("q"), message, ToolMessage("r", tool_call_id="unknown")],
        {"model": "m"},
        provider="anthropic",
    ).body(streamed=False)["messages"][-1]["content"]
    assert results[0]["tool_use_id"] == use["id"]
