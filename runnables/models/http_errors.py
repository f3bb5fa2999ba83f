"""Portable errors for the HTTP errors of services."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from typing import Final, TypedDict

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


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return the seconds after which a service wants the next request; None where it names none.

    Args:
        headers: those of the response. `retry-after-ms` has milliseconds, `retry-after` seconds or
            an HTTP date (RFC 9110, 10.2.3); the finer one counts.
        now: the time to compare a date with; `time.time()` by default.

    Example:
        >>> from runnables.models import retry_after
        >>> retry_after({"Retry-After": "20"})
        20.0
    """
    headers = {name.lower(): value for name, value in headers.items()}
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return max(0.0, milliseconds / 1000)
    text = headers.get("retry-after")
    if text is None:
        return None
    if (seconds := _number(text)) is not None:
        return max(0.0, seconds)
    from email.utils import parsedate_to_datetime  # loads more than all else here

    try:
        until = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, until - (time.time() if now is None else now))


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


_BY_STATUS: Final[Mapping[int, type[ModelError]]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    408: ModelTimeoutError,
    413: ContextLengthError,
    504: ModelTimeoutError,
}

_TOO_LONG: Final = (
    "context_length_exceeded",  # OpenAI's code
    "exceed_context_size",  # llama.cpp's
    "maximum context length",  # OpenAI, vLLM
    "context window",
    "context size",  # llama.cpp
    "prompt is too long",  # Anthropic
    "exceed context limit",  # Anthropic, where the limit of the answer is too much
    "input token count",  # Gemini
    "too many tokens",
)
"""What services write about an input that is too long, in lower case, with status 400."""


def model_error(
    status: int,
    message: str,
    *,
    provider: str,
    request_id: str | None = None,
    retry_after: float | None = None,
    codes: Iterable[str] = (),
    daily: bool = False,
) -> ModelError:
    """Return the portable error for the HTTP status of a failed request; for providers.

    Args:
        status: 401, 429, 503 and the like; also that of a redirection.
        message: the service's own words, without the key. They tell whether the input is too long.
        provider: the name of the provider ("openai", ...).
        request_id: the service's own id of the request.
        retry_after: the seconds after which the service wants the next request, if it names any.
        codes: the service's codes for the error, which are read like the message.
        daily: whether a rate limit is one that waiting for minutes does not lift.

    Example:
        >>> from runnables.models import model_error
        >>> model_error(429, "Slow down", provider="openai", retry_after=20).retry_after
        20
        >>> type(model_error(400, "The prompt is too long", provider="anthropic")).__name__
        'ContextLengthError'
    """
    details: _ErrorDetails = {
        "provider": provider,
        "status": status,
        "request_id": request_id,
        "retry_after": retry_after,
    }
    if status == 429:
        return RateLimitError(message, daily=daily, **details)
    return _error_type(status, " ".join([message, *codes]).lower())(message, **details)


class _ErrorDetails(TypedDict):
    provider: str
    status: int
    request_id: str | None
    retry_after: float | None


def _error_type(status: int, message: str) -> type[ModelError]:
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= 500:
        return ServerError
    if status in (400, 422) and any(words in message for words in _TOO_LONG):
        return ContextLengthError
    return InvalidRequestError  # also for a redirection: the URL is wrong
