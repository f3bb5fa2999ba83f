"""OpenAI's SDK and the provider send the same, and read the same."""

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


# -- requests

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
        # declared: compatible servers get "required"
        {"tools": [WEATHER], "tool_choice": "required"},
    ),
    "more": (
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
    """Both send the same body, for each conversation with each set of options."""
    messages, plain = CONVERSATIONS[conversation]
    own_options, sdk_options = OPTIONS[options]
    server.enqueue(Response(ANSWER))
    call.invoke(ours(server), messages, **own_options)
    sdk.chat.completions.create(model="gpt-x", messages=plain, **sdk_options)
    mine, theirs = server.bodies
    assert mine == theirs
    for request in server.requests:
        assert request.path == "/chat/completions"
        assert request.headers["authorization"] == "Bearer sk-test"


def test_a_schema_is_sent_as_the_sdk_sends_it(server: Recorder, sdk: OpenAI, call: Call) -> None:
    """Both send the same schema, and read the same object."""
    body = json.loads(json.dumps(ANSWER))
    body["choices"][0]["message"] = {"role": "assistant", "content": '{"name":"Ann","age":7}'}
    body["choices"][0]["finish_reason"] = "stop"
    server.enqueue(Response(body))
    mine = call.invoke(ours(server).with_structured_output(Person, strict=True), "Who?")
    question: Any = [{"role": "user", "content": "Who?"}]
    theirs = sdk.chat.completions.parse(model="gpt-x", messages=question, response_format=Person)
    assert mine == theirs.choices[0].message.parsed == Person(name="Ann", age=7)
    sent, expected = server.bodies
    assert expected.pop("stream") is False  # declared: the provider leaves out defaults
    assert _untitled(sent) == _untitled(expected)


def _untitled(value: Any) -> Any:
    """Return a schema without titles: declared, since they only repeat names."""
    if isinstance(value, dict):
        return {key: _untitled(part) for key, part in value.items() if key != "title"}
    return [_untitled(part) for part in value] if isinstance(value, list) else value


# -- responses


def test_an_answer_is_read_alike(server: Recorder, sdk: OpenAI, call: Call) -> None:
    """Both read the same from a response."""
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
        (made.id, made.function.name, json.loads(made.function.arguments))
        for made in message.tool_calls or ()
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
    return [(made["id"], made["name"], made["args"]) for made in message.tool_calls]


def _event(delta: dict[str, Any], reason: str | None = None, **more: Any) -> dict[str, Any]:
    choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-x-2026"} | {
        "choices": choices,
        **more,
    }


def _call_delta(index: int, args: str, **head: Any) -> dict[str, Any]:
    name = {"name": head.pop("name")} if "name" in head else {}
    return {"tool_calls": [{"index": index, **head, "function": {**name, "arguments": args}}]}


STREAM = [
    _event({"role": "assistant", "content": ""}),
    _event({"content": "Grü"}),
    _event({"content": "ezi"}),
    _event(_call_delta(0, "", id="call_1", type="function", name="weather")),
    _event(_call_delta(0, '{"city":')),
    _event(_call_delta(0, '"Zürich"}')),
    _event(_call_delta(1, "", id="call_2", type="function", name="weather")),
    _event(_call_delta(1, "{}")),
    _event({}, "tool_calls"),
    {**_event({}), "choices": [], "usage": ANSWER["usage"]},
]


def test_a_stream_is_read_alike(server: Recorder, sdk: OpenAI, call: Call) -> None:
    """Both read the same from a stream."""
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
        (made.id, made.function.name, json.loads(made.function.arguments))
        for made in message.tool_calls or ()
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
        "encrypted_content": "encrypted",
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


def _item(text: str, index: int) -> dict[str, Any]:
    """Return the text of an answer as the full item that compatible servers get."""
    content = {"type": "output_text", "text": text, "annotations": []}
    message = {"type": "message", "id": f"msg_{index}", "status": "completed"}
    return {**message, "role": "assistant", "content": [content]}


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
    """Both send the same body, for each conversation with each set of options."""
    messages, plain = RESPONSE_INPUT[conversation]
    own_options, sdk_options = RESPONSE_OPTIONS[options]
    server.enqueue(Response(RESPONSE))
    call.invoke(ours(server, use_responses_api=True), messages, **own_options)
    sdk.responses.create(model="gpt-x", input=plain, **sdk_options)
    mine, theirs = server.bodies
    assert mine == theirs
    assert {request.path for request in server.requests} == {"/responses"}


