"""Errors of other clients of services: which may pass, and when the service may be asked again."""

from __future__ import annotations

from typing import Any

import anthropic
import httpx
import openai
import pytest

from runnables import (
    ModelError,
    RunnableLambda,
    ServerError,
    StepTimeout,
    is_retryable,
)
from runnables.compose.policies.backoff import requested_delay
from tests.both_modes import Call

REQUEST = httpx.Request("POST", "https://models.test")


def _of_openai(status: int, code: str | None = None, **headers: str) -> Exception:
    response = httpx.Response(status, request=REQUEST, headers=headers)
    return openai.APIStatusError("no", response=response, body={"code": code})


def _of_anthropic(status: int) -> Exception:
    response = httpx.Response(status, request=REQUEST)
    return anthropic.APIStatusError("no", response=response, body=None)


class _OfBoto(Exception):
    """An error as botocore's `ClientError` is: its response is a dict."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.response = {"ResponseMetadata": {"HTTPStatusCode": status}}


class _OfGoogle(Exception):
    """An error as those of `google.genai` are: the status is its code."""

    __module__ = "google.genai.errors"

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class _WithCode(Exception):
    """An error of a user's own program, whose code is no HTTP status."""

    code = 503


PASSING = [
    *map(_of_openai, (408, 409, 425, 429, 500, 503, 529)),
    *map(_of_anthropic, (429, 529)),
    *map(_OfBoto, (429, 503)),
    *map(_OfGoogle, (429, 503)),
    openai.APIConnectionError(request=REQUEST),
    openai.APITimeoutError(request=REQUEST),
    httpx.ConnectError("no route"),
    httpx.ReadTimeout("late"),
    httpx.RemoteProtocolError("cut"),
    ConnectionResetError(),
    TimeoutError(),
]

LASTING = [
    *map(_of_openai, (400, 401, 403, 404, 422)),
    _of_openai(429, "insufficient_quota"),
    _of_anthropic(400),
    _OfBoto(400),
    _OfGoogle(400),
    _WithCode(),
    httpx.UnsupportedProtocol("ftp"),
    KeyError("own"),
    OSError("disk"),
    StepTimeout("step", 1.0),
    ModelError("?"),
    KeyboardInterrupt(),
    SystemExit(503),
]


def _shown(error: Any) -> str:
    details = (getattr(error, name, "") for name in ("status_code", "code"))
    package = type(error).__module__.partition(".")[0]
    return " ".join(map(str, (package, type(error).__name__, error, *details)))


@pytest.mark.parametrize("error", PASSING, ids=_shown)
def test_an_error_that_may_pass_is_retryable(error: BaseException) -> None:
    assert is_retryable(error)


@pytest.mark.parametrize("error", LASTING, ids=_shown)
def test_any_other_is_not(error: BaseException) -> None:
    assert not is_retryable(error)


def test_a_step_is_retried_after_those_only(call: Call) -> None:
    """`is_retryable` serves as the condition of a retry over any client."""

    def attempts(error: Exception) -> int:
        seen: list[str] = []

        def ask(text: str) -> str:
            seen.append(text)
            if len(seen) == 1:
                raise error
            return text

        step = RunnableLambda(ask).with_retry(
            retry_if_exception_type=is_retryable, wait_exponential_jitter=False
        )
        try:
            call.invoke(step, "Hello")
        except openai.APIStatusError as raised:
            assert raised is error
        return len(seen)

    assert attempts(_of_openai(503)) == 2
    assert attempts(_of_openai(401)) == 1


def test_the_delay_that_a_service_asks_for_is_in_its_headers() -> None:
    assert requested_delay(_of_openai(429, **{"Retry-After": "20"})) == 20
    assert requested_delay(_of_openai(429, **{"retry-after-ms": "1500"})) == 1.5
    assert requested_delay(_of_openai(429)) == 0
    assert requested_delay(_OfBoto(429)) == 0
    assert requested_delay(ServerError("down", retry_after=3)) == 3
