"""What services answer instead of a message, as portable errors; keys that stay hidden."""

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
def test_each_status_is_its_error_with_the_words_of_the_service(call: Call, status: int) -> None:
    said = Response(_error(f"no, {KEY} is wrong"), status, headers={"x-request-id": "req-9"})
    with Recorder().listening() as server:
        server.enqueue(said)
        for run in (call.invoke, call.stream):
            with pytest.raises(STATUSES[status], match="no, ") as raised:
                run(model(server.url), "Hi")
            error = raised.value
            assert isinstance(error, ModelError)
            assert (error.status, error.request_id, error.provider) == (status, "req-9", "openai")
            assert KEY not in str(error)
            assert KEY not in repr(error)


@pytest.mark.parametrize("status", [301, 404])
def test_where_nothing_was_found_the_error_says_where_that_was(call: Call, status: int) -> None:
    """Often the address lacks its "/v1"."""
    with Recorder().listening() as server:
        server.enqueue(Response(_error("File not found."), status))
        place = re.escape(server.url)
        with pytest.raises(ModelError, match=f"File not found. Its base address: {place}$"):
            call.invoke(model(server.url), "Hi")


def test_the_delay_that_the_service_asks_for_is_in_the_error(call: Call) -> None:
    with Recorder().listening() as server:
        server.enqueue(Response(_error("slow down"), 429, headers={"retry-after-ms": "1500"}))
        with pytest.raises(RateLimitError) as raised:
            call.invoke(model(server.url), "Hi")
    assert raised.value.retry_after == 1.5


def test_a_quota_that_is_used_up_is_not_tried_again(call: Call) -> None:
    with Recorder().listening() as server:
        server.enqueue(Response(_error("You exceeded your quota", code="insufficient_quota"), 429))
        with pytest.raises(RateLimitError) as raised:
            call.invoke(ChatOpenAI("m", api_key=KEY, base_url=server.url), "Hi")
        assert raised.value.daily
        assert len(server.requests) == 1


def test_too_long_a_conversation_is_told_by_the_code(call: Call) -> None:
    code = {"code": "context_length_exceeded"}
    with Recorder().listening() as server:
        server.enqueue(Response(_error("This model reads at most 10 tokens", **code), 400))
        with pytest.raises(ContextLengthError):
            call.invoke(model(server.url), "Hi")


@pytest.mark.usefixtures("at_once")
def test_a_failure_that_may_pass_is_tried_again(call: Call) -> None:
    answer = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}
    with Recorder().listening() as server:
        server.enqueue(
            Response(_error("busy"), 503, headers={"retry-after": "0"}), Response(answer)
        )
        again = ChatOpenAI("m", api_key=KEY, base_url=server.url, max_retries=1)
        assert call.invoke(again, "Hi").text == "Hello"
        assert len(server.requests) == 2


def _calling(call: dict[str, Any]) -> Response:
    return Response({"choices": [{"message": {"role": "assistant", "tool_calls": [call]}}]})


BROKEN = {
    "no JSON": Response(b"<html>gateway</html>", content_type="text/html"),
    "half a JSON": Response(b'{"choices": [', content_type="application/json"),
    "another form": Response({"result": "Hello"}),
    "a list": Response([1, 2]),
    "no choice": Response({"choices": []}),
    "choices of another kind": Response({"choices": [None]}),
    "a call whose id is a number": _calling(
        {"id": 5, "function": {"name": "add", "arguments": "{}"}}
    ),
    "a call whose name is none": _calling(
        {"id": "c", "function": {"name": ["add"], "arguments": "{}"}}
    ),
    "brackets without end": Response(b"[" * 100_000),
    "a number without end": Response(
        b'{"choices": [{"message": {}}], "usage": {"prompt_tokens": 1e999}}'
    ),
}