def _named_event(kind: str, **keys: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "sequence_number": 0, **keys}


def _streamed_response() -> list[dict[str, Any]]:
    reasoning, message, function = ITEMS
    started = {"type": "message", "id": "msg_1", "status": "in_progress", "role": "assistant"}
    text: dict[str, Any] = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
    location = {"output_index": 1, "item_id": "msg_1", "content_index": 0}
    summary = {"output_index": 0, "item_id": "rs_1"}
    events = [
        _named_event("created", response={**RESPONSE, "output": [], "status": "in_progress"}),
        _named_event("output_item.added", output_index=0, item={**reasoning, "summary": []}),
    ]
    for index, part in enumerate(reasoning["summary"]):
        keys = {**summary, "summary_index": index}
        empty = {"type": "summary_text", "text": ""}
        events.append(_named_event("reasoning_summary_part.added", part=empty, **keys))
        events += [
            _named_event("reasoning_summary_text.delta", delta=letter, **keys)
            for letter in part["text"]
        ]
    return [
        *events,
        _named_event("output_item.done", output_index=0, item=reasoning),
        _named_event("output_item.added", output_index=1, item={**started, "content": []}),
        _named_event("content_part.added", part=text, **location),
        _named_event("output_text.delta", delta="Grü", logprobs=[], **location),
        _named_event("output_text.delta", delta="ezi", logprobs=[], **location),
        _named_event("output_item.done", output_index=1, item=message),
        _named_event("output_item.added", output_index=2, item={**function, "arguments": ""}),
        _named_event(
            "function_call_arguments.delta", output_index=2, item_id="fc_1", delta='{"city":"Zü'
        ),
        _named_event(
            "function_call_arguments.delta", output_index=2, item_id="fc_1", delta='rich"}'
        ),
        _named_event("output_item.done", output_index=2, item=function),
        _named_event("completed", response=RESPONSE),
    ]


def test_responses_and_their_streams_are_read_alike(
    server: Recorder, sdk: OpenAI, call: Call
) -> None:
    """The stream, the response and the SDK agree."""
    model = ours(server, use_responses_api=True)
    server.enqueue(Response(RESPONSE))
    answer: AIMessage = call.invoke(model, "Hi")
    server.enqueue(sse_response(_streamed_response(), named=True))
    chunks = call.stream(model, "Hi")
    with sdk.responses.stream(model="gpt-x", input="Hi") as stream:
        theirs = stream.get_final_response()
    accumulator = model.merge.accumulator()
    for chunk in chunks:
        accumulator.add(chunk)
    assert accumulator.value() == answer
    assert answer.text == theirs.output_text == "Grüezi"
    assert _calls(answer) == [("call_1", "weather", {"city": "Zürich"})]
    assert answer.content_blocks[0] == {
        "type": "reasoning",
        "reasoning": "One.\n\nTwo.",
        "id": "rs_1",
        "index": 0,
        "extras": {"encrypted_content": "encrypted"},
    }
    assert theirs.usage is not None
    assert answer.usage_metadata == {
        "input_tokens": theirs.usage.input_tokens,
        "output_tokens": theirs.usage.output_tokens,
        "total_tokens": theirs.usage.total_tokens,
        "input_token_details": {"cache_read": 8},
        "output_token_details": {"reasoning": 5},
    }


def test_a_response_is_sent_back_as_its_items(server: Recorder, call: Call) -> None:
    """Reasoning, messages and calls are the items that came, with their ids."""
    model = ours(server, use_responses_api=True)
    server.enqueue(Response(RESPONSE))
    answer: AIMessage = call.invoke(model, "Hi")
    call.invoke(model, [HumanMessage("Hi"), answer, ToolMessage("☀", tool_call_id="call_1")])
    reasoning, _, function = ITEMS
    assert server.bodies[1]["input"] == [
        {"role": "user", "content": "Hi"},
        reasoning,
        _item("Grüezi", 1),
        {
            "type": "function_call",
            "id": function["id"],
            "call_id": "call_1",
            "name": "weather",
            "arguments": json.dumps(json.loads(function["arguments"]), ensure_ascii=False),
        },
        {"type": "function_call_output", "call_id": "call_1", "output": "☀"},
    ]
