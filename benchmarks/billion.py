"""A billion rows, on more drivers than one: partitions, deaths, a limit that is divided.

    python -m benchmarks.billion
    python -m benchmarks.billion --rows 1e8 --limit 2000
    python -m benchmarks.billion --files

Each driver takes a partition of the rows, runs it as a job with a checkpoint of its own, and takes
the next one. Nothing is called: time is simulated, from event to event, with a seed. Between two
events each driver works at its share of the service's limit. `--files` measures instead of
simulating: what real checkpoint files need, in bytes and in microseconds a row.
"""

from __future__ import annotations

import argparse
import math
import random
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

HOUR = 3600.0
DAY = 24 * HOUR

PASS_SECONDS = 60e-6
"""What a row takes that is in the checkpoint already, when a partition goes on. Measured."""

ROW_SECONDS = 300e-6
"""What a row takes of the driver's own time; so a driver does 3,300 a second at most. Measured."""


AT_ONCE = 256
"""How many rows of a batch are under way at most."""

HOPELESS = 10
"""A plan that takes so many times the ideal time is given up."""


Kept: TypeAlias = Literal["disk", "copies", "nothing"]


@dataclass(frozen=True)
class Plan:
    """How a job of many rows is run.

    Attributes:
        rows: how many rows there are.
        partitions: how many files they are in; each is between 0.8 and 1.2 of the average.
        drivers: how many processes run partitions.
        limit: how many calls a second the service answers, for all of them.
        latency: the seconds of a call.
        divided: "once": each driver has an equal part of the limit, whatever becomes of the others;
            "alive": those that work share the limit, as drivers with `auto` find it.
        assigned: "once": each driver has its list of partitions; "queue": it takes the next one.
        days_between_deaths: of one driver, on average.
        hours_down: until a dead driver is back.
        kept: what outlives a death: "disk": the checkpoint; "copies": the last copy of it;
            "nothing".
        copy_minutes: how old the last copy is at most.
        seed: of the sizes and the deaths.
    """

    rows: float = 1e9
    partitions: int = 1000
    drivers: int = 16
    limit: float = 500.0
    latency: float = 2.0
    divided: Literal["once", "alive"] = "once"
    assigned: Literal["once", "queue"] = "queue"
    days_between_deaths: float = math.inf
    hours_down: float = 1.0
    kept: Kept = "disk"
    copy_minutes: float = 10.0
    seed: int = 1


@dataclass(frozen=True)
class Outcome:
    """What came of a plan.

    Attributes:
        days: how long it took.
        ideal: how long it would take with the limit in full use, and no deaths.
        deaths: how many there were.
        twice: the rows that were called a second time, and paid again.
        tail: the hours from when the first driver had nothing left to do until the end.
    """

    days: float
    ideal: float
    deaths: int
    twice: float
    tail: float


class _Driver:
    """A process that works on a partition.

    Attributes:
        todo: the rows of its partition that are not done; 0: it has none.
        size: all rows of it.
        ready_at: when it works again, after a death or after passing the rows that are done.
        dies_at: when it dies next.
        partitions: those of its own, where they are assigned once.
    """

    def __init__(self) -> None:
        self.todo = self.size = 0.0
        self.ready_at = 0.0
        self.dies_at = math.inf
        self.partitions: deque[float] = deque()


