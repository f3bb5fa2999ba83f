"""OpenAI's JavaScript client against served chains: chat completions and responses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.clients.served import Clients
from tests.serving.chains import SECRET

pytestmark = pytest.mark.javascript
protocols = pytest.mark.parametrize("protocol", ["chat", "responses"])


@pytest.fixture(scope="module")
def client() -> Clients:
    return Clients("js/openai.mjs")


@protocols
def test_an_answer_comes_whole_with_its_usage(protocol: str, client: Clients) -> None:
    """The client reads the text, the reason of its end, and the tokens."""
    answer = client.cases[f"{protocol} whole"]
    assert answer["text"] == "One two three."
    assert answer["reason"] in ("stop", "completed")
    assert answer["usage"]["total_tokens"] == 5


@protocols
def test_an_answer_comes_in_parts(protocol: str, client: Clients) -> None:
    """The chunks are those of the chain, and the usage comes last."""
    answer = client.cases[f"{protocol} streamed"]
    assert answer["deltas"] == ["One", " ", "two", " ", "three."]
    assert answer["usage"]["total_tokens"] == 5


@protocols
def test_a_call_of_a_tool_reaches_the_client(protocol: str, client: Clients) -> None:
    """Whole, and put together from its parts by the client's own helper."""
    calls: list[Any] = client.cases[f"{protocol} tool call"]["calls"]
    assert len(calls) == 2
    for call in calls:
        function = call.get("function", call)
        assert (call.get("call_id", call["id"]), function["name"]) == ("call_1", "add")
        assert json.loads(function["arguments"]) == {"a": 1, "b": 2}


@protocols
def test_an_error_before_the_first_chunk_is_a_status(protocol: str, client: Clients) -> None:
    """The client throws the error of that status, whose text shows nothing of the inside."""
    error = client.cases[f"{protocol} refused"]
    assert (error["name"], error["status"]) == ("RateLimitError", 429)
    assert "busy" in error["message"] and SECRET not in error["message"]


@protocols
def test_an_error_in_mid_stream_is_thrown(protocol: str, client: Clients) -> None:
    """What came before is there, and then the iteration throws."""
    stream = client.cases[f"{protocol} broken"]
    assert stream["deltas"] == ["One"]
    assert stream["error"]["name"] == "APIError"
    assert "The chain has failed." in stream["error"]["message"]
    assert SECRET not in stream["error"]["message"]


@protocols
@pytest.mark.parametrize("kind", ["stop", "stop before the first chunk", "stop whole"])
def test_an_abort_stops_the_run(protocol: str, kind: str, client: Clients) -> None:
    """The server has counted one client that left, while the client was still there."""
    assert client.cases[f"{protocol} {kind}"]["left"] == 1


def test_an_abort_closes_the_service_before_its_next_chunk(client: Clients) -> None:
    """Every request to the service was closed, and nothing was read after the first chunk."""
    assert client.cases["chat stop"]["end"] == {"deltas": ["first"]}
    assert client.upstream.began == client.upstream.closed
    assert client.upstream.chunks == 2  # of the two clients that have read one
