"""The command `python -m benchmarks.auto_limit`: `max_concurrency="auto"` on services with limits.

It runs ten thousand calls or more against each simulated service, on a simulated clock, and prints
how much of the service's capacity was used, and how many calls were refused. With `--http`, it runs
the same limit against a real server on loopback, in real time, through a model and its HTTP client.
"""

from __future__ import annotations

import argparse
import heapq
import math
import random
import statistics
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.simulated_services import Reply, Service
from runnables.jobs.adaptive import AdaptiveLimit

if TYPE_CHECKING:
    from runnables.jobs.limits import CallLimit, LimitedCall

CALLS = 10_000
SECONDS = 100
"""A run has so many calls, or as many as the service can answer in this time, which is more."""

SERVICES: Mapping[str, Callable[[int], Service]] = {
    "600 a minute": lambda seed: Service(seed=seed, rps=10),
    "600 a minute, Retry-After": lambda seed: Service(seed=seed, rps=10, tells=True),
    "600 a minute, 600 at once": lambda seed: Service(seed=seed, rps=10, burst=600, tells=True),
    "60 a minute, answers take 5 s": lambda seed: Service(seed=seed, rps=1, latency=5, tells=True),
    "6,000 a minute": lambda seed: Service(seed=seed, rps=100),
    "6,000 a minute, Retry-After": lambda seed: Service(seed=seed, rps=100, tells=True),
    "6,000 a minute, headers": lambda seed: Service(seed=seed, rps=100, headers=True),
    "6,000 in each full minute": lambda seed: Service(seed=seed, rps=100, window=60, tells=True),
    "200 a second, answers take 50 ms": lambda seed: Service(seed=seed, rps=200, latency=0.05),
    "8 at once, answers take 20 s": lambda seed: Service(seed=seed, at_once=8, latency=20),
    "24 at once": lambda seed: Service(seed=seed, at_once=24),
    "24 at once, Retry-After": lambda seed: Service(seed=seed, at_once=24, tells=True),
    "200 at once": lambda seed: Service(seed=seed, at_once=200),
    "slower past 24": lambda seed: Service(seed=seed, slows_past=24),
    "slower past 24, lengths vary": lambda seed: Service(seed=seed, slows_past=24, sigma=0.8),
    "6,000 a minute, lengths vary much": lambda seed: Service(seed=seed, rps=100, sigma=1.2),
    "slower past 100": lambda seed: Service(seed=seed, slows_past=100),
    "3,000 a minute, halves": lambda seed: Service(seed=seed, rps=50, changes=((100, 0.5),)),
    "3,000 a minute, halves, Retry-After": lambda seed: Service(
        seed=seed, rps=50, changes=((100, 0.5),), tells=True
    ),
    "3,000 a minute, doubles": lambda seed: Service(seed=seed, rps=50, changes=((60, 2),)),
    "60 at once, halves": lambda seed: Service(seed=seed, at_once=60, changes=((80, 0.5),)),
    "60 at once, halves, Retry-After": lambda seed: Service(
        seed=seed, at_once=60, changes=((80, 0.5),), tells=True
    ),
    "slower past 60, halves": lambda seed: Service(seed=seed, slows_past=60, changes=((80, 0.5),)),
    "300,000 tokens a minute": lambda seed: Service(seed=seed, tpm=300e3, tells=True, names=True),
    "300,000 tokens, headers": lambda seed: Service(seed=seed, tpm=300e3, headers=True),
    "24 at once, 5 % of 500s": lambda seed: Service(seed=seed, at_once=24, errors=0.05),
}
"""The services with a limit that `auto` has to find, by what they are called in the table."""

OPEN: Mapping[str, Callable[[int], Service]] = {
    "300,000 tokens a minute, not named": lambda seed: Service(seed=seed, tpm=300e3, tells=True),
    "6,000 a minute, 0.5 % at random": lambda seed: Service(
        seed=seed, rps=100, tells=True, at_random=0.005
    ),
    "slower past 200, 0.5 % at random": lambda seed: Service(
        seed=seed, slows_past=200, at_random=0.005
    ),
    "the same, Retry-After": lambda seed: Service(
        seed=seed, slows_past=200, at_random=0.005, tells=True
    ),
}
"""The services that it does not do well with."""


@dataclass(frozen=True)
class Outcome:
    """What became of a run.

    Attributes:
        rows: how many rows there were.
        done: how many of them were answered.
        used: the part of the service's capacity that was used, until the last row began.
        rejected: the part of the calls that was refused.
        seconds: how long it took.
        most: how many calls were in flight at most.
    """

    rows: int
    done: int
    used: float
    rejected: float
    seconds: float
    most: int


