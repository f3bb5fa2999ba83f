"""Several drivers on one service with one limit, call by call, on a simulated clock.

Each driver has a limit of its own and knows nothing of the others: the library's `AdaptiveLimit`,
or a `Share`, a fixed pace. Midway some drivers die. `benchmarks.billion` prints the table.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.simulated_services import Reply, Service
from runnables.jobs.adaptive import AdaptiveLimit
from runnables.jobs.limits import CallLimit, LimitedCall

SECONDS = 600.0
"""How long a run is; the deaths are in its middle."""

WARM_UP = 100.0
"""So much of the beginning does not count: the search for the limit, which is short beside days."""


class Share(CallLimit):
    """A fixed pace: the part of the limit that a driver was given.

    Args:
        rate: how many calls it starts in a second.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self._interval = 1 / rate
        self._next = 0.0
        self._paused_until = 0.0

    @property
    def limit(self) -> float:
        """Return that any number of calls may be in flight."""
        return math.inf

    def next_start(self, now: float, tokens: float = 0) -> float | None:
        """Return the seconds until the next call may start."""
        return max(0.0, self._next - now, self._paused_until - now)

    def started(self, now: float, tokens: float = 0) -> LimitedCall:
        """Count a call that starts."""
        self._next = max(self._next + self._interval, now)
        return super().started(now, tokens)

    def refused(
        self,
        call: LimitedCall,
        now: float,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        by_tokens: bool = False,
    ) -> float:
        """Wait a second before the next call."""
        self.in_flight -= 1
        self._paused_until = now + 1.0
        return 1.0


@dataclass(frozen=True)
class Phase:
    """What the drivers did in a part of the run.

    Attributes:
        used: the part of the service's capacity that was used.
        rejected: the part of the calls that was refused.
        least: what the slowest driver did of an equal part; 1 is an equal part.
        most: what the fastest one did of it.
    """

    used: float
    rejected: float
    least: float
    most: float


class SharedSimulation:
    """Drivers that never run out of rows, and call one service.

    Args:
        limits: the limit of each driver.
        service: the service.
        survivors: how many drivers go on after the middle.
    """

    def __init__(self, limits: Sequence[CallLimit], service: Service, survivors: int) -> None:
        self._limits, self._service, self._survivors = limits, service, survivors
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._now = 0.0
        self._check = [math.inf] * len(limits)
        self._alive = len(limits)
        self._clear()

    def _clear(self) -> None:
        self._done = [0] * len(self._limits)
        self._refused = self._started = 0

    def run(self) -> tuple[Phase, Phase]:
        """Return what came of the time before the deaths, and after them."""
        for driver in range(len(self._limits)):
            # as machines start: not all in the same millisecond
            self._after(driver * 0.37, lambda driver=driver: self._start(driver))
        phases: list[Phase] = []
        for until in (SECONDS / 2, SECONDS):
            begin = self._now + WARM_UP
            self._run_until(begin)
            self._clear()
            self._run_until(until)
            phases.append(self._phase(begin, until))
            self._alive = self._survivors
        return phases[0], phases[1]

    def _phase(self, begin: float, until: float) -> Phase:
        done = self._done[: self._alive]
        capacity = self._service.capacity(until, 1) - self._service.capacity(begin, 1)
        equal = sum(done) / len(done)
        return Phase(
            sum(self._done) / capacity,
            self._refused / max(1, self._started),
            min(done) / equal,
            max(done) / equal,
        )

    def _run_until(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            self._now, _, happen = heapq.heappop(self._events)
            happen()
        self._now = until

    def _after(self, seconds: float, happen: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._events, (self._now + seconds, self._number, happen))

    def _start(self, driver: int) -> None:
        """Start the calls of a driver that may; come back when the next one may."""
        limit = self._limits[driver]
        while driver < self._alive:
            wait = limit.next_start(self._now, 1)
            if wait is None:
                return
            if wait > 0:
                at = self._now + wait
                if not self._now < self._check[driver] <= at:  # no earlier look is planned
                    self._check[driver] = at
                    self._after(wait, lambda: self._start(driver))
                return
            self._call(driver)

    def _call(self, driver: int) -> None:
        self._started += 1
        call = self._limits[driver].started(self._now, 1)
        reply = self._service.begin(self._now, 1)
        self._after(reply.seconds, lambda: self._service.end(reply))
        seconds = reply.seconds + self._service.delay()
        self._after(seconds, lambda: self._end(driver, call, reply, seconds))

    def _end(self, driver: int, call: LimitedCall, reply: Reply, seconds: float) -> None:
        limit = self._limits[driver]
        if reply.status == 200:
            self._done[driver] += 1
            limit.succeeded(call, self._now, seconds, 1, reply.headers)
        else:
            self._refused += 1
            limit.refused(call, self._now, reply.retry_after, reply.headers)
        self._start(driver)


def shared_table(seed: int) -> str:
    """Return what becomes of a limit of 6,000 calls a minute that some drivers share."""
    lines = [
        "| drivers | limit of each | used | rejected | shares | then alive | used | rejected "
        "| shares |",
        "|--:|---|--:|--:|---|--:|--:|--:|---|",
    ]
    ways: Mapping[str, Callable[[int], CallLimit]] = {
        "97 % / drivers": lambda count: Share(97 / count),
        "auto": lambda count: AdaptiveLimit(),
    }
    for count in (4, 16, 64):
        for name, limit in ways.items():
            service = Service(seed=seed, rps=100, latency=2, tells=True)
            limits = [limit(count) for _ in range(count)]
            before, after = SharedSimulation(limits, service, count * 3 // 4).run()
            lines.append(
                f"| {count} | {name} {_cells(before)} | {count * 3 // 4} {_cells(after)} |"
            )
    return "\n".join(lines)


def _cells(phase: Phase) -> str:
    shares = f"{phase.least:.2f} to {phase.most:.2f}"
    return f"| {phase.used:.0%} | {phase.rejected:.1%} | {shares}"
