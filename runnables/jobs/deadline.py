"""The time that a row of a job has."""

from __future__ import annotations

import math
import time
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from runnables.core.rows import Call, as_call
from runnables.engine.timeouts import Expired, arun_with_timeout, run_with_timeout
from runnables.errors import StepTimeout

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from runnables.core.rows import Step

R = TypeVar("R")


class RowDeadline:
    """The time that a row has for all its attempts, and for the waits between them.

    It begins with the first attempt. As `with_timeout` does, it cancels tasks, and leaves threads
    alone after asking them to stop.

    Args:
        seconds: how long it may take; None: as long as it takes.
    """

    def __init__(self, seconds: float | None) -> None:
        self._seconds = math.inf if seconds is None else seconds
        self._until: float | None = None
        self.error: StepTimeout | None = None

    @property
    def left(self) -> float:
        """Return how many seconds are left."""
        return self._seconds if self._until is None else self._until - time.monotonic()

    def limited(self, step: Step) -> Call:
        """Return the call of an attempt, which ends with the time."""
        call = as_call(step)
        if self._seconds == math.inf:
            return call
        return Call(partial(self._run, call.run), partial(self._arun, call.arun))

    def _begin(self) -> float:
        """Return how many seconds an attempt has."""
        if self._until is None:
            self._until = time.monotonic() + self._seconds
        if self.left <= 0:  # it has waited so long for its turn
            raise self._expired()
        return self.left

    def _run(self, function: Callable[[], R]) -> R:
        seconds = self._begin()
        try:
            return run_with_timeout(function, seconds)
        except Expired:
            raise self._expired() from None

    async def _arun(self, function: Callable[[], Awaitable[R]]) -> R:
        seconds = self._begin()
        try:
            return await arun_with_timeout(function, seconds)
        except Expired:
            raise self._expired() from None

    def _expired(self) -> StepTimeout:
        self.error = StepTimeout("The row", self._seconds)
        return self.error

    def reason(self, first: Exception) -> Exception:
        """Return why a row is given up: its time is over, else its first error.

        Args:
            first: its first error, which is the cause where its time is over.
        """
        if self.error is None or self.error is first:
            return first
        self.error.__cause__ = first
        return self.error
