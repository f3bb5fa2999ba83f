"""Damaged answers of Google and Ollama: each is read, or is a typed error, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables import AIMessage, HumanMessage
from runnables.errors import ModelConnectionError, ModelError
from runnables.models.calls import join_answer
from runnables_providers._remote.chat import HTTPChatModel, _StreamReader
from runnables_providers.google import ChatGoogleGenerativeAI
from runnables_providers.ollama import ChatOllama
from tests.providers.damage import changed

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.sampled_from(["", "text", "x"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=3,
)

CALL = {"name": "look", "args": {"at": "sky"}, "id": "c1"}
PARTS: list[dict[str, Any]] = [
    {"text": "Hm", "thought": True},
    {"text": "So.", "thoughtSignature": "c2ln"},
    {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
    {"fileData": {"fileUri": "https://a.example/b", "mimeType": "video/mp4"}},
    {"functionCall": CALL, "thoughtSignature": "c2ln"},
    {"executableCode": {"language": "PYTHON", "code": "1"}},
]
FACTS = {
    "modelVersion": "gemini-x",
    "responseId": "r-1",
    "promptFeedback": {"safetyRatings": [{"probability": "LOW"}]},
    "usageMetadata": {
        "promptTokenCount": 3,
        "candidatesTokenCount": 2,
        "totalTokenCount": 5,
        "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 1}],
    },
}
TOLD = {
    "citationMetadata": {"citationSources": [{"endIndex": 1}]},
    "groundingMetadata": {"webSearchQueries": ["a"]},
    "logprobsResult": {"chosenCandidates": [{"token": "a"}]},
}


def candidate(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts)}, **TOLD, **more}], **FACTS}


GEMINI = [*map(candidate, PARTS), candidate(finishReason="STOP")]

MESSAGE = {
    "role": "assistant",
    "content": "So.",
    "thinking": "Hm",
    "tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": {"at": "sky"}}}],
}
LINE = {"model": "m", "created_at": "now", "message": MESSAGE, "logprobs": [{"token": "a"}]}
END = {"done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2}
OLLAMA = [{**LINE, "done": False}, {**LINE, "done": False}, {**LINE, **END}]

Case = tuple[HTTPChatModel, Sequence[Any], Any, Callable[[Any], bytes]]
CASES: dict[str, Case] = {
    "gemini": (
        ChatGoogleGenerativeAI("m", api_key="k"),
        GEMINI,
        candidate(*PARTS, finishReason="STOP"),
        lambda it: f"data: {json.dumps(it)}\r\n\r\n".encode(),
    ),
    "ollama": (
        ChatOllama("m"),
        OLLAMA,
        {**LINE, **END},
        lambda it: json.dumps(it).encode() + b"\n",
    ),
}
cases = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))


def read(model: HTTPChatModel, *pieces: bytes) -> AIMessage | ModelError:
    """What the bytes of a stream make; any other error fails the test."""
    exchange = model._exchange([HumanMessage("Hi")], {"model": "m"})
    reading = _StreamReader(model, exchange, {})
    try:
        found = [chunk for piece in pieces for chunk in reading.feed(piece)]
        return join_answer([*found, *reading.finish()])
    except ModelError as error:
        return error


@cases
def test_undamaged_it_is_read(case: Case) -> None:
    """So the damage below is what makes the difference."""
    model, events, _, written = case
    assert isinstance(read(model, *map(written, events)), AIMessage)


@cases
@given(start=st.integers(0, 3000), length=st.integers(0, 400), put=st.binary(max_size=20))
def test_bytes_that_are_lost_or_changed(case: Case, start: int, length: int, put: bytes) -> None:
    """Anywhere in a stream: an answer without a part, or an error, but no crash."""
    model, events, _, written = case
    data = b"".join(map(written, events))
    read(model, data[:start] + put + data[start + length :])


@cases
@given(data=st.data())
def test_a_stream_that_is_cut_is_always_an_error(case: Case, data: st.DataObject) -> None:
    """At every byte before the last event is whole."""
    model, events, _, written = case
    whole = b"".join(map(written, events))
    cut = whole[: data.draw(st.integers(0, len(whole) - 5))]
    found = read(model, cut)
    assert isinstance(found, ModelError), found
    if not cut or cut.endswith(b"\n\n"):
        assert isinstance(found, ModelConnectionError)


@cases
@given(data=st.data(), value=JSON)
def test_values_of_another_kind(case: Case, data: st.DataObject, value: Any) -> None:
    """In any field of any event, and in any field of a whole answer."""
    model, events, body, written = case
    read(model, *map(written, changed(data, events, value)))
    exchange = model._exchange([HumanMessage("Hi")], {"model": "m"})
    damaged = changed(data, body, value)
    try:
        with model._raises_server_error(b"", {}):
            exchange.answer(damaged, {})
    except ModelError:
        pass
