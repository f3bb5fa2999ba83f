"""Errors of services as portable errors, and keys that stay hidden."""

from __future__ import annotations

import pickle
import re
import traceback
from typing import Any

import pytest

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
from runnables.testing import Response
from runnables_providers._remote.error_bodies import ServiceError
from runnables_providers.openai import ChatOpenAI
from tests.both_modes import Call
from tests.sdk.recorder import Recorder, sse_response

KEY = "sk-very-secret-123"


def model(url: str, **settings: Any) -> ChatOpenAI:
    return ChatOpenAI("m", api_key=KEY, base_url=url, max_retries=0, **settings)


def _error(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, "type": "some_error", "param": None, **more}}


STATUSES = {
    400: InvalidRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: InvalidRequestError,
    408: ModelTimeoutError,
    413: ContextLengthError,
    422: InvalidRequestError,
    429: RateLimitError,
    500: ServerError,
    503: ServerError,
    504: ModelTimeoutError,
}


@pytest.mark.parametrize("status", STATUSES)
def test_each_status_raises_its_type(call: Call, status: int) -> None:
    """The error has the message, the status, the request id and the provider, but no key."""
    response = Response(_error(f"no, {KEY} is wrong"), status, headers={"x-request-id": "req-9"})
    with Recorder().listening() as server:
        server.enqueue(response)
        for run in (call.invoke, call.stream):
            with pytest.raises(STATUSES[status], match="no, ") as raised:
                run(model(server.url), "Hi")
            error = raised.value
            assert isinstance(error, ModelError)
            assert (error.status, error.request_id, error.provider) == (status, "req-9", "openai")
            assert KEY not in str(error)
            assert KEY not in repr(error)


@pytest.mark.parametrize("status", [301, 404])
def test_a_not_found_error_names_the_base_url(call: Call, status: int) -> None:
    """Often the URL lacks its "/v1"."""
    with Recorder().listening() as server:
        server.enqueue(Response(_error("File not found."), status))
        url = re.escape(server.url)
        with pytest.raises(ModelError, match=f"File not found. The base URL is {url}$"):
            call.invoke(model(server.url), "Hi")


def test_a_rate_limit_error_has_the_delay(call: Call) -> None:
    """`retry-after-ms` is in milliseconds, `retry_after` in seconds."""
    with Recorder().listening() as server:
        server.enqueue(Response(_error("slow down"), 429, headers={"retry-after-ms": "1500"}))
        with pytest.raises(RateLimitError) as raised:
            call.invoke(model(server.url), "Hi")
    assert raised.value.retry_after == 1.5


def test_a_used_up_quota_is_not_retried(call: Call) -> None:
    """The error is marked as `daily`."""
    with Recorder().listening() as server:
        server.enqueue(Response(_error("You exceeded your quota", code="insufficient_quota"), 429))
        with pytest.raises(RateLimitError) as raised:
            call.invoke(ChatOpenAI("m", api_key=KEY, base_url=server.url), "Hi")
        assert raised.value.daily
        assert len(server.requests) == 1


def test_the_code_for_a_long_conversation_is_a_context_length_error(call: Call) -> None:
    """The code `context_length_exceeded` counts, not the status."""
    code = {"code": "context_length_exceeded"}
    with Recorder().listening() as server:
        server.enqueue(Response(_error("This model reads at most 10 tokens", **code), 400))
        with pytest.raises(ContextLengthError):
            call.invoke(model(server.url), "Hi")


@pytest.mark.usefixtures("at_once")
def test_a_temporary_error_is_retried(call: Call) -> None:
    """`max_retries=1` sends the request twice."""
    answer = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}
    with Recorder().listening() as server:
        server.enqueue(
            Response(_error("busy"), 503, headers={"retry-after": "0"}), Response(answer)
        )
        retrying = ChatOpenAI("m", api_key=KEY, base_url=server.url, max_retries=1)
        assert call.invoke(retrying, "Hi").text == "Hello"
        assert len(server.requests) == 2


def _calling(call: dict[str, Any]) -> Response:
    return Response({"choices": [{"message": {"role": "assistant", "tool_calls": [call]}}]})


BROKEN = {
    "HTML": Response(b"<html>gateway</html>", content_type="text/html"),
    "half of the JSON": Response(b'{"choices": [', content_type="application/json"),
    "another structure": Response({"result": "Hello"}),
    "a list": Response([1, 2]),
    "no choice": Response({"choices": []}),
    "choices of another type": Response({"choices": [None]}),
    "a call whose id is a number": _calling(
        {"id": 5, "function": {"name": "add", "arguments": "{}"}}
    ),
    "a call whose name is a list": _calling(
        {"id": "c", "function": {"name": ["add"], "arguments": "{}"}}
    ),
    "endless brackets": Response(b"[" * 100_000),
    "an infinite number": Response(
        b'{"choices": [{"message": {}}], "usage": {"prompt_tokens": 1e999}}'
    ),
}


