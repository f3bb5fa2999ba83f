"""Why a job has ended, and the error that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from runnables.errors import BatchStopped

if TYPE_CHECKING:
    from runnables.jobs.options import JobOptions
    from runnables.jobs.progress import Progress

Ended: TypeAlias = Literal["done", "max_errors", "budget", "fatal", "cancelled"]
"""Why a job has ended: all rows were tried; too many failed; a budget is spent; an error that
every row would get, such as a wrong key; it was cancelled."""


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
