"""What all remote models have in common: merged bodies, content types, errors inside a 200."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, strategies as st
from pydantic import SecretStr

from runnables.errors import ContextLengthError, ModelError, RateLimitError, ServerError
from runnables.testing import Response
from runnables_providers._remote.chat import HTTPChatModel
from runnables_providers._remote.error_bodies import error_in
from runnables_providers._remote.request_bodies import merged_body, revealed
from runnables_providers._remote.stream_decoding import JSONEvents
from runnables_providers.anthropic import ChatAnthropic
from runnables_providers.google import ChatGoogleGenerativeAI
from runnables_providers.openai import ChatOpenAI, OpenAIEmbeddings
from tests.both_modes import Call
from tests.providers.anthropic_events import answer, events, sse
from tests.providers.round_trips import JSON, WORDS
from tests.sdk.recorder import Recorder

Make = Callable[..., HTTPChatModel]


def _of(kind: type[Any]) -> Make:
    def make(url: str, **settings: Any) -> HTTPChatModel:
        made: HTTPChatModel = kind(
            "m", base_url=url, api_key="k" * 12, **{"max_retries": 0, **settings}
        )
        return made

    return make


anthropic, google, openai = _of(ChatAnthropic), _of(ChatGoogleGenerativeAI), _of(ChatOpenAI)
BODIES: dict[Make, dict[str, Any]] = {
    anthropic: answer({"type": "text", "text": "Hello"}),
    google: {"candidates": [{"content": {"parts": [{"text": "Hello"}]}, "finishReason": "STOP"}]},
    openai: {"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}]},
}


def _data(*payloads: Any) -> bytes:
    return "".join(f"data: {json.dumps(payload)}\n\n" for payload in payloads).encode()


STREAMS: dict[Make, bytes] = {
    anthropic: sse(events(BODIES[anthropic])),
    google: _data(BODIES[google]),
    openai: _data(
        {"choices": [{"delta": {"content": "Hello"}, "finish_reason": "stop"}]},
        {"choices": [], "usage": None},
    )
    + b"data: [DONE]\n\n",
}
services = pytest.mark.parametrize(
    "make", [anthropic, google, openai], ids=["anthropic", "google", "openai"]
)

# -- extra_body

TREES = st.dictionaries(st.sampled_from("abc"), JSON, max_size=3)


@given(TREES, TREES)
def test_objects_are_merged_and_all_else_is_replaced(
    body: dict[str, Any], extra: dict[str, Any]
) -> None:
    """At every depth; neither of the two is changed."""
    before = json.dumps([body, extra])
    merged = merged_body(body, extra)
    assert json.dumps([body, extra]) == before
    assert set(merged) == {*body, *extra}
    for key, value in merged.items():
        if isinstance(body.get(key), dict) and isinstance(extra.get(key), dict):
            assert value == merged_body(body[key], extra[key])
        else:
            assert value == (extra if key in extra else body)[key]


@pytest.mark.parametrize(
    ("make", "settings", "extra", "where", "expected"),
    [
        (
            google,
            {"temperature": 0.5},
            {"generationConfig": {"thinkingConfig": {"x": 1}}},
            "generationConfig",
            {"temperature": 0.5, "thinkingConfig": {"x": 1}},
        ),
        (
            anthropic,
            {"metadata": {"user_id": "u"}},
            {"metadata": {"team": "t"}},
            "metadata",
            {"user_id": "u", "team": "t"},
        ),
        (
            anthropic,
            {"stop": ["a"]},
            {"stop_sequences": ["b"]},
            "stop_sequences",
            ["b"],
        ),
    ],
)
def test_extra_body_is_merged_into_the_request(
    make: Make,
    settings: dict[str, Any],
    extra: dict[str, Any],
    where: str,
    expected: Any,
    call: Call,
) -> None:
    """As a setting, and as an option of a call."""
    with Recorder().listening() as server:
        server.enqueue(Response(BODIES[make]))
        call.invoke(make(server.url, extra_body=extra, **settings), "q")
        call.invoke(make(server.url, **settings), "q", extra_body=extra)
        assert [body[where] for body in server.bodies] == [expected, expected]


def test_secrets_of_pydantic_are_sent_as_strings(call: Call) -> None:
    """In `extra_body`, in headers, and in the definition of a server's tool."""
    secret = SecretStr("a-secret-of-mine")
    tool = {"type": "mcp", "server_url": "https://h", "authorization": secret}
    with Recorder().listening() as server:
        server.enqueue(Response(BODIES[openai]))
        model = openai(
            server.url, extra_body={"gateway": {"key": secret}}, default_headers={"x-one": secret}
        )
        call.invoke(model, "q", extra_headers={"x-two": secret}, tools=[tool])
        [request] = server.requests
    assert request.body["gateway"] == {"key": "a-secret-of-mine"}
    assert request.body["tools"][0]["authorization"] == "a-secret-of-mine"
    assert request.headers["x-one"] == request.headers["x-two"] == "a-secret-of-mine"
    assert revealed([{"a": (secret, 1)}]) == [{"a": ["a-secret-of-mine", 1]}]


def test_extra_body_of_embeddings_is_merged(call: Call) -> None:
    """They have the same setting."""
    with Recorder().listening() as server:
        server.enqueue(Response({"data": [{"index": 0, "embedding": [1.0]}]}))
        model = OpenAIEmbeddings(
            "m", base_url=server.url, api_key="k" * 12, extra_body={"route": {"by": "price"}}
        )
        call.invoke(model, "q")
        assert server.bodies[0]["route"] == {"by": "price"}


