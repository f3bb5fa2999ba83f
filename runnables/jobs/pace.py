"""How fast calls start: a number of calls, or of tokens, a second, that refusals teach."""

from __future__ import annotations

import math
from typing import Final

SLACK: Final = 0.02
"""Seconds that a start may come late and be made up for: event loops count in milliseconds."""

LOWER: Final = 0.95
"""What a pace is multiplied by at a refusal, and the part of the measured rate that it begins
with."""

FAR_OFF: Final = 0.85
"""A measured rate below this part of the pace says that the service takes much less."""

REST: Final = 2.0
"""Seconds after a cut in which a pace does not grow."""

GROWTH: Final = 0.005
"""The part by which it then grows in a second; it doubles every `DOUBLING` seconds."""

DOUBLING: Final = 10.0

MOST_GROWTH: Final = 0.03
"""The most by which it grows in a second."""

SEARCHING: Final = 0.15
"""By how much it grows in a second where the limit is not known."""

FULL_SPEED: Final = 40.0
"""Calls a second below which the clock of the growth runs slower, in proportion. So a limit of one
call a second is tried as seldom, by the number of calls, as one of a hundred."""

OF_STATED: Final = 0.97
"""The part of a limit that the service states which is used."""


class Pace:
    """The pace at which calls start: the lower one of what was learned and what is stated.

    A call pays before it starts: a large one, in tokens, waits until so much has come together.

    Attributes:
        learned: how much a second, as refusals have taught; None before the first.
        stated: how much a second, as the service states; None where it does not.
    """

    def __init__(self) -> None:
        self.learned: float | None = None
        self.stated: float | None = None
        self._paid_until = -math.inf
        self._age = 0.0
        self._changed = 0.0
        self._is_felt = False

    @property
    def rate(self) -> float | None:
        """Return how much a second; None: as much as comes."""
        stated = None if self.stated is None else self.stated * OF_STATED
        if self.learned is None or stated is None:
            return self.learned if stated is None else stated
        return min(self.learned, stated)

    def seconds_until(self, amount: float, now: float) -> float:
        """Return the seconds until a call of this amount may start."""
        rate = self.rate
        wait = 0.0 if rate is None else self._paid_until + amount / rate - now
        if wait <= 1e-9:
            return 0.0
        self._is_felt = True
        return wait

    def take(self, amount: float, now: float, calls: float, *, searching: bool = False) -> None:
        """Count a call that starts. Where it had to wait for the pace, that grows.

        Args:
            amount: the amount of this call.
            now: the time, in seconds.
            calls: how many calls a second the pace comes to.
            searching: whether the limit is not known, so that the pace grows fast.
        """
        rate = self.rate
        if rate is None:
            return
        self._paid_until = max(self._paid_until + amount / rate, now - SLACK)
        if self.learned is not None and self._is_felt:
            seconds = (now - self._changed) * min(1.0, calls / FULL_SPEED)
            self._age += seconds
            growth = SEARCHING if searching else self._growth()
            self.learned *= math.exp(growth * seconds)
        self._changed = now
        self._is_felt = False

    def _growth(self) -> float:
        if self._age <= REST:
            return 0.0
        doublings = min((self._age - REST) / DOUBLING, 10)
        return min(MOST_GROWTH, GROWTH * 2**doublings)

    def correct(self, amount: float) -> None:
        """Charge what a call took beyond what was expected; give it back where it took less."""
        if self.rate is not None:
            self._paid_until += amount / self.rate

    def cut(self, measured: float | None, now: float) -> None:
        """Lower the pace after a refusal.

        Args:
            measured: how much a second the service has taken lately; None: as much as the pace.
            now: the time, in seconds.
        """
        rate = self.rate
        if rate is None:
            assert measured is not None, "nothing to begin with"
            self.learned = LOWER * measured
            self._paid_until = now
        elif measured is not None and measured < FAR_OFF * rate:
            self.learned = max(rate / 2, LOWER * measured)
        else:
            self.learned = LOWER * rate
        self._age = 0.0
        self._changed = now
