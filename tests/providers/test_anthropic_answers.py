"""How answers of Anthropic are read, whole and from the bytes of a stream."""

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
THOUGHT = {"type": "thinking", "thinking": "Let me see.", "signature": "EqQB=="}
REDACTED = {"type": "redacted_thinking", "data": "EmwK"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1, "b": "ü"}}
NOTHING = {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}}
SEARCH = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "x"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": [{"url": "u"}]}


def text(said: str, *citations: dict[str, Any]) -> dict[str, Any]:
    block = {"type": "text", "text": said}
    return {**block, "citations": list(citations)} if citations else block


def exchange(*, cited: bool = False) -> MessagesCall:
    messages = [HumanMessage([CITED_DOCUMENT] if cited else "Hi")]
    return MessagesCall(messages, {"model": "claude-x"}, provider="anthropic")


def whole(body: dict[str, Any], *, cited: bool = False) -> AIMessage:
    """The message of a whole answer."""
    return exchange(cited=cited).answer(body, HEADERS)


def chunks(pieces: Sequence[bytes], *, cited: bool = False) -> list[AIMessageChunk]:
    """The chunks of a stream that comes in these pieces."""
    reading = _StreamReader(MODEL, exchange(cited=cited), HEADERS)
    found = [chunk for piece in pieces for chunk in reading.feed(piece)]
    return [*found, *reading.finish()]


def streamed(body: dict[str, Any], *, cited: bool = False) -> AIMessage:
    """The message of the same answer as a stream."""
    return join_answer(chunks([sse(events(body))], cited=cited))


# -- whole answers


def test_a_text_is_a_text() -> None:
    said = whole(answer(text("Hello")))
    assert said == AIMessage(
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


def test_thoughts_are_blocks_with_their_signatures() -> None:
    said = whole(answer(THOUGHT, REDACTED, text("So.")))
    assert said.content == [{**THOUGHT, "index": 0}, {**REDACTED, "index": 1}, "So."]
    assert said.text == "So."
    kinds = [block["type"] for block in said.content_blocks]
    assert kinds == ["reasoning", "non_standard", "text"]


def test_calls_of_tools_are_no_part_of_the_content() -> None:
    """Unless something follows, so that their place would be lost."""
    caller = {"caller": {"type": "direct"}}
    said = whole(answer(text("I add."), USE, {**NOTHING, **caller}))
    assert said.content == "I add."
    assert [(it["name"], it["args"], it["id"]) for it in said.tool_calls] == [
        ("add", USE["input"], "toolu_1"),
        ("now", {}, "toolu_2"),
    ]
    assert said.tool_calls[1].get("extras") == caller
    between = whole(answer(text("I add."), USE, text("and tell the time."), NOTHING))
    assert between.content == ["I add.", {**USE, "index": 1}, "and tell the time."]
    assert between.tool_calls[0] == said.tool_calls[0]
    assert [block["type"] for block in between.content_blocks] == [
        *("text", "tool_call", "text", "tool_call")
    ]


def test_citations_are_annotations_of_their_texts() -> None:
    """Each text is a block where the request lets the model cite, and where one came anyway."""
    body = answer(text("I read: "), text("green", CITATION), text("."))
    said = whole(body, cited=True)
    assert said.content == [
        {"type": "text", "text": "I read: ", "index": 0},
        {"type": "text", "text": "green", "index": 1, "annotations": [CITATION]},
        {"type": "text", "text": ".", "index": 2},
    ]
    assert said.text == "I read: green."
    assert said.content_blocks[1]["annotations"] == [CITATION]  # type: ignore[typeddict-item]
    assert whole(body).content == ["I read: ", said.content[1], "."]


def test_the_tokens_of_the_cache_are_read_too() -> None:
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
    said = whole(answer(text("Hi"), usage=usage))
    assert said.usage_metadata == {
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
    assert said.response_metadata["server_tool_use"] == {"web_search_requests": 2}
    assert said.response_metadata["service_tier"] == "standard"


@pytest.mark.parametrize(
    ("details", "refusal"),
    [
        ({"category": "cyber", "explanation": "It could do harm."}, "It could do harm."),
        ({"category": "bio", "explanation": None}, "Claude declined to answer (bio)."),
        (None, "Claude declined to answer."),
    ],
)
def test_a_refusal_is_a_block(details: Any, refusal: str) -> None:
    """So that a parser that wants an answer tells it from one."""
    body = answer(text("Well"), stop_reason="refusal", stop_details=details)
    said = whole(body)
    assert said.refusal == refusal
    assert said.text == "Well"
    assert streamed(body) == said


# -- streams


BODIES = [
    answer(),
    answer(text("Hello")),
    answer(text("Hello", CITATION, CITATION), text(" you")),
    answer(THOUGHT, REDACTED, text("So."), USE, NOTHING),
    answer(NOTHING, USE),
    answer(USE, text("and"), {**NOTHING, "caller": {"type": "direct"}}, THOUGHT),
    answer(SEARCH, FOUND, text("So."), stop_reason="pause_turn"),
    answer(text("Hi"), stop_reason="stop_sequence", stop_sequence="\n"),
    answer({**THOUGHT, "thinking": ""}),
]


@pytest.mark.parametrize("cited", [False, True])
@pytest.mark.parametrize("body", BODIES)
def test_a_stream_adds_up_to_the_answer(body: dict[str, Any], cited: bool) -> None:
    """In every field: content, calls, usage, what it tells of itself."""
    assert streamed(body, cited=cited) == whole(body, cited=cited)


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
    st.builds(lambda said: {**THOUGHT, "thinking": said}, words),
    st.just(REDACTED),
    st.builds(lambda name, args: {**USE, "id": name, "input": args}, words, inputs),
    st.builds(lambda args: {**SEARCH, "input": args}, inputs),
    st.just(FOUND),
)


def unlike(some: list[dict[str, Any]]) -> bool:
    names = [it["id"] for it in some if it["type"] == "tool_use"]
    return len(names) == len(set(names))


@given(
    said=st.lists(blocks, max_size=5).filter(unlike),
    cited=st.booleans(),
    cuts=st.lists(st.integers(0, 3000), max_size=30),
    at=st.integers(0, 12),
)
def test_where_the_bytes_are_cut_makes_no_difference(
    said: list[dict[str, Any]], cited: bool, cuts: list[int], at: int
) -> None:
    """Bytes in any pieces, texts in any pieces: the answer is that of the whole body."""
    body = answer(*said)
    data = sse(events(body, lambda it: [it[:at], it[at:]]))
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(places)]
    assert join_answer(chunks(pieces, cited=cited)) == whole(body, cited=cited)


