"""Anthropic's SDK and the provider send the same, and read the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from anthropic import Anthropic, APIStatusError
from anthropic.types import Message
from pydantic import BaseModel

from runnables import AIMessage, AnyMessage, ChatMessage, HumanMessage, SystemMessage, ToolMessage
from runnables.errors import ModelError
from runnables.testing import Response
from runnables_providers.anthropic import ChatAnthropic
from tests.both_modes import Call
from tests.providers.anthropic_events import answer, events as events_of
from tests.sdk.recorder import Recorder, sse_response

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5Erk"
    "Jggg=="
)
EPHEMERAL = {"type": "ephemeral"}
CITATION = {
    "type": "char_location",
    "cited_text": "Grass is green.",
    "document_index": 0,
    "document_title": "Facts",
    "start_char_index": 0,
    "end_char_index": 15,
}
THINKING = {"type": "thinking", "thinking": "Let me see.", "signature": "EqQBCg=="}
REDACTED = {"type": "redacted_thinking", "data": "EmwKAh=="}
TEXT = {"type": "text", "text": "Grüezi"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Zürich"}}
NOW = {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}}
QUERY = {"query": "x"}
SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": QUERY}
FOUND = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": [
        {
            "type": "web_search_result",
            "url": "https://example.com",
            "title": "T",
            "encrypted_content": "abc",
            "page_age": None,
        }
    ],
}
INPUT = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "weather", "description": "The weather in a city.", "input_schema": INPUT}


class Person(BaseModel):
    """A person."""

    name: str
    age: int | None = None


@pytest.fixture
def sdk(server: Recorder) -> Iterator[Anthropic]:
    with Anthropic(api_key="sk-test", base_url=server.url, max_retries=0) as client:
        yield client


def ours(server: Recorder, **settings: Any) -> ChatAnthropic:
    settings = {"api_key": "sk-test", "max_tokens": 100, "max_retries": 0, **settings}
    return ChatAnthropic("claude-x", base_url=server.url, **settings)


# -- requests

CONVERSATIONS: dict[str, tuple[list[AnyMessage], dict[str, Any]]] = {
    "plain": (
        [
            SystemMessage("Be brief."),
            HumanMessage("Hi", name="ann"),
            AIMessage("Ho"),
            HumanMessage("?"),
        ],
        # declared: names are left out, since the API has none
        {
            "system": "Be brief.",
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Ho"},
                {"role": "user", "content": "?"},
            ],
        },
    ),
    "cached": (
        [
            SystemMessage([{"type": "text", "text": "Long.", "cache_control": EPHEMERAL}]),
            SystemMessage("Short."),
            HumanMessage([{"type": "text", "text": "Hi", "extras": {"cache_control": EPHEMERAL}}]),
        ],
        {
            "system": [
                {"type": "text", "text": "Long.", "cache_control": EPHEMERAL},
                {"type": "text", "text": "Short."},
            ],
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "text", "text": "Hi", "cache_control": EPHEMERAL}],
                }
            ],
        },
    ),
    "a system message in the middle": (
        [HumanMessage("Hi"), ChatMessage("Now in German.", role="system")],
        {
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "system", "content": "Now in German."},
            ]
        },
    ),
    "images": (
        [
            HumanMessage(
                [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image", "base64": PIXEL, "mime_type": "image/png"},
                    {"type": "image", "url": "https://example.com/a.jpg"},
                    {"type": "image", "file_id": "file_1"},
                    {"type": "image_url", "image_url": f"data:image/png;base64,{PIXEL}"},
                ]
            )
        ],
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is this?"},
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
                        },
                        {
                            "type": "image",
                            "source": {"type": "url", "url": "https://example.com/a.jpg"},
                        },
                        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
                        {
                            "type": "image",
                            "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
                        },
                    ],
                }
            ]
        },
    ),
    "documents": (
        [
            HumanMessage(
                [
                    {
                        "type": "file",
                        "base64": "JVBERi0=",
                        "mime_type": "application/pdf",
                        "extras": {"filename": "a.pdf"},
                    },
                    {"type": "file", "url": "https://example.com/b.pdf"},
                    {
                        "type": "text-plain",
                        "text": "Grass is green.",
                        "title": "Facts",
                        "extras": {"citations": {"enabled": True}},
                    },
                    {"type": "text", "text": "Sum it up."},
                ]
            )
        ],
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "document",
                            "title": "a.pdf",
                            "source": {
                                "type": "base64",
                                "media_type": "application/pdf",
                                "data": "JVBERi0=",
                            },
                        },
                        {
                            "type": "document",
                            "source": {"type": "url", "url": "https://example.com/b.pdf"},
                        },
                        {
                            "type": "document",
                            "title": "Facts",
                            "source": {
                                "type": "text",
                                "media_type": "text/plain",
                                "data": "Grass is green.",
                            },
                            "citations": {"enabled": True},
                        },
                        {"type": "text", "text": "Sum it up."},
                    ],
                }
            ]
        },
    ),
    "tools": (
        [
            HumanMessage("Weather in Zürich, and the time?"),
            AIMessage(
                [{**THINKING, "index": 0}, "I look."],
                tool_calls=[
                    {"name": "weather", "args": {"city": "Zürich"}, "id": "toolu_1"},
                    {"name": "now", "args": {}, "id": "toolu_2"},
                ],
            ),
            ToolMessage("☀ 21°", tool_call_id="toolu_1"),
            ToolMessage("No clock.", tool_call_id="toolu_2", status="error"),
            HumanMessage("Well?"),
        ],
        {
            "messages": [
                {"role": "user", "content": "Weather in Zürich, and the time?"},
                {
                    "role": "assistant",
                    "content": [THINKING, {"type": "text", "text": "I look."}, USE, NOW],
                },
                {
                    "role": "user",
                    "content": [
                        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "☀ 21°"},
                        {
                            "type": "tool_result",
                            "tool_use_id": "toolu_2",
                            "content": "No clock.",
                            "is_error": True,
                        },
                        {"type": "text", "text": "Well?"},
                    ],
                },
            ]
        },
    ),
}

OPTIONS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "none": ({}, {}),
    "stop": ({"stop": "END", "max_tokens": 7}, {"stop_sequences": ["END"], "max_tokens": 7}),
    "thinking": (
        {"thinking": {"type": "adaptive"}, "effort": "low", "metadata": {"user_id": "u"}},
        {
            "thinking": {"type": "adaptive"},
            "output_config": {"effort": "low"},
            "metadata": {"user_id": "u"},
        },
    ),
    "tools": (
        {
            "tools": [
                {"type": "function", "function": {**WEATHER, "parameters": INPUT}},
                {**WEATHER, "name": "other", "strict": True},
                {"type": "web_search_20250305", "name": "web_search"},
            ],
            "tool_choice": "weather",
            "parallel_tool_calls": False,
        },
        {
            "tools": [
                WEATHER,
                {**WEATHER, "name": "other", "strict": True},
                {"type": "web_search_20250305", "name": "web_search"},
            ],
            "tool_choice": {
                "type": "tool",
                "name": "weather",
                "disable_parallel_tool_use": True,
            },
        },
    ),
    "any tool": (
        {"tools": [WEATHER], "tool_choice": "any"},
        {"tools": [WEATHER], "tool_choice": {"type": "any"}},
    ),
    "more": (
        {"service_tier": "auto", "cache_control": EPHEMERAL, "inference_geo": "eu"},
        {"service_tier": "auto", "cache_control": EPHEMERAL, "inference_geo": "eu"},
    ),
}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("conversation", CONVERSATIONS)
def test_the_bodies_are_equal(
    server: Recorder, sdk: Anthropic, call: Call, conversation: str, options: str
) -> None:
    """Both send the same body, for each conversation with each set of options."""
    messages, plain = CONVERSATIONS[conversation]
    own_options, sdk_options = OPTIONS[options]
    server.enqueue(Response(answer(TEXT)))
    call.invoke(ours(server), messages, **own_options)
    sdk.messages.create(**{"model": "claude-x", "max_tokens": 100, **plain, **sdk_options})
    mine, theirs = server.bodies
    assert mine == theirs
    assert {request.path for request in server.requests} == {"/v1/messages"}


def test_the_headers_are_equal_except_for_the_key(server: Recorder, sdk: Anthropic) -> None:
    """Declared: the key is sent as the API's documentation says, not as a bearer token."""
    server.enqueue(Response(answer(TEXT)))
    ours(server).invoke("Hi", betas=["a-1", "b-2"])
    ours(server, api_key=None, auth_token="sk-test").invoke("Hi")
    question: Any = [{"role": "user", "content": "Hi"}]
    sdk.beta.messages.create(
        model="claude-x", max_tokens=100, messages=question, betas=["a-1", "b-2"]
    )
    mine, token, theirs = (request.headers for request in server.requests)
    for name in ("anthropic-version", "anthropic-beta", "content-type"):
        assert mine[name] == theirs[name]
    assert mine["x-api-key"] == "sk-test"
    assert token["authorization"] == theirs["authorization"]


