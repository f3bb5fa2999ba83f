"""Responses and Azure: URLs, events, and features that only they have."""

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


def _text(*parts: str) -> list[dict[str, Any]]:
    deltas = [{"type": "response.output_text.delta", "delta": part} for part in parts]
    response = {"id": "r", "status": "completed", "output": [], "usage": USAGE}
    return [*deltas, {"type": "response.completed", "response": response}]


def test_a_stop_sequence_is_applied_by_the_client(call: Call) -> None:
    """The API has none; the usage at the end of the stream is still read."""
    with Recorder().listening() as server:
        server.enqueue(sse_response(_text("one S", "T", "OP two"), named=True))
        chunks = call.stream(model(server.url, stop=["STOP"]), "Hi")
        assert "stop" not in server.bodies[0]
    answer = join_answer(chunks)
    assert answer.text == "one "
    assert answer.usage_metadata == USAGE


def test_a_partial_stop_sequence_at_the_end_is_kept(call: Call) -> None:
    """Text that only starts like a stop sequence is not cut."""
    with Recorder().listening() as server:
        server.enqueue(sse_response(_text("one S", "TO"), named=True))
        assert join_answer(call.stream(model(server.url, stop=["STOP"]), "Hi")).text == "one STO"


def test_an_incomplete_answer_has_its_reason(call: Call) -> None:
    """`max_output_tokens` is the finish reason "length"."""
    body = {**RESPONSE, "status": "incomplete", "output": []}
    body["incomplete_details"] = {"reason": "max_output_tokens"}
    with Recorder().listening() as server:
        server.enqueue(Response(body))
        answer = call.invoke(model(server.url), "Hi")
    assert answer.response_metadata["finish_reason"] == "length"
    assert answer.response_metadata["status"] == "incomplete"


ERRORS: dict[str, tuple[dict[str, Any], type[ModelError]]] = {
    "an error": ({"type": "error", "code": "server_error", "message": "busy"}, ServerError),
    "a rate limit": (
        {"type": "error", "code": "rate_limit_exceeded", "message": "slow down"},
        RateLimitError,
    ),
    "a failed response": (
        {"type": "response.failed", "response": {"error": {"code": "x", "message": "no"}}},
        ServerError,
    ),
}


@pytest.mark.parametrize("error", ERRORS.values(), ids=ERRORS)
def test_an_error_event_is_raised(
    call: Call, error: tuple[dict[str, Any], type[ModelError]]
) -> None:
    """An error may be an event of its own, or the outcome of the response."""
    event, error_type = error
    with Recorder().listening() as server:
        server.enqueue(sse_response([event], named=True))
        with pytest.raises(error_type):
            call.stream(model(server.url, max_retries=0), "Hi")


def test_a_truncated_stream_is_an_error(call: Call) -> None:
    """A stream without its last event raises."""
    with Recorder().listening() as server:
        server.enqueue(sse_response(_text("one", "two")[:-1], named=True))
        with pytest.raises(ModelConnectionError):
            call.stream(model(server.url, max_retries=0), "Hi")


def test_server_tool_calls_are_blocks_that_are_sent_back(call: Call) -> None:
    """The server gets its items as they were; OpenAI, which did not make them, the text alone."""
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    note = {"type": "url_citation", "url": "https://example.com", "start_index": 0, "end_index": 2}
    text = {"type": "output_text", "text": "Ho", "annotations": [note]}
    message = {"type": "message", "id": "m", "status": "completed", "role": "assistant"}
    items = [search, {**message, "content": [text]}]
    with Recorder().listening() as server:
        server.enqueue(Response({**RESPONSE, "output": items}))
        answer: AIMessage = call.invoke(model(server.url), "Hi")
        call.invoke(model(server.url), [HumanMessage("Hi"), answer, HumanMessage("More")])
        sent = server.bodies[1]["input"]
    assert answer.text == "Ho"
    assert answer.additional_kwargs["annotations"] == [note]
    assert sent[1:3] == items
    own = ChatOpenAI("m", api_key="k", use_responses_api=True)
    api_call = own._exchange([HumanMessage("Hi"), answer], own._options({}))
    assert api_call.body(streamed=False)["input"][1:] == [{"role": "assistant", "content": "Ho"}]


def test_a_refusal_is_read(call: Call) -> None:
    """It is the `refusal` of the message."""
    part = {"type": "refusal", "refusal": "I cannot."}
    items = [{"type": "message", "id": "m", "role": "assistant", "content": [part]}]
    with Recorder().listening() as server:
        server.enqueue(Response({**RESPONSE, "output": items}))
        assert call.invoke(model(server.url), "Hi").refusal == "I cannot."


