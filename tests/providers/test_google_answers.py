"""How Gemini's responses and streams are read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables import AIMessage, AIMessageChunk, HumanMessage, ToolMessage
from runnables.errors import ModelConnectionError, ServerError
from runnables.messages import message_chunk_to_message
from runnables.testing import Response
from runnables_providers._remote.stream_decoding import JSONEvents
from runnables_providers.google import ChatGoogleGenerativeAI
from runnables_providers.google.generation import Generation
from tests.both_modes import Call
from tests.sdk.recorder import Recorder, sse_response

METADATA = {"modelVersion": "gemini-x-001", "responseId": "r-1"}
COUNTS = {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}


def event(*parts: dict[str, Any], **candidate: Any) -> dict[str, Any]:
    content = {"content": {"role": "model", "parts": list(parts)}} if parts else {}
    return {
        "candidates": [{**content, **candidate, "index": 0}],
        "usageMetadata": COUNTS,
        **METADATA,
    }


def generation() -> Generation:
    return Generation([HumanMessage("Hi")], {"model": "gemini-x"})


def streamed(events: Sequence[dict[str, Any]]) -> AIMessage:
    """Return the message of a stream."""
    reader = generation()
    chunks = [chunk for event in events for chunk in reader.feed(event)]
    last = reader.finish({})
    assert last is not None
    joined = AIMessageChunk.merge_chunks([*chunks, *last])
    answer = message_chunk_to_message(joined)
    assert isinstance(answer, AIMessage)
    return answer


def read_response(*parts: dict[str, Any], **candidate: Any) -> AIMessage:
    return generation().answer(event(*parts, finishReason="STOP", **candidate), {})


# -- streams

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
values = st.recursive(
    st.none() | st.integers(-9, 9) | words, lambda inner: st.lists(inner, max_size=2)
)
plain = st.fixed_dictionaries({"text": words})
reasoning = st.fixed_dictionaries(
    {"text": words, "thought": st.just(True)},
    optional={"thoughtSignature": st.sampled_from(["c2lnbmVk", "dG9v"])},
)
signed = st.fixed_dictionaries({"text": words, "thoughtSignature": st.just("c2lnbmVk")})
calls = st.fixed_dictionaries(
    {
        "functionCall": st.fixed_dictionaries(
            {"name": st.sampled_from(["look", "listen"])},
            optional={
                "args": st.dictionaries(words, values, max_size=2),
                "id": st.uuids().map(str),
            },
        )
    },
    optional={"thoughtSignature": st.just("c2lnbmVk")},
)
images = st.just({"inlineData": {"mimeType": "image/png", "data": "AA=="}})
code = st.just({"executableCode": {"language": "PYTHON", "code": "1"}})
part_lists = st.lists(st.one_of(plain, reasoning, signed, calls, images, code), max_size=6)


@given(part_lists, st.data())
def test_a_stream_adds_up_to_the_answer(parts: list[dict[str, Any]], data: st.DataObject) -> None:
    """The parts make the same message however they are spread over events."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(parts)), max_size=3)))
    bounds = [0, *cuts, len(parts)]
    events = [event(*parts[start:end]) for start, end in pairwise(bounds)]
    assert streamed([*events, event(finishReason="STOP")]) == read_response(*parts)


@given(part_lists, st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_the_answer_does_not_depend_on_the_chunks(
    parts: list[dict[str, Any]], sizes: list[int]
) -> None:
    """Bytes may be split inside a character, a line or an event."""
    events = [*(event(part) for part in parts), event(finishReason="STOP")]
    data = "".join(
        f"data: {json.dumps(each, ensure_ascii=False)}\r\n\r\n" for each in events
    ).encode()
    decoder = JSONEvents(lines=False)
    decoded: list[Any] = []
    start, count = 0, 0
    while start < len(data):
        size = sizes[count % len(sizes)]
        decoded += decoder.feed(data[start : start + size])
        start, count = start + size, count + 1
    decoded += decoder.finish()
    assert decoded == events
    assert streamed(decoded) == read_response(*parts)


@given(st.lists(words.filter(bool), min_size=1, max_size=5))
def test_text_and_reasoning_are_joined(parts: list[str]) -> None:
    """Unsigned text becomes one string, and unsigned reasoning one block."""
    events = [event({"text": part}) for part in parts]
    answer = streamed([*events, event(finishReason="STOP")])
    assert answer.content == "".join(parts)
    reasoning = [event({"text": part, "thought": True}) for part in parts]
    blocks = streamed([*reasoning, event(finishReason="STOP")]).content_blocks
    assert [block.get("reasoning") for block in blocks] == ["".join(parts)]


def test_signed_reasoning_is_not_joined() -> None:
    """Each part is sent back as it came, with its signature."""
    parts: list[dict[str, Any]] = [
        {"text": "a", "thought": True},
        {"text": "b", "thought": True, "thoughtSignature": "s1"},
        {"text": "c", "thought": True, "thoughtSignature": "s2"},
        {"text": "d", "thought": True},
    ]
    answer = streamed([*(event(part) for part in parts), event(finishReason="STOP")])
    body = Generation([HumanMessage("Hi"), answer], {}).body(streamed=False)
    assert body["contents"][1]["parts"] == parts


# -- fields of answers


def test_tool_calls_without_an_id_get_a_stable_one() -> None:
    """The id depends on the answer, the position and the arguments."""
    look = {"functionCall": {"name": "look", "args": {"at": "sky"}}}
    one, two = [call["id"] for call in read_response(look, look).tool_calls]
    assert one != two
    assert [call["id"] for call in read_response(look, look).tool_calls] == [one, two]
    other = generation().answer({**event(look), "responseId": "r-2"}, {})
    assert other.tool_calls[0]["id"] not in (one, two)
    bare = {"candidates": event(look)["candidates"]}
    first = generation().answer(bare, {})
    id = first.tool_calls[0]["id"]
    assert id is not None
    later = Generation([HumanMessage("Hi"), first, ToolMessage("x", tool_call_id=id)], {})
    assert later.answer(bare, {}).tool_calls[0]["id"] != id


def test_the_last_usage_counts() -> None:
    """Each event counts all tokens so far, and reasoning tokens apart from the answer."""
    growing = [{**event({"text": "a"}), "usageMetadata": COUNTS} for _ in range(3)]
    last = {
        "promptTokenCount": 10,
        "toolUsePromptTokenCount": 4,
        "cachedContentTokenCount": 6,
        "candidatesTokenCount": 5,
        "thoughtsTokenCount": 7,
        "totalTokenCount": 26,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 7},
            {"modality": "AUDIO", "tokenCount": 3},
        ],
    }
    without = {
        key: value for key, value in event(finishReason="STOP").items() if key != "usageMetadata"
    }
    answer = streamed([*growing, {**event({"text": "b"}), "usageMetadata": last}, without])
    assert answer.usage_metadata == {
        "input_tokens": 14,
        "output_tokens": 12,
        "total_tokens": 26,
        "input_token_details": {"cache_read": 6, "audio": 3},
        "output_token_details": {"reasoning": 7},
    }


