"""The attempts of a row: its turns at the gate, and when there is another one."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from runnables.compose.policies.attempts import Attempts, RetryPolicy
from runnables.compose.policies.backoff import Backoff, requested_delay
from runnables.core.rows import Call, Routine, Step
from runnables.errors import RateLimitError, is_retryable
from runnables.jobs.adaptive import AdaptiveLimit
from runnables.jobs.deadline import RowDeadline
from runnables.jobs.gate import Gate
from runnables.jobs.limits import FixedLimit

if TYPE_CHECKING:
    from runnables.jobs.gate import Turn
    from runnables.jobs.options import JobOptions
    from runnables.jobs.row_record import RowRecord

MOST_ADAPTIVE: Final = 256
"""The most rows at once with max_concurrency="auto"."""

_BACKOFF: Final = Backoff(initial=0.5, max=60.0)
"""The delay between attempts: longer than that of a call for which a user waits."""


def gate_for(limit: int | Literal["auto"] | None, slots: int) -> Gate:
    """Return where the rows wait: after refusals together, and with "auto" at a learned pace."""
    return Gate(AdaptiveLimit() if limit == "auto" else FixedLimit(slots))


def attempt(request: Call | Step, attempts: Attempts, turn: Turn | None) -> Routine:
    """Make one attempt of a row, in its turn."""
    if turn is None:
        with attempts:
            return (yield request)
    yield Call(turn.__enter__, turn.__aenter__)
    try:
        with attempts:
            output = yield request
    except GeneratorExit:
        raise
    except BaseException as error:
        yield _leave(turn, error)
        raise
    yield _leave(turn, None)
    return output


def _leave(turn: Turn, error: BaseException | None) -> Call:
    failure = (None, None, None) if error is None else (type(error), error, error.__traceback__)
    return Call(partial(turn.__exit__, *failure), partial(turn.__aexit__, *failure))


class RowAttempts(Attempts):
    """The attempts of one row, as many as its time allows.

    Args:
        options: those of the job.

    Attributes:
        deadline: the time that the row has in all.
    """

    number: int

    def __init__(self, options: JobOptions) -> None:
        self._retry_for = options.retry_for
        many = 1_000_000 if self._retry_for else 1
        super().__init__(RetryPolicy(many, is_retryable, _BACKOFF, self._retry_for))
        self.deadline = RowDeadline(options.row_timeout)

    def seconds_to_wait(
        self, error: Exception, record: RowRecord, turn: Turn | None
    ) -> float | None:
        """Return how long to wait before the next attempt; None where the row is given up."""
        seconds = self.wait(error)
        if seconds is None:
            return None
        if turn is not None and isinstance(error, RateLimitError):
            seconds = turn.delay  # rows that were refused wait together ...
            self.number -= 1  # ... and have used no attempt
        left = record.first_failure() + self._retry_for - time.monotonic()
        needed = min(seconds, requested_delay(error) or seconds)
        return seconds if needed <= min(left, self.deadline.left) else None

    def reason(self) -> Exception:
        """Return why the row is given up."""
        return self.deadline.reason(self.error_to_raise())
