"""Google's own SDK and ours say and understand the same.

Declared differences, which the service reads alike:

- the SDK writes some fields in snake case, as protocol buffers allow; ours are as documented;
- the SDK writes bytes in the alphabet of base64 that is safe in addresses;
- the SDK gives the system instruction a role, which the API ignores;
- the SDK lists the tools of the service before the functions;
- the SDK sends an empty generation config, where ours sends none.
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
SIGNATURE = base64.b64encode(b"\xff\xfeso it was thought").decode()
PLACE = {
    "type": "object",
    "properties": {"place": {"type": "string"}, "max_days": {"type": "integer"}},
    "required": ["place"],
}
WEATHER = {"name": "weather", "description": "The weather of a place.", "parameters": PLACE}
CLOCK = {"name": "clock", "description": "What time it is.", "parameters": {"type": "object"}}
TOOLS = [{"type": "function", "function": WEATHER}, {"type": "function", "function": CLOCK}]
DECLARED = [
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
    with Recorder().listening() as it:
        it.enqueue(Response(ANSWER))
        yield it


@pytest.fixture
def sdk(server: Recorder) -> Iterator[Any]:
    options = {"base_url": server.url, "api_version": "v1beta"}
    with genai.Client(api_key="k", http_options=options) as client:
        yield client.models


def ours(server: Recorder, model: str = MODEL, **settings: Any) -> ChatGoogleGenerativeAI:
    return ChatGoogleGenerativeAI(model, api_key="k", base_url=server.url, **settings)


def user(*parts: Any) -> Any:
    return types.Content(role="user", parts=[as_part(it) for it in parts])


def model(*parts: Any) -> Any:
    return types.Content(role="model", parts=[as_part(it) for it in parts])


def as_part(it: Any) -> Any:
    return types.Part(text=it) if isinstance(it, str) else it


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


SPOKEN = [
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
CALLED = [
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
PICTURE = {"type": "image", "base64": PNG_TEXT, "mime_type": "image/png"}
MEDIA = [
    HumanMessage(
        [
            "What are these?",
            PICTURE,
            {"type": "file", "base64": PNG_TEXT, "mime_type": "application/pdf"},
            {"type": "audio", "base64": PNG_TEXT, "mime_type": "audio/mp3"},
            {"type": "video", "url": "https://a.example/film", "mime_type": "video/mp4"},
            {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG_TEXT}"}},
        ]
    )
]
SHOWN = [
    user(
        "What are these?",
        types.Part.from_bytes(data=PNG, mime_type="image/png"),
        types.Part.from_bytes(data=PNG, mime_type="application/pdf"),
        types.Part.from_bytes(data=PNG, mime_type="audio/mp3"),
        types.Part.from_uri(file_uri="https://a.example/film", mime_type="video/mp4"),
        types.Part.from_bytes(data=PNG, mime_type="image/png"),
    )
]
THOUGHT = [
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
RECALLED = [
    user("17 * 4?"),
    model(
        types.Part(text="17 * 4 is 68.", thought=True),
        types.Part(text="68", thought_signature=base64.b64decode(SIGNATURE)),
    ),
    user("Sure?"),
]
SEEN = [
    HumanMessage("Look."),
    AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": "c9"}]),
    ToolMessage(["this:", PICTURE], tool_call_id="c9"),
]
SEEING = [
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
SET = config(
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
FORM = {"type": "json_schema", "json_schema": {"name": "place", "schema": PLACE}}


def mode(name: str, *allowed: str) -> dict[str, Any]:
    told: dict[str, Any] = {"mode": name}
    if allowed:
        told["allowed_function_names"] = list(allowed)
    return {"function_calling_config": told}


CASES: dict[str, tuple[list[Any], dict[str, Any], list[Any], Any]] = {
    "a conversation": (
        SPOKEN,
        {},
        [user("Hi"), model("Hello. What is it?"), user("Nothing.")],
        config(system_instruction="Be short."),
    ),
    "settings": ([HumanMessage("Hi")], SETTINGS, [user("Hi")], SET),
    "media": (MEDIA, {}, SHOWN, config()),
    "calls and results": (CALLS, {"tools": TOOLS}, CALLED, config(tools=DECLARED)),
    "a result with a picture": (SEEN, {}, SEEING, config()),
    "thoughts": (THOUGHT, {}, RECALLED, config()),
    "a form": (
        [HumanMessage("Where?")],
        {"response_format": FORM},
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
        config(tools=DECLARED, tool_config=mode("ANY", "weather")),
    ),
    "any tool": (
        [HumanMessage("Oslo?")],
        {"tools": TOOLS, "tool_choice": "any"},
        [user("Oslo?")],
        config(tools=DECLARED, tool_config=mode("ANY")),
    ),
    "no tool": (
        [HumanMessage("Oslo?")],
        {"tools": TOOLS, "tool_choice": "none"},
        [user("Oslo?")],
        config(tools=DECLARED, tool_config=mode("NONE")),
    ),
    "tools of the service": (
        [HumanMessage("News?")],
        {"tools": [{"google_search": {}}, {"url_context": {}}, *TOOLS[:1]]},
        [user("News?")],
        config(
            tools=[
                types.Tool(google_search=types.GoogleSearch()),
                types.Tool(url_context=types.UrlContext()),
                types.Tool(function_declarations=DECLARED[0].function_declarations[:1]),
            ]
        ),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_both_send_the_same(server: Recorder, sdk: Any, case: Any, call: Call) -> None:
    """The bodies and addresses are equal, but for what the head of this file declares."""
    messages, options, contents, settings = case
    sdk.generate_content(model=MODEL, contents=contents, config=settings)
    call.invoke(ours(server).bind(**options), messages)
    theirs, mine = server.requests
    assert mine.path == theirs.path
    assert mine.headers["x-goog-api-key"] == theirs.headers["x-goog-api-key"] == "k"
    assert in_one_form(mine.body) == in_one_form(theirs.body)


def test_both_stream_from_the_same_address(server: Recorder, sdk: Any, call: Call) -> None:
    """The address of a stream asks for events, and the body is that of a whole answer."""
    server.enqueue(sse_response([ANSWER]))
    list(sdk.generate_content_stream(model=MODEL, contents="Hi", config=config(temperature=1)))
    call.stream(ours(server, temperature=1), "Hi")
    theirs, mine = server.requests
    assert mine.path == theirs.path == f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"
    assert in_one_form(mine.body) == in_one_form(theirs.body)


def replied(*parts: dict[str, Any], reason: str | None = "STOP", **more: Any) -> dict[str, Any]:
    outcome = {"finishReason": reason} if reason else {}
    candidate = {"content": {"role": "model", "parts": list(parts)}, **outcome, "index": 0}
    return {**ANSWER, "candidates": [candidate], **more}


REPLIES = {
    "text": ANSWER,
    "thoughts": replied({"text": "Hm.", "thought": True}, {"text": "68"}),
    "a signed text": replied({"text": "68", "thoughtSignature": SIGNATURE}),
    "calls": replied(
        {"text": "Let me see."},
        {"functionCall": {"name": "weather", "args": {"place": "Malmö"}, "id": "c1"}},
        {"functionCall": {"name": "clock"}},
    ),
    "cut": replied({"text": "Once upon"}, reason="MAX_TOKENS"),
    "withheld": {**ANSWER, "candidates": [{"finishReason": "SAFETY", "index": 0}]},
    "a picture": replied({"inlineData": {"mimeType": "image/png", "data": PNG_TEXT}}),
    "code": replied(
        {"executableCode": {"language": "PYTHON", "code": "print(68)"}},
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "68\n"}},
        {"text": "68"},
    ),
}


@pytest.mark.parametrize("reply", REPLIES.values(), ids=list(REPLIES))
def test_both_read_an_answer_alike(
    server: Recorder, sdk: Any, reply: dict[str, Any], call: Call
) -> None:
    """Text, thoughts, calls, the reason to end and the counts are the same."""
    server.enqueue(Response(reply))
    theirs = sdk.generate_content(model=MODEL, contents="Hi", config=config())
    agree([theirs], call.invoke(ours(server), "Hi"))


STREAMS = {
    "text": [replied({"text": "Hel"}, reason=None), replied({"text": "lo"})],
    "a signature at the end": [
        replied({"text": "Hel"}, reason=None),
        replied({"text": "lo"}, reason=None),
        replied({"text": "", "thoughtSignature": SIGNATURE}),
    ],
    "thoughts": [
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
    "counts that grow": [
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
def test_both_read_a_stream_alike(
    server: Recorder, sdk: Any, stream: list[dict[str, Any]], call: Call
) -> None:
    """The same from events, where the counts of the last one are those of the whole."""
    server.enqueue(sse_response(stream))
    theirs = list(sdk.generate_content_stream(model=MODEL, contents="Hi", config=config()))
    asked = ours(server)
    joined = asked.merge.accumulator()
    for chunk in call.stream(asked, "Hi"):
        joined.add(chunk)
    agree(theirs, joined.value())


def agree(theirs: list[Any], mine: AIMessage) -> None:
    parts = [part for it in theirs for part in (it.parts or [])]
    texts = [it for it in parts if it.text and not it.thought]
    thoughts = [it for it in parts if it.text and it.thought]
    blocks: list[Any] = mine.content_blocks
    assert mine.text == "".join(it.text for it in texts)
    said = [it["reasoning"] for it in blocks if it["type"] == "reasoning"]
    assert "".join(said) == "".join(it.text for it in thoughts)
    calls = [it.function_call for it in parts if it.function_call]
    assert [(it["name"], it["args"]) for it in mine.tool_calls] == [
        (it.name, it.args or {}) for it in calls
    ]
    for one, other in zip(mine.tool_calls, calls, strict=True):
        assert one["id"] == other.id or other.id is None
    pictures = [it.inline_data.data for it in parts if it.inline_data]
    assert [base64.b64decode(it["base64"]) for it in blocks if it["type"] == "image"] == pictures
    last = theirs[-1]
    assert mine.response_metadata["finish_reason"] == last.candidates[0].finish_reason.value
    assert mine.response_metadata["model_name"] == last.model_version
    assert mine.id == last.response_id
    counted, usage = last.usage_metadata, mine.usage_metadata
    assert usage is not None
    assert usage["input_tokens"] == counted.prompt_token_count
    assert usage["total_tokens"] == counted.total_token_count
    thought = counted.thoughts_token_count or 0
    assert usage["output_tokens"] == counted.candidates_token_count + thought
    assert usage.get("output_token_details", {}).get("reasoning", 0) == thought
    cached = usage.get("input_token_details", {}).get("cache_read", 0)
    assert cached == (counted.cached_content_token_count or 0)


VERBATIM = {"args", "response", "parametersJsonSchema", "responseJsonSchema"}
"""What is the users' own."""


def in_one_form(body: dict[str, Any]) -> Any:
    """A body without what the head of this file declares."""
    found = documented(body)
    if "systemInstruction" in found:
        found["systemInstruction"].pop("role", None)
    if found.get("generationConfig") == {}:
        del found["generationConfig"]
    if "tools" in found:
        found["tools"].sort(key=repr)
    return found


def documented(value: Any) -> Any:
    if isinstance(value, list):
        return [documented(it) for it in value]
    if not isinstance(value, dict):
        return value
    named = {re.sub(r"_(\w)", lambda it: it[1].upper(), key): value[key] for key in value}
    return {
        key: standard(it)
        if key in ("data", "thoughtSignature")
        else it
        if key in VERBATIM
        else documented(it)
        for key, it in named.items()
    }


def standard(text: str) -> str:
    return text.replace("-", "+").replace("_", "/")
