"""How responses and streams of Anthropic are read."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables import AIMessage, AIMessageChunk, HumanMessage
from runnables.errors import (
    ContextLengthError,
    ModelConnectionError,
    ModelError,
    RateLimitError,
    ServerError,
)
from runnables.models.calls import join_answer
from runnables_providers._remote.chat import _StreamReader
from runnables_providers.anthropic import ChatAnthropic
from runnables_providers.anthropic.messages_api import MessagesCall
from tests.providers.anthropic_events import answer, events, sse

MODEL = ChatAnthropic("claude-x", api_key="sk-ant")
HEADERS = {"request-id": "req_1", "content-type": "text/event-stream"}
CITED_DOCUMENT = {
    "type": "document",
    "source": {"type": "text", "media_type": "text/plain", "data": "Grass is green."},
    "citations": {"enabled": True},
}
CITATION = {
    "type": "char_location",
    "cited_text": "Grass is green.",
    "document_index": 0,
    "document_title": None,
    "start_char_index": 0,
    "end_char_index": 15,
}
THINKING = {"type": "thinking", "thinking": "Let me see.", "signature": "EqQB=="}
REDACTED = {"type": "redacted_thinking", "data": "EmwK"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1, "b": "ü"}}
NOTHING = {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}}
SEARCH = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "x"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": [{"url": "u"}]}


def text(text: str, *citations: dict[str, Any]) -> dict[str, Any]:
    block = {"type": "text", "text": text}
    return {**block, "citations": list(citations)} if citations else block


def api_call(*, cited: bool = False) -> MessagesCall:
    messages = [HumanMessage([CITED_DOCUMENT] if cited else "Hi")]
    return MessagesCall(messages, {"model": "claude-x"}, provider="anthropic")


def read_response(body: dict[str, Any], *, cited: bool = False) -> AIMessage:
    """Return the message of a response."""
    return api_call(cited=cited).answer(body, HEADERS)


def chunks(parts: Sequence[bytes], *, cited: bool = False) -> list[AIMessageChunk]:
    """Return the chunks of a stream whose bytes come in these parts."""
    reader = _StreamReader(MODEL, api_call(cited=cited), HEADERS)
    before = [chunk for part in parts for chunk in reader.feed(part)]
    return [*before, *reader.finish()]


def streamed(body: dict[str, Any], *, cited: bool = False) -> AIMessage:
    """Return the message of the same answer as a stream."""
    return join_answer(chunks([sse(events(body))], cited=cited))


# -- responses


def test_a_text_block_is_a_string() -> None:
    """The message has the text, the id, the usage and the metadata."""
    message = read_response(answer(text("Hello")))
    assert message == AIMessage(
        "Hello",
        id="msg_1",
        usage_metadata={"input_tokens": 10, "output_tokens": 7, "total_tokens": 17},
        response_metadata={
            "model_name": "claude-x",
            "model_provider": "anthropic",
            "stop_reason": "end_turn",
            "request_id": "req_1",
        },
    )


def test_reasoning_is_a_block_with_its_signature() -> None:
    """Redacted reasoning is a block, too, but is not standardized."""
    message = read_response(answer(THINKING, REDACTED, text("So.")))
    assert message.content == [{**THINKING, "index": 0}, {**REDACTED, "index": 1}, "So."]
    assert message.text == "So."
    kinds = [block["type"] for block in message.content_blocks]
    assert kinds == ["reasoning", "non_standard", "text"]


def test_tool_calls_are_not_in_the_content() -> None:
    """A call is in the content only if a block follows, so that its position is kept."""
    caller = {"caller": {"type": "direct"}}
    message = read_response(answer(text("I add."), USE, {**NOTHING, **caller}))
    assert message.content == "I add."
    assert [(made["name"], made["args"], made["id"]) for made in message.tool_calls] == [
        ("add", USE["input"], "toolu_1"),
        ("now", {}, "toolu_2"),
    ]
    assert message.tool_calls[1].get("extras") == caller
    between = read_response(answer(text("I add."), USE, text("and tell the time."), NOTHING))
    assert between.content == ["I add.", {**USE, "index": 1}, "and tell the time."]
    assert between.tool_calls[0] == message.tool_calls[0]
    assert [block["type"] for block in between.content_blocks] == [
        *("text", "tool_call", "text", "tool_call")
    ]


def test_citations_are_annotations() -> None:
    """Text is a block if the request enables citations, or if it has one."""
    body = answer(text("I read: "), text("green", CITATION), text("."))
    message = read_response(body, cited=True)
    assert message.content == [
        {"type": "text", "text": "I read: ", "index": 0},
        {"type": "text", "text": "green", "index": 1, "annotations": [CITATION]},
        {"type": "text", "text": ".", "index": 2},
    ]
    assert message.text == "I read: green."
    assert message.content_blocks[1]["annotations"] == [CITATION]  # type: ignore[typeddict-item]
    assert read_response(body).content == ["I read: ", message.content[1], "."]


def test_the_usage_counts_cached_tokens() -> None:
    """Anthropic counts them apart from `input_tokens`."""
    usage = {
        "input_tokens": 10,
        "cache_read_input_tokens": 100,
        "cache_creation_input_tokens": 50,
        "cache_creation": {"ephemeral_5m_input_tokens": 20, "ephemeral_1h_input_tokens": 30},
        "output_tokens": 7,
        "output_tokens_details": {"thinking_tokens": 4},
        "server_tool_use": {"web_search_requests": 2},
        "service_tier": "standard",
    }
    message = read_response(answer(text("Hi"), usage=usage))
    assert message.usage_metadata == {
        "input_tokens": 160,
        "output_tokens": 7,
        "total_tokens": 167,
        "input_token_details": {
            "cache_read": 100,
            "cache_creation": 50,
            "ephemeral_5m_input_tokens": 20,
            "ephemeral_1h_input_tokens": 30,
        },
        "output_token_details": {"reasoning": 4},
    }
    assert message.response_metadata["server_tool_use"] == {"web_search_requests": 2}
    assert message.response_metadata["service_tier"] == "standard"


@pytest.mark.parametrize(
    ("details", "refusal"),
    [
        ({"category": "cyber", "explanation": "It could do harm."}, "It could do harm."),
        ({"category": "bio", "explanation": None}, "Claude declined to answer (bio)."),
        (None, "Claude declined to answer."),
    ],
)
def test_a_refusal_is_a_block(details: Any, refusal: str) -> None:
    """The refusal is the explanation, or the category, so that a parser can raise it."""
    body = answer(text("Well"), stop_reason="refusal", stop_details=details)
    message = read_response(body)
    assert message.refusal == refusal
    assert message.text == "Well"
    assert streamed(body) == message


# -- streams


BODIES = [
    answer(),
    answer(text("Hello")),
    answer(text("Hello", CITATION, CITATION), text(" you")),
    answer(THINKING, REDACTED, text("So."), USE, NOTHING),
    answer(NOTHING, USE),
    answer(USE, text("and"), {**NOTHING, "caller": {"type": "direct"}}, THINKING),
    answer(SEARCH, FOUND, text("So."), stop_reason="pause_turn"),
    answer(text("Hi"), stop_reason="stop_sequence", stop_sequence="\n"),
    answer({**THINKING, "thinking": ""}),
]


@pytest.mark.parametrize("cited", [False, True])
@pytest.mark.parametrize("body", BODIES)
def test_a_stream_adds_up_to_the_answer(body: dict[str, Any], cited: bool) -> None:
    """Every field agrees: content, tool calls, usage and metadata."""
    assert streamed(body, cited=cited) == read_response(body, cited=cited)


words = st.text(min_size=1, max_size=12).filter(str.strip)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
inputs = st.dictionaries(st.text(max_size=3), values, max_size=3)
blocks = st.one_of(
    st.builds(text, words),
    st.builds(text, words, st.just(CITATION)),
    st.builds(lambda thinking: {**THINKING, "thinking": thinking}, words),
    st.just(REDACTED),
    st.builds(lambda name, args: {**USE, "id": name, "input": args}, words, inputs),
    st.builds(lambda args: {**SEARCH, "input": args}, inputs),
    st.just(FOUND),
)


def have_distinct_ids(blocks: list[dict[str, Any]]) -> bool:
    ids = [block["id"] for block in blocks if block["type"] == "tool_use"]
    return len(ids) == len(set(ids))


@given(
    content=st.lists(blocks, max_size=5).filter(have_distinct_ids),
    cited=st.booleans(),
    cuts=st.lists(st.integers(0, 3000), max_size=30),
    split_at=st.integers(0, 12),
)
def test_the_answer_does_not_depend_on_the_chunks(
    content: list[dict[str, Any]], cited: bool, cuts: list[int], split_at: int
) -> None:
    """Bytes and strings are split anywhere, and add up to the answer of the response."""
    body = answer(*content)
    data = sse(events(body, lambda text: [text[:split_at], text[split_at:]]))
    indexes = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    parts = [data[start:end] for start, end in pairwise(indexes)]
    assert join_answer(chunks(parts, cited=cited)) == read_response(body, cited=cited)


def test_text_is_streamed_as_strings() -> None:
    """Each chunk has a string as its content, and the id."""
    found = chunks([sse(events(answer(text("Hello"))))])
    assert [chunk.content for chunk in found] == ["He", "llo", ""]
    assert {chunk.id for chunk in found} == {"msg_1"}
    assert [chunk.chunk_position for chunk in found] == [None, None, "last"]


def test_reasoning_and_arguments_are_streamed() -> None:
    """They come in chunks, as text does."""
    found = chunks([sse(events(answer(THINKING, USE)))])
    reasoning = [block for chunk in found for block in chunk.content if isinstance(block, dict)]
    assert [block.get("thinking") for block in reasoning] == ["", "Let m", "e see.", None]
    args = [part["args"] for chunk in found for part in chunk.tool_call_chunks]
    assert [part for part in args if part] == ['{"a": 1, "b', '": "\\u00fc"}']


@given(written=st.text("ab\n ", max_size=12), cut=st.integers(0, 12), cited=st.booleans())
def test_a_blank_stop_sequence_is_applied_by_the_client(
    written: str, cut: int, cited: bool
) -> None:
    """The service refuses blank stop sequences. Responses and streams end before them."""
    body = answer(text(written), USE)
    messages = [HumanMessage([CITED_DOCUMENT] if cited else "Hi")]
    options = {"model": "claude-x", "stop": ["\n\n", " "]}
    calls = [MessagesCall(messages, options, provider="anthropic") for _ in range(2)]
    complete = calls[0].answer(body, HEADERS)
    split_events = events(body, lambda part: [part[:cut], part[cut:]])
    found = [chunk for event in split_events for chunk in calls[1].feed(event)]
    joined = join_answer([*found, *(calls[1].finish(HEADERS) or ())])
    assert complete.text == min(written.split(stop)[0] for stop in ("\n\n", " "))
    assert joined.text == complete.text
    assert joined.tool_calls == complete.tool_calls


def test_the_last_usage_counts() -> None:
    """The counts of `message_delta` replace earlier ones; those that it leaves out stay."""
    body = answer(text("Hi"), usage={"input_tokens": 9, "output_tokens": 3})
    stream = events(body)
    stream[0]["message"]["usage"] = {"input_tokens": 5, "cache_read_input_tokens": 2}
    stream[-2]["usage"] = {
        "input_tokens": 9,
        "output_tokens": 3,
        "cache_creation_input_tokens": None,
    }
    (usage,) = [chunk.usage_metadata for chunk in chunks([sse(stream)]) if chunk.usage_metadata]
    assert usage["input_tokens"] == 11
    assert usage["total_tokens"] == 14
    assert usage["input_token_details"] == {"cache_read": 2}


def test_invalid_arguments_are_an_invalid_tool_call() -> None:
    """An answer that ends at its limit keeps the incomplete string."""
    stream = events(answer(USE, stop_reason="max_tokens"))
    cut = [event for event in stream if '"}' not in str(event.get("delta", {}).get("partial_json"))]
    message = join_answer(chunks([sse(cut)]))
    assert message.tool_calls == []
    assert message.invalid_tool_calls[0]["args"] == '{"a": 1, "b'


def test_unknown_events_are_ignored_and_unknown_blocks_kept() -> None:
    """An unknown block is merged with the strings of its deltas."""
    stream = events(answer({"type": "compaction", "content": None}, text("Hi")))
    kinds = [event["type"] for event in stream]
    start = kinds.index("content_block_start")
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "compaction_delta", **delta}}
        for delta in ({"content": "Once "}, {"content": "upon"})
    ]
    stream[start + 1 : start + 1] = [*deltas, {"type": "weather", "index": 0}]
    message = join_answer(chunks([sse(stream)]))
    assert message.content == [{"type": "compaction", "content": "Once upon", "index": 0}, "Hi"]


# -- errors


@pytest.mark.parametrize("kept", range(8))
def test_a_truncated_stream_is_an_error(kept: int) -> None:
    """A stream that ends before `message_stop` raises, with the request id."""
    stream = events(answer(text("Hello")))
    assert len(stream) == 8
    with pytest.raises(ModelConnectionError, match="ended before the answer did") as raised:
        chunks([sse(stream[:kept])])
    assert raised.value.request_id == "req_1"


@pytest.mark.parametrize(
    ("code", "message", "error_type"),
    [
        ("overloaded_error", "Overloaded", ServerError),
        ("api_error", "Oops", ServerError),
        ("invalid_request_error", "prompt is too long: 9 tokens > 8", ContextLengthError),
        ("rate_limit_error", "Slower", RateLimitError),
        ("a_new_error", "Hm", ServerError),
    ],
)
def test_an_error_in_a_stream_is_that_error(
    code: str, message: str, error_type: type[ModelError]
) -> None:
    """The code of an error event selects the type."""
    stream = events(answer(text("Hello")))[:4]
    event = {"type": "error", "error": {"type": code, "message": message}, "request_id": "req_1"}
    reader = _StreamReader(MODEL, api_call(), HEADERS)
    with pytest.raises(error_type, match=message):
        list(reader.feed(sse([*stream, event])))


@pytest.mark.parametrize(
    "body",
    [{}, {"content": None}, {"content": [{}]}, {"content": [{"type": "tool_use"}]}, [], None, 1],
)
def test_an_unreadable_response_is_a_server_error(body: Any) -> None:
    """A body with another structure raises ServerError."""
    with (
        pytest.raises(ServerError, match="cannot be read"),
        MODEL._raises_server_error(b"...", HEADERS),
    ):
        api_call().answer(body, HEADERS)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "content_block_start", "index": 0, "content_block": None},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text"}},
        {"type": "message_start", "message": None},
        {"type": "message_delta", "delta": None},
    ],
)
def test_an_unreadable_event_is_a_server_error(event: dict[str, Any]) -> None:
    """An event with another structure raises ServerError."""
    with pytest.raises(ServerError, match="cannot be read"):
        chunks([sse([event])])
