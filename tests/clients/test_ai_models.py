"""Chains as models of the npm package `ai`: `@ai-sdk/openai` and `@ai-sdk/openai-compatible`."""

from __future__ import annotations

import pytest

from runnables import AIMessage
from tests.clients.served import Clients
from tests.serving.chains import SECRET, asks

pytestmark = pytest.mark.javascript
protocols = pytest.mark.parametrize("protocol", ["chat", "responses"])


@pytest.fixture(scope="module")
def client() -> Clients:
    return Clients("js/ai_models.mjs")


@protocols
def test_an_answer_comes_whole_and_in_parts(protocol: str, client: Clients) -> None:
    """`generateText` and `streamText` read the text, the reason of its end, and the tokens."""
    whole, streamed = (client.cases[f"{protocol} {kind}"] for kind in ("whole", "streamed"))
    assert whole["text"] == "One two three."
    assert streamed["deltas"] == ["One", " ", "two", " ", "three."]
    for answer in (whole, streamed):
        assert (answer["reason"], answer["tokens"]) == ("stop", 5)


@protocols
def test_reasoning_and_a_call_reach_the_client(protocol: str, client: Clients) -> None:
    """Both are there, whole and streamed."""
    answers = client.cases[f"{protocol} tool call"]
    call = {"toolName": "add", "toolCallId": "call_1", "input": {"a": 1, "b": 2}}
    assert answers["calls"] == [call, call]
    assert answers["reasoning"] == ["Hm, sums.", "Hm, sums."]
    assert answers["reasons"] == ["tool-calls", "tool-calls"]


@protocols
def test_the_client_runs_the_tool_and_asks_again(protocol: str, client: Clients) -> None:
    """The model reads its own call and the result, and answers."""
    assert client.cases[f"{protocol} second turn"]["text"] == "It is 3."
    text = [
        (call.messages[1], call.messages[2].text)
        for call in client.adder.calls
        if len(call.messages) == 3
    ]
    assert [result for _, result in text] == ["3", "3"]
    assert all(isinstance(said, AIMessage) and said.text == "Let me add." for said, _ in text)


def test_a_signature_comes_back_through_responses(client: Clients) -> None:
    """The model reads its message as it has written it, where the client stores nothing."""
    assert asks() in [message for call in client.adder.calls for message in call.messages]


def test_a_client_that_counts_on_stored_items_reads_why_it_cannot(client: Clients) -> None:
    """By default `@ai-sdk/openai` refers to earlier items by their ids, which no chain stores."""
    error = client.cases["by reference"]
    assert error["status"] == 404
    assert "'store': false" in error["message"]


@protocols
def test_an_error_before_the_first_chunk_is_a_status(protocol: str, client: Clients) -> None:
    """The client throws an error with the status, whose text shows nothing of the inside."""
    error = client.cases[f"{protocol} refused"]
    assert (error["name"], error["status"]) == ("AI_APICallError", 429)
    assert "busy" in error["message"] and SECRET not in error["message"]


@protocols
def test_an_error_in_mid_stream_is_a_part_of_the_stream(protocol: str, client: Clients) -> None:
    """What came before is there, and then an error."""
    stream = client.cases[f"{protocol} broken"]
    assert stream["deltas"] == ["One"]
    assert "The chain has failed." in stream["error"] and SECRET not in stream["error"]


@protocols
def test_an_abort_stops_the_run(protocol: str, client: Clients) -> None:
    """In mid-stream and of a whole answer; the service is closed before its next chunk."""
    assert client.cases[f"{protocol} stop"]["end"] == {"deltas": ["first"], "aborted": True}
    assert client.cases[f"{protocol} stop"]["left"] == 1
    assert client.cases[f"{protocol} stop whole"]["left"] == 1
    assert client.upstream.began == client.upstream.closed
    assert client.upstream.chunks == 2  # of the two clients that have read one
