"""Answers that the service makes in the background are waited for."""

from __future__ import annotations

from typing import Any

import pytest

from runnables.errors import InvalidRequestError, ServerError
from runnables.models.calls import join_answer
from runnables.testing import Response
from runnables_providers.openai import AzureChatOpenAI, ChatOpenAI, background
from tests.both_modes import Call
from tests.sdk.recorder import Recorder, sse_response

TEXT = {"type": "output_text", "text": "Hello", "annotations": []}
MESSAGE = {"type": "message", "id": "msg", "role": "assistant", "content": [TEXT]}


def body(status: str, **more: Any) -> dict[str, Any]:
    return {"id": "resp_1", "status": status, "output": [], **more}


QUEUED, WORKING = Response(body("queued")), Response(body("in_progress"))
DONE = Response(body("completed", output=[MESSAGE]))
OPTIONS = pytest.mark.parametrize(
    "option", [{"background": True}, {"extra_body": {"background": True}}], ids=["named", "extra"]
)


@pytest.fixture(autouse=True)
def ask_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "DELAYS", (0.0,) * 5)


def model(url: str, **settings: Any) -> ChatOpenAI:
    return ChatOpenAI(
        "m", **{"api_key": "k", "base_url": url, "use_responses_api": True, **settings}
    )


@OPTIONS
def test_the_answer_is_waited_for_by_its_stream(call: Call, option: dict[str, Any]) -> None:
    """The stream of an answer in the background ends when the answer is there."""
    events = [
        {"type": "response.queued", "response": body("queued")},
        {"type": "response.in_progress", "response": body("in_progress")},
        {"type": "response.output_item.done", "output_index": 0, "item": MESSAGE},
        {"type": "response.completed", "response": body("completed", output=[MESSAGE])},
    ]
    with Recorder().listening() as server:
        server.enqueue(sse_response(events))
        answers = [
            call.invoke(model(server.url), "Hi", **option),
            join_answer(call.stream(model(server.url), "Hi", **option)),
        ]
        assert [sent["background"] for sent in server.bodies] == [True, True]
        assert [sent["stream"] for sent in server.bodies] == [True, True]
    for answer in answers:
        assert answer.text == "Hello"
        assert answer.response_metadata["finish_reason"] == "stop"


@OPTIONS
def test_a_server_that_does_not_stream_is_asked_again(call: Call, option: dict[str, Any]) -> None:
    """By the id of the answer, until it is there."""
    with Recorder().listening() as server:
        server.enqueue(QUEUED, WORKING, WORKING, DONE)
        answer = call.invoke(model(server.url), "Hi", **option)
        asked = [(request.method, request.path) for request in server.requests]
        assert server.requests[1].headers["authorization"] == "Bearer k"
    assert answer.text == "Hello"
    assert asked == [("POST", "/responses"), *[("GET", "/responses/resp_1")] * 3]


def test_what_a_server_never_finishes_says_so(call: Call) -> None:
    """It is asked a few times; its status is the reason, and never "stop"."""
    with Recorder().listening() as server:
        server.enqueue(QUEUED)
        answer = call.invoke(model(server.url), "Hi", background=True)
        assert len(server.requests) == 6
    assert answer.response_metadata["finish_reason"] == "queued"
    assert answer.id == "resp_1"


def test_azure_is_asked_with_its_version(call: Call) -> None:
    """The query of the URL stays at its end."""
    with Recorder().listening() as server:
        server.enqueue(QUEUED, DONE)
        azure = AzureChatOpenAI(
            "d", api_key="k", azure_endpoint=server.url, api_version="v", use_responses_api=True
        )
        assert call.invoke(azure, "Hi", background=True).text == "Hello"
        assert server.last.path == "/openai/responses/resp_1?api-version=v"


def test_an_answer_that_fails_later_is_an_error(call: Call) -> None:
    """With the service's own words; what was cancelled is not begun again."""
    with Recorder().listening() as server:
        error = {"code": "server_error", "message": "Oh."}
        server.enqueue(QUEUED, Response(body("failed", error=error)))
        with pytest.raises(ServerError, match="Oh"):
            call.invoke(model(server.url, max_retries=0), "Hi", background=True)
        server.enqueue(QUEUED, Response(body("cancelled")))
        with pytest.raises(InvalidRequestError, match="cancelled"):
            call.invoke(model(server.url), "Hi", background=True)
        assert len(server.requests) == 2


def test_an_unfinished_answer_that_is_not_in_the_background_says_so(call: Call) -> None:
    """It does not look like a whole one, and is not asked for again."""
    with Recorder().listening() as server:
        server.enqueue(WORKING)
        answer = call.invoke(model(server.url), "Hi")
        assert len(server.requests) == 1
    assert answer.response_metadata["finish_reason"] == "in_progress"
