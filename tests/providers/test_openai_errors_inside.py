"""Errors inside a successful response of OpenAI's interfaces, in every form that is in use."""

from __future__ import annotations

import json
from typing import Any

import pytest

from runnables.errors import (
    AuthenticationError,
    ContextLengthError,
    InvalidRequestError,
    ModelError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from runnables.models.calls import join_answer
from runnables.testing import Response
from runnables_providers.openai import ChatOpenAI, OpenAIEmbeddings
from tests.both_modes import Call
from tests.sdk.recorder import Recorder, sse_response


def model(url: str, **settings: Any) -> ChatOpenAI:
    return ChatOpenAI("m", **{"api_key": "k", "base_url": url, "max_retries": 2, **settings})


def ended(reason: str, **more: Any) -> dict[str, Any]:
    """Return a choice that ends with a reason."""
    return {"choices": [{"index": 0, "finish_reason": reason, **more}]}


MODES = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])

HALF = {"message": {"role": "assistant", "content": "half"}}
HATE = {"hate": {"filtered": True, "severity": "high"}, "violence": {"filtered": False}}

BODIES: dict[str, tuple[dict[str, Any], type[ModelError], str]] = {
    "Azure's filter of prompts": (
        {"error": {"message": "The prompt was filtered.", "code": "content_filter", "status": 400}},
        InvalidRequestError,
        "The prompt was filtered",
    ),
    "a filter without a status": (
        {"error": {"message": "Filtered.", "code": "content_filter"}},
        InvalidRequestError,
        "Filtered",
    ),
    "a key": (
        {"error": {"message": "No such key.", "code": 401}},
        AuthenticationError,
        "No such key",
    ),
    "moderation": (
        {"error": {"message": "Flagged.", "code": 403, "metadata": {"reasons": ["x"]}}},
        PermissionDeniedError,
        "Flagged",
    ),
    "a long prompt": (
        {"error": {"message": "Too long.", "code": "context_length_exceeded"}},
        ContextLengthError,
        "Too long",
    ),
    "vLLM's": (
        {"object": "error", "message": "No such model.", "type": "NotFoundError", "code": 404},
        InvalidRequestError,
        "No such model",
    ),
    "a call that Groq could not read": (
        {"error": {"message": "Failed to call.", "code": "tool_use_failed", "status_code": 400}},
        InvalidRequestError,
        "Failed to call",
    ),
    "a gateway's": (
        {"code": "InvalidParameter", "message": "No such size.", "request_id": "r"},
        InvalidRequestError,
        "No such size",
    ),
    "a web framework's": (
        {"detail": "No such path.", "status": 404},
        InvalidRequestError,
        "No such path",
    ),
    "Cloudflare's": (
        {"success": False, "errors": [{"code": 403, "message": "Not you."}], "result": None},
        PermissionDeniedError,
        "Not you",
    ),
    "MiniMax's": (
        {"id": "x", "base_resp": {"status_code": 1004, "status_msg": "No such key."}},
        AuthenticationError,
        "No such key",
    ),
    "words beside a flag": (
        {"error": True, "message": "No such size.", "code": 400},
        InvalidRequestError,
        "No such size",
    ),
    "a verdict in place of the message": (
        ended("content_filter", content_filter_results=HATE),
        InvalidRequestError,
        r"hate \(high\)",
    ),
}


