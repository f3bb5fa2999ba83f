"""LangServe's own client against our server: it needs no change for chains that move here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from runnables import RunnableGenerator, RunnableLambda
from tests.clients.langserve.conftest import Client
from tests.serving.chains import SECRET, chains
from tests.serving.servers import Served, serving, wait_for
from tests.serving.upstreams import Upstream

modes = pytest.mark.parametrize("mode", ["sync", "async"])
USER = [{"user": "hi"}]


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
def server(upstream: Upstream) -> Iterator[Served]:
    more = {"length": RunnableLambda(len), "up": RunnableGenerator(upstream.answer)}
    with serving(chains() | more, shows_steps=True) as served:
        yield served


@modes
def test_a_whole_answer_is_a_message(mode: str, client: Client, server: Served) -> None:
    """As a message of LangChain, with its tool calls and its blocks."""
    whole = client("invoke", mode, f"{server.url}/words", USER)["value"]
    assert (whole["class"], whole["content"]) == ("AIMessage", "One two three.")
    asks = client("invoke", mode, f"{server.url}/caller", USER)["value"]
    assert [(call["name"], call["args"], call["id"]) for call in asks["calls"]] == [
        ("add", {"a": 1, "b": 2}, "call_1")]  # fmt: skip
    assert asks["content"][0]["extras"] == {"signature": "sig=="}
    text = client("invoke", mode, f"{server.url}/prompt", {"what": "it"})
    assert text == {"value": "One two three."}
    agent = client("invoke", mode, f"{server.url}/agent", {"messages": USER})["value"]
    kinds = [message["class"] for message in agent["messages"]]
    assert kinds == ["HumanMessage", "AIMessage", "ToolMessage", "AIMessage"]


@modes
def test_a_stream_comes_in_chunks(mode: str, client: Client, server: Served) -> None:
    """Strings as strings, and messages as chunks of messages, also those with a call."""
    assert client("stream", mode, f"{server.url}/prompt", {"what": "it"})["value"] == [
        "One", " ", "two", " ", "three."]  # fmt: skip
    chunks = client("stream", mode, f"{server.url}/words", USER)["value"]
    assert len(chunks) == 5
    assert {chunk["class"] for chunk in chunks} == {"AIMessageChunk"}
    assert "".join(chunk["content"] for chunk in chunks) == "One two three."
    calls = [call for chunk in client("stream", mode, f"{server.url}/caller", USER)["value"]
             for call in chunk["calls"]]  # fmt: skip
    assert "add" in [call["name"] for call in calls]


@modes
def test_a_batch_has_its_outputs_in_order(mode: str, client: Client, server: Served) -> None:
    """In one request."""
    outputs = client("batch", mode, f"{server.url}/length", ["a", "bb", "ccc"])
    assert outputs == {"value": [1, 2, 3]}
    assert server.service.counts.runs == 1


@modes
@pytest.mark.parametrize("do", ["invoke", "stream", "batch"])
def test_an_error_before_the_first_chunk_is_a_status(
    do: str, mode: str, client: Client, server: Served
) -> None:
    """That of a rate limit, and that of an input which does not fit."""
    user: Any = [USER] if do == "batch" else USER
    refused = client(do, mode, f"{server.url}/refused", user)
    assert (refused["error"], refused["status"]) == ("HTTPStatusError", 429)
    assert SECRET not in refused["text"]
    wrong: Any = [{"wath": 1}] if do == "batch" else {"wath": 1}
    found = client(do, mode, f"{server.url}/prompt", wrong)
    assert found["status"] == 422
    assert "what: Field required" in found["text"] or do == "stream"


@modes
def test_an_error_in_a_stream_is_raised_after_its_chunks(
    mode: str, client: Client, server: Served
) -> None:
    """With its status, and nothing of the inside."""
    found = client("stream", mode, f"{server.url}/broken", USER)
    assert [chunk["content"] for chunk in found["chunks"]] == ["One"]
    assert (found["error"], found["status"]) == ("HTTPStatusError", 500)
    assert SECRET not in found["text"]


@modes
def test_leaving_a_stream_closes_what_is_behind_it(
    mode: str, client: Client, server: Served, upstream: Upstream
) -> None:
    """The client goes on, and the service behind the chain is closed before its next chunk."""
    found = client("stream", mode, f"{server.url}/up", "one", take=1)
    assert found == {"value": ["first"]}
    wait_for(lambda: upstream.closed)
    assert upstream.chunks == 1
    assert client("invoke", mode, f"{server.url}/length", "ab") == {"value": 2}


def test_events_of_steps_arrive(client: Client, server: Served) -> None:
    """Each start has its end, and the model's chunks are among them."""
    found = client("events", "async", f"{server.url}/prompt", {"what": "it"})["value"]
    names = [(event["event"], event["name"]) for event in found]
    assert names[0] == ("on_chain_start", "RunnableSequence")
    assert ("on_chat_model_end", "ScriptedChatModel") in names
    assert names.count(("on_chat_model_stream", "ScriptedChatModel")) == 5
    ends = {event["name"]: event["data"] for event in found if event["event"] == "on_chain_end"}
    assert ends["RunnableSequence"]["output"] == "One two three."
