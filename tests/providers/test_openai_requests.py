"""Requests of OpenAI's interfaces that services take."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import AIMessage, HumanMessage, SystemMessage, ToolMessage
from runnables.testing import Response
from runnables_providers.openai import AzureChatOpenAI, ChatOpenAI
from tests.both_modes import Call
from tests.sdk.recorder import Recorder

ANSWER = {
    "id": "r",
    "status": "completed",
    "output": [],
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "k"}}],
}
"""An answer of either interface."""


def sent(call: Call, messages: Any, options: Any = None, **settings: Any) -> dict[str, Any]:
    """Return the body of a request to a compatible server."""
    with Recorder().listening() as server:
        server.enqueue(Response(ANSWER))
        model = ChatOpenAI("m", api_key="k", base_url=server.url, max_retries=0, **settings)
        call.invoke(model, messages, **(options or {}))
        body: dict[str, Any] = server.bodies[0]
    return body


def own_body(messages: list[Any], model: ChatOpenAI | None = None, **options: Any) -> Any:
    """Return the body of a request to OpenAI itself, which is not sent."""
    model = model or ChatOpenAI("m", api_key="k")
    return model._exchange(messages, model._options(options)).body(streamed=False)


# -- marks for prompt caches

MARK = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
OTHER_MARK = {"cachePoint": {"type": "default"}}
PICTURE = {"type": "image_url", "image_url": {"url": "https://a/b.png"}}

MARKED: dict[str, tuple[Any, dict[str, Any]]] = {
    "a system message": (
        SystemMessage([{"type": "text", "text": "Long.", **MARK}]),
        {"role": "system", "content": [{"type": "text", "text": "Long.", **MARK}]},
    ),
    "one of two blocks": (
        HumanMessage(["Hi", {"type": "text", "text": "Long.", **OTHER_MARK}]),
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "Hi"},
                {"type": "text", "text": "Long.", **OTHER_MARK},
            ],
        },
    ),
    "extras of a canonical block": (
        HumanMessage([{"type": "text", "text": "Long.", "extras": MARK}]),
        {"role": "user", "content": [{"type": "text", "text": "Long.", **MARK}]},
    ),
    "an image": (
        HumanMessage([{**PICTURE, **MARK}]),
        {"role": "user", "content": [{**PICTURE, **MARK}]},
    ),
    "the result of a tool": (
        ToolMessage([{"type": "text", "text": "Long.", **MARK}], tool_call_id="c"),
        {
            "role": "tool",
            "tool_call_id": "c",
            "content": [{"type": "text", "text": "Long.", **MARK}],
        },
    ),
    "an answer": (
        AIMessage([{"type": "text", "text": "Long.", **MARK}]),
        {"role": "assistant", "content": [{"type": "text", "text": "Long.", **MARK}]},
    ),
    "a whole message": (
        HumanMessage("Long.", additional_kwargs=MARK),
        {"role": "user", "content": "Long.", **MARK},
    ),
}


@pytest.mark.parametrize("form", MARKED.values(), ids=MARKED)
def test_marks_for_prompt_caches_are_passed_on(
    call: Call, form: tuple[Any, dict[str, Any]]
) -> None:
    """To all but OpenAI itself, which refuses them."""
    message, expected = form
    call_before = {"name": "f", "args": {}, "id": "c"}
    before: list[Any] = [HumanMessage("q"), AIMessage("", tool_calls=[call_before])]  # type: ignore[list-item]  # a call
    assert sent(call, [*before, message])["messages"][2] == expected
    assert "cache" not in str(own_body([*before, message]))


def test_marks_of_tools_are_passed_on(call: Call) -> None:
    """Beside the function, in both interfaces."""
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}, **MARK}
    assert sent(call, "Hi", {"tools": [tool]})["tools"] == [tool]
    (flat,) = sent(call, "Hi", {"tools": [tool]}, use_responses_api=True)["tools"]
    assert flat == {"type": "function", **tool["function"], **MARK}  # type: ignore[dict-item]  # a dict


# -- media


@pytest.mark.parametrize(
    ("mime_type", "expected"),
    [
        ("audio/mpeg", "mp3"),
        ("audio/mp3", "mp3"),
        ("AUDIO/MPEG", "mp3"),
        ("audio/x-mp3", "mp3"),
        ("audio/wav", "wav"),
        ("audio/x-wav", "wav"),
        ("audio/vnd.wave", "wav"),
        ("audio/wave; codecs=1", "wav"),
        ("audio/x-m4a", "m4a"),
        ("audio/mp4", "m4a"),
        ("audio/flac", "flac"),
        ("audio/ogg; codecs=opus", "ogg"),
        (None, "wav"),
    ],
)
def test_audio_has_the_format_by_openais_name(
    call: Call, mime_type: str | None, expected: str
) -> None:
    """In both interfaces."""
    block: dict[str, Any] = {"type": "audio", "base64": "QUJD"}
    block |= {"mime_type": mime_type} if mime_type else {}
    part = {"type": "input_audio", "input_audio": {"data": "QUJD", "format": expected}}
    assert sent(call, [HumanMessage([block])])["messages"][0]["content"] == [part]
    assert sent(call, [HumanMessage([block])], use_responses_api=True)["input"][0]["content"] == [
        part
    ]


URL = "https://example.org/a.pdf"


@pytest.mark.parametrize(
    ("block", "file"),
    [
        (
            {"type": "file", "file": {"filename": "a.pdf", "file_data": URL}},
            {"filename": "a.pdf", "file_data": URL},
        ),
        ({"type": "file", "file": {"file_data": URL}}, {"file_data": URL}),
        ({"type": "file", "url": URL}, {"file_data": URL}),
        (
            {"type": "file", "url": URL, "extras": {"filename": "a.pdf"}},
            {"filename": "a.pdf", "file_data": URL},
        ),
        ({"type": "input_file", "file_url": URL}, {"file_data": URL}),
        (
            {"type": "file", "file": {"filename": "a", "file_data": "data:text/plain;base64,QUJD"}},
            {"filename": "a", "file_data": "data:text/plain;base64,QUJD"},
        ),
    ],
)
def test_files_are_sent_by_url(call: Call, block: dict[str, Any], file: dict[str, Any]) -> None:
    """As OpenRouter takes them; Responses have a key for it."""
    sent_block = sent(call, [HumanMessage([block])])["messages"][0]["content"][0]
    assert sent_block == {"type": "file", "file": file}
    if file["file_data"] == URL:
        (part,) = sent(call, [HumanMessage([block])], use_responses_api=True)["input"][0]["content"]
        assert part == {"type": "input_file", "file_url": URL}


# -- options


@pytest.mark.parametrize("api", [False, True], ids=["chat", "responses"])
@pytest.mark.parametrize("tools", [None, []], ids=["none", "empty"])
def test_without_tools_there_are_no_options_of_tools(call: Call, api: bool, tools: Any) -> None:
    """Services refuse them."""
    options = {"tools": tools, "parallel_tool_calls": False}
    options |= {} if tools is None else {"tool_choice": "auto"}
    body = sent(call, "Hi", options, use_responses_api=api)
    assert not {"tools", "parallel_tool_calls", "tool_choice"} & body.keys()
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
    body = sent(call, "Hi", {**options, "tools": [tool]}, use_responses_api=api)
    assert body["parallel_tool_calls"] is False


@pytest.mark.parametrize("api", [False, True], ids=["chat", "responses"])
@pytest.mark.parametrize("tier", ["flex", "priority"])
def test_a_service_tier_is_a_named_option(call: Call, api: bool, tier: str) -> None:
    """As a setting and as an option of a call; the answer says which one was used."""
    with Recorder().listening() as server:
        server.enqueue(Response({**ANSWER, "service_tier": "default"}))
        model = ChatOpenAI(
            "m", api_key="k", base_url=server.url, service_tier=tier, use_responses_api=api
        )
        answer = call.invoke(model, "Hi")
        call.invoke(model, "Hi", service_tier="auto")
        tiers = [body["service_tier"] for body in server.bodies]
    assert tiers == [tier, "auto"]
    assert answer.response_metadata["service_tier"] == "default"


def test_an_extra_body_is_merged_into_objects(call: Call) -> None:
    """It adds to what the options say, and overrides no more than it names."""
    body = sent(
        call,
        "Hi",
        {
            "reasoning_effort": "low",
            "extra_body": {"reasoning": {"exclude": True}, "provider": {"only": ["a"]}},
        },
        use_responses_api=True,
    )
    assert body["reasoning"] == {"effort": "low", "exclude": True}
    assert body["provider"] == {"only": ["a"]}


# -- reasoning that is not stored

ENCRYPTED = "reasoning.encrypted_content"


def test_without_a_store_encrypted_reasoning_is_requested(call: Call) -> None:
    """And added to what the caller wants; models that do not reason refuse it."""
    settings: dict[str, Any] = {"use_responses_api": True}
    assert sent(call, "Hi", {"store": False}, **settings)["include"] == [ENCRYPTED]
    both = {"store": False, "include": ["message.output_text.logprobs", ENCRYPTED]}
    assert sent(call, "Hi", both, **settings)["include"] == both["include"]
    assert "include" not in sent(call, "Hi", {"store": True}, **settings)
    assert "include" not in sent(call, "Hi", **settings)
    assert "include" not in sent(call, "Hi", {"store": False, "model": "gpt-4.1"}, **settings)


def test_bare_reasoning_that_was_not_stored_is_left_out(call: Call) -> None:
    """The service would look for it by its id, and refuse the request."""
    thought = {"type": "reasoning", "id": "rs_1", "summary": []}
    items: list[Any] = [
        thought,
        {**thought, "id": "rs_2", "encrypted_content": "abc"},
        {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": "{}"},
    ]
    for store in (False, None, True):
        options = {} if store is None else {"store": store}
        with Recorder().listening() as server:
            echo = {} if store is None else {"store": store}
            server.enqueue(Response({**ANSWER, "output": items, **echo}))
            model = ChatOpenAI("m", api_key="k", base_url=server.url, use_responses_api=True)
            answer = call.invoke(model, "Hi", **options)
            call.invoke(model, [HumanMessage("Hi"), answer, ToolMessage("x", tool_call_id="c")])
            ids = [item["id"] for item in server.bodies[1]["input"] if "id" in item]
        assert ids == (["rs_2", "fc"] if store is False else ["rs_1", "rs_2", "fc"])


# -- what only its maker understands

FOREIGN: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "Anthropic's tools": (
        [
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}, "index": 0},
            {"type": "web_search_tool_result", "tool_use_id": "s", "content": [], "index": 1},
            "It is noon.",
        ],
        {"response_metadata": {"model_provider": "anthropic"}},
    ),
    "Anthropic's reasoning": (
        [{"type": "thinking", "thinking": "Hm.", "signature": "s"}, "It is noon."],
        {"response_metadata": {"model_provider": "anthropic"}},
    ),
    "Gemini's parts": (
        [
            {"type": "non_standard", "value": {"executableCode": {"code": "1"}}},
            {"type": "text", "text": "It is noon.", "extras": {"thoughtSignature": "s"}},
        ],
        {"response_metadata": {"model_provider": "google"}},
    ),
    "Gemini's picture": (
        [{"type": "image", "base64": "QUJD", "mime_type": "image/png"}, "It is noon."],
        {"response_metadata": {"model_provider": "google"}},
    ),
    "Responses' items, of another address": (
        [
            {"type": "reasoning", "id": "rs", "extras": {"encrypted_content": "abc"}},
            {"type": "non_standard", "value": {"type": "web_search_call", "id": "ws"}, "index": 0},
            {"type": "text", "text": "It is noon.", "id": "msg_1", "index": 1},
        ],
        {
            "response_metadata": {
                "model_provider": "openai",
                "model_endpoint": "api.openai.com/responses",
            },
            "additional_kwargs": {"message_item": {"id": "msg_1"}},
        },
    ),
    "a field of another address": (
        ["It is noon."],
        {
            "response_metadata": {
                "model_provider": "openai",
                "model_endpoint": "api.deepseek.com/chat/completions",
            },
            "additional_kwargs": {"reasoning_content": "Hm."},
        },
    ),
}


@pytest.mark.parametrize("form", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("api", [False, True], ids=["chat", "responses"])
def test_what_only_its_maker_understands_is_left_out(
    call: Call, form: tuple[list[Any], dict[str, Any]], api: bool
) -> None:
    """The text of the answer goes out alone."""
    content, fields = form
    messages = [HumanMessage("q"), AIMessage(content, **fields), HumanMessage("q")]
    body = sent(call, messages, use_responses_api=api)
    items: list[Any] = body["input" if api else "messages"]
    (answer,) = [item for item in items if item["role"] != "user"]
    if api:
        (part,) = answer["content"]
        assert part == {"type": "output_text", "text": "It is noon.", "annotations": []}
        assert answer.keys() == {"type", "id", "status", "role", "content"}
    else:
        assert answer == {"role": "assistant", "content": "It is noon."}


def test_each_region_of_azure_is_a_service_of_its_own() -> None:
    """What one has encrypted, another cannot decrypt."""

    def azure(region: str) -> AzureChatOpenAI:
        url = f"https://{region}.openai.azure.com"
        return AzureChatOpenAI("d", azure_endpoint=url, api_key="k", use_responses_api=True)

    item = {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "abc"}
    east, west = azure("east"), azure("west")
    exchange = east._exchange([HumanMessage("Hi")], east._options({}))
    answer = exchange.answer({"id": "r", "status": "completed", "output": [item]}, {})
    conversation = [HumanMessage("Hi"), answer, HumanMessage("Hi")]
    assert own_body(conversation, east)["input"][1] == item
    assert own_body(conversation, west)["input"][1:] == [{"role": "user", "content": "Hi"}]


def test_blocks_that_a_user_writes_are_sent() -> None:
    """Types that this library does not know are for the server to read."""
    video = {"type": "video_url", "video_url": {"url": "https://a/b.mp4"}}
    for block in (video, {"type": "non_standard", "value": video}):
        assert own_body([HumanMessage([block])])["messages"][0]["content"] == [video]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/octet-stream", "", "text/event-stream; x"]
)
def test_a_stream_of_another_content_type_is_read(call: Call, kind: str) -> None:
    """As the official SDKs do, which do not look at it."""
    event = (
        b'data: {"choices": [{"index": 0, "delta": {"content": "4"}, "finish_reason": "stop"}]}\n\n'
    )
    with Recorder().listening() as server:
        server.enqueue(Response(event, content_type=kind))
        model = ChatOpenAI("m", api_key="k", base_url=server.url, max_retries=0)
        assert "".join(chunk.text for chunk in call.stream(model, "Hi")) == "4"