def test_a_schema_is_sent_as_the_sdk_sends_it(server: Recorder, sdk: Anthropic, call: Call) -> None:
    """Both send the same schema, and read the same object."""
    server.enqueue(Response(answer({"type": "text", "text": '{"name":"Ann","age":7}'})))
    chain = ours(server).with_structured_output(Person, method="json_schema")
    mine = call.invoke(chain, "Who?")
    question: Any = [{"role": "user", "content": "Who?"}]
    theirs = sdk.messages.parse(
        model="claude-x", max_tokens=100, messages=question, output_format=Person
    )
    assert mine == theirs.parsed_output == Person(name="Ann", age=7)
    sent, expected = server.bodies
    assert _plain(sent) == _plain(expected)


def _plain(value: Any) -> Any:
    """Return a schema without titles, and without the SDK's descriptions of defaults: declared."""
    if isinstance(value, dict):
        plain = {
            key: _plain(part) for key, part in value.items() if key not in ("title", "default")
        }
        return {key: part for key, part in plain.items() if part != "{default: None}"}
    return [_plain(part) for part in value] if isinstance(value, list) else value


# -- responses

USAGE = {
    "input_tokens": 30,
    "cache_read_input_tokens": 8,
    "cache_creation_input_tokens": 4,
    "output_tokens": 12,
    "output_tokens_details": {"thinking_tokens": 5},
    "service_tier": "standard",
}

