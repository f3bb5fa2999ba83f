"""What the runtime complains of, as errors of this library."""

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

_TOO_LARGE: Final = re.compile(r"\((\d+) tokens\) is too large to process.*batch size: (\d+)", re.S)
"""What the runtime says of a text to embed that has more tokens than fit into a step."""


def refusal(piece: Any) -> ModelError | None:
    """The error that a piece of an answer is, if it is one."""
    if not isinstance(piece, Mapping) or "error" not in piece:
        return None
    error = cast("Mapping[str, Any]", piece)["error"]
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
    if (numbers := _TOO_LARGE.search(message)) or "Context size has been exceeded" in message:
        if numbers:
            message = f"The text has {numbers[1]} tokens, and the model was loaded for {numbers[2]}"
        message = f"{message}. Shorten it, or give the model a larger context_size."
        return ContextLengthError(message, provider=_PROVIDER, status=status)
    kind = InvalidRequestError if status is not None and 400 <= status < 500 else ServerError
    if status == 501:  # "not supported": asking again would not help
        kind = InvalidRequestError
    return kind(message, provider=_PROVIDER, status=status)


def as_model_error(error: BaseException) -> BaseException:
    """What the runtime raised, as an error of this library; other errors as they are.

    The runtime raises while it reads a request; what happens later it says in an answer.
    """
    if isinstance(error, RunnablesError) or not isinstance(error, (ValueError, RuntimeError)):
        return error
    translated = InvalidRequestError(f"llama.cpp refused: {error}", provider=_PROVIDER, status=400)
    translated.__cause__ = error
    return translated
