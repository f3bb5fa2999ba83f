"""Agents of real models: over HTTP, against a server that we did not write, and in the process."""

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
    """A chat model of a service, as llama.cpp's server plays it."""
    url = llama_server.v1 if request.param == "openai" else llama_server.url
    settings = {"base_url": url, "api_key": llama_server.key, "max_tokens": 32, "temperature": 0}
    return init_chat_model(f"{request.param}:{llama_server.model}", **settings)


def test_a_real_model_calls_a_tool_and_tells_what_it_gave(remote: Any, call: Call) -> None:
    """The whole loop: it calls by itself, hears the result, and ends with words."""
    agent = create_agent(remote, [add])
    state = call.invoke(agent, "Add 3 and 4.")
    _, called, told, answer = state["messages"]
    assert [it["args"] for it in called.tool_calls] == [{"a": 3, "b": 4}]
    assert (told.text, told.tool_call_id) == ("The sum is 7.", called.tool_calls[0]["id"])
    assert "7" in answer.text
    assert answer.usage_metadata["output_tokens"] > 0


def test_a_real_model_is_streamed_through_the_loop(remote: Any, call: Call) -> None:
    """Pieces of the call and of the text come as they are written, and make whole messages."""
    agent = create_agent(remote, [add])
    chunks = call.stream(agent, "Add 3 and 4.")
    pieces = [it for chunk in chunks for it in chunk["messages"]]
    assert sum(isinstance(it, AIMessageChunk) for it in pieces) > 5
    state = merge_chunks(chunks, agent.merge)
    assert state["messages"][1].tool_calls[0]["args"] == {"a": 3, "b": 4}
    assert "7" in state["messages"][3].text


@pytest.mark.parametrize("remote", ["openai"], indirect=True)
def test_two_calls_in_one_answer_are_both_served(remote: Any, call: Call) -> None:
    """In their order."""
    direct = tool("add", return_direct=True)(add.func)
    agent = create_agent(remote.bind(max_tokens=64), [direct])
    state = call.invoke(agent, "Add 3 and 4, and add 5 and 6.")
    told = [it.text for it in state["messages"] if isinstance(it, ToolMessage)]
    assert told == ["The sum is 7.", "The sum is 11."]


def test_the_model_in_the_process_is_forced_to_call(call: Call) -> None:
    """It is too small to call by itself; its direct answer ends the loop, and has a form."""
    direct = tool("add", return_direct=True)(add.func)
    model = LocalChatModel(max_tokens=40, temperature=0).bind(tool_choice="add")
    state = call.invoke(create_agent(model, [direct]), "Add 3 and 4.")
    (request,) = state["messages"][1].tool_calls
    assert state["messages"][2].text == f"The sum is {sum(request['args'].values())}."
    assert state["messages"][2].tool_call_id == request["id"]


def test_the_model_in_the_process_gives_a_form(call: Call) -> None:
    """`response_format` holds by its grammar."""
    agent = create_agent("local", response_format=Total)
    state = call.invoke(agent, "The sum of 3 and 4 is 7. What is it?")
    assert isinstance(state["structured_response"], Total)