@pytest.mark.parametrize("response", BROKEN.values(), ids=BROKEN)
def test_an_unreadable_response_is_a_server_error(call: Call, response: Response) -> None:
    """The error shows the start of the body."""
    with Recorder().listening() as server:
        server.enqueue(response)
        with pytest.raises(ServerError, match="cannot be read"):
            call.invoke(model(server.url), "Hi")


BROKEN_STREAMS = {
    "a page": (BROKEN["HTML"], ServerError),
    "a response that is not streamed": (Response({"choices": []}), ServerError),
    "half of the JSON": (
        Response(b'data: {"choi\n\n', content_type="text/event-stream"),
        ServerError,
    ),
    "an event that is a list": (sse_response([[1]]), ServerError),
    "endless brackets": (
        Response(b"data: " + b"[" * 100_000 + b"\n\n", content_type="text/event-stream"),
        ServerError,
    ),
    "an error": (
        sse_response([{"error": {"message": "busy", "code": "server_error"}}]),
        ServerError,
    ),
    "a rate limit": (
        sse_response([{"error": {"message": "slow", "type": "rate_limit_exceeded"}}]),
        RateLimitError,
    ),
    "an empty stream": (Response(b"", content_type="text/event-stream"), ModelConnectionError),
    "no last event": (
        sse_response([{"choices": [{"delta": {"content": "Hel"}}]}]),
        ModelConnectionError,
    ),
    "half of an event": (
        Response(b'data: {"choices": []}\n\ndata: {"cho', content_type="text/event-stream"),
        ModelConnectionError,
    ),
}


@pytest.mark.parametrize("broken", BROKEN_STREAMS.values(), ids=BROKEN_STREAMS)
def test_a_broken_stream_raises_its_type(
    call: Call, broken: tuple[Response, type[ModelError]]
) -> None:
    """Unreadable events, errors and truncated streams raise."""
    response, error_type = broken
    with Recorder().listening() as server:
        server.enqueue(response)
        with pytest.raises(error_type):
            call.stream(model(server.url), "Hi")


def test_the_chunks_before_an_error_are_yielded(call: Call) -> None:
    """They are in `error.produced`, too."""
    response = sse_response(
        [{"choices": [{"delta": {"content": "Hel"}}]}, {"error": {"message": "busy"}}]
    )
    with Recorder().listening() as server:
        server.enqueue(response)
        with pytest.raises(ServerError) as raised:
            call.stream(ChatOpenAI("m", api_key=KEY, base_url=server.url), "Hi")
    assert raised.value.produced.text == "Hel"  # type: ignore[attr-defined]


def test_a_key_is_hidden_and_pickled() -> None:
    """No repr shows the key, and a copy in another process has it."""
    made = ChatOpenAI(
        "m", api_key=KEY, base_url="http://localhost:1", default_headers={"x-token": KEY}
    )
    assert KEY not in repr(made)
    assert KEY not in repr(made | (lambda x: x))
    loaded = pickle.loads(pickle.dumps(made))
    assert loaded == made
    assert loaded._headers()["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(loaded)


def test_no_part_of_a_key_is_in_an_error(call: Call) -> None:
    """A long body may be cut inside a key; keys in `default_headers` are hidden, too."""
    other = "gateway-secret-456"
    with Recorder().listening() as server:
        made = model(server.url, default_headers={"X-Api-Key": f"Token {other}"})
        for text in (f"{'x' * 290}{KEY} is wrong", f"{other} is wrong"):
            server.enqueue(Response(text.encode(), 400))
            with pytest.raises(InvalidRequestError) as raised:
                call.invoke(made, "Hi")
            assert KEY[:8] not in str(raised.value)
            assert other not in str(raised.value)


def test_no_key_of_a_call_is_in_an_error_or_its_traceback(call: Call) -> None:
    """Keys in headers of the call, and keys from a function, are hidden."""
    keys = iter(["the-first-key", "the-second-key"])
    with Recorder().listening() as server:
        made = ChatOpenAI("m", base_url=server.url, api_key=lambda: next(keys), max_retries=0)
        server.enqueue(Response(_error("no the-second-key, no gateway-secret-456"), 401))
        with pytest.raises(AuthenticationError) as raised:
            call.invoke(made, "Hi", extra_headers={"x-api-key": "gateway-secret-456"})
    shown = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
    assert "no **********, no **********" in str(raised.value)
    assert "the-second-key" not in "".join(shown.format())


def test_a_short_key_of_a_local_server_is_not_redacted(call: Call) -> None:
    """A key such as "ollama" is a word of ordinary messages."""
    with Recorder().listening() as server:
        made = ChatOpenAI("m", base_url=server.url, api_key="ollama", max_retries=0)
        server.enqueue(Response(_error("model 'ollama/x' not found"), 404))
        with pytest.raises(InvalidRequestError, match="model 'ollama/x' not found"):
            call.invoke(made, "Hi")


def test_whitespace_around_a_key_is_removed(call: Call) -> None:
    """An empty key sends none, whatever the environment has; a key of another type is an error."""
    answer = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}
    with Recorder().listening() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "of-the-environment\n")
        server.enqueue(Response(answer))
        keys: list[Any] = [f" {KEY}\n", None, "", lambda: None]
        for key in keys:
            call.invoke(ChatOpenAI("m", base_url=server.url, api_key=key), "Hi")
        sent = [request.headers.get("authorization") for request in server.requests]
        assert sent == [f"Bearer {KEY}", "Bearer of-the-environment", None, None]
        for function in (lambda: 5, lambda: b"key"):
            wrong: Any = function
            with pytest.raises(ConfigError, match="expected a string"):
                ChatOpenAI("m", base_url=server.url, api_key=wrong)
        with pytest.raises(AuthenticationError, match="api_key is empty"):
            ChatOpenAI("m", api_key=" ")


