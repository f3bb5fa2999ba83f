"""Ollama's client and the provider send the same, and read the same.

Declared differences: the client sends `"tools": []` if there are none, leaves out an empty string,
and drops the ids of tool calls (`id`, `tool_call_id`), which servers know since 2025; it keeps only
the parts of tool schemas that it knows.
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


def line(**fields: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "", **fields}
    return {"model": "m", "created_at": "2026-11-01T10:00:00Z", "message": message, "done": False}


@pytest.fixture
def server() -> Iterator[Recorder]:
    with Recorder().listening() as recorder:
        recorder.enqueue(Response({**line(content="Hello"), **END}))
        yield recorder


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
    "an image": (
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
    "a schema": (
        [HumanMessage("Where?")],
        {"response_format": {"type": "json_schema", "json_schema": {"schema": PLACE}}},
        [{"role": "user", "content": "Where?"}],
        {"format": PLACE},
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_the_requests_are_equal(server: Recorder, sdk: Client, case: Any, call: Call) -> None:
    """Bodies and URLs are equal, except for the differences that this file declares."""
    messages, options, sdk_messages, settings = case
    sdk.chat(model="m", messages=sdk_messages, **settings)
    call.invoke(ChatOllama("m", base_url=server.url).bind(**options), messages)
    theirs, mine = server.requests
    assert mine.path == theirs.path == "/api/chat"
    assert normalized(mine.body) == normalized(theirs.body)


def normalized(body: Any) -> Any:
    """Return a body without the differences that this file declares."""
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
    "reasoning": [line(thinking="17 "), line(thinking="* 4"), {**line(content="68"), **END}],
    "calls": [
        line(content="Let me see."),
        line(tool_calls=[CALLED, {"function": {"name": "clock", "arguments": {}}}]),
        {**line(), **END},
    ],
    "an incomplete answer": [line(content="Once upon"), {**line(), **END, "done_reason": "length"}],
}


@pytest.mark.parametrize("lines", ANSWERS.values(), ids=list(ANSWERS))
def test_a_stream_is_read_alike(
    server: Recorder, sdk: Client, lines: list[dict[str, Any]], call: Call
) -> None:
    """Both read the same text, reasoning, tool calls, usage and finish reason."""
    server.enqueue(json_lines_response(lines))
    theirs = list(sdk.chat(model="m", messages=[{"role": "user", "content": "Hi"}], stream=True))
    model = ChatOllama("m", base_url=server.url)
    accumulator = model.merge.accumulator()
    for chunk in call.stream(model, "Hi"):
        accumulator.add(chunk)
    assert_equal(theirs, accumulator.value())


@pytest.mark.parametrize("lines", ANSWERS.values(), ids=list(ANSWERS))
def test_an_answer_is_read_alike(
    server: Recorder, sdk: Client, lines: list[dict[str, Any]], call: Call
) -> None:
    """Both read the same from a response."""
    messages = [each["message"] for each in lines]
    message: dict[str, Any] = {
        "role": "assistant",
        "content": "".join(part["content"] for part in messages),
        "thinking": "".join(part.get("thinking", "") for part in messages),
        "tool_calls": [made for part in messages for made in part.get("tool_calls", ())],
    }
    server.enqueue(Response({**lines[-1], "message": message}))
    theirs = sdk.chat(model="m", messages=[{"role": "user", "content": "Hi"}])
    assert_equal([theirs], call.invoke(ChatOllama("m", base_url=server.url), "Hi"))


def assert_equal(theirs: list[Any], mine: AIMessage) -> None:
    assert mine.text == "".join(each.message.content or "" for each in theirs)
    reasoning = "".join(each.message.thinking or "" for each in theirs)
    assert mine.additional_kwargs.get("reasoning_content", "") == reasoning
    calls = [made.function for each in theirs for made in each.message.tool_calls or ()]
    assert [(made["name"], made["args"]) for made in mine.tool_calls] == [
        (made.name, dict(made.arguments)) for made in calls
    ]
    last = theirs[-1]
    assert mine.response_metadata["finish_reason"] == last.done_reason
    assert mine.response_metadata["total_duration"] == last.total_duration
    assert mine.usage_metadata == {
        "input_tokens": last.prompt_eval_count,
        "output_tokens": last.eval_count,
        "total_tokens": last.prompt_eval_count + last.eval_count,
    }


def test_embeddings_are_equal(server: Recorder, sdk: Client) -> None:
    """The bodies are equal, and so are the vectors."""
    vectors = [[0.5, -1.0], [2.0, 0.25]]
    server.enqueue(Response({"model": "m", "embeddings": vectors}))
    strings = ["one", "zwei"]
    theirs = sdk.embed(
        model="m", input=strings, truncate=False, keep_alive="1m", dimensions=2, options={"seed": 1}
    )
    model = OllamaEmbeddings(
        "m",
        base_url=server.url,
        truncate=False,
        keep_alive="1m",
        dimensions=2,
        options={"seed": 1},
    )
    assert (
        model.embed_documents(strings) == [list(vector) for vector in theirs.embeddings] == vectors
    )
    their_request, request = server.requests
    assert request.path == their_request.path == "/api/embed"
    assert request.body == their_request.body
