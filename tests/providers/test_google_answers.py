"""How Gemini's answers and streams are read: plain data in, messages out."""

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

FACTS = {"modelVersion": "gemini-x-001", "responseId": "r-1"}
COUNTS = {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}


def event(*parts: dict[str, Any], **candidate: Any) -> dict[str, Any]:
    content = {"content": {"role": "model", "parts": list(parts)}} if parts else {}
    return {"candidates": [{**content, **candidate, "index": 0}], "usageMetadata": COUNTS, **FACTS}


def generation() -> Generation:
    return Generation([HumanMessage("Hi")], {"model": "gemini-x"})


def streamed(said: Sequence[dict[str, Any]]) -> AIMessage:
    """What the events of a stream make."""
    reading = generation()
    chunks = [chunk for one in said for chunk in reading.feed(one)]
    last = reading.finish({})
    assert last is not None
    joined = AIMessageChunk.merge_chunks([*chunks, *last])
    answer = message_chunk_to_message(joined)
    assert isinstance(answer, AIMessage)
    return answer


def whole(*parts: dict[str, Any], **candidate: Any) -> AIMessage:
    return generation().answer(event(*parts, finishReason="STOP", **candidate), {})


# -- a stream is the answer in pieces

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
values = st.recursive(st.none() | st.integers(-9, 9) | words, lambda it: st.lists(it, max_size=2))
texts = st.fixed_dictionaries({"text": words})
thoughts = st.fixed_dictionaries(
    {"text": words, "thought": st.just(True)},
    optional={"thoughtSignature": st.sampled_from(["c2lnbmVk", "dG9v"])},
)
signed = st.fixed_dictionaries({"text": words, "thoughtSignature": st.just("c2lnbmVk")})
calls = st.fixed_dictionaries(
    {
        "functionCall": st.fixed_dictionaries(
            {"name": st.sampled_from(["look", "hear"])},
            optional={
                "args": st.dictionaries(words, values, max_size=2),
                "id": st.uuids().map(str),
            },
        )
    },
    optional={"thoughtSignature": st.just("c2lnbmVk")},
)
pictures = st.just({"inlineData": {"mimeType": "image/png", "data": "AA=="}})
code = st.just({"executableCode": {"language": "PYTHON", "code": "1"}})
part_lists = st.lists(st.one_of(texts, thoughts, signed, calls, pictures, code), max_size=6)


@given(part_lists, st.data())
def test_events_add_up_to_the_answer(parts: list[dict[str, Any]], data: st.DataObject) -> None:
    """However the parts are spread over events, they make the message of the whole answer."""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(parts)), max_size=3)))
    bounds = [0, *cuts, len(parts)]
    groups = [parts[a:b] for a, b in pairwise(bounds)]
    said = [event(*group) for group in groups]
    assert streamed([*said, event(finishReason="STOP")]) == whole(*parts)


@given(part_lists, st.lists(st.integers(1, 40), min_size=1, max_size=20))
def test_bytes_may_be_cut_anywhere(parts: list[dict[str, Any]], sizes: list[int]) -> None:
    """In the middle of a letter, a line or an event."""
    said = [*(event(part) for part in parts), event(finishReason="STOP")]
    data = "".join(f"data: {json.dumps(it, ensure_ascii=False)}\r\n\r\n" for it in said).encode()
    decoder = JSONEvents(lines=False)
    found: list[Any] = []
    at, turn = 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        found += decoder.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    found += decoder.finish()
    assert found == said
    assert streamed(found) == whole(*parts)


@given(st.lists(words.filter(bool), min_size=1, max_size=5))
def test_a_split_text_is_the_text(pieces: list[str]) -> None:
    """Texts without a signature join to a plain text, thoughts to one block."""
    said = [event({"text": piece}) for piece in pieces]
    answer = streamed([*said, event(finishReason="STOP")])
    assert answer.content == "".join(pieces)
    thought = [event({"text": piece, "thought": True}) for piece in pieces]
    blocks = streamed([*thought, event(finishReason="STOP")]).content_blocks
    assert [it.get("reasoning") for it in blocks] == ["".join(pieces)]


def test_signed_thoughts_stay_apart() -> None:
    """Each goes back as it came: with its signature, and not joined to another."""
    parts: list[dict[str, Any]] = [
        {"text": "a", "thought": True},
        {"text": "b", "thought": True, "thoughtSignature": "s1"},
        {"text": "c", "thought": True, "thoughtSignature": "s2"},
        {"text": "d", "thought": True},
    ]
    answer = streamed([*(event(part) for part in parts), event(finishReason="STOP")])
    body = Generation([HumanMessage("Hi"), answer], {}).body(streamed=False)
    assert body["contents"][1]["parts"] == parts


# -- what answers tell


