"""Answers that the service makes in the background are waited for."""

from __future__ import annotations

from typing import Any

import pytest

from runnables.errors import InvalidRequestError, ModelTimeoutError, ServerError
from runnables.testing import Response
from runnables_providers.openai import AzureChatOpenAI, ChatOpenAI, Timeouts, background
from tests.both_modes import Call
from tests.sdk.recorder import Recorder

TEXT = {"type": "output_text", "text": "Hello", "annotations": []}
MESSAGE = {"type": "message", "id": "msg", "role": "assistant", "content": [TEXT]}


def status(status: str, **more: Any) -> Response:
    return Response({"id": "resp_1", "status": status, "output": [], **more})


DONE = status("completed", output=[MESSAGE])


@pytest.fixture(autouse=True)
def ask_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "_FIRST_DELAY", 0.0)


def model(url: str, **settings: Any) -> ChatOpenAI:
    return ChatOpenAI(
        "m", **{"api_key": "k", "base_url": url, "use_responses_api": True, **settings}
    )


@pytest.mark.parametrize("option", [{"background": True}, {"extra_body": {"background": True}}])
def test_the_answer_is_waited_for(call: Call, option: dict[str, Any]) -> None:
    """The service is asked for it by its id until it is there."""
    with Recorder().listening() as server:
        server.enqueue(status("queued"), status("in_progress"), status("in_progress"), DONE)
        answer = call.invoke(model(server.url), "Hi", **option)
        asked = [(request.method, request.path) for request in server.requests]
        assert server.requests[0].body["background"] is True
        assert server.requests[1].headers["authorization"] == "Bearer k"
    assert answer.text == "Hello"
    assert answer.response_metadata["finish_reason"] == "stop"
    assert asked == [("POST", "/responses"), *[("GET", "/responses/resp_1")] * 3]


def test_azure_is_asked_with_its_version(call: Call) -> None:
    """The query of the URL stays at its end."""
    with Recorder().listening() as server:
        server.enqueue(status("queued"), DONE)
        azure = AzureChatOpenAI(
            "d", api_key="k", azure_endpoint=server.url, api_version="v", use_responses_api=True
        )
        assert call.invoke(azure, "Hi", background=True).text == "Hello"
        assert server.last.path == "/openai/responses/resp_1?api-version=v"


def test_an_answer_that_fails_later_is_an_error(call: Call) -> None:
    """With the service's own words; what was cancelled is not begun again."""
    with Recorder().listening() as server:
        error = {"code": "server_error", "message": "Oh."}
        server.enqueue(status("queued"), status("failed", error=error))
        with pytest.raises(ServerError, match="Oh"):
            call.invoke(model(server.url, max_retries=0), "Hi", background=True)
        server.enqueue(status("queued"), status("cancelled"))
        with pytest.raises(InvalidRequestError, match="cancelled"):
            call.invoke(model(server.url), "Hi", background=True)
        assert len(server.requests) == 2


def test_a_question_that_fails_is_repeated(call: Call) -> None:
    """The work is not begun once more for it."""
    busy = Response({"error": {"message": "busy"}}, 503)
    with Recorder().listening() as server:
        server.enqueue(status("queued"), busy, busy, DONE)
        assert call.invoke(model(server.url), "Hi", background=True).text == "Hello"
        assert [request.method for request in server.requests] == ["POST", "GET", "GET", "GET"]


def test_the_wait_has_the_models_limit(call: Call) -> None:
    """`Timeouts.total` is for the whole answer."""
    with Recorder().listening() as server:
        server.enqueue(status("queued"))
        made = model(server.url, max_retries=0, timeout=Timeouts(total=0.2))
        with pytest.raises(ModelTimeoutError, match=r"Timeouts\.total"):
            call.invoke(made, "Hi", background=True)


def test_an_unfinished_answer_that_nobody_put_in_the_background_says_so(call: Call) -> None:
    """It does not look like a whole one."""
    with Recorder().listening() as server:
        server.enqueue(status("in_progress"))
        answer = call.invoke(model(server.url), "Hi")
        assert len(server.requests) == 1
    assert answer.response_metadata["finish_reason"] == "in_progress"