def test_invalid_arguments_are_an_invalid_tool_call(call: Call) -> None:
    """The string that the model wrote is kept."""
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a": '}
    with Recorder().listening() as server:
        server.enqueue(Response({**RESPONSE, "output": [item]}))
        answer: AIMessage = call.invoke(model(server.url), "Hi")
    assert answer.tool_calls == []
    (invalid,) = answer.invalid_tool_calls
    assert (invalid["name"], invalid["args"], invalid["id"]) == ("f", '{"a": ', "c")


# -- bytes


def _bytes(payloads: Sequence[dict[str, Any]]) -> bytes:
    return b"".join(
        f"data: {json.dumps(payload, ensure_ascii=False)}\n\n".encode() for payload in payloads
    )


STREAMS = {
    "chat completions": (
        _bytes(STREAM),
        lambda: Completion([], {}, provider="openai", limit="max_tokens", usage=True),
    ),
    "responses": (
        _bytes(_streamed_response()),
        lambda: responses.Response([], {}, provider="openai"),
    ),
}


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
@given(cuts=st.lists(st.integers(0, 6000), max_size=12))
def test_the_answer_does_not_depend_on_the_chunks(stream: Any, cuts: list[int]) -> None:
    """Bytes may be split anywhere."""
    data, make_call = stream
    made = ChatOpenAI("m", base_url="http://localhost:1")

    def read(parts: Sequence[bytes]) -> AIMessage:
        reader = _StreamReader(made, make_call(), {})
        chunks = [chunk for part in parts for chunk in reader.feed(part)]
        return join_answer([*chunks, *reader.finish()])

    indexes = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    assert read([data[start:end] for start, end in itertools.pairwise(indexes)]) == read([data])


# -- Azure

ANSWER = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}


def azure(url: str, **settings: Any) -> AzureChatOpenAI:
    return AzureChatOpenAI(azure_endpoint=url, azure_deployment="my-gpt", **settings)


def test_a_deployment_is_part_of_the_url(call: Call) -> None:
    """With `api_version`, the URL has the deployment and the version."""
    with Recorder().listening() as server:
        server.enqueue(Response(ANSWER))
        call.invoke(azure(server.url, api_version="2024-10-21", api_key="k"), "Hi", max_tokens=5)
    (request,) = server.requests
    assert request.path == "/openai/deployments/my-gpt/chat/completions?api-version=2024-10-21"
    assert request.headers["api-key"] == "k"
    assert "authorization" not in request.headers
    assert request.body["max_completion_tokens"] == 5


def test_a_deployment_is_quoted_in_the_url(call: Call) -> None:
    """No name of a deployment leads to another path."""
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
    """The URL has no deployment then."""
    monkeypatch.delenv("OPENAI_API_VERSION", raising=False)
    with Recorder().listening() as server:
        server.enqueue(Response(ANSWER))
        call.invoke(azure(server.url, api_key="k"), "Hi")
    (request,) = server.requests
    assert request.path == "/openai/v1/chat/completions"
    assert request.body["model"] == "my-gpt"


def test_a_token_provider_is_called_for_each_request(call: Call) -> None:
    """The token is sent as a bearer token."""
    tokens = iter(["made", "one", "two"])
    with Recorder().listening() as server:
        server.enqueue(Response(ANSWER))
        made = azure(server.url, azure_ad_token_provider=lambda: next(tokens))
        call.invoke(made, "Hi")
        call.invoke(made, "Hi")
    assert [request.headers["authorization"] for request in server.requests] == [
        "Bearer one",
        "Bearer two",
    ]


def test_azure_errors_name_the_missing_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The endpoint, the key and the deployment are required."""
    for name in ("AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN", "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigError, match="AZURE_OPENAI_ENDPOINT"):
        AzureChatOpenAI("d", api_key="k")
    with pytest.raises(AuthenticationError, match="AZURE_OPENAI_API_KEY"):
        AzureChatOpenAI("d", azure_endpoint="https://example.openai.azure.com")
    with pytest.raises(ConfigError, match="deployment"):
        AzureChatOpenAI(azure_endpoint="https://example.openai.azure.com", api_key="k")


def test_credentials_are_not_in_the_cache_key_of_azure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any credential finds a cached answer; the version counts, also from the environment."""

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


def test_embeddings_of_another_url_have_another_cache_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The URL may come from the environment."""
    key = digest(OpenAIEmbeddings("m", api_key="k"))
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere/v1")
    assert digest(OpenAIEmbeddings("m", api_key="k")) != key
