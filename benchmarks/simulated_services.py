"""Model services on a simulated clock: what they refuse, how long they take, what they say.

A `Service` has hidden limits: requests a second, tokens a minute, calls at once, or a number of
calls past which each takes longer. It knows no real time, so ten thousand calls take a second.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise


@dataclass(frozen=True)
class Reply:
    """What a service answers.

    Attributes:
        status: 200, 429 or 500.
        seconds: when it comes, from the start of the call.
        headers: those of the response.
        retry_after: the seconds after which the service wants the call again, if it says so.
        by_tokens: whether it says that tokens are what it lacks.
    """

    status: int
    seconds: float
    headers: Mapping[str, str] = field(default_factory=dict)
    retry_after: float | None = None
    by_tokens: bool = False


class _Bucket:
    """What a service has left: it fills at a rate, up to a size."""

    def __init__(self, rate: float, size: float) -> None:
        self.rate, self.size, self.level, self.updated = rate, size, size, 0.0

    def wait(self, amount: float, now: float, factor: float) -> float:
        """Return the seconds until it holds an amount; the rate is multiplied by a factor."""
        rate = self.rate * factor
        self.level = min(self.size * factor, self.level + (now - self.updated) * rate)
        self.updated = now
        return max(0.0, (amount - self.level) / rate)


class _Window:
    """What a service has left until the end of the minute, when all comes back at once."""

    def __init__(self, rate: float, seconds: float) -> None:
        self.rate, self.seconds, self.end = rate, seconds, 0.0
        self.size = self.level = rate * seconds

    def wait(self, amount: float, now: float, factor: float) -> float:
        """Return the seconds until it holds an amount."""
        if now >= self.end:
            self.end = (now // self.seconds + 1) * self.seconds
            self.level = self.rate * self.seconds * factor
        return 0.0 if amount <= self.level else self.end - now


@dataclass
class Service:
    """A service with hidden limits.

    Attributes:
        rps: how many requests a second it takes.
        burst: how many of them at once after a quiet time; those of a second by default.
        window: seconds of a fixed window, instead of a bucket that fills steadily.
        tpm: how many tokens a minute it takes; those of 5 seconds at once.
        at_once: how many calls at once it takes.
        slows_past: with how many calls at once each begins to take longer.
        latency: the median seconds of an answer.
        sigma: how much they vary (of the logarithm).
        tells: whether it says after how long a refused call may come again.
        headers: whether it says what its limits are, and what is left of them.
        names: whether a refusal says that it is about tokens.
        changes: what the limits are multiplied by, from what time on.
        at_random: the share of calls that it refuses whatever the load is.
        errors: the share of calls that fail by an error of its own.
        network: the mean seconds by which the client learns of an end later than the service.
    """

    rps: float | None = None
    burst: float | None = None
    window: float | None = None
    tpm: float | None = None
    at_once: int | None = None
    slows_past: int | None = None
    latency: float = 1.0
    sigma: float = 0.3
    tells: bool = False
    headers: bool = False
    names: bool = False
    changes: Sequence[tuple[float, float]] = ()
    at_random: float = 0.0
    errors: float = 0.0
    network: float = 0.005
    seed: int = 1

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self.in_flight = 0
        self._requests: _Bucket | _Window | None = None
        if self.rps and self.window:
            self._requests = _Window(self.rps, self.window)
        elif self.rps:
            self._requests = _Bucket(self.rps, self.burst or max(1.0, self.rps))
        self._tokens = _Bucket(self.tpm / 60, self.tpm / 12) if self.tpm else None

    def factor(self, now: float) -> float:
        """Return what the limits are multiplied by at this time."""
        return next((by for since, by in reversed(self.changes) if now >= since), 1.0)

    def capacity(self, until: float, tokens: float) -> float:
        """Return how many calls it could have answered until this time.

        Args:
            until: the time.
            tokens: how many tokens a call takes, on average.
        """
        mean = self.latency * math.exp(self.sigma**2 / 2)
        rates = [
            *([self.rps] if self.rps else []),
            *([self.tpm / 60 / tokens] if self.tpm else []),
            *([limit / mean for limit in (self.at_once, self.slows_past) if limit]),
        ]
        edges = [0.0, *[since for since, _ in self.changes if since < until], until]
        return sum(
            min(rates, default=math.inf) * self.factor(start) * (end - start)
            for start, end in pairwise(edges)
        )

    def begin(self, now: float, tokens: float) -> Reply:
        """Answer a call that begins now; `end` is called when its reply has come."""
        factor = self.factor(now)
        if self.at_random and self._random.random() < self.at_random:
            return self._refusal(1.0, now, factor)
        waits = [0.0]
        if self._requests:
            waits.append(self._requests.wait(1, now, factor))
        if self._tokens:
            waits.append(self._tokens.wait(tokens, now, factor))
        if self.at_once and self.in_flight >= self.at_once * factor:
            waits.append(1.0)
        if (wait := max(waits)) > 0:
            by_tokens = self.names and self._tokens is not None and waits[-1] == wait
            return self._refusal(wait, now, factor, by_tokens=by_tokens)
        for bucket, amount in ((self._requests, 1.0), (self._tokens, tokens)):
            if bucket:
                bucket.level -= amount
        self.in_flight += 1
        seconds = self.latency * math.exp(self._random.gauss(0, self.sigma))
        if self.slows_past:
            seconds *= max(1.0, self.in_flight / (self.slows_past * factor))
        if self.errors and self._random.random() < self.errors:
            return Reply(500, seconds / 2)
        return Reply(200, seconds, self._headers(now, factor))

    def delay(self) -> float:
        """Return the seconds by which the client learns of an end later than the service."""
        return self._random.expovariate(1 / self.network) if self.network else 0.0

    def end(self, reply: Reply) -> None:
        """Count that a call has ended."""
        self.in_flight -= reply.status != 429

    def _refusal(self, wait: float, now: float, factor: float, *, by_tokens: bool = False) -> Reply:
        retry_after = max(wait, 0.05) if self.tells else None
        return Reply(429, 0.03, self._headers(now, factor), retry_after, by_tokens)

    def _headers(self, now: float, factor: float) -> dict[str, str]:
        if not self.headers:
            return {}
        headers: dict[str, str] = {}
        for name, limit, bucket in (
            ("requests", self.rps and self.rps * 60, self._requests),
            ("tokens", self.tpm, self._tokens),
        ):
            if limit and bucket:
                missing = bucket.size * factor - bucket.level
                headers[f"x-ratelimit-limit-{name}"] = f"{limit * factor:.0f}"
                headers[f"x-ratelimit-remaining-{name}"] = f"{max(bucket.level, 0):.0f}"
                headers[f"x-ratelimit-reset-{name}"] = f"{missing / (bucket.rate * factor):.3f}s"
        return headers
