"""The portable errors of HTTP errors."""

from __future__ import annotations

import pytest

from runnables.errors import (
    AuthenticationError,
    ContextLengthError,
    InvalidRequestError,
    ModelError,
    ModelTimeoutError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)
from runnables.models import model_error, retry_after

NOON = 1792324800.0  # Sun, 18 Oct 2026 12:00:00 GMT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"Retry-After": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "2"}, 2.0),
        ({"retry-after": "Sun, 18 Oct 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sun, 18 Oct 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": ""}, None),
    ],
)
def test_the_delay_of_a_service_is_read(headers: dict[str, str], seconds: float | None) -> None:
    """It is in milliseconds, seconds, or a date; one that cannot be read is None."""
    assert retry_after(headers, now=NOON) == seconds


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (302, "Found", InvalidRequestError),
        (400, "no such thing", InvalidRequestError),
        (400, "This model's maximum context length is 8192 tokens.", ContextLengthError),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", ContextLengthError),
        (401, "who?", AuthenticationError),
        (403, "no", PermissionDeniedError),
        (404, "no such model", InvalidRequestError),
        (404, "maximum context length", InvalidRequestError),
        (405, "no", InvalidRequestError),
        (408, "slow", ModelTimeoutError),
        (409, "conflict", InvalidRequestError),
        (413, "too large", ContextLengthError),
        (422, "no", InvalidRequestError),
        (429, "slow down", RateLimitError),
        (500, "oh", ServerError),
        (503, "overloaded", ServerError),
        (504, "slow", ModelTimeoutError),
        (529, "overloaded", ServerError),
    ],
)
def test_a_status_has_its_portable_error(status: int, message: str, kind: type[ModelError]) -> None:
    """It is of exactly this class, with the service's own message and ids."""
    error = model_error(status, message, provider="p", request_id="r", retry_after=3)
    assert type(error) is kind
    assert (str(error), error.status, error.provider, error.request_id) == (
        message,
        status,
        "p",
        "r",
    )
    if isinstance(error, RateLimitError):
        assert error.retry_after == 3
