"""What a client may read of an error, and with which HTTP status."""

from __future__ import annotations

import logging
from typing import Final

from runnables.agents.approvals import UntrustedApprovals
from runnables.errors import (
    ApprovalError,
    BudgetExceeded,
    ContextLengthError,
    InvalidRequestError,
    ModelConnectionError,
    ModelError,
    ModelTimeoutError,
    RateLimitError,
    RecursionLimitError,
    ServerError,
    StepLimitError,
    StepTimeout,
)
from runnables.messages.normalize import ConversationError
from runnables.redaction import hide_in_text
from runnables.serving.parts import Failure

logger: Final = logging.getLogger("runnables.serving")

CANCELLED: Final = Failure("The chain has been cancelled.")
LATE: Final = Failure("The answer took too long.", 504, "timeout")
SHUTTING_DOWN: Final = Failure("The server is shutting down.", 503, "shutting_down")
STOPPED: Final = Failure("The answer was stopped.", 409, "stopped")
REPLACED: Final = Failure("A newer message of this chat has stopped the answer.", 409, "stopped")
"""Why a run ends that its chain has not ended. The code "stopped": its client wanted that."""

_UNTRUSTED: Final = (
    "Approvals in an input do not count here: nothing shows that this server has asked for them. "
    "REST takes them from a server without pages, such as with protocols=['rest']."
)

_KINDS: Final[tuple[tuple[type[Exception], int, str, str], ...]] = (
    (RateLimitError, 429, "rate_limit_exceeded", "The service is busy. Try again later."),
    (BudgetExceeded, 429, "budget_exceeded", "The budget of this service is used up."),
    (ContextLengthError, 400, "context_length_exceeded", "The conversation is too long."),
    (ConversationError, 400, "invalid_conversation", "The model cannot read the conversation."),
    (InvalidRequestError, 400, "invalid_request", "The model cannot serve this request."),
    (StepTimeout, 504, "timeout", "The answer took too long."),
    (ModelTimeoutError, 504, "timeout", "The model took too long."),
    (ModelConnectionError, 502, "upstream_error", "The model cannot be reached."),
    (ServerError, 502, "upstream_error", "The model's service has failed."),
    (ModelError, 502, "upstream_error", "The model's service has refused the request."),
    (StepLimitError, 500, "step_limit", "The agent has reached its limit of steps."),
    (UntrustedApprovals, 422, "approval_refused", _UNTRUSTED),
    (ApprovalError, 422, "approval_refused", "The approvals do not fit the open calls."),
    (RecursionLimitError, 500, "step_limit", "The chain has reached its limit of steps."),
    (TimeoutError, 504, "timeout", "The answer took too long."),
)
"""For each kind of error: the status, a code, and a sentence that tells nothing of the inside."""


def failure_of(error: Exception, run_id: str, *, shows_errors: bool) -> Failure:
    """Return what a client reads of an error of a chain; log the error itself.

    Args:
        error: what the chain has raised.
        run_id: the id of the run, which is in the log and in the message.
        shows_errors: whether the message has the error's own text, without the secrets in it.
    """
    status, code, message = 500, "internal_error", "The chain has failed."
    for kind, its_status, its_code, its_message in _KINDS:
        if isinstance(error, kind):
            status, code, message = its_status, its_code, its_message
            break
    if status == 500:
        logger.error("run %s failed", run_id, exc_info=error)
    else:
        logger.warning("run %s failed: %s: %s", run_id, type(error).__name__, _text(error))
    if shows_errors:
        message = f"{type(error).__name__}: {_text(error)}"
    seconds = getattr(error, "retry_after", None)
    headers = {"Retry-After": str(max(1, round(seconds)))} if seconds and status == 429 else {}
    return Failure(f"{message} (run {run_id})", status, code, headers, run_id)


def _text(error: Exception) -> str:
    return hide_in_text(str(error))


class RequestError(Exception):
    """An error whose text a client reads, before any byte of an answer was sent.

    Attributes:
        failure: what the client reads.
    """

    def __init__(
        self, message: str, status: int = 400, code: str = "invalid_request", **headers: str
    ) -> None:
        super().__init__(message)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.failure = Failure(message, status, code, named)
