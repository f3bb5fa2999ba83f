"""ChatAnthropic on a replay server: keys, URLs, headers and errors, in sync and async."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from pydantic import SecretStr

from runnables import AIMessage, create_agent
from runnables.errors import (
    AuthenticationError,
    ConfigError,
    ContextLengthError,
    InvalidRequestError,
    ModelConnectionError,
    ModelError,
    ModelTimeoutError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from runnables.models import init_chat_model
from runnables.testing import Response
from runnables_providers.anthropic import ChatAnthropic
from tests.both_modes import Call
from tests.providers.anthropic_events import answer, events
from tests.sdk.recorder import Recorder, sse_response

HELLO = answer({"type": "text", "text": "Hello"})


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "AUTH_TOKEN", "BASE_URL"):
        monkeypatch.delenv(f"ANTHROPIC_{name}", raising=False)


def test_invoke_and_stream_return_the_same_message(call: Call) -> None:
    """The requests differ only in `stream`."""
    with Recorder().listening() as server:
        model = ChatAnthropic(
            "claude-x", api_key="sk-ant-secret", base_url=server.url, betas=["b-1"]
        )
        server.enqueue(Response(HELLO, headers={"request-id": "req_1"}))
        answer: AIMessage = call.invoke(model, "Hi")
        request = server.requests[0]
        server.enqueue(sse_response(events(HELLO), named=True, request_id="req_1"))
        accumulator = model.merge.accumulator()
        for chunk in call.stream(model, "Hi"):
            accumulator.add(chunk)
        streamed_request = server.requests[0]
    assert accumulator.value() == answer
    assert answer.response_metadata["request_id"] == "req_1"
    assert (request.path, streamed_request.path) == ("/v1/messages", "/v1/messages")
    assert streamed_request.body == {**request.body, "stream": True}
    expected = {
        "x-api-key": "sk-ant-secret",
        "anthropic-version": "2026-10-21",
        "anthropic-beta": "b-1",
    }
    assert expected.items() <= request.headers.items()
    assert "authorization" not in request.headers


def headers_of(model: ChatAnthropic, **options: Any) -> dict[str, str]:
    """Return the headers of the request for a call."""
    with Recorder().listening() as server:
        server.enqueue(Response(HELLO))
        other = ChatAnthropic("claude-x", **{**_settings(model), "base_url": server.url})
        other.invoke("Hi", **options)
        return dict(server.requests[0].headers)


def _settings(model: ChatAnthropic) -> dict[str, Any]:
    names = ("api_key", "auth_token", "default_headers", "temperature")
    return {name: getattr(model, name) for name in names}


def test_a_token_is_sent_as_a_bearer_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token is a setting or from the environment, where a key has precedence."""
    headers = headers_of(ChatAnthropic("claude-x", auth_token="tok"))
    assert headers["authorization"] == "Bearer tok"
    assert "x-api-key" not in headers
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "env-tok")
    assert headers_of(ChatAnthropic("claude-x"))["authorization"] == "Bearer env-tok"
    monkeypatch.setenv("ANTHROPIC_API_KEY", "env-key")
    assert headers_of(ChatAnthropic("claude-x"))["x-api-key"] == "env-key"
    assert headers_of(ChatAnthropic("claude-x", auth_token="tok"))["authorization"] == "Bearer tok"
    assert headers_of(ChatAnthropic("claude-x", api_key="own"))["x-api-key"] == "own"


def test_default_headers_override_others() -> None:
    """The case of their names does not matter."""
    headers = {"Anthropic-Version": "2023-01-01", "X-Own": "1"}
    model = ChatAnthropic("claude-x", api_key="k", default_headers=headers)
    own = headers_of(model)
    assert (own["anthropic-version"], own["x-own"]) == ("2023-01-01", "1")
    called = headers_of(model, extra_headers={"anthropic-version": "2024-01-01"})
    assert called["anthropic-version"] == "2024-01-01"


def test_a_temperature_selects_the_older_version() -> None:
    """The newer version of the API refuses `temperature`."""
    assert headers_of(ChatAnthropic("claude-x", api_key="k", temperature=0))[
        "anthropic-version"
    ] == ("2023-06-01")


def test_a_base_url_may_end_with_the_version() -> None:
    """A "/v1" at the end of `base_url` is not repeated."""
    with Recorder().listening() as server:
        server.enqueue(Response(HELLO))
        ChatAnthropic("claude-x", api_key="k", base_url=f"{server.url}/v1/").invoke("Hi")
        assert server.requests[0].path == "/v1/messages"


