"""OpenAI's own SDK and ours send the same, and read the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import OpenAI
from pydantic import BaseModel

from runnables import (
    AIMessage,
    AnyMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from runnables.testing import Response
from runnables_providers.openai import ChatOpenAI
from tests.both_modes import Call
from tests.sdk.recorder import Recorder, sse_response

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5Erk"
    "Jggg=="
)

WEATHER: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


OTHER: dict[str, Any] = {**WEATHER, "function": {**WEATHER["function"], "name": "other"}}


class Person(BaseModel):
    """A person."""

    name: str
    age: int


@pytest.fixture
def sdk(server: Recorder) -> Iterator[OpenAI]:
    with OpenAI(api_key="sk-test", base_url=server.url, max_retries=0) as client:
        yield client


def ours(server: Recorder, **settings: Any) -> ChatOpenAI:
    return ChatOpenAI("gpt-x", api_key="sk-test", base_url=server.url, **settings)


# -- what is sent

CALL = {"name": "weather", "args": {"city": "Zürich"}, "id": "call_1", "type": "tool_call"}

CONVERSATIONS: dict[str, tuple[list[AnyMessage], list[dict[str, Any]]]] = {
    "plain": (
        [
            SystemMessage("Be brief."),
            HumanMessage("Hi", name="ann"),
            AIMessage("Ho"),
            HumanMessage("?"),
        ],
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi", "name": "ann"},
            {"role": "assistant", "content": "Ho"},
            {"role": "user", "content": "?"},
        ],
    ),
    "image": (
        [
            HumanMessage(
                [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image", "base64": PIXEL, "mime_type": "image/png"},
                    {"type": "image", "url": "https://example.com/a.jpg"},
                ]
            )
        ],
        [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}},
                    {"type": "image_url", "image_url": {"url": "https://example.com/a.jpg"}},
                ],
            }
        ],
    ),
    "file": (
        [
            HumanMessage(
                [
                    {
                        "type": "file",
                        "base64": "JVBERi0=",
                        "mime_type": "application/pdf",
                        "extras": {"filename": "a.pdf"},
                    },
                    {"type": "text", "text": "Sum it up."},
                ]
            )
        ],
        [
            {
                "role": "user",
                "content": [
                    {
                        "type": "file",
                        "file": {
                            "filename": "a.pdf",
                            "file_data": "data:application/pdf;base64,JVBERi0=",
                        },
                    },
                    {"type": "text", "text": "Sum it up."},
                ],
            }
        ],
    ),
    "tools": (
        [
            HumanMessage("Weather in Zürich?"),
            AIMessage("", tool_calls=[CALL]),
            ToolMessage("☀ 21°", tool_call_id="call_1"),
        ],
        [
            {"role": "user", "content": "Weather in Zürich?"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {
                        "type": "function",
                        "id": "call_1",
                        "function": {"name": "weather", "arguments": '{"city": "Zürich"}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "☀ 21°"},
        ],
    ),
}

OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "none": ({}, {}),
    "sampling": (
        {"temperature": 0.2, "top_p": 0.9, "seed": 7, "stop": "END", "max_tokens": 50},
        # declared: `stop` is always a list; compatible servers know `max_tokens` by this name
        {"temperature": 0.2, "top_p": 0.9, "seed": 7, "stop": ["END"], "max_tokens": 50},
    ),
    "tools": (
        {"tools": [WEATHER, OTHER], "tool_choice": "weather", "parallel_tool_calls": False},
        {
            "tools": [WEATHER, OTHER],
            "tool_choice": {"type": "function", "function": {"name": "weather"}},
            "parallel_tool_calls": False,
        },
    ),
    "the only tool": (
        {"tools": [WEATHER], "tool_choice": "weather"},
        # declared: it is chosen by "required" at servers that are not OpenAI's own
        {"tools": [WEATHER], "tool_choice": "required"},
    ),
    "further": (
        {"reasoning_effort": "low", "service_tier": "flex", "logprobs": True, "user": "u"},
        {"reasoning_effort": "low", "service_tier": "flex", "logprobs": True, "user": "u"},
    ),
}

ANSWER: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-x-2026",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Grüezi",
                "refusal": None,
                "tool_calls": [
                    {
                        "id": "call_1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": '{"city":"Zürich"}'},
                    },
                    {
                        "id": "call_2",
                        "type": "function",
                        "function": {"name": "weather", "arguments": "{}"},
                    },
                ],
            },
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {
        "prompt_tokens": 30,
        "completion_tokens": 12,
        "total_tokens": 42,
        "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 5, "audio_tokens": 0},
    },
}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("conversation", CONVERSATIONS)
def test_the_bodies_are_equal(
    server: Recorder, sdk: OpenAI, call: Call, conversation: str, options: str
) -> None:
    messages, plain = CONVERSATIONS[conversation]
    given, told = OPTIONS[options]
    server.enqueue(Response(ANSWER))
    call.invoke(ours(server), messages, **given)
    sdk.chat.completions.create(model="gpt-x", messages=plain, **told)
    mine, theirs = server.bodies
    assert mine == theirs
    for asked in server.requests:
        assert asked.path == "/chat/completions"
        assert asked.headers["authorization"] == "Bearer sk-test"


def test_a_schema_is_sent_as_the_sdk_sends_it(server: Recorder, sdk: OpenAI, call: Call) -> None:
    said = json.loads(json.dumps(ANSWER))
    said["choices"][0]["message"] = {"role": "assistant", "content": '{"name":"Ann","age":7}'}
    said["choices"][0]["finish_reason"] = "stop"
    server.enqueue(Response(said))
    mine = call.invoke(ours(server).with_structured_output(Person, strict=True), "Who?")
    question: Any = [{"role": "user", "content": "Who?"}]
    theirs = sdk.chat.completions.parse(model="gpt-x", messages=question, response_format=Person)
    assert mine == theirs.choices[0].message.parsed == Person(name="Ann", age=7)
    sent, expected = server.bodies
    assert expected.pop("stream") is False  # declared: ours leaves out what is the default
    assert _untitled(sent) == _untitled(expected)


def _untitled(value: Any) -> Any:
    """Without titles and their order: declared, as they say nothing that names do not say."""
    if isinstance(value, dict):
        return {key: _untitled(it) for key, it in value.items() if key != "title"}
    return [_untitled(it) for it in value] if isinstance(value, list) else value


# -- what is read


def test_an_answer_is_read_alike(server: Recorder, sdk: OpenAI, call: Call) -> None:
    server.enqueue(Response(ANSWER, headers={"x-request-id": "req_1"}))
    mine: AIMessage = call.invoke(ours(server), "Hi")
    question: Any = [{"role": "user", "content": "Hi"}]
    theirs = sdk.chat.completions.create(model="gpt-x", messages=question)
    message, usage = theirs.choices[0].message, theirs.usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert usage.completion_tokens_details is not None
    assert mine.text == message.content
    assert _calls(mine) == [
        (it.id, it.function.name, json.loads(it.function.arguments))
        for it in message.tool_calls or ()
    ]
    assert mine.usage_metadata == {
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
        "input_token_details": {"cache_read": usage.prompt_tokens_details.cached_tokens},
        "output_token_details": {"reasoning": usage.completion_tokens_details.reasoning_tokens},
    }
    assert mine.response_metadata["finish_reason"] == theirs.choices[0].finish_reason
    assert mine.response_metadata["request_id"] == theirs._request_id == "req_1"


def _calls(message: AIMessage) -> list[tuple[str | None, str, Any]]:
    return [(it["id"], it["name"], it["args"]) for it in message.tool_calls]


def _event(delta: dict[str, Any], reason: str | None = None, **more: Any) -> dict[str, Any]:
    choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x-2026"} | {
        "choices": choices,
        **more,
    }


def _piece(index: int, args: str, **head: Any) -> dict[str, Any]:
    name = {"name": head.pop("name")} if "name" in head else {}
    return {"tool_calls": [{"index": index, **head, "function": {**name, "arguments": args}}]}


STREAM = [
    _event({"role": "assistant", "content": ""}),
    _event({"content": "Grü"}),
    _event({"content": "ezi"}),
    _event(_piece(0, "", id="call_1", type="function", name="weather")),
    _event(_piece(0, '{"city":')),
    _event(_piece(0, '"Zürich"}')),
    _event(_piece(1, "", id="call_2", type="function", name="weather")),
    _event(_piece(1, "{}")),
    _event({}, "tool_calls"),
    {**_event({}), "choices": [], "usage": ANSWER["usage"]},
]


def test_a_stream_is_read_alike(server: Recorder, sdk: OpenAI, call: Call) -> None:
    server.enqueue(sse_response(STREAM, done=True))
    chunks = call.stream(ours(server), "Hi")
    question: Any = [{"role": "user", "content": "Hi"}]
    with sdk.chat.completions.stream(
        model="gpt-x", messages=question, stream_options={"include_usage": True}
    ) as stream:
        theirs = stream.get_final_completion()
    mine = chunks[0]
    for chunk in chunks[1:]:
        mine += chunk
    message, usage = theirs.choices[0].message, theirs.usage
    assert usage is not None
    assert mine.text == message.content == "Grüezi"
    assert _calls(mine) == [
        (it.id, it.function.name, json.loads(it.function.arguments))
        for it in message.tool_calls or ()
    ]
    assert mine.usage_metadata["total_tokens"] == usage.total_tokens == 42
    sent, expected = server.bodies
    assert sent == expected


# -- Responses

ITEMS: list[dict[str, Any]] = [
    {
        "type": "reasoning",
        "id": "rs_1",
        "summary": [
            {"type": "summary_text", "text": "One."},
            {"type": "summary_text", "text": "Two."},
        ],
        "encrypted_content": "sealed",
    },
    {
        "type": "message",
        "id": "msg_1",
        "status": "completed",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Grüezi", "annotations": [], "logprobs": []}],
    },
    {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_1",
        "name": "weather",
        "arguments": '{"city":"Zürich"}',
        "status": "completed",
    },
]

RESPONSE: dict[str, Any] = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "model": "gpt-x-2026",
    "output": ITEMS,
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "error": None,
    "incomplete_details": None,
    "usage": {
        "input_tokens": 30,
        "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 0},
        "output_tokens": 12,
        "output_tokens_details": {"reasoning_tokens": 5},
        "total_tokens": 42,
    },
}


def _item(text: str, place: int) -> dict[str, Any]:
    """What an assistant said, as the whole item that servers other than OpenAI's own get."""
    said = {"type": "output_text", "text": text, "annotations": []}
    about = {"type": "message", "id": f"msg_{place}", "status": "completed"}
    return {**about, "role": "assistant", "content": [said]}


