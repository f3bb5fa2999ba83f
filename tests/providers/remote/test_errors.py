"""The errors of a served chain: typed, named, repeated where that may help, without secrets."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.responses import JSONResponse, PlainTextResponse, Response

from runnables import (
    AuthenticationError,
    ConfigError,
    InvalidRequestError,
    ModelConnectionError,
    ModelError,
    ModelTimeoutError,
    RateLimitError,
    RunnableLambda,
    ServerError,
)
from runnables.jobs.fingerprint import fingerprint
from runnables_providers.openai import Timeouts
from runnables_providers.remote import RemoteRunnable
from tests.both_modes import Call
from tests.providers.remote.servers import answering
from tests.serving.chains import SECRET, chains
from tests.serving.servers import serving

WAYS: dict[str, Any] = {
    "invoke": lambda call, there, value: call.invoke(there, value),
    "stream": lambda call, there, value: call.stream(there, value),
    "batch": lambda call, there, value: call.batch(there, [value, value]),
}
ways = pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)


def answer(status: int, body: Any, **headers: str) -> Response:
    return JSONResponse(body, status, {name.replace("_", "-"): v for name, v in headers.items()})


def events(*frames: str) -> Response:
    return Response("".join(f"{frame}\n\n" for frame in frames), media_type="text/event-stream")


def test_an_input_that_does_not_fit_names_the_field(call: Call) -> None:
    """The status is 422, and the error is that of an input, in every way to run."""
    with serving(chains()) as served:
        there = RemoteRunnable(f"{served.url}/prompt")
        for way in WAYS.values():
            with pytest.raises(InvalidRequestError, match="what: Field required") as caught:
                way(call, there, {"wath": 1})
            assert caught.value.status == 422


def test_langserve_names_the_field_in_its_own_way(call: Call) -> None:
    """The place is in the error, and the input is not."""
    detail = [{"loc": ["body", "input", "what"], "msg": "Field required", "input": "my secret"}]
    with answering([answer(422, {"detail": detail})]) as server:
        with pytest.raises(InvalidRequestError, match="input.what: Field required") as caught:
            call.invoke(RemoteRunnable(server.url), {})
        assert "my secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthenticationError),
        (404, InvalidRequestError),
        (413, InvalidRequestError),
        (429, RateLimitError),
        (500, ServerError),
        (503, ServerError),
        (504, ModelTimeoutError),
        (307, InvalidRequestError),
    ],
)
def test_each_status_has_its_error(status: int, kind: type[ModelError], call: Call) -> None:
    """It has the status, the words of the server, and the id of the run, in every way to run."""
    body = {"detail": "No luck. (run 7)", "code": "x", "run_id": "7"}
    with answering([answer(status, body)]) as server:
        for way in WAYS.values():
            with pytest.raises(kind, match="No luck") as caught:
                way(call, RemoteRunnable(server.url, max_retries=None), "x")
            assert (caught.value.status, caught.value.request_id) == (status, "7")
            assert type(caught.value) is kind


@ways
@pytest.mark.usefixtures("at_once")
def test_a_busy_server_is_asked_again_after_its_delay(way: Any, call: Call) -> None:
    """429 and 503 pass; the delay is the server's."""
    good = {"output": ["a", "a"] if way is WAYS["batch"] else "a", "metadata": {}}
    whole = answer(200, good)
    if way is WAYS["stream"]:
        whole = events('event: data\ndata: "a"', "event: end\ndata: ")
    busy = answer(429, {"detail": "Busy."}, retry_after="0")
    down = answer(503, {"detail": "Down."}, retry_after="0")
    with answering([busy, down, whole]) as server:
        assert way(call, RemoteRunnable(server.url), "x") in ("a", ["a"], ["a", "a"])
        assert len(server.bodies) == 3


def test_a_chain_that_failed_is_not_run_again(call: Call) -> None:
    """500 is the chain's own error; to run it again is for `with_retry` to say."""
    with answering([answer(500, {"detail": "The chain has failed."})]) as server:
        there = RemoteRunnable(server.url)
        again = there.with_retry(stop_after_attempt=3, wait_exponential_jitter=False)
        for way in (WAYS["invoke"], WAYS["stream"]):
            for each, count in ((there, 1), (again, 3)):
                with pytest.raises(ServerError):
                    way(call, each, "x")
                assert len(server.bodies) == count
                server.bodies.clear()


def test_a_retry_after_that_is_too_long_is_not_waited_for(call: Call) -> None:
    """The error says how long it is."""
    with serving(chains()) as served:
        there = RemoteRunnable(f"{served.url}/refused", max_retry_delay=1)
        with pytest.raises(RateLimitError) as caught:
            call.invoke(there, "x")
        assert caught.value.retry_after == 7
        with pytest.raises(RateLimitError) as caught:
            call.stream(there, "x")
        assert caught.value.retry_after == 7


