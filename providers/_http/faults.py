"""Failures as portable errors."""

from __future__ import annotations

from collections.abc import Mapping

from runnables.errors import (
    AuthenticationError,
    InvalidRequestError,
    ModelError,
    ModelTimeoutError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
)


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds to wait."""
    if text := headers.get("retry-after-ms"):
        return float(text) / 1000
    text = headers.get("retry-after")
    return float(text) if text else None


def model_error(
    status: int,
    message: str,
    *,
    provider: str,
    request_id: str | None = None,
    retry_after: float | None = None,
) -> ModelError:
    """The portable error for a status."""
    if status == 429:
        return RateLimitError(
            message,
            provider=provider,
            status=status,
            request_id=request_id,
            retry_after=retry_after,
        )
    kinds: dict[int, type[ModelError]] = {
        401: AuthenticationError,
        403: PermissionDeniedError,
        408: ModelTimeoutError,
        504: ModelTimeoutError,
    }
    kind = kinds.get(status) or (InvalidRequestError if 400 <= status < 500 else ServerError)
    return kind(message, provider=provider, status=status, request_id=request_id)
