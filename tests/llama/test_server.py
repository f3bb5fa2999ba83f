"""The server that tests of providers stand on does what they need of it."""

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
    """The JSON that it answers."""
    headers = {"Authorization": f"Bearer {key or server.key}", "Content-Type": "application/json"}
    request = urllib.request.Request(server.url + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def asked(text: str) -> list[dict[str, Any]]:
    """A conversation of one question."""
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize("choice", ["auto", "required"])
def test_it_calls_tools(llama_server: LlamaServer, choice: str) -> None:
    """One call for one question, two for two, as the API has them."""
    tools = [{"type": "function", "function": ADD}]
    body = {"tools": tools, "tool_choice": choice, "parallel_tool_calls": True}
    for question, expected in [
        ("Add 3 and 4.", [{"a": 3, "b": 4}]),
        ("Add 3 and 4, and add 5 and 6.", [{"a": 3, "b": 4}, {"a": 5, "b": 6}]),
    ]:
        answer = post(llama_server, "/v1/chat/completions", {"messages": asked(question), **body})
        calls = answer["choices"][0]["message"]["tool_calls"]
        assert [json.loads(it["function"]["arguments"]) for it in calls] == expected


def test_it_speaks_like_anthropic(llama_server: LlamaServer) -> None:
    """`/v1/messages` calls tools, too."""
    tool = {"name": "add", "description": "Add.", "input_schema": ADD["parameters"]}
    body = {"messages": asked("Add 3 and 4."), "tools": [tool], "max_tokens": 60}
    (block,) = post(llama_server, "/v1/messages", body)["content"]
    assert (block["type"], block["input"]) == ("tool_use", {"a": 3, "b": 4})


def test_it_answers_in_a_form(llama_server: LlamaServer) -> None:
    """A JSON schema holds it."""
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": ADD["parameters"]}}
    body = {"messages": asked("Add 3 and 4."), "response_format": form}
    answer = post(llama_server, "/v1/chat/completions", body)
    assert json.loads(answer["choices"][0]["message"]["content"]) == {"a": 3, "b": 4}


def test_it_tells_what_a_tool_returned(llama_server: LlamaServer) -> None:
    """A result in the conversation is answered with words, also where tools are at hand."""
    call = {"name": "weather", "arguments": '{"city": "Paris"}'}
    told = [
        *asked("What is the weather in Paris?"),
        {"role": "assistant", "tool_calls": [{"id": "1", "type": "function", "function": call}]},
        {"role": "tool", "tool_call_id": "1", "content": "It is sunny, 20 degrees."},
    ]
    for tools in ([], [{"type": "function", "function": {**ADD, "name": "weather"}}]):
        answer = post(llama_server, "/v1/chat/completions", {"messages": told, "tools": tools})
        assert "sunny" in answer["choices"][0]["message"]["content"]


def test_it_embeds(llama_server: LlamaServer) -> None:
    """A text has the same vector alone and beside a longer one."""
    long = "A very long story about a fox. " * 20
    alone = post(llama_server, "/v1/embeddings", {"input": ["fox"]})["data"][0]["embedding"]
    both = post(llama_server, "/v1/embeddings", {"input": [long, "fox"]})["data"]
    assert both[1]["embedding"] == pytest.approx(alone, abs=1e-3)
    assert len(alone) == 576


def test_it_asks_for_its_key(llama_server: LlamaServer) -> None:
    """Another one is refused."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        post(llama_server, "/v1/chat/completions", {"messages": asked("Hi")}, key="wrong")
    refused.value.close()
    assert refused.value.code == 401