@pytest.mark.parametrize("said", BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_read_is_a_server_error(call: Call, said: Response) -> None:
    with Recorder().listening() as server:
        server.enqueue(said)
        with pytest.raises(ServerError, match="cannot be read"):
            call.invoke(model(server.url), "Hi")


BROKEN_STREAMS = {
    "no stream": (BROKEN["no JSON"], ServerError),
    "an answer in one piece": (Response({"choices": []}), ServerError),
    "half a JSON": (Response(b'data: {"choi\n\n', content_type="text/event-stream"), ServerError),
    "an event that is no object": (sse_response([[1]]), ServerError),
    "brackets without end": (
        Response(b"data: " + b"[" * 100_000 + b"\n\n", content_type="text/event-stream"),
        ServerError,
    ),
    "an error": (
        sse_response([{"error": {"message": "busy", "code": "server_error"}}]),
        ServerError,
    ),
    "a limit": (
        sse_response([{"error": {"message": "slow", "type": "rate_limit_exceeded"}}]),
        RateLimitError,
    ),
    "nothing": (Response(b"", content_type="text/event-stream"), ModelConnectionError),
    "no end": (sse_response([{"choices": [{"delta": {"content": "Hel"}}]}]), ModelConnectionError),
    "half an event": (
        Response(b'data: {"choices": []}\n\ndata: {"cho', content_type="text/event-stream"),
        ModelConnectionError,
    ),
}


@pytest.mark.parametrize("broken", BROKEN_STREAMS.values(), ids=BROKEN_STREAMS)
def test_a_stream_that_breaks_raises(call: Call, broken: tuple[Response, type[ModelError]]) -> None:
    said, kind = broken
    with Recorder().listening() as server:
        server.enqueue(said)
        with pytest.raises(kind):
            call.stream(model(server.url), "Hi")


def test_the_chunks_before_a_fault_come_out_first(call: Call) -> None:
    said = sse_response(
        [{"choices": [{"delta": {"content": "Hel"}}]}, {"error": {"message": "busy"}}]
    )
    with Recorder().listening() as server:
        server.enqueue(said)
        with pytest.raises(ServerError) as raised:
            call.stream(ChatOpenAI("m", api_key=KEY, base_url=server.url), "Hi")
    assert raised.value.produced.text == "Hel"  # type: ignore[attr-defined]


def test_a_key_shows_nowhere_and_travels_in_a_pickle() -> None:
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
    """Neither where a long reply is cut, nor of the keys in further headers."""
    other = "gateway-secret-456"
    with Recorder().listening() as server:
        made = model(server.url, default_headers={"X-Api-Key": f"Token {other}"})
        for text in (f"{'x' * 290}{KEY} is wrong", f"{other} is wrong"):
            server.enqueue(Response(text.encode(), 400))
            with pytest.raises(InvalidRequestError) as raised:
                call.invoke(made, "Hi")
            assert KEY[:8] not in str(raised.value)
            assert other not in str(raised.value)


def test_no_key_of_a_call_is_in_an_error(call: Call) -> None:
    """Neither of its headers, nor one that a function gave; and no traceback shows the reply."""
    keys = iter(["the-first-key", "the-second-key"])
    with Recorder().listening() as server:
        made = ChatOpenAI("m", base_url=server.url, api_key=lambda: next(keys), max_retries=0)
        server.enqueue(Response(_error("no the-second-key, no gateway-secret-456"), 401))
        with pytest.raises(AuthenticationError) as raised:
            call.invoke(made, "Hi", extra_headers={"x-api-key": "gateway-secret-456"})
    shown = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
    assert "no **********, no **********" in str(raised.value)
    assert "the-second-key" not in "".join(shown.format())


def test_the_word_that_a_local_server_gets_for_a_key_stays_in_texts(call: Call) -> None:
    with Recorder().listening() as server:
        made = ChatOpenAI("m", base_url=server.url, api_key="ollama", max_retries=0)
        server.enqueue(Response(_error("model 'ollama/x' not found"), 404))
        with pytest.raises(InvalidRequestError, match="model 'ollama/x' not found"):
            call.invoke(made, "Hi")


def test_blanks_around_a_key_are_no_part_of_it(call: Call) -> None:
    """An empty key asks without one, whatever the environment has; anything else is a slip."""
    answer = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}
    with Recorder().listening() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", "of-the-environment\n")
        server.enqueue(Response(answer))
        keys: list[Any] = [f" {KEY}\n", None, "", lambda: None]
        for key in keys:
            call.invoke(ChatOpenAI("m", base_url=server.url, api_key=key), "Hi")
        sent = [asked.headers.get("authorization") for asked in server.requests]
        assert sent == [f"Bearer {KEY}", "Bearer of-the-environment", None, None]
        for make in (lambda: 5, lambda: b"key"):
            given: Any = make
            with pytest.raises(ConfigError, match="expected a text"):
                ChatOpenAI("m", base_url=server.url, api_key=given)
        with pytest.raises(AuthenticationError, match="api_key is empty"):
            ChatOpenAI("m", api_key=" ")