class Run:
    """A plan that is carried out on a simulated clock."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._random = random.Random(plan.seed)
        self._drivers = [_Driver() for _ in range(plan.drivers)]
        self._now = 0.0
        self._deaths, self._twice = 0, 0.0
        self._first_idle: float | None = None
        weights = [self._random.uniform(0.8, 1.2) for _ in range(plan.partitions)]
        total = sum(weights)
        self._queue: deque[float] = deque()
        for number, weight in enumerate(weights):
            driver = self._drivers[number % plan.drivers]
            partitions = driver.partitions if plan.assigned == "once" else self._queue
            partitions.append(plan.rows * weight / total)
        for driver in self._drivers:
            driver.dies_at = self._life()
            self._take(driver)

    def outcome(self) -> Outcome:
        """Run until all rows are done."""
        ideal = self._plan.rows / self._plan.limit / DAY
        while busy := [driver for driver in self._drivers if driver.todo]:
            if self._now > HOPELESS * ideal * DAY:
                return Outcome(math.inf, ideal, self._deaths, self._twice, math.inf)
            self._go_on(busy)
        first = self._now if self._first_idle is None else self._first_idle
        return Outcome(
            self._now / DAY, ideal, self._deaths, self._twice, (self._now - first) / HOUR
        )

    def _go_on(self, busy: list[_Driver]) -> None:
        """Go on to the next event: a partition is done, a driver dies, or one is back."""
        working = [driver for driver in busy if driver.ready_at <= self._now]
        rate = self._rate(len(working))
        moment = min(
            min(driver.dies_at for driver in busy),
            min(
                (driver.ready_at for driver in busy if driver.ready_at > self._now),
                default=math.inf,
            ),
            self._now + min((driver.todo for driver in working), default=math.inf) / rate,
        )
        for driver in working:
            driver.todo -= rate * (moment - self._now)
        self._now = moment
        for driver in working:
            if driver.todo < 1e-3:
                self._take(driver)
        for driver in busy:
            if driver.todo and driver.dies_at <= moment:
                self._die(driver, rate)

    def _rate(self, working: int) -> float:
        """Return how many rows a second each of the working drivers does."""
        plan = self._plan
        parts = plan.drivers if plan.divided == "once" else max(1, working)
        return min(plan.limit / parts, 1 / ROW_SECONDS, AT_ONCE / plan.latency)

    def _take(self, driver: _Driver) -> None:
        partitions = self._queue if self._plan.assigned == "queue" else driver.partitions
        driver.todo = driver.size = partitions.popleft() if partitions else 0.0
        if not driver.size and self._first_idle is None:
            self._first_idle = self._now

    def _die(self, driver: _Driver, rate: float) -> None:
        """Lose what does not outlive the driver; it comes back, and passes the rows it has."""
        plan = self._plan
        done = driver.size - driver.todo
        lost = {
            "disk": 0.0,
            "copies": self._random.uniform(0, plan.copy_minutes) * 60 * rate,
            "nothing": done,
        }[plan.kept]
        lost = min(done, lost)
        was_working = driver.ready_at <= self._now
        self._deaths += 1
        # what was in flight is paid for, and called again
        self._twice += lost + (min(rate * plan.latency, driver.todo) if was_working else 0.0)
        driver.todo += lost
        back = self._now + plan.hours_down * HOUR
        driver.ready_at = back + (done - lost) * PASS_SECONDS
        driver.dies_at = back + self._life()

    def _life(self) -> float:
        days = self._plan.days_between_deaths
        return math.inf if math.isinf(days) else self._random.expovariate(1 / days) * DAY


SURVIVES: Mapping[Kept, str] = {
    "disk": "the checkpoint",
    "copies": "a copy",
    "nothing": "nothing",
}
"""What outlives a death, in the words of the table."""


def run(plan: Plan) -> Outcome:
    """Return what comes of a plan."""
    return Run(plan).outcome()


def table(head: str, plans: Iterable[tuple[str, Plan]]) -> str:
    """Return a table of some plans."""
    lines = [
        f"| {head} | days | over the ideal | deaths | rows called twice | last partitions |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for name, plan in plans:
        found = run(plan)
        if math.isinf(found.days):
            lines.append(f"| {name} | more than {HOPELESS * found.ideal:.0f} | | | | |")
            continue
        over = max(0.0, found.days / found.ideal - 1)
        lines.append(
            f"| {name} | {found.days:.1f} | {over:.1%} | {found.deaths:,} "
            f"| {found.twice:,.0f} ({found.twice / plan.rows:.2%}) | {found.tail:.1f} h |"
        )
    return "\n".join(lines)


def tables(plan: Plan) -> str:
    """Return the tables of the page; in those with deaths, a driver dies once in three days."""
    deadly = replace(plan, days_between_deaths=3.0)
    sizes = [
        (
            f"{count:,} partitions, {SURVIVES[kept]}",
            replace(deadly, partitions=count, kept=kept, divided="alive"),
        )
        for count in (16, 100, 1_000, 10_000)
        for kept in SURVIVES
    ]
    ways = [
        ("a list for each", replace(plan, assigned="once")),
        ("a queue", plan),
        ("a list for each, deaths", replace(deadly, assigned="once")),
        ("the same, 8 hours down", replace(deadly, assigned="once", hours_down=8.0)),
        ("a queue, deaths", deadly),
        ("the same, 8 hours down", replace(deadly, hours_down=8.0)),
        ("a queue, deaths, the living share the limit", replace(deadly, divided="alive")),
        ("the same, 8 hours down", replace(deadly, divided="alive", hours_down=8.0)),
    ]
    counts = [
        (f"{count}", replace(deadly, drivers=count, divided="alive"))
        for count in (1, 4, 16, 64, 256)
    ]
    return "\n\n".join(
        [
            table("how drivers get their partitions", ways),
            table("partitions, and what outlives a death", sizes),
            table("drivers", counts),
        ]
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.billion", description=__doc__)
    parser.add_argument("--rows", type=float, default=1e9)
    parser.add_argument("--limit", type=float, default=500.0, help="calls a second, in all (500)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--files", action="store_true", help="measure real checkpoint files")
    options = parser.parse_args()
    if options.files:
        from benchmarks.checkpoint_files import files_table

        print(files_table())
        return
    from benchmarks.shared_limit import shared_table

    print(tables(Plan(rows=options.rows, limit=options.limit, seed=options.seed)))
    print()
    print(shared_table(options.seed))


if __name__ == "__main__":
    main()