def test_the_base_url_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """ANTHROPIC_BASE_URL is read; `init_chat_model` passes settings and a call overrides them."""
    with Recorder().listening() as server:
        server.enqueue(Response(HELLO))
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        model = init_chat_model("anthropic:claude-x", max_tokens=5)
        assert model.invoke("Hi", model="claude-y", extra_body={"mcp_servers": []}).text == "Hello"
        body = server.bodies[0]
    assert (body["model"], body["max_tokens"], body["mcp_servers"]) == ("claude-y", 5, [])


def test_the_error_for_a_missing_key_names_the_variable() -> None:
    """It says ANTHROPIC_API_KEY."""
    with pytest.raises(AuthenticationError, match="ANTHROPIC_API_KEY"):
        ChatAnthropic("claude-x")


def test_a_seed_is_refused() -> None:
    """Anthropic has no seed; `init_chat_model` and `bind_tools` refuse it."""
    with pytest.raises(ConfigError, match="no option 'seed'"):
        init_chat_model("anthropic:claude-x", api_key="k", seed=1)
    with pytest.raises(ConfigError, match="no option 'seed'"):
        ChatAnthropic("claude-x", api_key="k").bind_tools([], seed=1)


def test_a_model_is_a_value_that_hides_its_keys() -> None:
    """It pickles, and its repr has no token."""
    model = ChatAnthropic("claude-x", auth_token="tok-secret", thinking={"type": "adaptive"})
    copy = pickle.loads(pickle.dumps(model))
    assert copy == model
    assert isinstance(copy.auth_token, SecretStr)
    assert "tok-secret" not in repr(model)


@pytest.mark.parametrize(
    ("status", "code", "error_type"),
    [
        (400, "invalid_request_error", InvalidRequestError),
        (401, "authentication_error", AuthenticationError),
        (402, "billing_error", InvalidRequestError),
        (403, "permission_error", PermissionDeniedError),
        (404, "not_found_error", InvalidRequestError),
        (413, "request_too_large", ContextLengthError),
        (429, "rate_limit_error", RateLimitError),
        (500, "api_error", ServerError),
        (504, "timeout_error", ModelTimeoutError),
        (529, "overloaded_error", ServerError),
    ],
)
@pytest.mark.parametrize("streamed", [False, True], ids=["invoke", "stream"])
def test_errors_are_portable(
    call: Call, streamed: bool, status: int, code: str, error_type: type[ModelError]
) -> None:
    """The error has the message, the status and the request id, but no key."""
    body = {
        "type": "error",
        "error": {"type": code, "message": "no, sk-ant-secret"},
        "request_id": "r",
    }
    with Recorder().listening() as server:
        server.enqueue(Response(body, status, headers={"request-id": "req_1", "retry-after": "2"}))
        model = ChatAnthropic(
            "claude-x", api_key="sk-ant-secret", base_url=server.url, max_retries=0
        )
        with pytest.raises(error_type, match="no, ") as raised:
            _ = call.stream(model, "Hi") if streamed else call.invoke(model, "Hi")
    assert (raised.value.status, raised.value.request_id) == (status, "req_1")
    assert "sk-ant-secret" not in str(raised.value)
    if error_type is RateLimitError:
        assert raised.value.retry_after == 2


def test_a_truncated_stream_is_an_error(call: Call) -> None:
    """A stream without its last events raises."""
    with Recorder().listening() as server:
        server.enqueue(sse_response(events(HELLO)[:4], named=True))
        model = ChatAnthropic("claude-x", api_key="k", base_url=server.url, max_retries=0)
        with pytest.raises(ModelConnectionError, match="ended before"):
            call.stream(model, "Hi")


def test_an_agent_sends_signed_reasoning_back(call: Call) -> None:
    """Anthropic requires the block unchanged between a tool call and its result."""
    thinking = {"type": "thinking", "thinking": "I add.", "signature": "sig=="}
    use = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 3, "b": 4}}
    calling = answer(thinking, use, stop_reason="tool_use")
    with Recorder().listening() as server:
        model = ChatAnthropic("claude-x", api_key="k", base_url=server.url)
        agent = create_agent(model, [add])
        server.enqueue(Response(calling), Response(HELLO))
        call.invoke(agent, {"messages": [("human", "3 + 4?")]})
        messages = server.bodies[1]["messages"]
        streams = [sse_response(events(body), named=True) for body in (calling, HELLO)]
        server.enqueue(*streams)
        call.stream(agent, {"messages": [("human", "3 + 4?")]})
        streamed_messages = server.bodies[1]["messages"]
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "7"}
    assert messages == [
        {"role": "user", "content": "3 + 4?"},
        {"role": "assistant", "content": [thinking, use]},
        {"role": "user", "content": [result]},
    ]
    assert streamed_messages == messages


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b