ANSWERS = {
    "text": answer(TEXT, usage=USAGE),
    "an empty answer": answer(usage=USAGE),
    "reasoning and tool calls": answer(
        THINKING, REDACTED, TEXT, USE, NOW, usage=USAGE, stop_reason="tool_use"
    ),
    "tool calls between text blocks": answer(USE, TEXT, NOW, usage=USAGE),
    "citations": answer(TEXT, {**TEXT, "citations": [CITATION, CITATION]}, usage=USAGE),
    "a search": answer(SEARCH, FOUND, TEXT, usage=USAGE, stop_reason="pause_turn"),
    "a refusal": answer(
        stop_reason="refusal",
        stop_details={"type": "refusal", "category": "bio", "explanation": "No."},
        usage=USAGE,
    ),
    "a stop sequence": answer(TEXT, stop_reason="stop_sequence", stop_sequence="END", usage=USAGE),
}
QUESTION: Any = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_is_read_alike(server: Recorder, sdk: Anthropic, call: Call, name: str) -> None:
    """Both read the same from a response."""
    server.enqueue(Response(ANSWERS[name], headers={"request-id": "req_1"}))
    mine: AIMessage = call.invoke(ours(server), "Hi")
    theirs = sdk.messages.create(model="claude-x", max_tokens=100, messages=QUESTION)
    assert_equal(mine, theirs)
    assert mine.response_metadata["request_id"] == theirs._request_id == "req_1"


@pytest.mark.parametrize("name", ANSWERS)
def test_a_stream_is_read_alike(server: Recorder, sdk: Anthropic, call: Call, name: str) -> None:
    """Both read the same from a stream."""
    body = ANSWERS[name]
    server.enqueue(sse_response(events_of(body), named=True, request_id="req_1"))
    mine = merged(call.stream(ours(server), "Hi"))
    with sdk.messages.stream(model="claude-x", max_tokens=100, messages=QUESTION) as stream:
        theirs = stream.get_final_message()
    sent, expected = server.bodies
    assert sent == expected
    assert_equal(mine, theirs)


