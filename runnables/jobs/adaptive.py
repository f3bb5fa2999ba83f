"""`max_concurrency="auto"`: a limit that finds out how much a service takes.

It is a limit for the calls in flight, and a pace at which they start. The limit grows until
something tells that it is too high:

- **A refusal (429).** One alone is not enough: services refuse some calls at random. Several of
  the last 200 are, or one at a load that was too much before. Then all rows wait, and start again
  one by one. Where the refusals came at one number of calls in flight, and no call above it was
  accepted, the service limits that: the limit becomes one less. Else it limits calls, or tokens,
  a second, and they get a pace: a little less than what it has answered lately. Both go on growing
  slowly, as limits change.
- **Headers** that state limits for a minute: the pace stays below them from the first answer on.
- **Latency.** Where answers take 1.5 times as long as at best, the limit does not grow; where
  they take 3 times as long, it shrinks, but not below what it began with: some services just are
  slower by day.

Errors of the service and broken connections change nothing. `python -m benchmarks.auto_limit` tries
all this on simulated services; docs/jobs-limits.md has the constants, its table and what is open.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Final

from runnables.jobs.limits import CallLimit, CoolDown, LimitedCall, check_count
from runnables.jobs.pace import LOWER, Pace
from runnables.jobs.rate_headers import stated_limits
from runnables.jobs.reopening import Reopening
from runnables.jobs.signals import LatencyTrend, Refusals, SuccessRate

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST: Final = 8
"""How many calls may be in flight at first."""

MOST: Final = 1024
"""How many at most."""

IN_USE: Final = 0.8
"""The part of the limit that is in flight when a success makes it grow."""

FASTEST: Final = 4.0
"""How many times itself the limit grows in a second at most: with quick answers, a refusal would
come when it is far too high already."""

RECENT: Final = 200
"""Of how many ends of calls the refusals are counted."""

MANY: Final = 4
"""How many refusals among them say that the load is too high, whatever it is."""

NEAR: Final = 0.96
"""The part of a known limit from which on a single refusal says so."""

BEYOND: Final = 1.1
"""How many times a known pace is accepted when it is not the limit any more."""

ALIKE: Final = 1.25
"""How far apart two paces that refusals led to may be, as a ratio, to count as a known one."""

HELD: Final = 100
"""How many calls make a number of calls at once reliable: where fewer are refused after them, the
service has changed."""

SHRINK: Final = 0.9
"""What the limit is multiplied by where answers have become slow."""

PROBES: Final = 100
"""At a known number of calls at once, one more is tried after so many successes, or after ten
times that number, which is more."""


class AdaptiveLimit(CallLimit):
    """A limit for calls in flight, and a pace for their starts, that adapt to a service.

    Args:
        first: how many calls may be in flight at first.
        most: how many at most.

    Raises:
        ConfigError: `first` or `most` is no whole number of at least 1.

    Example:
        >>> limit = AdaptiveLimit(first=2)
        >>> calls = [limit.started(now=0.0), limit.started(now=0.0)]
        >>> limit.next_start(now=0.0) is None  # wait until one ends
        True
        >>> limit.succeeded(calls[0], now=1.0)
        >>> limit.limit, limit.next_start(now=1.0)
        (3.0, 0.0)
    """

    def __init__(self, *, first: int = FIRST, most: int = MOST) -> None:
        super().__init__()
        self._first = check_count("AdaptiveLimit(first={})", first)
        self._limit = float(self._first)
        self._most = check_count("AdaptiveLimit(most={})", most)
        self._live: dict[int, LimitedCall] = {}
        self._requests, self._tokens = Pace(), Pace()
        self._stated_at: dict[str, float] = {}
        self._requests_each = 1.0
        self._counted = 0
        self._cool_down, self._reopening = CoolDown(), Reopening()
        self._rate, self._latency, self._refusals = SuccessRate(), LatencyTrend(), Refusals()
        self._outcomes: deque[bool] = deque(maxlen=RECENT)
        self._cuts = 0
        self._known_at_once: int | None = None
        self._known_since = 0
        self._accepted_beyond = 0
        self._known_pace: float | None = None
        self._last_found: float | None = None
        self._last_start = self._last_growth = -math.inf
        self._allowance = 0.0

    @property
    def limit(self) -> float:
        """Return how many calls may be in flight at present."""
        return self._limit

    @property
    def pace(self) -> float | None:
        """Return how many calls may start in a second at present; None: as many as fit."""
        requests, tokens = self._requests.rate, self._tokens.rate
        rates = [] if requests is None else [requests / self._requests_each]
        if tokens is not None:
            rates.append(tokens / max(self._rate.mean_tokens, 1))
        return min(rates, default=None)

    # -- starts

    def next_start(self, now: float, tokens: float = 0) -> float | None:
        """Return when a call may start: 0 for now, seconds, or None for after the end of one."""
        if self.in_flight >= int(self._limit):
            return None
        opens = self._reopening.opens_at(now, self._live, self._refusals.accepted_after)
        return max(
            0.0,
            self._cool_down.until - now,
            opens - now,
            self._evenly() - now,
            self._requests.seconds_until(self._requests_each, now),
            self._tokens.seconds_until(tokens or self._rate.mean_tokens, now),
        )

    def _evenly(self) -> float:
        """Return the time before which no call starts, at a known number of calls at once.

        Calls that start together would look, to a slow service with a limit for a second, as if
        it had one for calls at once; above all the call that tries whether one more is accepted.
        """
        known = self._known_at_once
        if known is None:
            return -math.inf
        is_probe = self.in_flight + 1 >= known
        return self._last_start + self._latency.typical / (known if is_probe else 2 * known)

    def started(self, now: float, tokens: float = 0) -> LimitedCall:
        """Count a call that starts; return what to report its end with."""
        call = super().started(now, tokens or self._rate.mean_tokens)
        call.round = self._cuts
        self._live[call.number] = call
        self._last_start = now
        self._reopening.started(call, self._limit)
        self._latency.started(call, self._limit)
        pace = self.pace
        if pace is not None:
            searching = self._known_pace is None
            self._requests.take(self._requests_each, now, pace, searching=searching)
            self._tokens.take(call.tokens, now, pace, searching=searching)
        return call

    # -- ends

    def succeeded(
        self,
        call: LimitedCall,
        now: float,
        latency: float | None = None,
        tokens: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Count the end of a call that was answered."""
        is_in_use = self.in_flight >= IN_USE * int(self._limit)
        self._end(call)
        used = call.tokens if tokens is None else tokens
        self._tokens.correct(used - call.tokens)
        self._rate.add(now, used)
        self._refusals.accepted(call)
        self._cool_down.succeeded()
        self._outcomes.append(False)
        self._reopening.accepted |= call.round == self._cuts
        self.state(headers, now, call)
        if call.responses:
            self._counted = min(self._counted + 1, RECENT)
            self._requests_each += (call.responses - self._requests_each) / self._counted
        self._forget_what_is_exceeded(call)
        if self._latency.ended(call, now - call.begun if latency is None else latency):
            self._limit = max(min(self._limit, self._first), self._limit * SHRINK)
            self._cuts += 1
        elif is_in_use and not self._latency.is_slower:
            self._limit = min(self._limit + self._growth(now), self._most)

    def _forget_what_is_exceeded(self, call: LimitedCall) -> None:
        """Forget a known limit that the service has let calls exceed."""
        if self._known_at_once is not None and call.in_flight > self._known_at_once + 1:
            self._accepted_beyond += 1
            if self._accepted_beyond == 3:  # one or two may have ended there before we knew it
                self._known_at_once = None
        if self._known_pace is not None and (self.pace or 0) > BEYOND * self._known_pace:
            self._known_pace = None

    def _growth(self, now: float) -> float:
        """Return what a success adds to the limit: much at first, little at a known limit."""
        if not self._cuts:
            gained = FASTEST * self._limit * (now - self._last_growth)
            self._allowance = min(self._allowance + gained, self._limit)
            self._last_growth = now
            growth = min(1.0, self._allowance)
            self._allowance -= growth
            return growth
        known = self._known_at_once
        if known is None or not self._refusals.is_sure:
            return 1 / self._limit
        if NEAR * known - 1 <= self._limit <= BEYOND * known:
            return 1 / max(10 * self._limit, PROBES)
        return 1 / self._limit

    def refused(
        self,
        call: LimitedCall,
        now: float,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        by_tokens: bool = False,
    ) -> float:
        """Count a call that was refused; return the seconds that its row waits."""
        self._end(call)
        self._latency.ended(call, None)
        self._outcomes.append(True)
        self._refusals.refused(call, self._live.values(), now)
        by_tokens = self.state(headers, now, call) or by_tokens
        delay = self._cool_down.delay(retry_after)
        many = sum(self._outcomes) >= MANY
        is_load = many or self._is_near_known(call)
        # A call that started before the last cut says nothing about what holds since then. Where
        # the service has accepted none since, it is closed for a while: there is no rate to learn.
        if is_load and call.round == self._cuts and self._reopening.accepted:
            self._cut(call, now, many=many, by_tokens=by_tokens)
        at_once = self._known_at_once is not None and not many
        if self._reopening.holds(call) or (is_load and not at_once):
            self._cool_down.refused(now, delay, enough=1)
            self._reopening.begin()
        else:
            self._cool_down.refused(now, delay, enough=MANY)
        return delay

    def _is_near_known(self, call: LimitedCall) -> bool:
        """Tell whether a call was refused at a load that was too much before."""
        if self._known_at_once is not None:
            return call.in_flight >= NEAR * self._known_at_once
        return self._known_pace is not None and (self.pace or 0) >= NEAR * self._known_pace

    def _cut(self, call: LimitedCall, now: float, *, many: bool, by_tokens: bool) -> None:
        """Lower the limit, or the pace."""
        self._cuts += 1
        self._outcomes.clear()
        self._known_at_once = self._find_calls_at_once(call, now)
        if self._known_at_once is None:
            self._cut_pace(call, now, many=many, by_tokens=by_tokens)
            return
        self._limit = max(1.0, self._known_at_once - 1.0)
        self._known_pace = self._requests.learned = self._tokens.learned = None

    def _find_calls_at_once(self, call: LimitedCall, now: float) -> int | None:
        """Return the number of calls at once that is refused; None where it is not about that."""
        known, self._accepted_beyond = self._known_at_once, 0
        is_held = call.number - self._known_since >= HELD
        if known is None or is_held:
            self._known_since = call.number
        if known is not None and is_held and call.in_flight < NEAR * known:
            self._refusals.start_over()
        return self._refusals.calls_at_once(call, self._live.values(), now)

    def _cut_pace(self, call: LimitedCall, now: float, *, many: bool, by_tokens: bool) -> None:
        """Lower the pace; where too little was answered to know one, the limit."""
        measured = self._rate.measure(now, tokens=by_tokens)
        if measured is None:
            self._limit = max(1.0, SHRINK * call.in_flight)
            return
        if not by_tokens:
            measured *= self._requests_each
        before = self.pace
        pace = self._tokens if by_tokens else self._requests
        pace.cut(measured if many or pace.rate is None else None, now)
        if many or before is None or self._known_pace is None:
            self._learn_pace()
        else:
            self._known_pace = max(self._known_pace, before)

    def _learn_pace(self) -> None:
        """Take the pace as known where the cut before led to one like it."""
        found = (self.pace or 0) / LOWER
        is_alike = self._last_found is not None and (
            1 / ALIKE < found / max(self._last_found, 1e-9) < ALIKE
        )
        self._known_pace = found if is_alike else None
        self._last_found = found

    def failed(self, call: LimitedCall, now: float) -> None:
        """Count the end of a call that failed otherwise: it says nothing about the limit."""
        self._end(call)
        self._latency.ended(call, None)

    def _end(self, call: LimitedCall) -> None:
        self.in_flight -= 1
        del self._live[call.number]

    # -- headers

    def state(self, headers: Mapping[str, str] | None, now: float, call: LimitedCall) -> bool:
        """Take the limits that a response states; tell whether it has no tokens left for a call."""
        if not headers:
            return False
        super().state(headers, now, call)
        stated = stated_limits(headers)
        self._set_stated(self._requests, "requests", stated.requests, now)
        self._set_stated(self._tokens, "tokens", stated.tokens, now)
        return stated.tokens_left is not None and stated.tokens_left < call.tokens

    def _set_stated(self, pace: Pace, name: str, limit: float | None, now: float) -> None:
        """Set a limit that is stated for a minute; of several within one, the lowest holds."""
        if limit is None:
            return
        is_old = now - self._stated_at.get(name, -math.inf) > 60
        if pace.stated is None or is_old or limit / 60 <= pace.stated:
            pace.stated = limit / 60
            self._stated_at[name] = now