def steady(rng: random.Random) -> float:
    """Return the same number of tokens for each call."""
    return 1000.0


def skewed(rng: random.Random) -> float:
    """Return a number of tokens of which the logarithm is normal, around 1000 on average."""
    return 1000 * math.exp(rng.gauss(0, 0.8) - 0.32)


class Simulation:
    """Rows that wait for a limit and call a service, on a simulated clock."""

    def __init__(
        self,
        limit: CallLimit,
        service: Service,
        *,
        calls: int = CALLS,
        tokens: Callable[[random.Random], float] = steady,
        seed: int = 1,
    ) -> None:
        rng = random.Random(seed)
        self._limit, self._service = limit, service
        self._waiting = deque(tokens(rng) for _ in range(calls))
        self._rows, self._mean = calls, sum(self._waiting) / calls
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._now = 0.0
        self._started = self._done = self._refused = self._most = 0
        self._at_last_start = (0.0, 0)

    def run(self) -> Outcome:
        """Run until every row is answered."""
        while self._waiting or self._events:
            checks_at = self._start()
            if self._events and self._events[0][0] <= checks_at:
                self._now, _, happen = heapq.heappop(self._events)
                happen()
            else:
                assert checks_at < math.inf, "all rows wait for the end of a call, and none runs"
                self._now = checks_at
        seconds, done = self._at_last_start
        return Outcome(
            self._rows,
            self._done,
            done / self._service.capacity(seconds, self._mean),
            self._refused / self._started,
            self._now,
            self._most,
        )

    def _start(self) -> float:
        """Start the rows that may; return the time at which the next one checks again."""
        while self._waiting:
            wait = self._limit.next_start(self._now, self._waiting[0])
            if wait is None:
                return math.inf
            if wait > 0:
                return self._now + wait
            tokens = self._waiting.popleft()
            self._call(tokens)
            self._at_last_start = (self._now, self._done)
            self._most = max(self._most, self._limit.in_flight)
        return math.inf

    def _call(self, tokens: float) -> None:
        self._started += 1
        call = self._limit.started(self._now, tokens)
        reply = self._service.begin(self._now, tokens)
        self._after(reply.seconds, lambda: self._service.end(reply))
        seconds = reply.seconds + self._service.delay()
        self._after(seconds, lambda: self._end(call, tokens, reply, seconds))

    def _after(self, seconds: float, happen: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (self._now + seconds, self._number, happen))

    def _end(self, call: LimitedCall, tokens: float, reply: Reply, seconds: float) -> None:
        limit, now = self._limit, self._now
        if reply.status == 200:
            self._done += 1
            limit.succeeded(call, now, seconds, tokens, reply.headers)
            return
        delay = 0.0
        if reply.status == 429:
            self._refused += 1
            delay = limit.refused(
                call, now, reply.retry_after, reply.headers, by_tokens=reply.by_tokens
            )
        else:
            limit.failed(call, now)
        self._after(delay, lambda: self._waiting.appendleft(tokens))


def simulate(name: str, seed: int = 1) -> Outcome:
    """Return what becomes of `auto` on a service of the tables."""
    service = {**SERVICES, **OPEN}[name](seed)
    calls = max(CALLS, int(service.capacity(SECONDS, 1000)))
    tokens = skewed if service.tpm else steady
    return Simulation(AdaptiveLimit(), service, calls=calls, tokens=tokens, seed=seed).run()


def table(services: Mapping[str, Callable[[int], Service]], seeds: range) -> str:
    """Return the table of these services: the median of some runs, and the worst."""
    lines = [
        "| hidden limit | capacity used | worst | rejected | worst | in flight at most |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name in services:
        runs = [simulate(name, seed) for seed in seeds]
        used, rejected = [run.used for run in runs], [run.rejected for run in runs]
        lines.append(
            f"| {name} | {statistics.median(used):.0%} | {min(used):.0%} "
            f"| {statistics.median(rejected):.1%} | {max(rejected):.1%} "
            f"| {max(run.most for run in runs)} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.auto_limit", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5, help="how many runs of each (5)")
    parser.add_argument("--http", action="store_true", help="a real server on loopback instead")
    options = parser.parse_args()
    if options.http:
        from benchmarks.limited_server import http_table

        print(http_table())
        return
    print(table(SERVICES, range(1, options.seeds + 1)))
    print()
    print(table(OPEN, range(1, options.seeds + 1)))


if __name__ == "__main__":
    main()