def test_an_error_names_the_server(call: Call) -> None:
    """The name is the host, or that of the service itself."""
    with Recorder().listening() as server:
        server.enqueue(Response(_error("no"), 401))
        with pytest.raises(
            AuthenticationError, match=r"127\.0\.0\.1:\d+ \(openai\) answered 401: no"
        ):
            call.invoke(model(server.url), "Hi")
        server.enqueue(sse_response([{"choices": [{"delta": {"content": "Hel"}}]}]))
        with pytest.raises(ModelConnectionError, match=r"127\.0\.0\.1:\d+ \(openai\): the stream"):
            call.stream(model(server.url), "Hi")
    own = ChatOpenAI("m", api_key=KEY)._error(401, ServiceError("no"), {})
    assert str(own) == "OpenAI answered 401: no"


def test_a_long_message_is_cut(call: Call) -> None:
    """An error has no more than 10,000 characters."""
    with Recorder().listening() as server:
        server.enqueue(Response(_error("no! " * 1_000_000), 400))
        with pytest.raises(InvalidRequestError) as raised:
            call.invoke(model(server.url), "Hi")
    assert len(str(raised.value)) < 10_000


def test_a_key_in_extra_headers_is_hidden() -> None:
    """It is hidden as a setting and when bound, and the request has it."""
    headers = {"authorization": f"Bearer {KEY}"}
    made = ChatOpenAI("m", base_url="http://localhost:1", extra_headers=headers)
    bound = ChatOpenAI("m", base_url="http://localhost:1").bind(extra_headers=headers)
    for shown in (made, bound, bound | (lambda x: x), bound.with_retry()):
        assert "authorization" in repr(shown)
        assert KEY not in repr(shown)
    assert made._options({})["extra_headers"] == headers


def test_a_key_may_come_from_a_function(call: Call) -> None:
    """The function is called once for each request."""
    keys = iter(["none-yet", "first", "second"])
    answer = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}
    with Recorder().listening() as server:
        made = ChatOpenAI("m", api_key=lambda: next(keys), base_url=server.url)
        server.enqueue(Response(answer))
        call.batch(made, ["a", "b"], max_concurrency=1)
        sent = [request.headers["authorization"] for request in server.requests]
    assert sent == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"base_url": "localhost:80"}, "not a URL"),
        ({"base_url": "ftp://host"}, "not a URL"),
        ({"base_url": "http://ann:pass@host"}, "password"),
        ({"base_url": "http://[::1"}, "not a URL"),
        ({"base_url": "http://host:eighty"}, "not a URL"),
        ({"base_url": "http://ann:pass@host?a=1"}, "name or password"),
        ({"base_url": "http://host/v1?version=1"}, "query"),
        ({"default_headers": {"x-team": 5}}, "expected a string"),
        ({"timeout": 0}, "timeout=0"),
        ({"temprature": 1}, "Did you mean 'temperature'"),
        ({"max_retries": -1}, "max_retries"),
    ],
)
def test_an_invalid_setting_is_refused(settings: dict[str, Any], message: str) -> None:
    """The constructor raises a ConfigError that names the setting."""
    with pytest.raises(ConfigError, match=message):
        ChatOpenAI("m", **{"api_key": KEY, **settings})


def test_an_option_of_the_other_api_is_an_error(call: Call) -> None:
    """The error names the setting that selects the other API."""
    made = ChatOpenAI("m", api_key=KEY, base_url="http://localhost:1")
    with pytest.raises(ConfigError, match="use_responses_api=True"):
        call.invoke(made, "Hi", truncation="auto")
    with pytest.raises(ConfigError, match="use_responses_api=False"):
        other = ChatOpenAI("m", api_key=KEY, base_url="http://localhost:1", use_responses_api=True)
        call.invoke(other, "Hi", logit_bias={})
