"""ChatAnthropic at a server on loopback: keys, addresses, headers, errors, both colours."""

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
from runnables_providers.anthropic import ChatAnthropic
from tests.both_modes import Call
from tests.providers.anthropic_events import answer, events
from tests.sdk.recorder import Said, events as stream_of, recording

HELLO = answer({"type": "text", "text": "Hello"})


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "AUTH_TOKEN", "BASE_URL"):
        monkeypatch.delenv(f"ANTHROPIC_{name}", raising=False)


def test_a_call_and_its_stream_give_the_same(call: Call) -> None:
    with recording() as server:
        model = ChatAnthropic(
            "claude-x", api_key="sk-ant-secret", base_url=server.url, betas=["b-1"]
        )
        server.says(Said(HELLO, headers={"request-id": "req_1"}))
        whole: AIMessage = call.invoke(model, "Hi")
        asked = server.asked[0]
        server.says(stream_of(events(HELLO), named=True, request_id="req_1"))
        joined = model.merge.accumulator()
        for chunk in call.stream(model, "Hi"):
            joined.add(chunk)
        streamed = server.asked[0]
    assert joined.value() == whole
    assert whole.response_metadata["request_id"] == "req_1"
    assert (asked.path, streamed.path) == ("/v1/messages", "/v1/messages")
    assert streamed.body == {**asked.body, "stream": True}
    sent = {
        "x-api-key": "sk-ant-secret",
        "anthropic-version": "2026-10-21",
        "anthropic-beta": "b-1",
    }
    assert sent.items() <= asked.headers.items()
    assert "authorization" not in asked.headers


def heard(model: ChatAnthropic, **options: Any) -> dict[str, str]:
    """The headers of a call."""
    with recording() as server:
        server.says(Said(HELLO))
        found = ChatAnthropic("claude-x", **{**_settings(model), "base_url": server.url})
        found.invoke("Hi", **options)
        return dict(server.asked[0].headers)


def _settings(model: ChatAnthropic) -> dict[str, Any]:
    names = ("api_key", "auth_token", "default_headers", "temperature")
    return {name: getattr(model, name) for name in names}


def test_a_token_goes_out_as_a_bearer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Given, or from the environment; a key comes before it there."""
    given = heard(ChatAnthropic("claude-x", auth_token="tok"))
    assert given["authorization"] == "Bearer tok"
    assert "x-api-key" not in given
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "env-tok")
    assert heard(ChatAnthropic("claude-x"))["authorization"] == "Bearer env-tok"
    monkeypatch.setenv("ANTHROPIC_API_KEY", "env-key")
    assert heard(ChatAnthropic("claude-x"))["x-api-key"] == "env-key"
    assert heard(ChatAnthropic("claude-x", auth_token="tok"))["authorization"] == "Bearer tok"
    assert heard(ChatAnthropic("claude-x", api_key="own"))["x-api-key"] == "own"


def test_headers_of_users_come_first() -> None:
    """Also where they write the names in another way."""
    headers = {"Anthropic-Version": "2023-01-01", "X-Own": "1"}
    model = ChatAnthropic("claude-x", api_key="k", default_headers=headers)
    own = heard(model)
    assert (own["anthropic-version"], own["x-own"]) == ("2023-01-01", "1")
    called = heard(model, extra_headers={"anthropic-version": "2024-01-01"})
    assert called["anthropic-version"] == "2024-01-01"


def test_a_temperature_asks_for_the_older_version() -> None:
    assert heard(ChatAnthropic("claude-x", api_key="k", temperature=0))["anthropic-version"] == (
        "2023-06-01"
    )


def test_an_address_may_end_with_the_version() -> None:
    with recording() as server:
        server.says(Said(HELLO))
        ChatAnthropic("claude-x", api_key="k", base_url=f"{server.url}/v1/").invoke("Hi")
        assert server.asked[0].path == "/v1/messages"


def test_the_address_may_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with recording() as server:
        server.says(Said(HELLO))
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        model = init_chat_model("anthropic:claude-x", max_tokens=5)
        assert model.invoke("Hi", model="claude-y", extra_body={"mcp_servers": []}).text == "Hello"
        body = server.bodies[0]
    assert (body["model"], body["max_tokens"], body["mcp_servers"]) == ("claude-y", 5, [])


def test_without_a_key_the_error_says_which_variable_to_set() -> None:
    with pytest.raises(AuthenticationError, match="ANTHROPIC_API_KEY"):
        ChatAnthropic("claude-x")


def test_there_is_no_seed() -> None:
    with pytest.raises(ConfigError, match="no option 'seed'"):
        init_chat_model("anthropic:claude-x", api_key="k", seed=1)
    with pytest.raises(ConfigError, match="no option 'seed'"):
        ChatAnthropic("claude-x", api_key="k").bind_tools([], seed=1)


def test_a_model_is_a_value_that_hides_its_keys() -> None:
    model = ChatAnthropic("claude-x", auth_token="tok-secret", thinking={"type": "adaptive"})
    again = pickle.loads(pickle.dumps(model))
    assert again == model
    assert isinstance(again.auth_token, SecretStr)
    assert "tok-secret" not in repr(model)


@pytest.mark.parametrize(
    ("status", "kind", "error"),
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
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_faults_are_portable_errors(
    call: Call, streamed: bool, status: int, kind: str, error: type[ModelError]
) -> None:
    """With the service's words, status and name of the request, and without the key."""
    fault = {
        "type": "error",
        "error": {"type": kind, "message": "no, sk-ant-secret"},
        "request_id": "r",
    }
    with recording() as server:
        server.says(Said(fault, status, headers={"request-id": "req_1", "retry-after": "2"}))
        model = ChatAnthropic(
            "claude-x", api_key="sk-ant-secret", base_url=server.url, max_retries=0
        )
        with pytest.raises(error, match="no, ") as raised:
            _ = call.stream(model, "Hi") if streamed else call.invoke(model, "Hi")
    assert (raised.value.status, raised.value.request_id) == (status, "req_1")
    assert "sk-ant-secret" not in str(raised.value)
    if error is RateLimitError:
        assert raised.value.retry_after == 2


def test_a_stream_that_breaks_off_is_an_error(call: Call) -> None:
    with recording() as server:
        server.says(stream_of(events(HELLO)[:4], named=True))
        model = ChatAnthropic("claude-x", api_key="k", base_url=server.url, max_retries=0)
        with pytest.raises(ModelConnectionError, match="ended before"):
            call.stream(model, "Hi")


def test_an_agent_gives_signed_thoughts_back(call: Call) -> None:
    """Between a call and its result, where Anthropic wants to see them unchanged."""
    thought = {"type": "thinking", "thinking": "I add.", "signature": "sig=="}
    use = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 3, "b": 4}}
    asks = answer(thought, use, stop_reason="tool_use")
    with recording() as server:
        model = ChatAnthropic("claude-x", api_key="k", base_url=server.url)
        agent = create_agent(model, [add])
        server.says(Said(asks), Said(HELLO))
        call.invoke(agent, {"messages": [("human", "3 + 4?")]})
        whole = server.bodies[1]["messages"]
        streams = [stream_of(events(it), named=True) for it in (asks, HELLO)]
        server.says(*streams)
        call.stream(agent, {"messages": [("human", "3 + 4?")]})
        streamed = server.bodies[1]["messages"]
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "7"}
    assert whole == [
        {"role": "user", "content": "3 + 4?"},
        {"role": "assistant", "content": [thought, use]},
        {"role": "user", "content": [result]},
    ]
    assert streamed == whole


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b
