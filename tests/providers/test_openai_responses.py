"""Responses and Azure: addresses, events of every kind, and what only they have."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables import AIMessage, HumanMessage
from runnables.cache import digest
from runnables.errors import (
    AuthenticationError,
    ConfigError,
    ModelConnectionError,
    ModelError,
    RateLimitError,
    ServerError,
)
from runnables.models.calls import join_answer
from runnables.testing import Response
from runnables_providers._remote.chat import _StreamReader
from runnables_providers.openai import (
    AzureChatOpenAI,
    ChatOpenAI,
    OpenAIEmbeddings,
    responses,
)
from runnables_providers.openai.completions import Completion
from tests.both_modes import Call
from tests.sdk.recorder import Recorder, sse_response
from tests.sdk.test_openai import RESPONSE, STREAM, _streamed_response

USAGE = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}


def model(url: str, **settings: Any) -> ChatOpenAI:
    return ChatOpenAI("m", api_key="k", base_url=url, use_responses_api=True, **settings)


def _text(*pieces: str) -> list[dict[str, Any]]:
    deltas = [{"type": "response.output_text.delta", "delta": it} for it in pieces]
    response = {"id": "r", "status": "completed", "output": [], "usage": USAGE}
    return [*deltas, {"type": "response.completed", "response": response}]


def test_text_is_cut_at_a_stop_sequence_and_the_usage_is_still_told(call: Call) -> None:
    with Recorder().listening() as server:
        server.enqueue(sse_response(_text("one S", "T", "OP two"), named=True))
        chunks = call.stream(model(server.url, stop=["STOP"]), "Hi")
        assert "stop" not in server.bodies[0]
    answer = join_answer(chunks)
    assert answer.text == "one "
    assert answer.usage_metadata == USAGE


def test_a_text_that_only_began_like_a_stop_sequence_is_whole(call: Call) -> None:
    with Recorder().listening() as server:
        server.enqueue(sse_response(_text("one S", "TO"), named=True))
        assert join_answer(call.stream(model(server.url, stop=["STOP"]), "Hi")).text == "one STO"


def test_an_answer_that_was_cut_short_says_why(call: Call) -> None:
    said = {**RESPONSE, "status": "incomplete", "output": []}
    said["incomplete_details"] = {"reason": "max_output_tokens"}
    with Recorder().listening() as server:
        server.enqueue(Response(said))
        answer = call.invoke(model(server.url), "Hi")
    assert answer.response_metadata["finish_reason"] == "length"
    assert answer.response_metadata["status"] == "incomplete"


FAULTS: dict[str, tuple[dict[str, Any], type[ModelError]]] = {
    "an error": ({"type": "error", "code": "server_error", "message": "busy"}, ServerError),
    "a limit": (
        {"type": "error", "code": "rate_limit_exceeded", "message": "slow down"},
        RateLimitError,
    ),
    "a failure": (
        {"type": "response.failed", "response": {"error": {"code": "x", "message": "no"}}},
        ServerError,
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_an_event_that_tells_of_a_fault_raises(
    call: Call, fault: tuple[dict[str, Any], type[ModelError]]
) -> None:
    event, kind = fault
    with Recorder().listening() as server:
        server.enqueue(sse_response([event], named=True))
        with pytest.raises(kind):
            call.stream(model(server.url, max_retries=0), "Hi")


def test_a_stream_without_its_last_event_raises(call: Call) -> None:
    with Recorder().listening() as server:
        server.enqueue(sse_response(_text("one", "two")[:-1], named=True))
        with pytest.raises(ModelConnectionError):
            call.stream(model(server.url, max_retries=0), "Hi")


def test_what_the_service_did_by_itself_is_a_block_and_goes_back(call: Call) -> None:
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    note = {"type": "url_citation", "url": "https://example.com", "start_index": 0, "end_index": 2}
    text = {"type": "output_text", "text": "Ho", "annotations": [note]}
    items = [search, {"type": "message", "id": "m", "role": "assistant", "content": [text]}]
    with Recorder().listening() as server:
        server.enqueue(Response({**RESPONSE, "output": items}))
        answer: AIMessage = call.invoke(model(server.url), "Hi")
        call.invoke(model(server.url), [HumanMessage("Hi"), answer, HumanMessage("More")])
        sent = server.bodies[1]["input"]
    assert answer.text == "Ho"
    assert answer.additional_kwargs["annotations"] == [note]
    said = {"type": "output_text", "text": "Ho", "annotations": []}
    about = {"type": "message", "id": "msg_2", "status": "completed"}
    assert sent[1:3] == [search, {**about, "role": "assistant", "content": [said]}]
    own = ChatOpenAI("m", api_key="k", use_responses_api=True)
    exchange = own._exchange([HumanMessage("Hi"), answer], own._options({}))
    assert exchange.body(streamed=False)["input"][2] == {"role": "assistant", "content": "Ho"}


def test_a_refusal_is_told_as_one(call: Call) -> None:
    part = {"type": "refusal", "refusal": "I cannot."}
    items = [{"type": "message", "id": "m", "role": "assistant", "content": [part]}]
    with Recorder().listening() as server:
        server.enqueue(Response({**RESPONSE, "output": items}))
        assert call.invoke(model(server.url), "Hi").refusal == "I cannot."


def test_arguments_that_are_no_json_are_kept_as_an_invalid_call(call: Call) -> None:
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a": '}
    with Recorder().listening() as server:
        server.enqueue(Response({**RESPONSE, "output": [item]}))
        answer: AIMessage = call.invoke(model(server.url), "Hi")
    assert answer.tool_calls == []
    (invalid,) = answer.invalid_tool_calls
    assert (invalid["name"], invalid["args"], invalid["id"]) == ("f", '{"a": ', "c")


# -- bytes


def _bytes(payloads: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(f"data: {json.dumps(it, ensure_ascii=False)}\n\n".encode() for it in payloads)


FORMS = {
    "chat completions": (
        _bytes(STREAM),
        lambda: Completion([], {}, provider="openai", limit="max_tokens", usage=True),
    ),
    "responses": (
        _bytes(_streamed_response()),
        lambda: responses.Response([], {}, provider="openai"),
    ),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@given(cuts=st.lists(st.integers(0, 6000), max_size=12))
def test_however_the_bytes_are_cut_the_answer_is_the_same(form: Any, cuts: list[int]) -> None:
    data, exchange = form
    made = ChatOpenAI("m", base_url="http://localhost:1")

    def read(pieces: Sequence[bytes]) -> AIMessage:
        reading = _StreamReader(made, exchange(), {})
        chunks = [chunk for piece in pieces for chunk in reading.feed(piece)]
        return join_answer([*chunks, *reading.finish()])

    places = sorted({0, len(data), *(it for it in cuts if it < len(data))})
    assert read([data[a:b] for a, b in itertools.pairwise(places)]) == read([data])


# -- Azure

ANSWER = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}


def azure(url: str, **settings: Any) -> AzureChatOpenAI:
    return AzureChatOpenAI(azure_endpoint=url, azure_deployment="my-gpt", **settings)


def test_a_deployment_has_an_address_of_its_own(call: Call) -> None:
    with Recorder().listening() as server:
        server.enqueue(Response(ANSWER))
        call.invoke(azure(server.url, api_version="2024-10-21", api_key="k"), "Hi", max_tokens=5)
    (asked,) = server.requests
    assert asked.path == "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21"
    assert asked.headers["api-key"] == "k"
    assert "authorization" not in asked.headers
    assert asked.body["max_completion_tokens"] == 5


def test_a_deployment_is_one_part_of_the_address(call: Call) -> None:
    """Whatever it is called, it leads to no other address."""
    with Recorder().listening() as server:
        server.enqueue(
            Response({"choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}]})
        )
        for name, part in {"a/../b?c#d": "a%2F..%2Fb%3Fc%23d", "gpt 5": "gpt%205"}.items():
            made = AzureChatOpenAI(
                name, api_key="k", azure_endpoint=server.url, api_version="1&x=2"
            )
            call.invoke(made, "Hi")
            path = server.requests[-1].path
            assert path == f"/openai/deployments/{part}/chat/completions?api-version=1%26x%3D2"
        with pytest.raises(ConfigError, match=r"'\.\.'"):
            call.invoke(made, "Hi", model="..")


def test_without_a_version_the_deployment_is_the_model(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_VERSION", raising=False)
    with Recorder().listening() as server:
        server.enqueue(Response(ANSWER))
        call.invoke(azure(server.url, api_key="k"), "Hi")
    (asked,) = server.requests
    assert asked.path == "/openai/v1/chat/completions"
    assert asked.body["model"] == "my-gpt"


def test_a_token_of_the_moment_is_a_bearer(call: Call) -> None:
    tokens = iter(["made", "one", "two"])
    with Recorder().listening() as server:
        server.enqueue(Response(ANSWER))
        made = azure(server.url, azure_ad_token_provider=lambda: next(tokens))
        call.invoke(made, "Hi")
        call.invoke(made, "Hi")
    assert [it.headers["authorization"] for it in server.requests] == ["Bearer one", "Bearer two"]


def test_azure_says_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN", "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="AZURE_OPENAI_ENDPOINT"):
        AzureChatOpenAI("d", api_key="k")
    with pytest.raises(AuthenticationError, match="AZURE_OPENAI_API_KEY"):
        AzureChatOpenAI("d", azure_endpoint="https://example.openai.azure.com")
    with pytest.raises(ConfigError, match="deployment"):
        AzureChatOpenAI(azure_endpoint="https://example.openai.azure.com", api_key="k")


def test_who_asks_azure_decides_nothing_of_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are kept for whatever gives the tokens; the version counts, wherever it is told."""

    class Credential:
        def __init__(self) -> None:
            self.lock = threading.Lock()

        def __call__(self) -> str:
            return "a token"

    def key(**settings: Any) -> str:
        made = AzureChatOpenAI("m", azure_endpoint="http://a", **settings)
        return digest(made)

    monkeypatch.setenv("OPENAI_API_VERSION", "1")
    assert key(azure_ad_token_provider=Credential()) == key(azure_ad_token="t") == key(api_key="k")
    first = key(api_key="k")
    monkeypatch.setenv("OPENAI_API_VERSION", "2")
    assert key(api_key="k") != first


def test_embeddings_of_another_address_have_another_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the environment says the address."""
    key = digest(OpenAIEmbeddings("m", api_key="k"))
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere/v1")
    assert digest(OpenAIEmbeddings("m", api_key="k")) != key