def test_the_metadata_of_an_answer_is_kept() -> None:
    """The last ratings and sources count; citations of all events are joined."""

    def cited(end: int) -> dict[str, Any]:
        return {"citationSources": [{"endIndex": end}]}

    metadata = streamed(
        [
            event({"text": "a"}, citationMetadata=cited(1), safetyRatings=[{"probability": "LOW"}]),
            event({"text": "b"}, citationMetadata=cited(2)),
            event(
                finishReason="STOP",
                safetyRatings=[{"probability": "NEGLIGIBLE"}],
                groundingMetadata={"webSearchQueries": ["a b"]},
            ),
        ]
    ).response_metadata
    assert metadata["citation_metadata"] == {"citationSources": [{"endIndex": 1}, {"endIndex": 2}]}
    assert metadata["safety_ratings"] == [{"probability": "NEGLIGIBLE"}]
    assert metadata["grounding_metadata"] == {"webSearchQueries": ["a b"]}
    assert metadata["finish_reason"] == "STOP"
    assert metadata["model_name"] == "gemini-x-001"
    assert metadata["model_provider"] == "google"


@pytest.mark.parametrize("reason", ["SAFETY", "PROHIBITED_CONTENT", "RECITATION", "IMAGE_SAFETY"])
def test_a_withheld_answer_is_a_refusal(reason: str) -> None:
    """The text before it is kept, and the refusal names the reason."""
    answer = streamed([event({"text": "Well, "}), event(finishReason=reason)])
    assert answer.text == "Well, "
    assert answer.refusal is not None
    assert reason in answer.refusal
    message = generation().answer(event(finishReason=reason, finishMessage="Not this."), {})
    assert message.refusal == "Not this."


def test_a_blocked_prompt_is_a_refusal(call: Call) -> None:
    """There is no candidate and no finish reason; the stream is complete all the same."""
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": COUNTS, **METADATA}
    with Recorder().listening() as server:
        model = ChatGoogleGenerativeAI("m", api_key="k", base_url=server.url)
        server.enqueue(Response(blocked))
        answer: AIMessage = call.invoke(model, "Hi")
        server.enqueue(sse_response([blocked]))
        chunks = call.stream(model, "Hi")
    assert answer.refusal is not None
    assert "SAFETY" in answer.refusal
    assert message_chunk_to_message(AIMessageChunk.merge_chunks(chunks)) == answer
    assert answer.response_metadata["prompt_feedback"] == {"blockReason": "SAFETY"}


def test_a_generated_refusal_is_not_sent_back() -> None:
    """The model did not write the text of the refusal."""
    answer = generation().answer(event({"text": "Well, "}, finishReason="SAFETY"), {})
    body = Generation([HumanMessage("Hi"), answer], {}).body(streamed=False)
    assert body["contents"][1] == {"role": "model", "parts": [{"text": "Well, "}]}


def test_a_malformed_call_is_an_invalid_tool_call() -> None:
    """Its arguments are the message of Google, which has what the model wrote."""
    message = "Malformed function call: print(look(at='sky')"
    answer = streamed(
        [event({"text": "x"}), event(finishReason="MALFORMED_FUNCTION_CALL", finishMessage=message)]
    )
    assert [call["args"] for call in answer.invalid_tool_calls] == [message]
    assert answer.tool_calls == []


def test_an_empty_answer_is_a_server_error() -> None:
    """The service sometimes sends neither a candidate nor a reason; a retry may help."""
    with Recorder().listening() as server:
        server.enqueue(Response({"usageMetadata": COUNTS, **METADATA}))
        model = ChatGoogleGenerativeAI("m", api_key="k", base_url=server.url, max_retries=0)
        with pytest.raises(ServerError, match="cannot be read"):
            model.invoke("Hi")


@pytest.mark.parametrize(
    "stream", [[], [event({"text": "Once upon"})]], ids=["empty", "incomplete"]
)
def test_a_truncated_stream_is_an_error(stream: list[dict[str, Any]], call: Call) -> None:
    """A stream without its last event raises."""
    with Recorder().listening() as server:
        server.enqueue(sse_response(stream))
        model = ChatGoogleGenerativeAI("m", api_key="k", base_url=server.url, max_retries=0)
        with pytest.raises(ModelConnectionError, match="ended before the answer did"):
            call.stream(model, "Hi")
