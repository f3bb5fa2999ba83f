"""Limits for the calls of a job: how many are in flight, and when the next one starts.

A `CallLimit` learns what happens, and says when the next call may start. It has no clock, no
lock and no thread: the time is an argument of every method, so ten thousand calls can be
simulated in a second. `Gate` runs it for threads and tasks.

    next_start ──> started ──┬──> succeeded
         ^                   ├──> failed       the service's own errors, and what was cancelled
         └── after a delay ──┴──> refused      429
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from runnables.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping


def check_count(setting: str, count: object) -> int:
    """Return a count that is valid.

    Args:
        setting: the setting as it is written, with `{}` for the value.
        count: the value.

    Raises:
        ConfigError: it is no whole number of at least 1.
    """
    if type(count) is not int or count < 1:
        raise ConfigError(f"{setting.format(repr(count))}: expected a whole number of at least 1")
    return count


# not frozen, but compared by identity: equal calls are different ones
@dataclass(slots=True, eq=False)
class LimitedCall:
    """A call that a limit has let start.

    Attributes:
        number: how many had started before it.
        begun: when it started, in seconds of the caller's clock.
        tokens: how many tokens it was expected to take; 0 where that was not known.
        in_flight: how many calls were in flight, with this one.
        round: how often the limit had been cut before it started.
        responses: how many responses it has had; a call of a chain may send several requests.
    """

    number: int
    begun: float
    tokens: float
    in_flight: int
    round: int = 0
    responses: int = 0


class CallLimit(ABC):
    """A limit for calls in flight, which says when the next one may start.

    One thread at a time may use it; `Gate` sees to that.

    Attributes:
        in_flight: how many calls are in flight.
    """

    def __init__(self) -> None:
        self.in_flight: int = 0
        self._started = 0

    @property
    @abstractmethod
    def limit(self) -> float:
        """Return how many calls may be in flight at present."""

    @property
    def pace(self) -> float | None:
        """Return how many calls may start in a second at present; None: as many as fit."""
        return None

    @abstractmethod
    def next_start(self, now: float, tokens: float = 0) -> float | None:
        """Return when a call may start.

        Args:
            now: the time, in seconds.
            tokens: how many tokens it will take, about; 0: as many as others have taken.

        Returns:
            0 where it may start now; the seconds after which to check again; or None where it has
            to wait for the end of another call.
        """

    def started(self, now: float, tokens: float = 0) -> LimitedCall:
        """Count a call that starts; return what to report its end with."""
        self.in_flight += 1
        self._started += 1
        return LimitedCall(self._started - 1, now, tokens, self.in_flight)

    def succeeded(
        self,
        call: LimitedCall,
        now: float,
        latency: float | None = None,
        tokens: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Count the end of a call that was answered.

        Args:
            call: the call.
            now: the time, in seconds.
            latency: how many seconds it took; since its start by default.
            tokens: how many tokens it took; as many as expected by default.
            headers: those of the response.
        """
        self.in_flight -= 1

    @abstractmethod
    def refused(
        self,
        call: LimitedCall,
        now: float,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        by_tokens: bool = False,
    ) -> float:
        """Count the end of a call that the service refused for now (429).

        Args:
            call: the call.
            now: the time, in seconds.
            retry_after: the seconds after which the service wants it again, where it says so.
            headers: those of the response.
            by_tokens: whether the service says that it is short of tokens.

        Returns:
            The seconds that this row waits before it asks to start again.
        """

    def failed(self, call: LimitedCall, now: float) -> None:
        """Count the end of a call that failed otherwise: it says nothing about the limit."""
        self.in_flight -= 1

    def state(self, headers: Mapping[str, str] | None, now: float, call: LimitedCall) -> bool:
        """Take what the headers of a response say about limits, before its call has ended.

        Returns:
            Whether they say that too few tokens are left for a call like this.
        """
        call.responses += 1
        return False


FIRST_DELAY: Final = 0.25
"""Seconds that a refused call waits where the service names none."""

LONGEST_DELAY: Final = 8.0
"""The most seconds to wait without being asked to: each round without a success doubles them."""

LONGEST_REQUESTED: Final = 300.0
"""The longest delay of a service that is followed; a longer one is asked again after so long."""


class CoolDown:
    """The wait after refusals: of one row after the first, of all rows from the second within it.

    A service may refuse a call at random. Then the others need not wait. Where it refuses two
    before the first was to come again, it is busy, and each further call would only be refused.

    Attributes:
        until: no row starts before this time.
    """

    def __init__(self) -> None:
        self.until = -math.inf
        self._waiting: list[float] = []
        self._silent = 0

    def succeeded(self) -> None:
        """Forget how long the delays have become: a call was answered."""
        self._silent = 0

    def delay(self, retry_after: float | None) -> float:
        """Return the seconds to wait: what the service asks for, else a growing delay."""
        if retry_after is not None and retry_after >= 0:
            return min(retry_after, LONGEST_REQUESTED)
        return min(FIRST_DELAY * 2.0**self._silent, LONGEST_DELAY)

    def refused(self, now: float, delay: float, enough: int = 2) -> None:
        """Count a refusal; from so many within their delays on, all rows wait.

        Args:
            now: the time, in seconds.
            delay: the seconds that the refused row waits.
            enough: how many refusals within their delays make all rows wait.
        """
        self._waiting = [until for until in self._waiting if until > now]
        self._waiting.append(now + delay)
        if len(self._waiting) >= enough:
            if self.until <= now:  # once for all that come back at the same time
                self._silent = min(self._silent + 1, 16)
            self.until = max(self.until, now + delay)


class FixedLimit(CallLimit):
    """A limit for calls in flight that stays as it is, with a cool-down that all rows share.

    Args:
        limit: how many calls may be in flight, at least 1.

    Raises:
        ConfigError: it is no whole number of at least 1.

    Example:
        >>> limit = FixedLimit(2)
        >>> first, second = limit.started(0.0), limit.started(0.0)
        >>> limit.next_start(0.0) is None
        True
        >>> limit.refused(first, 0.1, retry_after=3)  # this row waits, others do not
        3
        >>> limit.next_start(0.1)
        0.0
        >>> delay = limit.refused(second, 0.1, retry_after=3)  # the second: all rows wait
        >>> limit.next_start(1.1)
        2.0
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = check_count("FixedLimit({})", limit)
        self._cool_down = CoolDown()

    @property
    def limit(self) -> float:
        """Return how many calls may be in flight."""
        return self._limit

    def next_start(self, now: float, tokens: float = 0) -> float | None:
        """Return when a call may start: once one of the limit is free, and the cool-down over."""
        if self.in_flight >= self._limit:
            return None
        return max(0.0, self._cool_down.until - now)

    def succeeded(
        self,
        call: LimitedCall,
        now: float,
        latency: float | None = None,
        tokens: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Count the end of a call that was answered."""
        super().succeeded(call, now, latency, tokens, headers)
        self._cool_down.succeeded()

    def refused(
        self,
        call: LimitedCall,
        now: float,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        by_tokens: bool = False,
    ) -> float:
        """Count a refused call; return the seconds that its row waits."""
        self.in_flight -= 1
        delay = self._cool_down.delay(retry_after)
        self._cool_down.refused(now, delay)
        return delay
