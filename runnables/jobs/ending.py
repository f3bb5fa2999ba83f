"""Why a job has ended, and the error that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from runnables.errors import AuthenticationError, BatchStopped, InvalidRequestError

if TYPE_CHECKING:
    from runnables.jobs.options import JobOptions
    from runnables.jobs.progress import Progress

Ended: TypeAlias = Literal["done", "max_errors", "budget", "fatal", "cancelled", "error"]
"""Why a job has ended: all rows were tried; too many failed; a budget is spent; an error that
every row would get, such as a wrong key; it was cancelled; an error, which was raised as it is."""


_PAYMENT_REQUIRED: Final = 402

_NO_MONEY: Final = "credit balance is too low"
"""What Anthropic writes with status 400, which is otherwise an error of one request."""


def is_fatal(error: Exception) -> bool:
    """Tell whether every row would get this error: a wrong key, no money, a used-up quota."""
    if isinstance(error, InvalidRequestError):
        return error.status == _PAYMENT_REQUIRED or _NO_MONEY in str(error)
    return isinstance(error, AuthenticationError) or getattr(error, "daily", False) is True


_SHARE_FROM: Final = 100
"""From how many finished rows on a share of errors counts."""


def is_too_many(most: float | None, now: Progress) -> bool:
    """Tell whether more rows have failed than may.

    Args:
        most: how many may: a count, or a share of the finished rows; None: any number.
        now: how far the job has come.
    """
    if most is None:
        return False
    if isinstance(most, int):
        return now.failed > most
    return now.finished >= _SHARE_FROM and now.failed > most * now.finished


def stopped(
    ended: Ended, progress: Progress, cause: Exception | None, options: JobOptions
) -> BatchStopped:
    """Return the error of a job that ended early, with how to go on.

    Args:
        ended: why.
        progress: how far it came.
        cause: the error that ended it, where one did.
        options: those of the job.
    """
    reasons = {
        "max_errors": f"max_errors={options.max_errors}",
        "budget": "the budget is spent",
        "fatal": "every row would get this error",
        "cancelled": "it was cancelled",
        "error": "an error was raised",
    }
    last = "" if cause is None else f": {type(cause).__name__}: {cause}"
    where = options.checkpoint
    way_out = (
        "With checkpoint='run.sqlite', the same call would go on from there."
        if where is None
        else f"What is done is in {str(where)!r}; the same call goes on from there."
    )
    message = f"The batch stopped after {progress}: {reasons[ended]}{last.rstrip('.')}. {way_out}"
    error = BatchStopped(message, ended, progress)
    error.__cause__ = cause
    return error
