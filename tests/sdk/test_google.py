"""Google's SDK and the provider send the same, and read the same.

Declared differences, which the service reads alike:

- the SDK writes some fields in snake case, as protocol buffers allow; the provider writes them as
  documented;
- the SDK writes bytes in URL-safe base64;
- the SDK gives the system instruction a role, which the API ignores;
- the SDK lists the tools of the service before the functions;
- the SDK sends an empty generation config, where the provider sends none.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import pytest
from google import genai
from google.genai import types

from runnables import AIMessage, HumanMessage, SystemMessage, ToolMessage
from runnables.testing import Response
from runnables_providers.google import ChatGoogleGenerativeAI
from tests.both_modes import Call
from tests.sdk.recorder import Recorder, sse_response

MODEL = "gemini-2.5-flash"
PNG = b"\x89PNG\r\n\x1a\n\xff\xfe\xfd"
PNG_TEXT = base64.b64encode(PNG).decode()
SIGNATURE = base64.b64encode(b"\xff\xfea signature").decode()
PLACE = {
    "type": "object",
    "properties": {"place": {"type": "string"}, "max_days": {"type": "integer"}},
    "required": ["place"],
}
WEATHER = {"name": "weather", "description": "The weather of a place.", "parameters": PLACE}
CLOCK = {"name": "clock", "description": "What time it is.", "parameters": {"type": "object"}}
TOOLS = [{"type": "function", "function": WEATHER}, {"type": "function", "function": CLOCK}]
SDK_TOOLS = [
    types.Tool(
        function_declarations=[
            types.FunctionDeclaration(
                name="weather", description=WEATHER["description"], parameters_json_schema=PLACE
            ),
            types.FunctionDeclaration(name="clock", description=CLOCK["description"]),
        ]
    )
]

ANSWER: dict[str, Any] = {
    "candidates": [
        {
            "content": {"role": "model", "parts": [{"text": "Hello, "}, {"text": "world"}]},
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 12,
        "candidatesTokenCount": 5,
        "thoughtsTokenCount": 7,
        "cachedContentTokenCount": 4,
        "totalTokenCount": 24,
    },
    "modelVersion": "gemini-2.5-flash-001",
    "responseId": "r-1",
}


@pytest.fixture
def server() -> Iterator[Recorder]:
    with Recorder().listening() as recorder:
        recorder.enqueue(Response(ANSWER))
        yield recorder


@pytest.fixture
def sdk(server: Recorder) -> Iterator[Any]:
    options = {"base_url": server.url, "api_version": "v1beta"}
    with genai.Client(api_key="k", http_options=options) as client:
        yield client.models


def ours(server: Recorder, model: str = MODEL, **settings: Any) -> ChatGoogleGenerativeAI:
    return ChatGoogleGenerativeAI(model, api_key="k", base_url=server.url, **settings)


def user(*parts: Any) -> Any:
    return types.Content(role="user", parts=[as_part(part) for part in parts])


def model(*parts: Any) -> Any:
    return types.Content(role="model", parts=[as_part(part) for part in parts])


def as_part(part: Any) -> Any:
    return types.Part(text=part) if isinstance(part, str) else part


def config(**fields: Any) -> Any:
    return types.GenerateContentConfig(automatic_function_calling={"disable": True}, **fields)


def called(name: str, args: dict[str, Any], id: str | None = None, signed: bool = False) -> Any:
    call = types.FunctionCall(name=name, args=args, id=id)
    signature = base64.b64decode(SIGNATURE) if signed else None
    return types.Part(function_call=call, thought_signature=signature)


def answered(name: str, response: dict[str, Any], id: str | None = None, **more: Any) -> Any:
    return types.Part(
        function_response=types.FunctionResponse(name=name, response=response, id=id, **more)
    )


CONVERSATION = [
    SystemMessage("Be short."),
    HumanMessage("Hi"),
    AIMessage("Hello. What is it?"),
    HumanMessage("Nothing."),
]
CALLS = [
    HumanMessage("Oslo and Bergen?"),
    AIMessage(
        "Let me see.",
        tool_calls=[
            {
                "name": "weather",
                "args": {"place": "Oslo"},
                "id": "c1",
                "extras": {"thoughtSignature": SIGNATURE},
            },
            {"name": "weather", "args": {"place": "Bergen", "max_days": 2}, "id": "c2"},
        ],
    ),
    ToolMessage("12 °C", tool_call_id="c1"),
    ToolMessage("the station is down", tool_call_id="c2", status="error"),
]
CALLS_CONTENTS = [
    user("Oslo and Bergen?"),
    model(
        "Let me see.",
        called("weather", {"place": "Oslo"}, "c1", signed=True),
        called("weather", {"place": "Bergen", "max_days": 2}, "c2"),
    ),
    user(
        answered("weather", {"output": "12 °C"}, "c1"),
        answered("weather", {"error": "the station is down"}, "c2"),
    ),
]
IMAGE = {"type": "image", "base64": PNG_TEXT, "mime_type": "image/png"}
MEDIA = [
    HumanMessage(
        [
            "What are these?",
            IMAGE,
            {"type": "file", "base64": PNG_TEXT, "mime_type": "application/pdf"},
            {"type": "audio", "base64": PNG_TEXT, "mime_type": "audio/mp3"},
            {"type": "video", "url": "https://a.example/video", "mime_type": "video/mp4"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG_TEXT}"}},
        ]
    )
]
MEDIA_CONTENTS = [
    user(
        "What are these?",
        types.Part.from_bytes(data=PNG, mime_type="image/png"),
        types.Part.from_bytes(data=PNG, mime_type="application/pdf"),
        types.Part.from_bytes(data=PNG, mime_type="audio/mp3"),
        types.Part.from_uri(file_uri="https://a.example/video", mime_type="video/mp4"),
        types.Part.from_bytes(data=PNG, mime_type="image/png"),
    )
]
REASONING = [
    HumanMessage("17 * 4?"),
    AIMessage(
        [
            {"type": "reasoning", "reasoning": "17 * 4 is 68."},
            {"type": "text", "text": "68", "extras": {"thoughtSignature": SIGNATURE}},
        ],
        response_metadata={"model_provider": "google"},
    ),
    HumanMessage("Sure?"),
]
REASONING_CONTENTS = [
    user("17 * 4?"),
    model(
        types.Part(text="17 * 4 is 68.", thought=True),
        types.Part(text="68", thought_signature=base64.b64decode(SIGNATURE)),
    ),
    user("Sure?"),
]
IMAGE_RESULT = [
    HumanMessage("Look."),
    AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": "c9"}]),
    ToolMessage(["this:", IMAGE], tool_call_id="c9"),
]
IMAGE_RESULT_CONTENTS = [
    user("Look."),
    model(called("look", {}, "c9")),
    user(
        answered(
            "look",
            {"output": "this:"},
            "c9",
            parts=[types.FunctionResponsePart.from_bytes(data=PNG, mime_type="image/png")],
        )
    ),
]
SETTINGS = {
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 7,
    "max_tokens": 100,
    "stop": ["END"],
    "seed": 3,
    "thinking_budget": 64,
    "include_thoughts": True,
    "presence_penalty": 0.1,
    "frequency_penalty": 0.2,
    "response_modalities": ["TEXT"],
    "safety_settings": {"HARM_CATEGORY_HARASSMENT": "BLOCK_NONE"},
    "cached_content": "cachedContents/c-1",
}
SETTINGS_CONFIG = config(
    temperature=0.5,
    top_p=0.9,
    top_k=7,
    max_output_tokens=100,
    stop_sequences=["END"],
    seed=3,
    thinking_config={"thinking_budget": 64, "include_thoughts": True},
    presence_penalty=0.1,
    frequency_penalty=0.2,
    response_modalities=["TEXT"],
    safety_settings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
    cached_content="cachedContents/c-1",
)
RESPONSE_FORMAT = {"type": "json_schema", "json_schema": {"name": "place", "schema": PLACE}}


def mode(name: str, *allowed: str) -> dict[str, Any]:
    mode_config: dict[str, Any] = {"mode": name}
    if allowed:
        mode_config["allowed_function_names"] = list(allowed)
    return {"function_calling_config": mode_config}


CASES: dict[str, tuple[list[Any], dict[str, Any], list[Any], Any]] = {
    "a conversation": (
        CONVERSATION,
        {},
        [user("Hi"), model("Hello. What is it?"), user("Nothing.")],
        config(system_instruction="Be short."),
    ),
    "settings": ([HumanMessage("Hi")], SETTINGS, [user("Hi")], SETTINGS_CONFIG),
    "media": (MEDIA, {}, MEDIA_CONTENTS, config()),
    "calls and results": (CALLS, {"tools": TOOLS}, CALLS_CONTENTS, config(tools=SDK_TOOLS)),
    "a result with an image": (IMAGE_RESULT, {}, IMAGE_RESULT_CONTENTS, config()),
    "reasoning": (REASONING, {}, REASONING_CONTENTS, config()),
    "a schema": (
        [HumanMessage("Where?")],
        {"response_format": RESPONSE_FORMAT},
        [user("Where?")],
        config(response_mime_type="application/json", response_json_schema=PLACE),
    ),
    "any JSON": (
        [HumanMessage("Where?")],
        {"response_format": {"type": "json_object"}},
        [user("Where?")],
        config(response_mime_type="application/json"),
    ),
    "a forced tool": (
        [HumanMessage("Oslo?")],
        {"tools": TOOLS, "tool_choice": "weather"},
        [user("Oslo?")],
        config(tools=SDK_TOOLS, tool_config=mode("ANY", "weather")),
    ),
    "any tool": (
        [HumanMessage("Oslo?")],
        {"tools": TOOLS, "tool_choice": "any"},
        [user("Oslo?")],
        config(tools=SDK_TOOLS, tool_config=mode("ANY")),
    ),
    "no tool": (
        [HumanMessage("Oslo?")],
        {"tools": TOOLS, "tool_choice": "none"},
        [user("Oslo?")],
        config(tools=SDK_TOOLS, tool_config=mode("NONE")),
    ),
    "tools of the service": (
        [HumanMessage("News?")],
        {"tools": [{"google_search": {}}, {"url_context": {}}, *TOOLS[:1]]},
        [user("News?")],
        config(
            tools=[
                types.Tool(google_search=types.GoogleSearch()),
                types.Tool(url_context=types.UrlContext()),
                types.Tool(function_declarations=SDK_TOOLS[0].function_declarations[:1]),
            ]
        ),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_the_requests_are_equal(server: Recorder, sdk: Any, case: Any, call: Call) -> None:
    """Bodies and URLs are equal, except for the differences that this file declares."""
    messages, options, contents, settings = case
    sdk.generate_content(model=MODEL, contents=contents, config=settings)
    call.invoke(ours(server).bind(**options), messages)
    theirs, mine = server.requests
    assert mine.path == theirs.path
    assert mine.headers["x-goog-api-key"] == theirs.headers["x-goog-api-key"] == "k"
    assert normalized(mine.body) == normalized(theirs.body)


def test_the_requests_for_streams_are_equal(server: Recorder, sdk: Any, call: Call) -> None:
    """The URL requests a stream, and the body is the same as without."""
    server.enqueue(sse_response([ANSWER]))
    list(sdk.generate_content_stream(model=MODEL, contents="Hi", config=config(temperature=1)))
    call.stream(ours(server, temperature=1), "Hi")
    theirs, mine = server.requests
    assert mine.path == theirs.path == f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"
    assert normalized(mine.body) == normalized(theirs.body)


def replied(*parts: dict[str, Any], reason: str | None = "STOP", **more: Any) -> dict[str, Any]:
    outcome = {"finishReason": reason} if reason else {}
    candidate = {"content": {"role": "model", "parts": list(parts)}, **outcome, "index": 0}
    return {**ANSWER, "candidates": [candidate], **more}


REPLIES = {
    "text": ANSWER,
    "reasoning": replied({"text": "Hm.", "thought": True}, {"text": "68"}),
    "a signed text": replied({"text": "68", "thoughtSignature": SIGNATURE}),
    "calls": replied(
        {"text": "Let me see."},
        {"functionCall": {"name": "weather", "args": {"place": "Malmö"}, "id": "c1"}},
        {"functionCall": {"name": "clock"}},
    ),
    "an incomplete answer": replied({"text": "Once upon"}, reason="MAX_TOKENS"),
    "a blocked answer": {**ANSWER, "candidates": [{"finishReason": "SAFETY", "index": 0}]},
    "an image": replied({"inlineData": {"mimeType": "image/png", "data": PNG_TEXT}}),
    "code": replied(
        {"executableCode": {"language": "PYTHON", "code": "print(68)"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "68\n"}},
        {"text": "68"},
    ),
}


@pytest.mark.parametrize("reply", REPLIES.values(), ids=list(REPLIES))
def test_an_answer_is_read_alike(
    server: Recorder, sdk: Any, reply: dict[str, Any], call: Call
) -> None:
    """Both read the same text, reasoning, tool calls, finish reason and usage."""
    server.enqueue(Response(reply))
    theirs = sdk.generate_content(model=MODEL, contents="Hi", config=config())
    assert_equal([theirs], call.invoke(ours(server), "Hi"))


STREAMS = {
    "text": [replied({"text": "Hel"}, reason=None), replied({"text": "lo"})],
    "a signature at the end": [
        replied({"text": "Hel"}, reason=None),
        replied({"text": "lo"}, reason=None),
        replied({"text": "", "thoughtSignature": SIGNATURE}),
    ],
    "reasoning": [
        replied({"text": "Well", "thought": True}, reason=None),
        replied({"text": ", hm.", "thought": True}, reason=None),
        replied({"text": "68"}),
    ],
    "calls": [
        replied(
            {"functionCall": {"name": "weather", "args": {"place": "東京"}, "id": "c1"}},
            {"functionCall": {"name": "weather", "args": {"place": "Oslo"}, "id": "c2"}},
            reason=None,
        ),
        replied({"text": ""}),
    ],
    "growing usage": [
        replied(
            {"text": "One"},
            reason=None,
            usageMetadata={
                "promptTokenCount": 12,
                "candidatesTokenCount": 1,
                "totalTokenCount": 13,
            },
        ),
        replied({"text": " two"}),
    ],
}


@pytest.mark.parametrize("stream", STREAMS.values(), ids=list(STREAMS))
def test_a_stream_is_read_alike(
    server: Recorder, sdk: Any, stream: list[dict[str, Any]], call: Call
) -> None:
    """Both read the same from events; the last usage counts."""
    server.enqueue(sse_response(stream))
    theirs = list(sdk.generate_content_stream(model=MODEL, contents="Hi", config=config()))
    own = ours(server)
    accumulator = own.merge.accumulator()
    for chunk in call.stream(own, "Hi"):
        accumulator.add(chunk)
    assert_equal(theirs, accumulator.value())


def assert_equal(theirs: list[Any], mine: AIMessage) -> None:
    parts = [part for event in theirs for part in (event.parts or [])]
    text = [part.text for part in parts if part.text and not part.thought]
    reasoning = [part.text for part in parts if part.text and part.thought]
    blocks: list[Any] = mine.content_blocks
    assert mine.text == "".join(text)
    own_reasoning = [block["reasoning"] for block in blocks if block["type"] == "reasoning"]
    assert "".join(own_reasoning) == "".join(reasoning)
    calls = [part.function_call for part in parts if part.function_call]
    assert [(made["name"], made["args"]) for made in mine.tool_calls] == [
        (made.name, made.args or {}) for made in calls
    ]
    for own, other in zip(mine.tool_calls, calls, strict=True):
        assert own["id"] == other.id or other.id is None
    images = [part.inline_data.data for part in parts if part.inline_data]
    own_images = [block["base64"] for block in blocks if block["type"] == "image"]
    assert [base64.b64decode(data) for data in own_images] == images
    last = theirs[-1]
    assert mine.response_metadata["finish_reason"] == last.candidates[0].finish_reason.value
    assert mine.response_metadata["model_name"] == last.model_version
    assert mine.id == last.response_id
    counted, usage = last.usage_metadata, mine.usage_metadata
    assert usage is not None
    assert usage["input_tokens"] == counted.prompt_token_count
    assert usage["total_tokens"] == counted.total_token_count
    reasoning_tokens = counted.thoughts_token_count or 0
    assert usage["output_tokens"] == counted.candidates_token_count + reasoning_tokens
    assert usage.get("output_token_details", {}).get("reasoning", 0) == reasoning_tokens
    cached = usage.get("input_token_details", {}).get("cache_read", 0)
    assert cached == (counted.cached_content_token_count or 0)


VERBATIM = {"args", "response", "parametersJsonSchema", "responseJsonSchema"}
"""Keys whose values are the user's own JSON."""


def normalized(body: dict[str, Any]) -> Any:
    """Return a body without the differences that this file declares."""
    body = documented(body)
    if "systemInstruction" in body:
        body["systemInstruction"].pop("role", None)
    if body.get("generationConfig") == {}:
        del body["generationConfig"]
    if "tools" in body:
        body["tools"].sort(key=repr)
    return body


def documented(value: Any) -> Any:
    if isinstance(value, list):
        return [documented(part) for part in value]
    if not isinstance(value, dict):
        return value
    named = {re.sub(r"_(\w)", lambda match: match[1].upper(), key): value[key] for key in value}
    return {
        key: standard(part)
        if key in ("data", "thoughtSignature")
        else part
        if key in VERBATIM
        else documented(part)
        for key, part in named.items()
    }


def standard(text: str) -> str:
    return text.replace("-", "+").replace("_", "/")
