"""Agents with real models: over HTTP, from llama.cpp's server, and the local model."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from runnables import AIMessageChunk, ToolMessage, create_agent, init_chat_model, merge_chunks, tool
from runnables_providers.local import LocalChatModel
from tests.both_modes import Call
from tests.llama.server import LlamaServer

pytestmark = [
    pytest.mark.local_model,
    pytest.mark.leaks(reason="the loaded model, or the client, keeps its threads"),
]


class Total(BaseModel):
    """A sum."""

    total: int


@tool
def add(a: int, b: int) -> str:
    """Add two numbers."""
    return f"The sum is {a + b}."


@pytest.fixture(params=["openai", "anthropic"])
def remote(request: pytest.FixtureRequest, llama_server: LlamaServer) -> Any:
    """Return a chat model of a service, whose API llama.cpp's server has."""
    url = llama_server.v1 if request.param == "openai" else llama_server.url
    settings = {"base_url": url, "api_key": llama_server.key, "max_tokens": 32, "temperature": 0}
    return init_chat_model(f"{request.param}:{llama_server.model}", **settings)


def test_a_real_model_calls_a_tool_and_uses_the_result(remote: Any, call: Call) -> None:
    """It calls the tool by itself, gets the result, and ends with text."""
    agent = create_agent(remote, [add])
    state = call.invoke(agent, "Add 3 and 4.")
    _, called, result, answer = state["messages"]
    assert [request["args"] for request in called.tool_calls] == [{"a": 3, "b": 4}]
    assert (result.text, result.tool_call_id) == ("The sum is 7.", called.tool_calls[0]["id"])
    assert "7" in answer.text
    assert answer.usage_metadata["output_tokens"] > 0


def test_a_real_model_is_streamed_through_the_loop(remote: Any, call: Call) -> None:
    """The chunks of the call and of the text come one by one, and make complete messages."""
    agent = create_agent(remote, [add])
    chunks = call.stream(agent, "Add 3 and 4.")
    messages = [message for chunk in chunks for message in chunk["messages"]]
    assert sum(isinstance(message, AIMessageChunk) for message in messages) > 5
    state = merge_chunks(chunks, agent.merge)
    assert state["messages"][1].tool_calls[0]["args"] == {"a": 3, "b": 4}
    assert "7" in state["messages"][3].text


@pytest.mark.parametrize("remote", ["openai"], indirect=True)
def test_two_calls_in_one_answer_both_run(remote: Any, call: Call) -> None:
    """Their results are in their order."""
    direct = tool("add", return_direct=True)(add.func)
    agent = create_agent(remote.bind(max_tokens=64), [direct])
    state = call.invoke(agent, "Add 3 and 4, and add 5 and 6.")
    results = [message for message in state["messages"] if isinstance(message, ToolMessage)]
    assert [result.text for result in results] == ["The sum is 7.", "The sum is 11."]


def test_the_local_model_is_forced_to_call(call: Call) -> None:
    """It is too small to call by itself; the result of a direct tool ends the loop."""
    direct = tool("add", return_direct=True)(add.func)
    model = LocalChatModel(max_tokens=40, temperature=0).bind(tool_choice="add")
    state = call.invoke(create_agent(model, [direct]), "Add 3 and 4.")
    (request,) = state["messages"][1].tool_calls
    assert state["messages"][2].text == f"The sum is {sum(request['args'].values())}."
    assert state["messages"][2].tool_call_id == request["id"]


def test_the_local_model_answers_with_structured_output(call: Call) -> None:
    """Its grammar makes it keep to the `response_format`."""
    agent = create_agent("local", response_format=Total)
    state = call.invoke(agent, "The sum of 3 and 4 is 7. What is it?")
    assert isinstance(state["structured_response"], Total)
