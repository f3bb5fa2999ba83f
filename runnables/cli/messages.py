"""What the command says of errors and ends: with the options that the user can type."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from runnables.jobs.run import JobRun

_OPTION: Final = re.compile(
    r"\b(checkpoint|key|retry_failed|accept_change|max_errors|budget|retry_for|max_concurrency|via)"
    r"=(?:'([^']*)'|([^\s,;:()]*[^\s,;:().]))"
)


def with_options(message: str) -> str:
    """Return the message of an error with options of the command for keywords of Python.

    Example:
        >>> with_options("Say accept_change=True, or checkpoint='run.sqlite'.")
        'Say --accept-change, or --checkpoint run.sqlite.'
    """
    return _OPTION.sub(_option, message)


def _option(found: re.Match[str]) -> str:
    name, text, value = found.groups()
    option = f"--{name.replace('_', '-')}"
    if value == "True":
        return option
    if value == "False":
        return f"--no-{option[2:]}"
    return f"{option} {value if text is None else text}"


def end_of(job: JobRun, max_errors: str | None, checkpoint: str | None, output: str | None) -> str:
    """Return how a job has ended early, and how to go on.

    Args:
        job: the job.
        max_errors: what was given as such.
        checkpoint: the file that has what is done, if there is one.
        output: the file that can be gone on with, if there is one.
    """
    reasons = {
        "max_errors": f"more rows failed than --max-errors {max_errors} allows; the last one with",
        "budget": "the budget is spent",
        "fatal": "every row would get this error",
        "cancelled": "it was interrupted",
    }
    cause, progress = job.fatal, job.counter.progress
    of = "" if progress.total is None else f" of {progress.total:,}"
    is_said = cause is None or job.ended == "budget"
    last = "" if is_said else f": {type(cause).__name__}: {str(cause).rstrip('.')}"
    return (
        f"Stopped after {progress.finished:,}{of} rows: {reasons[job.ended]}{last}. "
        f"{_way_on(checkpoint, output)}"
    )


def _way_on(checkpoint: str | None, output: str | None) -> str:
    if checkpoint is not None:
        return f"What is done is in {checkpoint!r}; the same command goes on from there."
    if output is not None:
        return f"What is done is in {output!r}; the same command with --resume goes on from there."
    return "With --checkpoint run.sqlite, the same command would go on from there."
