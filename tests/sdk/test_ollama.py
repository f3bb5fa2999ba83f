"""Ollama's own client and ours say and understand the same.

Declared differences: the client fills in `"tools": []` where there are none, leaves out an empty
text, and forgets the names of calls (`id`, `tool_call_id`), which servers know since 2025; of
schemas of tools it keeps what it knows itself.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from ollama import Client

from runnables import AIMessage, HumanMessage, SystemMessage, ToolMessage
from runnables.testing import Response
from runnables_providers.ollama import ChatOllama, OllamaEmbeddings
from tests.both_modes import Call
from tests.sdk.recorder import Recorder, json_lines_response

PNG = b"\x89PNG\r\n\x1a\n\xff\xfe"
PNG_TEXT = base64.b64encode(PNG).decode()
PLACE = {
    "type": "object",
    "properties": {"place": {"type": "string", "description": "A town."}},
    "required": ["place"],
}
WEATHER: Any = {
    "type": "function",
    "function": {"name": "weather", "description": "The weather.", "parameters": PLACE},
}
ARGS = {"place": "Malmö"}
CALL: Any = {"name": "weather", "args": ARGS, "id": "c1"}
CALLED = {"function": {"name": "weather", "arguments": ARGS}}
END = {
    "done": True,
    "done_reason": "stop",
    "total_duration": 5,
    "prompt_eval_count": 26,
    "eval_count": 4,
}


def line(**said: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "", **said}
    return {"model": "m", "created_at": "2026-11-01T10:00:00Z", "message": message, "done": False}


@pytest.fixture
def server() -> Iterator[Recorder]:
    with Recorder().listening() as it:
        it.enqueue(Response({**line(content="Hello"), **END}))
        yield it


@pytest.fixture
def sdk(server: Recorder) -> Iterator[Client]:
    with Client(host=server.url) as client:
        yield client


CASES: dict[str, tuple[list[Any], dict[str, Any], list[Any], dict[str, Any]]] = {
    "a conversation": (
        [SystemMessage("Be short."), HumanMessage("Hi"), AIMessage("Yes?"), HumanMessage("No.")],
        {},
        [
            {"role": "system", "content": "Be short."},
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Yes?"},
            {"role": "user", "content": "No."},
        ],
        {},
    ),
    "options": (
        [HumanMessage("Hi")],
        {
            "temperature": 0.5,
            "max_tokens": 9,
            "stop": ["x"],
            "seed": 1,
            "top_p": 0.5,
            "top_k": 3,
            "num_ctx": 512,
            "think": "high",
            "keep_alive": "1m",
            "logprobs": True,
            "top_logprobs": 2,
        },
        [{"role": "user", "content": "Hi"}],
        {
            "options": {
                "temperature": 0.5,
                "num_predict": 9,
                "stop": ["x"],
                "seed": 1,
                "top_p": 0.5,
                "top_k": 3,
                "num_ctx": 512,
            },
            "think": "high",
            "keep_alive": "1m",
            "logprobs": True,
            "top_logprobs": 2,
        },
    ),
    "a picture": (
        [HumanMessage(["What?", {"type": "image", "base64": PNG_TEXT}])],
        {},
        [{"role": "user", "content": "What?", "images": [PNG]}],
        {},
    ),
    "calls and results": (
        [
            HumanMessage("Malmö?"),
            AIMessage("", tool_calls=[CALL]),
            ToolMessage("12 °C", tool_call_id="c1"),
        ],
        {"tools": [WEATHER]},
        [
            {"role": "user", "content": "Malmö?"},
            {"role": "assistant", "content": "", "tool_calls": [CALLED]},
            {"role": "tool", "content": "12 °C", "tool_name": "weather"},
        ],
        {"tools": [WEATHER]},
    ),
    "a form": (
        [HumanMessage("Where?")],
        {"response_format": {"type": "json_schema", "json_schema": {"schema": PLACE}}},
        [{"role": "user", "content": "Where?"}],
        {"format": PLACE},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_both_send_the_same(server: Recorder, sdk: Client, case: Any, call: Call) -> None:
    """The bodies and addresses are equal, but for what the head of this file declares."""
    messages, options, told, settings = case
    sdk.chat(model="m", messages=told, **settings)
    call.invoke(ChatOllama("m", base_url=server.url).bind(**options), messages)
    theirs, mine = server.requests
    assert mine.path == theirs.path == "/api/chat"
    assert in_one_form(mine.body) == in_one_form(theirs.body)


def in_one_form(body: Any) -> Any:
    """A body without what the head of this file declares."""
    if not body.get("tools"):
        body.pop("tools", None)
    for message in body["messages"]:
        message.setdefault("content", "")
        message.pop("tool_call_id", None)
        for called in message.get("tool_calls") or ():
            called.pop("id", None)
    return body


ANSWERS: dict[str, list[dict[str, Any]]] = {
    "text": [line(content="Hel"), line(content="lo"), {**line(), **END}],
    "thoughts": [line(thinking="17 "), line(thinking="* 4"), {**line(content="68"), **END}],
    "calls": [
        line(content="Let me see."),
        line(tool_calls=[CALLED, {"function": {"name": "clock", "arguments": {}}}]),
        {**line(), **END},
    ],
    "cut": [line(content="Once upon"), {**line(), **END, "done_reason": "length"}],
}


@pytest.mark.parametrize("said", ANSWERS.values(), ids=list(ANSWERS))
def test_both_read_a_stream_alike(
    server: Recorder, sdk: Client, said: list[dict[str, Any]], call: Call
) -> None:
    """Text, thoughts, calls, counts and the reason to end are the same."""
    server.enqueue(json_lines_response(said))
    theirs = list(sdk.chat(model="m", messages=[{"role": "user", "content": "Hi"}], stream=True))
    model = ChatOllama("m", base_url=server.url)
    joined = model.merge.accumulator()
    for chunk in call.stream(model, "Hi"):
        joined.add(chunk)
    agree(theirs, joined.value())


@pytest.mark.parametrize("said", ANSWERS.values(), ids=list(ANSWERS))
def test_both_read_an_answer_alike(
    server: Recorder, sdk: Client, said: list[dict[str, Any]], call: Call
) -> None:
    """The same from an answer in one piece."""
    messages = [it["message"] for it in said]
    whole: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(it["content"] for it in messages),
        "thinking": "".join(it.get("thinking", "") for it in messages),
        "tool_calls": [call for it in messages for call in it.get("tool_calls", ())],
    }
    server.enqueue(Response({**said[-1], "message": whole}))
    theirs = sdk.chat(model="m", messages=[{"role": "user", "content": "Hi"}])
    agree([theirs], call.invoke(ChatOllama("m", base_url=server.url), "Hi"))


def agree(theirs: list[Any], mine: AIMessage) -> None:
    assert mine.text == "".join(it.message.content or "" for it in theirs)
    thought = "".join(it.message.thinking or "" for it in theirs)
    assert mine.additional_kwargs.get("reasoning_content", "") == thought
    calls = [call.function for it in theirs for call in it.message.tool_calls or ()]
    assert [(it["name"], it["args"]) for it in mine.tool_calls] == [
        (it.name, dict(it.arguments)) for it in calls
    ]
    last = theirs[-1]
    assert mine.response_metadata["finish_reason"] == last.done_reason
    assert mine.response_metadata["total_duration"] == last.total_duration
    assert mine.usage_metadata == {
        "input_tokens": last.prompt_eval_count,
        "output_tokens": last.eval_count,
        "total_tokens": last.prompt_eval_count + last.eval_count,
    }


def test_both_embed_alike(server: Recorder, sdk: Client) -> None:
    """The bodies are equal, and so are the vectors."""
    vectors = [[0.5, -1.0], [2.0, 0.25]]
    server.enqueue(Response({"model": "m", "embeddings": vectors}))
    texts = ["one", "zwei"]
    theirs = sdk.embed(
        model="m", input=texts, truncate=False, keep_alive="1m", dimensions=2, options={"seed": 1}
    )
    model = OllamaEmbeddings(
        "m",
        base_url=server.url,
        truncate=False,
        keep_alive="1m",
        dimensions=2,
        options={"seed": 1},
    )
    assert model.embed_documents(texts) == [list(it) for it in theirs.embeddings] == vectors
    one, other = server.requests
    assert other.path == one.path == "/api/embed"
    assert other.body == one.body
