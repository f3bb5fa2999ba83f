"""What a service's refusal means, in portable errors."""

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
    """Seconds until the service wants to be asked again; None where it does not say.

    Args:
        headers: those of the answer. `retry-after-ms` has milliseconds, `retry-after` seconds or
            an HTTP date; the finer one counts.
        now: the time to compare a date with, as `time.time()`, which it is by default.
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


_KINDS: Final[Mapping[int, type[ModelError]]] = {
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
"""What services write about an input that does not fit, in lower case; they give it a 400."""


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
    """The portable error for the HTTP status of an answer that is not a success; for providers.

    Args:
        status: 401, 429, 503 and the like; of a redirection, too.
        message: the service's own words, in which what tells that an input is too long is
            looked for; without the key.
        provider: whose answer it is ("openai", ...).
        request_id: the service's own name for the request.
        retry_after: seconds until it is worth trying again, where the service says so.
        codes: the service's names for the fault, in which it is looked for, too.
        daily: of a limit, whether it is one that waiting for minutes does not mend.
    """
    facts: _ErrorDetails = {
        "provider": provider,
        "status": status,
        "request_id": request_id,
        "retry_after": retry_after,
    }
    if status == 429:
        return RateLimitError(message, daily=daily, **facts)
    return _kind(status, " ".join([message, *codes]).lower())(message, **facts)


class _ErrorDetails(TypedDict):
    provider: str
    status: int
    request_id: str | None
    retry_after: float | None


def _kind(status: int, message: str) -> type[ModelError]:
    if status in _KINDS:
        return _KINDS[status]
    if status >= 500:
        return ServerError
    if status in (400, 422) and any(it in message for it in _TOO_LONG):
        return ContextLengthError
    return InvalidRequestError  # a redirection, too: it says that the address is wrong
