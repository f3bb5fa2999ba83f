"""What a checkpoint stores of one row, beside its input and output: attempts, tokens, times."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from runnables.engine.cancellation import lock
from runnables.jobs.checkpoint import timestamp
from runnables.jobs.json_text import writable
from runnables.models.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runnables.jobs.progress import Counter
    from runnables.jobs.rows import JobRow
    from runnables.jobs.value_format import Written


class RowRecord:
    """What a checkpoint stores of one row.

    Attributes:
        usage: what models have used for it.
        cost: what that costs, where it is known.
        started_at: when it started.
    """

    def __init__(self, row: JobRow) -> None:
        self._row = row
        self.usage = Usage()
        self.cost: float | None = None
        self._began = time.monotonic()
        self.started_at = timestamp()
        self._seconds: float | None = None
        self._failed_at: float | None = None

    def count(self, counter: Counter, shared: SharedUsage | None) -> None:
        """Count what models have used for the row.

        Args:
            counter: the numbers of the job.
            shared: the usage of all rows, where they go through one call.
        """
        if shared is None:
            self.cost = counter.add_usage(self.usage)
        else:
            counter.add_usage(shared.take())

    @classmethod
    def of_report(
        cls, row: JobRow, usage: Iterable[Any], started_at: str, seconds: float
    ) -> RowRecord:
        """Return the record of a row that ran elsewhere.

        Args:
            row: the row.
            usage: the model and the usage of each answer.
            started_at: when it started.
            seconds: how long it took.
        """
        record = cls(row)
        record.usage.add(usage)
        record.started_at = started_at
        record._seconds = seconds
        return record

    @property
    def seconds(self) -> float:
        """Return how long it has taken so far."""
        return time.monotonic() - self._began if self._seconds is None else self._seconds

    def first_failure(self) -> float:
        """Return when its first attempt failed, of `time.monotonic()`: now, the first time."""
        if self._failed_at is None:
            self._failed_at = time.monotonic()
        return self._failed_at

    def done(self, written: Written, attempts: int) -> dict[str, Any]:
        """Return the record of a row that has an output."""
        return self._all("done", attempts, output=written.text, output_format=written.format)

    def failed(self, error: Exception, attempts: int) -> dict[str, Any]:
        """Return the record of a row that was given up."""
        kind = type(error).__qualname__
        return self._all("failed", attempts, error_type=kind, error=_text_of(error))

    def _all(
        self,
        status: str,
        attempts: int,
        *,
        output: str | None = None,
        output_format: str | None = None,
        error_type: str | None = None,
        error: str | None = None,
    ) -> dict[str, Any]:
        row, total, models = self._row, self.usage.total, self.usage.by_model
        return {
            "key": row.key,
            "occurrence": row.occurrence,
            "position": row.position,
            "status": status,
            "input": row.text,
            "output": output,
            "output_format": output_format,
            "error_type": error_type,
            "error": error,
            "attempts": attempts,
            "input_tokens": total["input_tokens"],
            "output_tokens": total["output_tokens"],
            "cost": self.cost,
            "models": ", ".join(models) or None,
            "started_at": self.started_at,
            "seconds": self.seconds,
        }


def _text_of(error: Exception) -> str:
    """Return the message of an error and its notes, which say where it happened."""
    from runnables.redaction import hide_in_text

    try:
        text = "\n".join([str(error), *getattr(error, "__notes__", ())])
    except Exception:  # by a method of its class
        text = f"a {type(error).__name__} without a message"
    return writable(hide_in_text(text))


class SharedUsage(Usage):
    """The usage of rows that go through one call: which row has used what is not known."""

    def take(self) -> Usage:
        """Return what was used since it was last taken."""
        taken = Usage()
        with lock:  # an answer that comes meanwhile is appended, and stays
            count = len(self._answers)
            taken.add(self._answers[:count])
            del self._answers[:count]
        return taken
