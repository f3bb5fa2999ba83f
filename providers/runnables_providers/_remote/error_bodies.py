"""What services say where something is wrong, in the forms that they use."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast


@dataclass(frozen=True)
class ServiceError:
    """What a service says is wrong.

    Attributes:
        message: in its words.
        codes: its names for this kind of fault ("rate_limit_exceeded", "UNAVAILABLE", "503").
        details: all of what it said.
    """

    message: str
    codes: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])


def parse_error_body(body: Any) -> ServiceError:
    """What the body of an unsuccessful reply, or an event of a stream, says.

    The forms are `{"error": {"message", "type", "code", "status"}}` (OpenAI, Anthropic, Google),
    the same in a list (Google), `{"error": text}` (Ollama), and an object or text of its own.
    """
    if isinstance(body, list) and body:
        return parse_error_body(cast("Sequence[Any]", body)[0])
    if not isinstance(body, Mapping):
        return ServiceError(f"{body}")
    said = cast("Mapping[str, Any]", body)
    error: Any = said.get("error", said)
    if not isinstance(error, Mapping):
        return ServiceError(str(error), details=said)
    told = cast("Mapping[str, Any]", error)
    message = told.get("message") or told.get("detail") or json.dumps(told)
    codes = tuple(str(told[key]) for key in ("status", "type", "code") if told.get(key))
    return ServiceError(str(message), codes, said)


_STATUS: Final[Mapping[str, int]] = {
    # what services call a fault in mid-stream, where there is no status any more
    "invalid_request_error": 400,
    "INVALID_ARGUMENT": 400,
    "context_length_exceeded": 400,
    "authentication_error": 401,
    "UNAUTHENTICATED": 401,
    "billing_error": 402,
    "permission_error": 403,
    "PERMISSION_DENIED": 403,
    "not_found_error": 404,
    "NOT_FOUND": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "RESOURCE_EXHAUSTED": 429,
    "api_error": 500,
    "server_error": 500,
    "INTERNAL": 500,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
    "timeout_error": 504,
    "overloaded_error": 529,
}


def status_of(codes: Iterable[str]) -> int:
    """The HTTP status that a service would have answered this fault with; 500 for the unknown."""
    for code in codes:
        if code.isdecimal() and 400 <= int(code) < 600:
            return int(code)
        if code in _STATUS:
            return _STATUS[code]
    return 500
