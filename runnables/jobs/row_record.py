"""What a checkpoint stores of one row, beside its input and output: attempts, tokens, times."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from runnables.jobs.checkpoint import timestamp
from runnables.models.usage import Usage

if TYPE_CHECKING:
    from runnables.jobs.rows import JobRow
    from runnables.jobs.value_format import Written


class RowRecord:
    """What a checkpoint stores of one row."""

    def __init__(self, row: JobRow) -> None:
        self._row = row
        self.usage = Usage()
        self.cost: float | None = None
        self._began = time.monotonic()
        self._started_at = timestamp()
        self._failed_at: float | None = None

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
            "started_at": self._started_at,
            "seconds": time.monotonic() - self._began,
        }


def _text_of(error: Exception) -> str:
    """Return the message of an error and its notes, which say where it happened."""
    from runnables.redaction import hide_in_text

    try:
        text = "\n".join([str(error), *getattr(error, "__notes__", ())])
    except Exception:  # by a method of its class
        text = f"a {type(error).__name__} without a message"
    return hide_in_text(text).encode(errors="backslashreplace").decode()