RESPONSE_INPUT: dict[str, tuple[list[AnyMessage], list[dict[str, Any]]]] = {
    "plain": (
        [SystemMessage("Be brief."), HumanMessage("Hi"), AIMessage("Ho"), HumanMessage("?")],
        [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hi"},
            _item("Ho", 2),
            {"role": "user", "content": "?"},
        ],
    ),
    "image and file": (
        [
            HumanMessage(
                [
                    {"type": "text", "text": "What?"},
                    {"type": "image", "base64": PIXEL, "mime_type": "image/png"},
                    {"type": "file", "url": "https://example.com/a.pdf"},
                ]
            )
        ],
        [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "What?"},
                    {
                        "type": "input_image",
                        "image_url": f"data:image/png;base64,{PIXEL}",
                        "detail": "auto",
                    },
                    {"type": "input_file", "file_url": "https://example.com/a.pdf"},
                ],
            }
        ],
    ),
    "tools": (
        [
            HumanMessage("Weather?"),
            AIMessage("", tool_calls=[CALL]),
            ToolMessage("☀ 21°", tool_call_id="call_1"),
        ],
        [
            {"role": "user", "content": "Weather?"},
            {
                "type": "function_call",
                "call_id": "call_1",
                "name": "weather",
                "arguments": '{"city": "Zürich"}',
            },
            {"type": "function_call_output", "call_id": "call_1", "output": "☀ 21°"},
        ],
    ),
}

