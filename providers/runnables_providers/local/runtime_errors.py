"""Errors of the runtime, as errors of this library."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

from runnables.errors import (
    ContextLengthError,
    InvalidRequestError,
    ModelError,
    RunnablesError,
    ServerError,
)

_PROVIDER: Final = "local"

_TOO_LARGE: Final = re.compile(r"\((\d+) tokens\) is too large to process")
"""The runtime's message for a string to embed that has more tokens than fit into a step."""


def error_in(event: Any) -> ModelError | None:
    """Return the error in an event of the runtime; None where there is none."""
    if not isinstance(event, Mapping) or "error" not in event:
        return None
    error = cast("Mapping[str, Any]", event)["error"]
    if not isinstance(error, Mapping):
        return ServerError(str(error), provider=_PROVIDER)
    return _error(cast("Mapping[str, Any]", error))


def _error(error: Mapping[str, Any]) -> ModelError:
    message = str(error.get("message", error))
    status = error.get("code")
    status = status if isinstance(status, int) else None
    if error.get("type") == "exceed_context_size_error":
        message = (
            f"The conversation has {error.get('n_prompt_tokens')} tokens, and the model was loaded "
            f"for {error.get('n_ctx')}. Shorten it, or give the model a larger context_size."
        )
        return ContextLengthError(message, provider=_PROVIDER, status=status)
    if "Context size has been exceeded" in message:
        message = f"{message}. Shorten it, or give the model a larger context_size."
        return ContextLengthError(message, provider=_PROVIDER, status=status)
    kind = InvalidRequestError if status is not None and 400 <= status < 500 else ServerError
    if status == 501:  # "not supported": a retry would not help
        kind = InvalidRequestError
    return kind(message, provider=_PROVIDER, status=status)


def too_many_tokens(answer: Any) -> int | None:
    """Return how many tokens a string has that is too long to embed; None for other answers."""
    if not isinstance(answer, Mapping):
        return None
    error = cast("Mapping[str, Any]", answer).get("error")
    if not isinstance(error, Mapping):
        return None
    found = cast("Mapping[str, Any]", error)
    if found.get("type") == "exceed_context_size_error":
        return int(found["n_prompt_tokens"])
    numbers = _TOO_LARGE.search(str(found.get("message")))
    return int(numbers[1]) if numbers else None


def as_model_error(error: BaseException) -> BaseException:
    """Return what the runtime raised as an error of this library; other errors unchanged.

    The runtime raises while it reads a request; later errors are events of the answer.
    """
    if isinstance(error, RunnablesError) or not isinstance(error, (ValueError, RuntimeError)):
        return error
    translated = InvalidRequestError(f"llama.cpp refused: {error}", provider=_PROVIDER, status=400)
    translated.__cause__ = error
    return translated
