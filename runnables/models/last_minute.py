"""What goes within any 60 seconds: never more than a limit, and evenly once half of it is taken.

A bucket that fills steadily cannot promise that: within a minute it lets through what it holds and
what comes in, up to twice the limit. So each amount is remembered for a minute.

    █
    █
    █▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄▄█████████████████████
    half of it at once,   all of it, evenly,
    half over the minute  from then on

- **Never more.** An amount goes when it and those of the last minute are within the limit.
- **No long pause.** All of the limit at once would leave nothing for the rest of the minute. So
  beyond a half of it, the pace is such that what is left lasts until more comes free: until each
  of the amounts in turn is a minute old. The lowest of these paces holds.
- **Nothing is lost.** A steady flow of small amounts gets all of the limit, but for 1 %.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

_MINUTE: Final = 60.001
"""Seconds; a bit more, so that calls at both ends of a minute do not count as within it."""

_STEP: Final = 0.5
"""Seconds within which amounts are remembered together, as of the last of them."""

_LATE: Final = 0.02
"""Seconds that a call may come too late without a loss of pace."""

_ROUNDING: Final = 1e-9
"""The part of a limit that sums of small numbers may be off by."""


class _Taken:
    """What was taken within a step.

    Attributes:
        since: when the first of it was taken.
        until: when the last of it was taken.
        amount: how much it is.
    """

    __slots__ = ("amount", "since", "until")

    def __init__(self, now: float, amount: float) -> None:
        self.since = self.until = now
        self.amount = amount


class LastMinute:
    """What was taken in the last 60 seconds, of a limit for any 60 seconds.

    It has no clock and no lock: the time, in seconds, is an argument, and never goes back.

    Args:
        limit: how much may be taken in any 60 seconds.
        at_once: how much of it may go without any pace; half of it by default.
    """

    def __init__(self, limit: float, at_once: float = 0) -> None:
        self._limit = limit
        self._at_once = max(at_once, limit / 2)
        self._most = limit * (1 + _ROUNDING)
        self._taken: deque[_Taken] = deque()
        self._total = 0.0
        self._last = 0.0  # the last amount ...
        self._paced_from = -math.inf  # ... and when the wait after it began
        self._known_pace: float | None = None

    def seconds_until(self, amount: float, now: float) -> float:
        """Return the seconds until this amount may be taken; until all may, where that is less."""
        self._forget(now)
        total = self._total + min(amount, self._limit)
        if total <= self._at_once and total <= self._most:
            return 0.0
        pause = self._paced_from + self._last / self._pace() - now
        return max(pause, self._seconds_until_less(total - self._most, now), 0.0)

    def _forget(self, now: float) -> None:
        """Forget what was taken more than a minute ago."""
        while self._taken and self._taken[0].until + _MINUTE <= now:
            self._total -= self._taken.popleft().amount
            self._known_pace = None
        if not self._taken:
            self._total = 0.0  # without what sums of small numbers are off by

    def _seconds_until_less(self, excess: float, now: float) -> float:
        """Return the seconds until so much less was taken."""
        end = now
        for taken in self._taken:
            if excess <= 0:
                break
            excess -= taken.amount
            end = taken.until + _MINUTE
        return end - now

    def _pace(self) -> float:
        """Return how much may go in a second after the last call, so that what is left lasts."""
        if self._known_pace is None:
            pace, left = self._limit / _MINUTE, max(self._limit - self._total, 0.0) + self._last
            age = _MINUTE - self._paced_from
            for taken in self._taken:
                pace = min(pace, left / (taken.until + age))
                left += taken.amount
            self._known_pace = max(pace, self._limit * _ROUNDING)
        return self._known_pace

    def take(self, amount: float, now: float) -> None:
        """Take this amount."""
        due = self._paced_from + self._last * _MINUTE / self._limit
        self._paced_from = min(max(due, now - _LATE), now)
        self._last = min(amount, self._limit)
        self._add(amount, now)

    def correct(self, amount: float, now: float, seconds: float) -> None:
        """Take this much more for a call that has gone; give it back where it is negative.

        More counts as of now. Less goes off the oldest, whichever call it is from: it would be
        forgotten first, so this never lets more through. A call that is forgotten gives nothing
        back.

        Args:
            amount: how much.
            now: the time.
            seconds: how long ago the call has gone.
        """
        if amount > 0:
            self._add(amount, now)
        elif seconds < _MINUTE - _STEP:
            self._forget(now)
            self._give_back(-amount)

    def _add(self, amount: float, now: float) -> None:
        self._total += amount
        self._known_pace = None
        if self._taken and now < self._taken[-1].since + _STEP:
            self._taken[-1].amount += amount
            self._taken[-1].until = now
        else:
            self._taken.append(_Taken(now, amount))

    def _give_back(self, amount: float) -> None:
        self._known_pace = None
        for taken in self._taken:
            part = min(amount, taken.amount)
            taken.amount -= part
            self._total -= part
            amount -= part
            if amount <= 0:
                return