def test_a_fallback_answers_for_a_server_that_cannot_be_reached(call: Call) -> None:
    """The error is that of a connection."""
    there = RemoteRunnable("http://127.0.0.1:9", max_retries=None)
    with pytest.raises(ModelConnectionError):
        call.invoke(there, "x")
    assert call.invoke(there.with_fallbacks([RunnableLambda(len)]), "abc") == 3
    assert call.stream(there.with_fallbacks([RunnableLambda(len)]), "abc") == [3]


CUT: list[list[str]] = [
    ['event: data\ndata: "a"'],
    ['event: metadata\ndata: {"run_id": "1"}', 'event: data\ndata: "a"', ": keep-alive"],
    [],
]


def test_a_stream_that_was_cut_never_looks_whole(call: Call) -> None:
    """Without an `end` it is an error, whatever came before."""
    with answering([events(*frames) for frames in CUT]) as server:
        there = RemoteRunnable(server.url, max_retries=None)
        for _ in CUT:
            with pytest.raises(ModelConnectionError, match="ended before the answer did"):
                call.stream(there, "x")


def test_an_error_in_a_stream_is_raised_after_its_chunks(call: Call) -> None:
    """It has the status of its event, and the chunks that were emitted."""
    with serving(chains()) as served:
        there = RemoteRunnable(f"{served.url}/broken")
        with pytest.raises(ServerError, match="The chain has failed") as caught:
            call.stream(there, "x")
        assert caught.value.produced.text == "One"  # type: ignore[attr-defined]
        assert SECRET not in str(caught.value)


def test_what_is_no_answer_is_a_clear_error(call: Call) -> None:
    """A page in the place of a stream, or JSON without an output."""
    with answering([PlainTextResponse("<html>Welcome")]) as server:
        for way in WAYS.values():
            with pytest.raises(ServerError, match="cannot be read"):
                way(call, RemoteRunnable(server.url, max_retries=None), "x")
    merge = 'event: metadata\ndata: {"run_id": "1", "merge": "by magic"}'
    with answering([events(merge)]) as server, pytest.raises(ServerError, match="cannot be read"):
        call.stream(RemoteRunnable(server.url, max_retries=None), "x")


def test_a_silent_server_is_left(call: Call) -> None:
    """The time limit is that of every provider, and its error names it."""
    with serving(chains()) as served:
        there = RemoteRunnable(f"{served.url}/endless", timeout=Timeouts(between=0.1, first=0.1),
                               max_retries=None)  # fmt: skip
        with pytest.raises(ModelTimeoutError):
            call.stream(there, "x")
        with pytest.raises(ModelTimeoutError):
            call.invoke(there, "x")


KEY = "sk-remote-0123456789abcdef"


def test_keys_are_sent_and_never_shown(call: Call) -> None:
    """Neither in a repr, an error, a fingerprint, nor in what is compared of a job."""
    there = RemoteRunnable("http://h/c", api_key=KEY, headers={"X-Token": KEY[::-1]})
    other = RemoteRunnable("http://h/c", api_key="sk-other", headers={"X-Token": "other"})
    assert fingerprint(there, {}) == fingerprint(other, {})
    shown = [repr(there), str(fingerprint(there, {})), str(there.with_retry())]
    refusal = answer(401, {"detail": f"{KEY} and {KEY[::-1]} are unknown."})
    with answering([refusal]) as server:
        there = RemoteRunnable(server.url, api_key=KEY, headers={"X-Token": KEY[::-1]})
        with pytest.raises(AuthenticationError) as caught:
            call.invoke(there, "x")
        shown.append(str(caught.value))
        assert server.headers[0]["authorization"] == f"Bearer {KEY}"
        assert server.headers[0]["x-token"] == KEY[::-1]
    assert not [text for text in shown if KEY in text or KEY[::-1] in text]


def test_a_key_opens_a_server_that_asks_for_one(call: Call) -> None:
    """And without it the error is that of a key."""
    with serving(RunnableLambda(len), api_keys=[KEY]) as served:
        assert call.invoke(RemoteRunnable(served.url, api_key=KEY), "abc") == 3
        with pytest.raises(AuthenticationError):
            call.invoke(RemoteRunnable(served.url), "abc")


def test_a_batch_size_that_is_none_is_refused_at_once() -> None:
    """The error names the setting, and its value."""
    with pytest.raises(ConfigError, match="max_batch_size=0: expected 1 or more"):
        RemoteRunnable("http://h", max_batch_size=0)


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://h", "http://a:b@h", "http://h?x=1", ""])
def test_a_url_that_is_none_is_refused_at_once(url: str) -> None:
    """The error says how to write it."""
    with pytest.raises(ValueError, match="RemoteRunnable: url"):
        RemoteRunnable(url)
