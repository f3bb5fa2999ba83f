"""Limits of a worker process that measure how long its rows take, by which chunks are sized."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from runnables.jobs.adaptive import AdaptiveLimit
from runnables.jobs.limits import CallLimit, FixedLimit

if TYPE_CHECKING:
    from runnables.jobs.limits import LimitedCall

_WEIGHT: Final = 0.05
"""How much the latest row counts in the mean."""


class _Timed(CallLimit):
    """A limit that measures.

    Attributes:
        latency: how many seconds a row takes, in the mean of the latest; 0 before the first.
    """

    latency = 0.0

    def succeeded(self, call: LimitedCall, now: float, *args: Any, **kwargs: Any) -> None:
        """Count the end of a row that has an output."""
        super().succeeded(call, now, *args, **kwargs)
        seconds = now - call.begun
        self.latency += (seconds - self.latency) * (_WEIGHT if self.latency else 1.0)


class _TimedFixed(_Timed, FixedLimit):
    """A limit that changes with the number of processes only."""

    def resize(self, share: int) -> None:
        """Set the limit."""
        self._limit = share


class _TimedAdaptive(_Timed, AdaptiveLimit):
    """A limit that adapts to the service."""

    def resize(self, share: int) -> None:
        """Set the most that the limit may become."""
        self._most = share
        self._limit = min(self._limit, share)


def timed_limit(share: int, *, is_adaptive: bool) -> _TimedFixed | _TimedAdaptive:
    """Return the limit of one process.

    Args:
        share: its part of the limit.
        is_adaptive: whether that is only the most, and it learns what the service takes.
    """
    if is_adaptive:
        return _TimedAdaptive(first=min(8, share), most=share)
    return _TimedFixed(share)