RESPONSE_OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "sampling": (
        {"temperature": 0.2, "max_tokens": 50, "reasoning_effort": "low", "verbosity": "low"},
        {
            "temperature": 0.2,
            "max_output_tokens": 50,
            "reasoning": {"effort": "low"},
            "text": {"verbosity": "low"},
        },
    ),
    "tools": (
        {"tools": [WEATHER, {"type": "web_search"}], "tool_choice": "weather"},
        {
            "tools": [{"type": "function", **WEATHER["function"]}, {"type": "web_search"}],
            "tool_choice": {"type": "function", "name": "weather"},
        },
    ),
}


@pytest.mark.parametrize("options", RESPONSE_OPTIONS)
@pytest.mark.parametrize("conversation", RESPONSE_INPUT)
def test_the_bodies_of_responses_are_equal(
    server: Recorder, sdk: OpenAI, call: Call, conversation: str, options: str
) -> None:
    messages, plain = RESPONSE_INPUT[conversation]
    given, told = RESPONSE_OPTIONS[options]
    server.enqueue(Response(RESPONSE))
    call.invoke(ours(server, use_responses_api=True), messages, **given)
    sdk.responses.create(model="gpt-x", input=plain, **told)
    mine, theirs = server.bodies
    assert mine == theirs
    assert {asked.path for asked in server.requests} == {"/responses"}