def test_an_error_names_who_answered(call: Call) -> None:
    """The host, where it is not the service's own."""
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


def test_a_reason_is_only_so_long(call: Call) -> None:
    with Recorder().listening() as server:
        server.enqueue(Response(_error("no! " * 1_000_000), 400))
        with pytest.raises(InvalidRequestError) as raised:
            call.invoke(model(server.url), "Hi")
    assert len(str(raised.value)) < 10_000


def test_a_key_in_further_headers_does_not_show() -> None:
    """As a setting, and bound; the request has it."""
    headers = {"authorization": f"Bearer {KEY}"}
    made = ChatOpenAI("m", base_url="http://localhost:1", extra_headers=headers)
    bound = ChatOpenAI("m", base_url="http://localhost:1").bind(extra_headers=headers)
    for shown in (made, bound, bound | (lambda x: x), bound.with_retry()):
        assert "authorization" in repr(shown)
        assert KEY not in repr(shown)
    assert made._options({})["extra_headers"] == headers


def test_a_key_can_come_from_a_function(call: Call) -> None:
    keys = iter(["none-yet", "first", "second"])
    answer = {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]}
    with Recorder().listening() as server:
        made = ChatOpenAI("m", api_key=lambda: next(keys), base_url=server.url)
        server.enqueue(Response(answer))
        call.batch(made, ["a", "b"], max_concurrency=1)
        sent = [asked.headers["authorization"] for asked in server.requests]
    assert sent == ["Bearer first", "Bearer second"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"base_url": "localhost:80"}, "no address"),
        ({"base_url": "ftp://host"}, "no address"),
        ({"base_url": "http://ann:pass@host"}, "password"),
        ({"base_url": "http://[::1"}, "no address"),
        ({"base_url": "http://host:eighty"}, "no address"),
        ({"base_url": "http://ann:pass@host?a=1"}, "name or password"),
        ({"base_url": "http://host/v1?version=1"}, "query"),
        ({"default_headers": {"x-team": 5}}, "expected a text"),
        ({"timeout": 0}, "timeout=0"),
        ({"temprature": 1}, "Did you mean 'temperature'"),
        ({"max_retries": -1}, "max_retries"),
    ],
)
def test_bad_settings_are_refused_before_anything_is_sent(
    settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        ChatOpenAI("m", **{"api_key": KEY, **settings})


def test_an_option_of_the_other_interface_says_which(call: Call) -> None:
    made = ChatOpenAI("m", api_key=KEY, base_url="http://localhost:1")
    with pytest.raises(ConfigError, match="use_responses_api=True"):
        call.invoke(made, "Hi", truncation="auto")
    with pytest.raises(ConfigError, match="use_responses_api=False"):
        other = ChatOpenAI("m", api_key=KEY, base_url="http://localhost:1", use_responses_api=True)
        call.invoke(other, "Hi", logit_bias={})
