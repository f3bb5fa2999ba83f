"""Portable errors for the HTTP errors of services."""

from __future__ import annotations

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
