"""A bucket of permits that fills at a steady rate."""

from __future__ import annotations

from typing import Final

_ROUNDING: Final = 1e-9
"""The part of a bucket that sums of small numbers may be off by."""


class TokenBucket:
    """A bucket that fills at a rate up to its size; an amount taken beyond its level is owed.

    Args:
        rate: how much comes in a second.
        size: how much it holds; it is full at first.
        now: the time, in seconds.
    """

    def __init__(self, rate: float, size: float, now: float) -> None:
        self._rate = rate
        self._size = size
        self._level = size
        self._updated = now

    def seconds_until(self, amount: float, now: float) -> float:
        """Return the seconds until it holds this amount; until it is full, where that is less."""
        self._level = min(self._size, self._level + (now - self._updated) * self._rate)
        self._updated = now
        missing = min(amount, self._size) - self._level
        return missing / self._rate if missing > _ROUNDING * self._size else 0.0

    def take(self, amount: float) -> None:
        """Take this amount out; put it in where it is negative."""
        self._level = min(self._size, self._level - amount)