def merged(chunks: list[Any]) -> AIMessage:
    accumulator = ChatAnthropic.merge.accumulator()
    for chunk in chunks:
        accumulator.add(chunk)
    message: AIMessage = accumulator.value()
    return message


def assert_equal(mine: AIMessage, theirs: Message) -> None:
    """Assert that both read the same text, reasoning, citations, tool calls, usage and end."""
    by_type: dict[str, list[Any]] = {}
    for block in theirs.content:
        by_type.setdefault(block.type, []).append(block)
    assert mine.id == theirs.id
    assert mine.text == "".join(block.text for block in by_type.get("text", []))
    assert [(made["id"], made["name"], made["args"]) for made in mine.tool_calls] == [
        (use.id, use.name, use.input) for use in by_type.get("tool_use", [])
    ]
    blocks: Any = mine.content_blocks
    reasoning = [block for block in blocks if block["type"] == "reasoning"]
    assert [(block["reasoning"], block["extras"]["signature"]) for block in reasoning] == [
        (block.thinking, block.signature) for block in by_type.get("thinking", [])
    ]
    assert [each for block in blocks for each in block.get("annotations", [])] == [
        cited.model_dump(exclude_unset=True)
        for block in by_type.get("text", [])
        for cited in block.citations or ()
    ]
    usage = theirs.usage
    assert mine.usage_metadata is not None
    assert mine.usage_metadata["output_tokens"] == usage.output_tokens
    assert mine.usage_metadata["input_tokens"] == (
        usage.input_tokens
        + (usage.cache_read_input_tokens or 0)
        + (usage.cache_creation_input_tokens or 0)
    )
    metadata = mine.response_metadata
    assert (metadata["model_name"], metadata["stop_reason"]) == (theirs.model, theirs.stop_reason)
    assert metadata.get("stop_sequence") == theirs.stop_sequence
    explanation = theirs.stop_details.explanation if theirs.stop_details else None
    assert mine.refusal == explanation


@pytest.mark.parametrize(
    "name", [name for name in ANSWERS if name not in ("an empty answer", "a refusal")]
)
def test_an_answer_is_sent_back_as_the_sdk_sends_it(
    server: Recorder, sdk: Anthropic, call: Call, name: str
) -> None:
    """Blocks keep their positions, reasoning its signature, and citations are sent, too.

    Declared: adjacent text without citations is joined.
    """
    server.enqueue(Response(ANSWERS[name]))
    mine = call.invoke(ours(server), "Hi")
    theirs = sdk.messages.create(model="claude-x", max_tokens=100, messages=QUESTION)
    call.invoke(ours(server), [HumanMessage("Hi"), mine, HumanMessage("And?")])
    again: Any = [*QUESTION, theirs.to_param(), {"role": "user", "content": "And?"}]
    sdk.messages.create(model="claude-x", max_tokens=100, messages=again)
    sent, expected = server.bodies[2:]
    assert _listed(sent) == _listed(expected)


def _listed(body: dict[str, Any]) -> list[Any]:
    """Return the content of each message, with a string as a block."""
    return [
        [{"type": "text", "text": content}]
        if isinstance(content := message["content"], str)
        else content
        for message in body["messages"]
    ]


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "invalid_request_error"), (429, "rate_limit_error"), (529, "overloaded_error")],
)
def test_an_error_is_read_alike(
    server: Recorder, sdk: Anthropic, call: Call, status: int, code: str
) -> None:
    """Both read the status, the request id and the message."""
    body = {"type": "error", "error": {"type": code, "message": "Because."}, "request_id": "r"}
    server.enqueue(Response(body, status, headers={"request-id": "req_1"}))
    with pytest.raises(ModelError) as mine:
        call.invoke(ours(server), "Hi")
    with pytest.raises(APIStatusError) as theirs:
        sdk.messages.create(model="claude-x", max_tokens=100, messages=QUESTION)
    assert (mine.value.status, mine.value.request_id) == (
        theirs.value.status_code,
        theirs.value.request_id,
    )
    assert str(theirs.value.api_message) in str(mine.value)