def test_texts_come_as_they_are_said() -> None:
    """As plain texts, with nothing between them that would be shown; the name goes with each."""
    found = chunks([sse(events(answer(text("Hello"))))])
    assert [chunk.content for chunk in found] == ["He", "llo", ""]
    assert {chunk.id for chunk in found} == {"msg_1"}
    assert [chunk.chunk_position for chunk in found] == [None, None, "last"]


def test_thoughts_and_arguments_come_as_they_are_made() -> None:
    found = chunks([sse(events(answer(THOUGHT, USE)))])
    thoughts = [block for chunk in found for block in chunk.content if isinstance(block, dict)]
    assert [it.get("thinking") for it in thoughts] == ["", "Let m", "e see.", None]
    args = [piece["args"] for chunk in found for piece in chunk.tool_call_chunks]
    assert [it for it in args if it] == ['{"a": 1, "b', '": "\\u00fc"}']


@given(said=st.text("ab\n ", max_size=12), cut=st.integers(0, 12), cited=st.booleans())
def test_a_blank_stop_cuts_the_text_here(said: str, cut: int, cited: bool) -> None:
    """As the service refuses to: whole and in pieces, plain and in blocks."""
    body = answer(text(said), USE)
    messages = [HumanMessage([CITED_DOCUMENT] if cited else "Hi")]
    options = {"model": "claude-x", "stop": ["\n\n", " "]}
    calls = [MessagesCall(messages, options, provider="anthropic") for _ in range(2)]
    whole = calls[0].answer(body, HEADERS)
    told = events(body, lambda it: [it[:cut], it[cut:]])
    found = [chunk for event in told for chunk in calls[1].feed(event)]
    joined = join_answer([*found, *(calls[1].finish(HEADERS) or ())])
    assert whole.text == min(said.split(stop)[0] for stop in ("\n\n", " "))
    assert joined.text == whole.text
    assert joined.tool_calls == whole.tool_calls