# -- content types


@services
@pytest.mark.parametrize(
    "content_type",
    ["text/event-stream", "text/plain", "application/octet-stream", "application/json", ""],
)
def test_a_stream_is_read_whatever_it_is_called(make: Make, content_type: str, call: Call) -> None:
    """Gateways rename the content type, or leave it out."""
    with Recorder().listening() as server:
        server.enqueue(Response(STREAMS[make], content_type=content_type))
        chunks = call.stream(make(server.url), "q")
    assert "".join(chunk.text for chunk in chunks) == "Hello"


@services
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "text/html", ""])
def test_an_answer_is_read_whatever_it_is_called(make: Make, content_type: str, call: Call) -> None:
    """JSON is JSON."""
    body = json.dumps(BODIES[make]).encode()
    with Recorder().listening() as server:
        server.enqueue(Response(body, content_type=content_type))
        assert call.invoke(make(server.url), "q").text == "Hello"


@services
@pytest.mark.parametrize(
    "body", [b"<html>Sign in</html>", b"  <!doctype html>", b'{"other": 1}', b"[1, 2]", b'"no"']
)
@pytest.mark.parametrize("content_type", ["text/html", "application/json", "text/plain"])
def test_what_is_no_stream_is_shown(make: Make, body: bytes, content_type: str, call: Call) -> None:
    """The error has the beginning of the page."""
    with Recorder().listening() as server:
        server.enqueue(Response(body, content_type=content_type))
        with pytest.raises(ServerError, match="cannot be read") as raised:
            call.stream(make(server.url), "q")
    assert body.decode().strip() in str(raised.value)


# -- errors inside a 200

ERRORS: list[tuple[Any, type[ModelError]]] = [
    ({"error": {"message": "slow down", "code": 429}}, RateLimitError),
    ({"error": {"message": "slow down", "type": "rate_limit_error"}}, RateLimitError),
    (
        {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}},
        RateLimitError,
    ),
    ({"object": "error", "message": "slow down", "code": 429}, RateLimitError),
    ([{"error": {"message": "slow down", "status": "RESOURCE_EXHAUSTED"}}], RateLimitError),
    ({"error": {"message": "slow down: prompt is too long", "code": 400}}, ContextLengthError),
    ({"error": "slow down"}, ServerError),
]


@services
@pytest.mark.parametrize(("body", "kind"), ERRORS)
def test_an_error_in_a_200_is_typed(
    make: Make, body: Any, kind: type[ModelError], call: Call
) -> None:
    """As a response, as a body in place of a stream, and as an event of one."""
    with Recorder().listening() as server:
        server.enqueue(Response(body))
        with pytest.raises(kind, match="slow down"):
            call.invoke(make(server.url), "q")
        with pytest.raises(kind, match="slow down"):
            call.stream(make(server.url), "q")
        server.enqueue(Response(_data(body), content_type="text/event-stream"))
        with pytest.raises(kind, match="slow down") as raised:
            call.stream(make(server.url), "q")
    assert "cannot be read" not in str(raised.value)


@services
@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b'{"message": "slow down", "code": 429}', RateLimitError),
        (b'{"error": {"message": "slow down", "code": 429}}', RateLimitError),
        (b'"slow down"', ServerError),
        (b"slow down", ServerError),
        (b"slow\ndata: down", ServerError),
    ],
)
def test_an_event_named_error_is_one(
    make: Make, data: bytes, kind: type[ModelError], call: Call
) -> None:
    """Whatever its data is: older servers send words."""
    event = b"event: error\ndata: " + data + b"\n\n"
    with Recorder().listening() as server:
        server.enqueue(Response(event, content_type="text/event-stream"))
        with pytest.raises(kind, match=r"slow\s?down") as raised:
            call.stream(make(server.url), "q")
    assert "cannot be read" not in str(raised.value)


@services
def test_what_another_try_does_not_change_is_not_tried_again(make: Make, call: Call) -> None:
    """A bad request is one, also inside a 200; an overloaded server is asked again."""
    with Recorder().listening() as server:
        server.enqueue(Response({"error": {"message": "bad", "code": 400}}))
        with pytest.raises(ModelError, match="bad"):
            call.invoke(make(server.url, max_retries=2), "q")
        assert len(server.bodies) == 1
        overloaded = {"error": {"message": "busy", "type": "overloaded_error"}}
        server.enqueue(Response(overloaded), Response(BODIES[make]))
        assert call.invoke(make(server.url, max_retries=1), "q").text == "Hello"


@given(JSON)
def test_a_body_without_an_error_has_none(value: Any) -> None:
    """Nothing else is taken for one, not even an `error` that is null."""
    assert error_in({"answer": value}) is None
    assert error_in({"error": None, "answer": value}) is None
    assert error_in([value]) is None or isinstance(value, (dict, list))


@given(WORDS)
def test_the_data_of_an_error_event_is_never_lost(words: str) -> None:
    """It is the error, or has one."""
    [value] = JSONEvents(lines=False).feed(
        b"event: error\ndata: " + json.dumps(words).encode() + b"\n\n"
    )
    error = error_in(value)
    assert error is not None
    assert words in error.message