def _said(kind: str, **keys: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "sequence_number": 0, **keys}


def _streamed_response() -> list[dict[str, Any]]:
    thought, message, function = ITEMS
    begun = {"type": "message", "id": "msg_1", "status": "in_progress", "role": "assistant"}
    text: dict[str, Any] = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    at = {"output_index": 1, "item_id": "msg_1", "content_index": 0}
    summary = {"output_index": 0, "item_id": "rs_1"}
    found = [
        _said("created", response={**RESPONSE, "output": [], "status": "in_progress"}),
        _said("output_item.added", output_index=0, item={**thought, "summary": []}),
    ]
    for place, part in enumerate(thought["summary"]):
        keys = {**summary, "summary_index": place}
        empty = {"type": "summary_text", "text": ""}
        found.append(_said("reasoning_summary_part.added", part=empty, **keys))
        found += [_said("reasoning_summary_text.delta", delta=it, **keys) for it in part["text"]]
    return [
        *found,
        _said("output_item.done", output_index=0, item=thought),
        _said("output_item.added", output_index=1, item={**begun, "content": []}),
        _said("content_part.added", part=text, **at),
        _said("output_text.delta", delta="Grü", logprobs=[], **at),
        _said("output_text.delta", delta="ezi", logprobs=[], **at),
        _said("output_item.done", output_index=1, item=message),
        _said("output_item.added", output_index=2, item={**function, "arguments": ""}),
        _said("function_call_arguments.delta", output_index=2, item_id="fc_1", delta='{"city":"Zü'),
        _said("function_call_arguments.delta", output_index=2, item_id="fc_1", delta='rich"}'),
        _said("output_item.done", output_index=2, item=function),
        _said("completed", response=RESPONSE),
    ]


def test_a_response_is_read_alike_whole_and_streamed(
    server: Recorder, sdk: OpenAI, call: Call
) -> None:
    model = ours(server, use_responses_api=True)
    server.enqueue(Response(RESPONSE))
    whole: AIMessage = call.invoke(model, "Hi")
    server.enqueue(sse_response(_streamed_response(), named=True))
    chunks = call.stream(model, "Hi")
    with sdk.responses.stream(model="gpt-x", input="Hi") as stream:
        theirs = stream.get_final_response()
    joined = model.merge.accumulator()
    for chunk in chunks:
        joined.add(chunk)
    assert joined.value() == whole
    assert whole.text == theirs.output_text == "Grüezi"
    assert _calls(whole) == [("call_1", "weather", {"city": "Zürich"})]
    thought = whole.content_blocks[0]
    assert thought == {
        "type": "reasoning",
        "reasoning": "One.\n\nTwo.",
        "id": "rs_1",
        "index": 0,
        "extras": {"encrypted_content": "sealed"},
    }
    assert theirs.usage is not None
    assert whole.usage_metadata == {
        "input_tokens": theirs.usage.input_tokens,
        "output_tokens": theirs.usage.output_tokens,
        "total_tokens": theirs.usage.total_tokens,
        "input_token_details": {"cache_read": 8},
        "output_token_details": {"reasoning": 5},
    }


def test_a_response_goes_back_as_the_items_that_it_came_as(server: Recorder, call: Call) -> None:
    model = ours(server, use_responses_api=True)
    server.enqueue(Response(RESPONSE))
    answer: AIMessage = call.invoke(model, "Hi")
    call.invoke(model, [HumanMessage("Hi"), answer, ToolMessage("☀", tool_call_id="call_1")])
    thought, _, function = ITEMS
    assert server.bodies[1]["input"] == [
        {"role": "user", "content": "Hi"},
        thought,
        _item("Grüezi", 2),
        {
            "type": "function_call",
            "call_id": "call_1",
            "name": "weather",
            "arguments": json.dumps(json.loads(function["arguments"]), ensure_ascii=False),
        },
        {"type": "function_call_output", "call_id": "call_1", "output": "☀"},
    ]