@pytest.mark.parametrize("form", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("api", [False, True], ids=["chat", "responses"])
def test_an_error_in_a_body_is_typed_and_not_retried(
    call: Call, form: tuple[dict[str, Any], type[ModelError], str], api: bool
) -> None:
    """It has the service's own words, whole and where a stream was asked for."""
    body, error_type, words = form
    if api and "choices" in body:
        pytest.skip("a form of chat completions")
    with Recorder().listening() as server:
        server.enqueue(Response(body))
        for run in (call.invoke, call.stream):
            with pytest.raises(error_type, match=words):
                run(model(server.url, use_responses_api=api), "Hi")
        assert len(server.requests) == 2


@pytest.mark.parametrize("form", BODIES.values(), ids=BODIES)
def test_an_error_in_a_stream_is_typed(
    call: Call, form: tuple[dict[str, Any], type[ModelError], str]
) -> None:
    """Also after the first chunk."""
    body, error_type, words = form
    if "choices" in body:
        pytest.skip("an event of a stream has a delta in any case")
    start = {"choices": [{"index": 0, "delta": {"content": "Hel"}}]}
    with Recorder().listening() as server:
        for events in ([body], [start, body]):
            server.enqueue(sse_response(events))
            with pytest.raises(error_type, match=words):
                call.stream(model(server.url), "Hi")
            assert len(server.requests) == 1


BROKEN_OFF: dict[str, tuple[dict[str, Any], int, str]] = {
    "an error beside the message": (
        ended("error", error={"code": 502, "message": "Provider died"}, **HALF),
        502,
        "Provider died",
    ),
    "an error in place of the message": (
        {"choices": [{"index": 0, "error": {"code": 502, "message": "Provider died"}}]},
        502,
        "Provider died",
    ),
    "an error of the provider behind": (
        ended(
            "error",
            error={"code": 429, "message": "Provider returned error", "metadata": {"raw": "slow"}},
            **HALF,
        ),
        429,
        "Provider returned error: slow",
    ),
    "the reason alone": (ended("error", native_finish_reason="died", **HALF), 500, "died"),
    "DeepSeek's": (ended("insufficient_system_resource", **HALF), 503, "insufficient_system"),
    "vLLM's": (ended("abort", **HALF), 500, "abort"),
    "Z.ai's": (ended("network_error", **HALF), 500, "network_error"),
    "Gemini's": (
        ended("function_call_filter: MALFORMED_FUNCTION_CALL", message={"role": "assistant"}),
        500,
        "MALFORMED_FUNCTION_CALL",
    ),
    "Groq's": (
        {"choices": [{"index": 0, **HALF}], "x_groq": {"id": "r", "error": "over capacity"}},
        500,
        "over capacity",
    ),
}


@pytest.mark.parametrize("form", BROKEN_OFF.values(), ids=BROKEN_OFF)
@MODES
def test_an_answer_that_broke_off_is_an_error(
    call: Call, form: tuple[dict[str, Any], int, str], streamed: bool
) -> None:
    """Half of an answer never looks like a whole one."""
    body, status, words = form
    event = json.loads(json.dumps(body).replace('"message": {"role"', '"delta": {"role"'))
    with Recorder().listening() as server:
        server.enqueue(sse_response([event]) if streamed else Response(body))
        run = call.stream if streamed else call.invoke
        with pytest.raises(ModelError, match=words) as raised:
            run(model(server.url, max_retries=0), "Hi")
    assert raised.value.status == status
    assert isinstance(raised.value, RateLimitError if status == 429 else ServerError)


def test_a_choice_without_a_message_is_an_error(call: Call) -> None:
    """The error shows what came."""
    with Recorder().listening() as server:
        server.enqueue(Response({"choices": [{"index": 0, "finish_reason": "stop"}]}))
        with pytest.raises(ServerError, match="finish_reason"):
            call.invoke(model(server.url, max_retries=0), "Hi")


@MODES
def test_the_verdict_of_a_filter_is_a_refusal(call: Call, streamed: bool) -> None:
    """An answer of which nothing is left says why; one that was cut keeps what there is."""

    def answer(text: str) -> Any:
        part = {"role": "assistant", "content": text}
        key = "delta" if streamed else "message"
        body = ended("content_filter", content_filter_results=HATE, **{key: part})
        with Recorder().listening() as server:
            if streamed:
                server.enqueue(sse_response([body], done=True))
                return join_answer(call.stream(model(server.url), "Hi"))
            server.enqueue(Response(body))
            return call.invoke(model(server.url), "Hi")

    withheld, cut = answer(""), answer("It is")
    assert "hate (high)" in withheld.refusal
    assert (cut.text, cut.refusal) == ("It is", None)
    for message in (withheld, cut):
        assert message.response_metadata["finish_reason"] == "content_filter"
        assert message.response_metadata["content_filter_results"] == HATE


@pytest.mark.parametrize("reason", ["content_filter: PROHIBITED_CONTENT", "sensitive"])
@MODES
def test_a_filter_of_another_name_is_a_filter(call: Call, reason: str, streamed: bool) -> None:
    """Gemini names the kind; Z.ai has a word of its own."""
    part = {"role": "assistant", "content": None}
    body = ended(reason, **{"delta" if streamed else "message": part})
    with Recorder().listening() as server:
        server.enqueue(sse_response([body], done=True) if streamed else Response(body))
        run = call.stream if streamed else call.invoke
        found: Any = run(model(server.url), "Hi")
        answer: Any = join_answer(found) if streamed else found
    assert "filter" in answer.refusal
    assert answer.response_metadata["finish_reason"] == reason


def test_a_response_that_was_cancelled_is_not_asked_for_again(call: Call) -> None:
    """Also where the stream says so by an event of its own."""
    event = {"type": "response.cancelled", "response": {"id": "r", "status": "cancelled"}}
    with Recorder().listening() as server:
        server.enqueue(sse_response([event]))
        with pytest.raises(InvalidRequestError, match="cancelled"):
            call.stream(model(server.url, use_responses_api=True), "Hi")
        assert len(server.requests) == 1


FAILED: dict[str, tuple[dict[str, Any], type[ModelError], str]] = {
    "an input": (
        {"status": "failed", "error": {"code": "invalid_image", "message": "No image."}},
        InvalidRequestError,
        "No image",
    ),
    "a prompt": (
        {"status": "failed", "error": {"code": "invalid_prompt", "message": "Not this."}},
        InvalidRequestError,
        "Not this",
    ),
    "a limit": (
        {"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "Slow down."}},
        RateLimitError,
        "Slow down",
    ),
    "the server": (
        {"status": "failed", "error": {"code": "server_error", "message": "Oh."}},
        ServerError,
        "Oh",
    ),
    "no reason": ({"status": "failed", "error": None}, ServerError, "failed|no reason"),
    "cancelled": ({"status": "cancelled"}, InvalidRequestError, "cancelled"),
}


@pytest.mark.parametrize("form", FAILED.values(), ids=FAILED)
def test_a_failed_response_is_an_error(
    call: Call, form: tuple[dict[str, Any], type[ModelError], str]
) -> None:
    """Whole, and at the end of a stream."""
    fields, error_type, words = form
    body = {"id": "r", "output": [], **fields}
    status = "failed" if fields["status"] == "failed" else "completed"
    with Recorder().listening() as server:
        made = model(server.url, use_responses_api=True, max_retries=0)
        server.enqueue(Response(body))
        with pytest.raises(error_type, match=words):
            call.invoke(made, "Hi")
        server.enqueue(sse_response([{"type": f"response.{status}", "response": body}]))
        with pytest.raises(error_type, match=words):
            call.stream(made, "Hi")


HALF_TEXT: dict[bool, dict[str, Any]] = {
    False: {"choices": [{"index": 0, "delta": {"content": "half"}}]},
    True: {"type": "response.output_text.delta", "delta": "half"},
}
ERROR_EVENTS = {
    "an object": 'event: error\ndata: {"message": "Out of memory.", "code": 503}\n\n',
    "an error in an object": 'event: error\ndata: {"error": {"message": "Out of memory."}}\n\n',
    "a string": 'event: error\ndata: "Out of memory."\n\n',
    "no JSON": "event: error\ndata: Out of memory.\n\n",
    "a type": 'data: {"type": "error", "message": "Out of memory."}\n\n',
    "a field": 'error: {"message": "Out of memory.", "code": 503}\n\ndata: [DONE]\n\n',
    "a field without a space": "error:Out of memory.\r\n\r\ndata: [DONE]\r\n\r\n",
}


@pytest.mark.parametrize("event", ERROR_EVENTS.values(), ids=ERROR_EVENTS)
@pytest.mark.parametrize("api", [False, True], ids=["chat", "responses"])
def test_an_error_event_of_older_servers_is_raised(call: Call, event: str, api: bool) -> None:
    """Whatever its data is."""
    with Recorder().listening() as server:
        made = model(server.url, use_responses_api=api, max_retries=0)
        for start in ("", f"data: {json.dumps(HALF_TEXT[api])}\n\n"):
            body = (start + event).encode()
            server.enqueue(Response(body, content_type="text/event-stream"))
            with pytest.raises(ServerError, match=r"Out of memory\."):
                call.stream(made, "Hi")


@pytest.mark.parametrize("api", [False, True], ids=["chat", "responses"])
def test_a_stream_that_says_done_is_complete(call: Call, api: bool) -> None:
    """Although it names no reason; "[DONE]" alone is no answer."""
    text = {"type": "response.output_text.delta", "delta": "4"}
    event = text if api else {"choices": [{"index": 0, "delta": {"content": "4"}}]}
    with Recorder().listening() as server:
        made = model(server.url, use_responses_api=api, max_retries=0)
        server.enqueue(sse_response([event], done=True))
        answer = join_answer(call.stream(made, "Hi"))
        server.enqueue(sse_response([], done=True))
        with pytest.raises(ModelError, match="ended before"):
            call.stream(made, "Hi")
    assert answer.text == "4"
    assert answer.response_metadata["model_name"] == "m"


@MODES
def test_a_response_of_which_nothing_is_left_is_a_refusal(call: Call, streamed: bool) -> None:
    """Its reason is the content filter."""
    details = {"reason": "content_filter"}
    body = {"id": "r", "status": "incomplete", "incomplete_details": details, "output": []}
    event = {"type": "response.incomplete", "response": body}
    with Recorder().listening() as server:
        made = model(server.url, use_responses_api=True)
        server.enqueue(sse_response([event]) if streamed else Response(body))
        answer = join_answer(call.stream(made, "Hi")) if streamed else call.invoke(made, "Hi")
    assert "content filter" in (answer.refusal or "")
    assert answer.response_metadata["finish_reason"] == "content_filter"


def test_an_error_in_place_of_embeddings_is_typed(call: Call) -> None:
    """As in an answer."""
    body = {"error": {"message": "No such input.", "code": "invalid_input"}}
    with Recorder().listening() as server:
        server.enqueue(Response(body))
        embeddings = OpenAIEmbeddings("m", api_key="k", base_url=server.url)
        with pytest.raises(InvalidRequestError, match="No such input"):
            call.invoke(embeddings, "Hi")
        assert len(server.requests) == 1