def test_calls_without_a_name_get_one_that_stays() -> None:
    """The same for the same answer; another for another place, arguments or answer."""
    look = {"functionCall": {"name": "look", "args": {"at": "sky"}}}
    one, two = [call["id"] for call in whole(look, look).tool_calls]
    assert one != two
    assert [call["id"] for call in whole(look, look).tool_calls] == [one, two]
    other = generation().answer({**event(look), "responseId": "r-2"}, {})
    assert other.tool_calls[0]["id"] not in (one, two)
    bare = {"candidates": event(look)["candidates"]}
    first = generation().answer(bare, {})
    name = first.tool_calls[0]["id"]
    assert name is not None
    later = Generation([HumanMessage("Hi"), first, ToolMessage("x", tool_call_id=name)], {})
    assert later.answer(bare, {}).tool_calls[0]["id"] != name


def test_counts_are_those_of_the_whole_and_counted_once() -> None:
    """Each event counts all so far; thoughts are beside the answer in them."""
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
    without = {key: it for key, it in event(finishReason="STOP").items() if key != "usageMetadata"}
    answer = streamed([*growing, {**event({"text": "b"}), "usageMetadata": last}, without])
    assert answer.usage_metadata == {
        "input_tokens": 14,
        "output_tokens": 12,
        "total_tokens": 26,
        "input_token_details": {"cache_read": 6, "audio": 3},
        "output_token_details": {"reasoning": 7},
    }


def test_what_an_answer_tells_of_itself_is_kept() -> None:
    """Ratings and sources as they were told last, citations and probabilities of all pieces."""

    def cited(end: int) -> dict[str, Any]:
        return {"citationSources": [{"endIndex": end}]}

    found = streamed(
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
    assert found["citation_metadata"] == {"citationSources": [{"endIndex": 1}, {"endIndex": 2}]}
    assert found["safety_ratings"] == [{"probability": "NEGLIGIBLE"}]
    assert found["grounding_metadata"] == {"webSearchQueries": ["a b"]}
    assert found["finish_reason"] == "STOP"
    assert found["model_name"] == "gemini-x-001"
    assert found["model_provider"] == "google"


@pytest.mark.parametrize("reason", ["SAFETY", "PROHIBITED_CONTENT", "RECITATION", "IMAGE_SAFETY"])
def test_a_withheld_answer_is_a_refusal(reason: str) -> None:
    """What came before stays, and the message says why there is no more."""
    answer = streamed([event({"text": "Well, "}), event(finishReason=reason)])
    assert answer.text == "Well, "
    assert answer.refusal is not None
    assert reason in answer.refusal
    said = generation().answer(event(finishReason=reason, finishMessage="Not this."), {})
    assert said.refusal == "Not this."


def test_a_blocked_prompt_is_a_refusal(call: Call) -> None:
    """There is no candidate then, and no reason to end; a stream ends all the same."""
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": COUNTS, **FACTS}
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


def test_our_words_for_a_refusal_do_not_go_back() -> None:
    """The model is not told that it said them."""
    answer = generation().answer(event({"text": "Well, "}, finishReason="SAFETY"), {})
    body = Generation([HumanMessage("Hi"), answer], {}).body(streamed=False)
    assert body["contents"][1] == {"role": "model", "parts": [{"text": "Well, "}]}


def test_a_malformed_call_is_kept_as_an_invalid_one() -> None:
    """What the model wrote is in Google's message; who asks for tools sees it fail."""
    said = "Malformed function call: print(look(at='sky')"
    answer = streamed(
        [event({"text": "x"}), event(finishReason="MALFORMED_FUNCTION_CALL", finishMessage=said)]
    )
    assert [call["args"] for call in answer.invalid_tool_calls] == [said]
    assert answer.tool_calls == []


def test_an_answer_of_nothing_is_a_fault_of_the_service() -> None:
    """Neither a candidate nor a reason: the service is known to do so, and may do better."""
    with Recorder().listening() as server:
        server.enqueue(Response({"usageMetadata": COUNTS, **FACTS}))
        model = ChatGoogleGenerativeAI("m", api_key="k", base_url=server.url, max_retries=0)
        with pytest.raises(ServerError, match="cannot be read"):
            model.invoke("Hi")


@pytest.mark.parametrize("said", [[], [event({"text": "Once upon"})]], ids=["nothing", "half"])
def test_a_stream_without_an_end_raises(said: list[dict[str, Any]], call: Call) -> None:
    """A cut answer never passes for a whole one."""
    with Recorder().listening() as server:
        server.enqueue(sse_response(said))
        model = ChatGoogleGenerativeAI("m", api_key="k", base_url=server.url, max_retries=0)
        with pytest.raises(ModelConnectionError, match="ended before the answer did"):
            call.stream(model, "Hi")