def test_usage_counts_once_and_as_it_ends() -> None:
    """The counts of `message_delta` are of the whole answer; what it leaves out still holds."""
    body = answer(text("Hi"), usage={"input_tokens": 9, "output_tokens": 3})
    told = events(body)
    told[0]["message"]["usage"] = {"input_tokens": 5, "cache_read_input_tokens": 2}
    told[-2]["usage"] = {"input_tokens": 9, "output_tokens": 3, "cache_creation_input_tokens": None}
    (usage,) = [c.usage_metadata for c in chunks([sse(told)]) if c.usage_metadata]
    assert usage["input_tokens"] == 11
    assert usage["total_tokens"] == 14
    assert usage["input_token_details"] == {"cache_read": 2}


def test_arguments_that_are_no_json_are_an_invalid_call() -> None:
    """As when the answer is cut at its limit; the text that was written is kept."""
    told = events(answer(USE, stop_reason="max_tokens"))
    told = [it for it in told if '"}' not in str(it.get("delta", {}).get("partial_json"))]
    said = join_answer(chunks([sse(told)]))
    assert said.tool_calls == []
    assert said.invalid_tool_calls[0]["args"] == '{"a": 1, "b'


def test_what_is_not_known_is_passed_over_or_kept() -> None:
    """New kinds of events say nothing; new kinds of blocks grow by the texts of their deltas."""
    told = events(answer({"type": "compaction", "content": None}, text("Hi")))
    start = next(at for at, it in enumerate(told) if it["type"] == "content_block_start")
    grown = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "compaction_delta", **it}}
        for it in ({"content": "Once "}, {"content": "upon"})
    ]
    told[start + 1 : start + 1] = [*grown, {"type": "weather", "index": 0}]
    said = join_answer(chunks([sse(told)]))
    assert said.content == [{"type": "compaction", "content": "Once upon", "index": 0}, "Hi"]


# -- what can be wrong


@pytest.mark.parametrize("kept", range(8))
def test_a_stream_that_ends_too_soon_is_an_error(kept: int) -> None:
    """Wherever it ends before `message_stop`."""
    told = events(answer(text("Hello")))
    assert len(told) == 8
    with pytest.raises(ModelConnectionError, match="ended before the answer did") as raised:
        chunks([sse(told[:kept])])
    assert raised.value.request_id == "req_1"


@pytest.mark.parametrize(
    ("kind", "message", "error"),
    [
        ("overloaded_error", "Overloaded", ServerError),
        ("api_error", "Oops", ServerError),
        ("invalid_request_error", "prompt is too long: 9 tokens > 8", ContextLengthError),
        ("rate_limit_error", "Slower", RateLimitError),
        ("a_new_error", "Hm", ServerError),
    ],
)
def test_an_error_in_a_stream_is_that_error(
    kind: str, message: str, error: type[ModelError]
) -> None:
    told = events(answer(text("Hello")))[:4]
    fault = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
    reading = _StreamReader(MODEL, exchange(), HEADERS)
    with pytest.raises(error, match=message):
        list(reading.feed(sse([*told, fault])))


@pytest.mark.parametrize(
    "body",
    [{}, {"content": None}, {"content": [{}]}, {"content": [{"type": "tool_use"}]}, [], None, 1],
)
def test_an_answer_of_another_form_is_an_error_of_the_server(body: Any) -> None:
    with pytest.raises(ServerError, match="cannot be read"), MODEL._raises_server_error(b"...", HEADERS):
        exchange().answer(body, HEADERS)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "content_block_start", "index": 0, "content_block": None},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text"}},
        {"type": "message_start", "message": None},
        {"type": "message_delta", "delta": None},
    ],
)
def test_an_event_of_another_form_is_an_error_of_the_server(event: dict[str, Any]) -> None:
    with pytest.raises(ServerError, match="cannot be read"):
        chunks([sse([event])])
