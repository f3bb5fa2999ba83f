"""A parser of the error bodies that services send."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast


@dataclass(frozen=True)
class ServiceError:
    """Error that a service reported.

    Attributes:
        message: the message of the service.
        codes: the codes of the service for the error ("rate_limit_exceeded", "UNAVAILABLE", "503").
        details: the whole body.
    """

    message: str
    codes: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])


def parse_error_body(body: Any) -> ServiceError:
    """Parse the body of an error response, or an error event of a stream.

    Services send `{"error": {"message", "type", "code", "status"}}` (OpenAI, Anthropic, Google),
    the same in a list (Google), `{"error": "message"}` (Ollama), or any other object or string.
    """
    if isinstance(body, list) and body:
        return parse_error_body(cast("Sequence[Any]", body)[0])
    if not isinstance(body, Mapping):
        return ServiceError(f"{body}")
    body = cast("Mapping[str, Any]", body)
    error: Any = body.get("error") or body
    if isinstance(error, bool):
        error = body  # the words are beside it
    if not isinstance(error, Mapping):
        return ServiceError(str(error), details=body)
    fields = cast("Mapping[str, Any]", error)
    message = str(fields.get("message") or fields.get("detail") or json.dumps(fields))
    codes = tuple(str(fields[key]) for key in _CODE_KEYS if fields.get(key))
    match fields.get("metadata"):
        case {"raw": str(raw)} if raw not in message:  # OpenRouter: the words of the one behind it
            message = f"{message}: {raw}"
        case _:
            pass
    return ServiceError(message, codes, body)


_CODE_KEYS: Final = ("status", "status_code", "type", "code")


def error_in(value: Any) -> ServiceError | None:
    """Return the error in the body of a successful response, or in an event; None without one.

    Besides those of `parse_error_body`, these forms are in use: an object whose `type` or `object`
    is "error" (vLLM, OpenAI's Responses), and any of them in a list (Google).
    """
    if isinstance(value, list) and value:
        return error_in(cast("Sequence[Any]", value)[0])
    if not isinstance(value, Mapping):
        return None
    body = cast("Mapping[str, Any]", value)
    is_error = body.get("error") or "error" in (body.get("type"), body.get("object"))
    return parse_error_body(body) if is_error else None


def unnamed_error(body: Mapping[str, Any]) -> ServiceError | None:
    """Return the error in a body that has neither an answer nor an `error`; None without words.

    Forms in use: `{"message", "code"}` (gateways, DashScope), `{"detail"}` (FastAPI), `{"errors"}`
    (Cloudflare), and MiniMax's `{"base_resp": {"status_code", "status_msg"}}`.
    """
    match body:
        case {"base_resp": {"status_code": int(code), "status_msg": words}} if code:
            return ServiceError(str(words), (_MINIMAX.get(code, str(code)),), body)
        case {"errors": [first, *_]}:
            return parse_error_body(first)
        case {"message": str(words)} | {"detail": str(words)} if words:
            return parse_error_body(body)
        case _:
            return None


_MINIMAX: Final[Mapping[int, str]] = {
    1002: "429",
    1004: "401",
    1008: "402",
    1026: "400",
    1027: "400",
    1039: "400",
    2013: "400",
    2049: "401",
}
"""The status that means the same as a code of MiniMax, where it is not 500."""

_STATUS_OF_CODE: Final[Mapping[str, int]] = {
    # codes of errors in the middle of a stream, which have no status
    "invalid_request_error": 400,
    "INVALID_ARGUMENT": 400,
    "BadRequestError": 400,
    "content_filter": 400,
    "content_policy_violation": 400,
    "invalid_prompt": 400,
    "tool_use_failed": 400,
    "context_length_exceeded": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "UNAUTHENTICATED": 401,
    "billing_error": 402,
    "permission_error": 403,
    "PERMISSION_DENIED": 403,
    "not_found_error": 404,
    "NotFoundError": 404,
    "model_not_found": 404,
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


_BAD_INPUT: Final = (
    "invalid",
    "unsupported_",
    "image_",
    "empty_image",
    "failed_to_download_image",
)
"""How codes for an input begin with which another try is the same (Responses, DashScope)."""


def status_of(codes: Iterable[str]) -> int:
    """Return the HTTP status that corresponds to error codes; 500 for unknown codes."""
    for code in codes:
        if code.isdecimal() and 400 <= int(code) < 600:
            return int(code)
        if code in _STATUS_OF_CODE:
            return _STATUS_OF_CODE[code]
        if code.lower().startswith(_BAD_INPUT):
            return 400
    return 500
