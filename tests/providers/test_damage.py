"""Damaged responses of Google and Ollama: each is read, or raises a typed error."""

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
from tests.providers.damage import with_random_change

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
METADATA = {
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
CANDIDATE_METADATA = {
    "citationMetadata": {"citationSources": [{"endIndex": 1}]},
    "groundingMetadata": {"webSearchQueries": ["a"]},
    "logprobsResult": {"chosenCandidates": [{"token": "a"}]},
}


def candidate(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "candidates": [{"content": {"parts": list(parts)}, **CANDIDATE_METADATA, **more}],
        **METADATA,
    }


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
        lambda event: f"data: {json.dumps(event)}\r\n\r\n".encode(),
    ),
    "ollama": (
        ChatOllama("m"),
        OLLAMA,
        {**LINE, **END},
        lambda event: json.dumps(event).encode() + b"\n",
    ),
}
cases = pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))


def read(model: HTTPChatModel, *parts: bytes) -> AIMessage | ModelError:
    """Return the message or the error of a stream; any other error fails the test."""
    api_call = model._exchange([HumanMessage("Hi")], {"model": "m"})
    reader = _StreamReader(model, api_call, {})
    try:
        chunks = [chunk for part in parts for chunk in reader.feed(part)]
        return join_answer([*chunks, *reader.finish()])
    except ModelError as error:
        return error


@cases
def test_an_undamaged_stream_is_read(case: Case) -> None:
    """Only the damage in the other tests makes errors."""
    model, events, _, encode = case
    assert isinstance(read(model, *map(encode, events)), AIMessage)


@cases
@given(start=st.integers(0, 3000), length=st.integers(0, 400), put=st.binary(max_size=20))
def test_lost_or_replaced_bytes_raise_model_errors_only(
    case: Case, start: int, length: int, put: bytes
) -> None:
    """Bytes are lost or replaced anywhere in a stream."""
    model, events, _, encode = case
    data = b"".join(map(encode, events))
    assert isinstance(
        read(model, data[:start] + put + data[start + length :]), AIMessage | ModelError
    )


@cases
@given(data=st.data())
def test_a_truncated_stream_is_an_error(case: Case, data: st.DataObject) -> None:
    """A stream that ends at any byte before its last event raises."""
    model, events, _, encode = case
    complete = b"".join(map(encode, events))
    cut = complete[: data.draw(st.integers(0, len(complete) - 5))]
    outcome = read(model, cut)
    assert isinstance(outcome, ModelError), outcome
    if not cut or cut.endswith(b"\n\n"):
        assert isinstance(outcome, ModelConnectionError)


@cases
@given(data=st.data(), value=JSON)
def test_values_of_another_type_raise_model_errors_only(
    case: Case, data: st.DataObject, value: Any
) -> None:
    """Any field of an event or of a response may have another type."""
    model, events, body, encode = case
    read(model, *map(encode, with_random_change(data, events, value)))
    api_call = model._exchange([HumanMessage("Hi")], {"model": "m"})
    damaged = with_random_change(data, body, value)
    try:
        with model._raises_server_error(b"", {}):
            api_call.answer(damaged, {})
    except ModelError:
        pass
