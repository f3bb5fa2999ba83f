"""The llama.cpp server does what the tests of providers need."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import pytest

from tests.llama.server import LlamaServer

pytestmark = pytest.mark.local_model

ADD = {
    "name": "add",
    "description": "Add two numbers.",
    "parameters": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    },
}


def post(server: LlamaServer, path: str, body: dict[str, Any], key: str | None = None) -> Any:
    """Return the JSON of the response."""
    headers = {"Authorization": f"Bearer {key or server.key}", "Content-Type": "application/json"}
    request = urllib.request.Request(server.url + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def question(text: str) -> list[dict[str, Any]]:
    """Return the messages of one question."""
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_it_calls_tools(llama_server: LlamaServer, choice: str) -> None:
    """It makes one call for one question, and two for two."""
    tools = [{"type": "function", "function": ADD}]
    body = {"tools": tools, "tool_choice": choice, "parallel_tool_calls": True}
    for text, expected in [
        ("Add 3 and 4.", [{"a": 3, "b": 4}]),
        ("Add 3 and 4, and add 5 and 6.", [{"a": 3, "b": 4}, {"a": 5, "b": 6}]),
    ]:
        answer = post(llama_server, "/v1/chat/completions", {"messages": question(text), **body})
        calls = answer["choices"][0]["message"]["tool_calls"]
        assert [json.loads(made["function"]["arguments"]) for made in calls] == expected


def test_it_has_the_messages_api(llama_server: LlamaServer) -> None:
    """`/v1/messages` calls tools, too."""
    tool = {"name": "add", "description": "Add.", "input_schema": ADD["parameters"]}
    body = {"messages": question("Add 3 and 4."), "tools": [tool], "max_tokens": 60}
    (block,) = post(llama_server, "/v1/messages", body)["content"]
    assert (block["type"], block["input"]) == ("tool_use", {"a": 3, "b": 4})


def test_it_follows_a_json_schema(llama_server: LlamaServer) -> None:
    """`response_format` constrains the answer."""
    response_format = {
        "type": "json_schema",
        "json_schema": {"name": "x", "schema": ADD["parameters"]},
    }
    body = {"messages": question("Add 3 and 4."), "response_format": response_format}
    answer = post(llama_server, "/v1/chat/completions", body)
    assert json.loads(answer["choices"][0]["message"]["content"]) == {"a": 3, "b": 4}


def test_it_answers_with_a_tool_result(llama_server: LlamaServer) -> None:
    """After a result it answers with text, also if there are tools."""
    call = {"name": "weather", "arguments": '{"city": "Paris"}'}
    messages = [
        *question("What is the weather in Paris?"),
        {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": call}]},
        {"role": "tool", "tool_call_id": "1", "content": "It is sunny, 20 degrees."},
    ]
    for tools in ([], [{"type": "function", "function": {**ADD, "name": "weather"}}]):
        answer = post(llama_server, "/v1/chat/completions", {"messages": messages, "tools": tools})
        assert "sunny" in answer["choices"][0]["message"]["content"]


def test_it_embeds_strings(llama_server: LlamaServer) -> None:
    """A string has the same vector alone and in a batch with a longer one."""
    long = "A very long story about a fox. " * 20
    alone = post(llama_server, "/v1/embeddings", {"input": ["fox"]})["data"][0]["embedding"]
    both = post(llama_server, "/v1/embeddings", {"input": [long, "fox"]})["data"]
    assert both[1]["embedding"] == pytest.approx(alone, abs=1e-3)
    assert len(alone) == 576


def test_it_requires_its_key(llama_server: LlamaServer) -> None:
    """It answers another key with 401."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(llama_server, "/v1/chat/completions", {"messages": question("Hi")}, key="wrong")
    refused.value.close()
    assert refused.value.code == 401
