"""Errors that chat completions report inside of a successful response."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from runnables_providers._remote.error_bodies import (
    ServiceError,
    error_in,
    parse_error_body,
    unnamed_error,
)
from runnables_providers._remote.json_values import object_of

_FAILED: Final[Mapping[Any, str]] = {
    "error": "500",  # OpenRouter, Mistral: the provider behind it broke off
    "abort": "500",  # vLLM, SGLang: the server gave the request up
    "insufficient_system_resource": "503",  # DeepSeek
    "network_error": "500",  # Z.ai
    "function_call_filter: MALFORMED_FUNCTION_CALL": "500",  # Gemini
}
"""Reasons for the end of an answer that is not whole, with the status that says the same."""

_FILTERED: Final = "content_filter"
_VERDICTS: Final = (_FILTERED, "sensitive")
"""How the reasons of filters begin: Gemini's name more after it; the other is Z.ai's."""
WITHHELD: Final = "The content filter withheld the answer"


def completion_error(body: Any) -> ServiceError | None:
    """Return the error in an answer or in an event of a stream; None if there is none."""
    fields = object_of(body)
    choices: Any = fields.get("choices")
    if not choices or fields.get("error"):
        return error_in(body) or _error_of_groq(fields) or unnamed_error(fields)
    if "x_groq" in fields and (error := _error_of_groq(fields)):
        return error
    choice: Mapping[str, Any] = choices[0]
    reason = choice.get("finish_reason")
    if choice.get("error"):
        return parse_error_body(choice)
    if reason is None:
        return None
    if reason in _FAILED:
        return ServiceError(_words_of(choice), (_FAILED[reason],), body)
    if _is_verdict(reason) and not (choice.get("message") or "delta" in choice):
        return ServiceError(_verdict(choice), (_FILTERED, "400"), body)
    return None


def withheld_answer(choice: Mapping[str, Any]) -> str | None:
    """Return the verdict of a filter that withheld a whole answer; None where none did."""
    return _verdict(choice) if _is_verdict(choice.get("finish_reason")) else None


def _is_verdict(reason: Any) -> bool:
    return isinstance(reason, str) and reason.startswith(_VERDICTS)


def _error_of_groq(body: Mapping[str, Any]) -> ServiceError | None:
    return error_in(object_of(body.get("x_groq")))


def _words_of(choice: Mapping[str, Any]) -> str:
    """Describe an answer that broke off in the words of the service."""
    message: Mapping[str, Any] = choice.get("message") or choice.get("delta") or {}
    if message.get("error"):
        return parse_error_body(message).message
    native = choice.get("native_finish_reason")
    more = f" ({native})" if native and native != choice["finish_reason"] else ""
    return f"the answer ended with finish_reason {choice['finish_reason']!r}{more}"


def _verdict(choice: Mapping[str, Any]) -> str:
    """Describe what a content filter found, from Azure's `content_filter_results`."""
    results: Any = choice.get("content_filter_results") or choice.get("content_filter_result")
    kinds = {kind: object_of(result) for kind, result in object_of(results).items()}
    found = [
        f"{kind} ({result['severity']})" if result.get("severity") else kind
        for kind, result in kinds.items()
        if result.get("filtered") or result.get("detected")
    ]
    if found:
        return f"{WITHHELD}: {', '.join(found)}"
    return f"{WITHHELD}: {json.dumps(results)}" if results else WITHHELD
