"""The kinds of rows, how they are measured, and the table.

Subjects are measured in turns, with the garbage collector off, and the quietest round counts.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

Name = Literal["floor", "peer", "ours"]
Run = Callable[[int], object]
"""A function that does the work so many times."""

ROUND_SECONDS = 0.1
"""How long one round of one subject takes, about: the work is repeated until it does."""
SLOW_SECONDS = 2.0
"""Work that takes longer is not repeated."""


class Measured(Protocol):
    """A row of the table, which can be measured."""

    @property
    def name(self) -> str:
        """Return the name for `--only`."""
        ...

    def measure(self, rounds: int) -> Result:
        """Measure the subjects in turns."""
        ...


@dataclass(frozen=True)
class Result:
    """The numbers of a row.

    Attributes:
        values: for each subject, the number in the unit; a peer that is not installed is absent.
        factors: for each subject, what is compared: the multiple of the floor, or the growth from
            the smallest size to the largest.
        budget: how large the factor of "ours" may be.
    """

    name: str
    title: str
    unit: str
    kind: Literal["times the floor", "growth"]
    values: Mapping[str, float]
    factors: Mapping[str, float]
    budget: float

    @property
    def passed(self) -> bool:
        """Tell whether the budget is kept."""
        return self.factors["ours"] <= self.budget


@dataclass(frozen=True)
class Row:
    """The time of some work, as a multiple of the floor's.

    Args:
        per: how many units the work has; the time is for one.
        steady: whether the quietest round counts, for work in one thread, where noise only adds
            time. Else the median of the rounds counts, as threads may also be lucky.
    """

    name: str
    title: str
    unit: str
    per: int
    budget: float
    floor: Callable[[], Run]
    peer: Callable[[], Run]
    ours: Callable[[], Run]
    steady: bool = True

    def measure(self, rounds: int) -> Result:
        """Measure the microseconds of each subject for one unit."""
        subjects = {"floor": self.floor, "peer": self.peer, "ours": self.ours}
        seconds = in_turns(subjects, rounds, min if self.steady else statistics.median)
        values = {name: 1e6 * duration / self.per for name, duration in seconds.items()}
        factors = _multiples(values)
        return Result(
            self.name, self.title, self.unit, "times the floor", values, factors, self.budget
        )


@dataclass(frozen=True)
class BusyRow(Row):
    """A row that is measured while every core has another process to run as well."""

    def measure(self, rounds: int) -> Result:
        """Measure the microseconds of each subject for one unit."""
        with _busy_cores():
            return super().measure(rounds)


@contextmanager
def _busy_cores() -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(os.cpu_count() or 1):
            child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(child.wait)
            stack.callback(child.kill)
        yield


@dataclass(frozen=True)
class Growth:
    """The growth of the time for one unit with the size of the whole: 1 where work is linear.

    Args:
        sizes: the smallest and the largest, in units.
        floor: returns the work of the floor for a size.
        peer: returns the work of the peer for a size.
        ours: returns the work of this library for a size.
        peer_sizes: the sizes for a peer that would take minutes; by default `sizes`.
    """

    name: str
    title: str
    unit: str
    sizes: tuple[int, int]
    budget: float
    floor: Callable[[int], Run]
    peer: Callable[[int], Run]
    ours: Callable[[int], Run]
    peer_sizes: tuple[int, int] | None = None

    def measure(self, rounds: int) -> Result:
        """Measure the microseconds for one unit at both sizes, and compare them."""
        small, large = (self._microseconds(end, rounds) for end in (0, 1))
        factors = {name: large[name] / small[name] for name in large}
        return Result(self.name, self.title, self.unit, "growth", large, factors, self.budget)

    def _microseconds(self, end: int, rounds: int) -> dict[str, float]:
        sizes = dict.fromkeys(("floor", "peer", "ours"), self.sizes[end])
        sizes["peer"] = (self.peer_sizes or self.sizes)[end]
        makers = {"floor": self.floor, "peer": self.peer, "ours": self.ours}
        subjects = {name: partial(make, sizes[name]) for name, make in makers.items()}
        seconds = in_turns(subjects, rounds, min)
        return {name: 1e6 * duration / sizes[name] for name, duration in seconds.items()}


@dataclass(frozen=True)
class Script:
    """A program for each subject, run in a process of its own, which prints what it measured.

    Args:
        sources: for each subject, the Python code; it prints one number.
        first: the same for a smaller size, to compare with instead of the floor (as a growth).
        max_rounds: how often each program is run at most.
    """

    name: str
    title: str
    unit: str
    budget: float
    sources: Mapping[str, str]
    first: Mapping[str, str] | None = None
    max_rounds: int = 20

    def measure(self, rounds: int) -> Result:
        """Run the programs, and take the smallest number that each printed."""
        values = self._numbers(self.sources, rounds)
        if self.first is None:
            factors = _multiples(values)
            kind: Literal["times the floor", "growth"] = "times the floor"
        else:
            small = self._numbers(self.first, rounds)
            factors = {name: value / small[name] for name, value in values.items()}
            kind = "growth"
        return Result(self.name, self.title, self.unit, kind, values, factors, self.budget)

    def _numbers(self, sources: Mapping[str, str], rounds: int) -> dict[str, float]:
        found: dict[str, list[float]] = {}
        for _ in range(min(rounds, self.max_rounds)):
            for name, source in sources.items():
                if (number := run_python(source)) is not None:
                    found.setdefault(name, []).append(number)
        return {name: min(numbers) for name, numbers in found.items()}


def _multiples(values: Mapping[str, float]) -> dict[str, float]:
    """Return the value of each subject as a multiple of the floor's."""
    return {name: value / values["floor"] for name, value in values.items()}


def run_python(source: str) -> float | None:
    """Return the number that a fresh interpreter prints; None where the peer is not installed."""
    environment = dict(os.environ)
    # installed packages have bytecode, and a checkout has to write its own in the first round
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, env=environment
    )
    if "No module named 'langchain" in done.stderr:
        return None
    if done.returncode:
        raise RuntimeError(done.stderr)
    return float(done.stdout.split()[-1])


def peak_memory() -> float:
    """Return the most memory that this process has had, in MB."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would count what the process that started this one had
        line = next(row for row in status.read_text().splitlines() if row.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def in_turns(
    subjects: Mapping[str, Callable[[], Run]],
    rounds: int,
    choose: Callable[[Sequence[float]], float],
) -> dict[str, float]:
    """Measure the seconds of each subject, in rounds that take turns (A B C A B C).

    So a machine that gets slower meanwhile gets slower for all. Work that takes seconds is measured
    once, while the others warm up.
    """
    runs = dict(_installed(subjects))
    with _frozen():
        return _measure_in_turns(runs, rounds, choose)


def _measure_in_turns(
    runs: Mapping[str, Run], rounds: int, choose: Callable[[Sequence[float]], float]
) -> dict[str, float]:
    counts: dict[str, int] = {}
    found: dict[str, list[float]] = {}
    for name, run in runs.items():
        counts[name], seconds = _calibrated(run)
        found[name] = [seconds] if seconds > SLOW_SECONDS else []
    for _ in range(rounds):
        for name, run in runs.items():
            if found[name][:1] <= [SLOW_SECONDS]:
                found[name].append(_seconds(run, counts[name]) / counts[name])
    return {name: choose(seconds) for name, seconds in found.items()}


@contextmanager
def _frozen() -> Iterator[None]:
    """Keep the garbage collector from going through older objects before every round."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _installed(subjects: Mapping[str, Callable[[], Run]]) -> Iterator[tuple[str, Run]]:
    for name, make in subjects.items():
        try:
            yield name, make()
        except ImportError as error:
            if name != "peer" or "langchain" not in str(error.name):
                raise


def _calibrated(run: Run) -> tuple[int, float]:
    """Warm the work up; return how often it fits into a round, and the seconds that it took."""
    count = 1
    while (seconds := _seconds(run, count)) < ROUND_SECONDS / 4:
        count *= 4
    return max(1, round(count * ROUND_SECONDS / seconds)), seconds / count


def _seconds(run: Run, count: int) -> float:
    gc.collect()
    gc.disable()
    try:
        began = time.perf_counter()
        run(count)
        return time.perf_counter() - began
    finally:
        gc.enable()


_runner = asyncio.Runner()


def repeated(work: Callable[[], object]) -> Run:
    """Return a run that does the work n times."""

    def run(count: int) -> None:
        for _ in range(count):
            work()

    return run


def arepeated(work: Callable[[], Coroutine[Any, Any, object]]) -> Run:
    """Return a run that awaits the work n times, on one event loop that all async rows share."""

    async def main(count: int) -> None:
        for _ in range(count):
            await work()

    return lambda count: _runner.run(main(count))


# --- the table --------------------------------------------------------------------------------


def table(results: Sequence[Result]) -> str:
    """Return the results as Markdown tables, one for each kind."""
    parts = []
    for kind, head in _HEADS.items():
        rows = [_cells(result) for result in results if result.kind == kind]
        if rows:
            parts.append("\n".join([head, *(f"| {' | '.join(cells)} |" for cells in rows)]))
    return "\n\n".join(parts)


_HEADS = {
    "times the floor": (
        "| what | unit | floor | peer | ours | peer / floor | ours / floor | budget | |\n"
        "|---|---|--:|--:|--:|--:|--:|--:|---|"
    ),
    "growth": (
        "| what | unit | floor | peer | ours | floor grows | peer grows | ours grows | budget | |\n"
        "|---|---|--:|--:|--:|--:|--:|--:|--:|---|"
    ),
}


def _cells(result: Result) -> list[str]:
    values = [_number(result.values.get(name)) for name in ("floor", "peer", "ours")]
    compared = ("peer", "ours") if result.kind == "times the floor" else ("floor", "peer", "ours")
    factors = [_factor(result.factors.get(name)) for name in compared]
    verdict = "pass" if result.passed else "**miss**"
    return [result.title, result.unit, *values, *factors, _factor(result.budget), verdict]


def _number(value: float | None) -> str:
    return "not installed" if value is None else f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def _factor(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}x" if value < 10 else f"{value:,.0f}x"


def as_json(results: Sequence[Result]) -> str:
    """Return the results as JSON, a list of objects."""
    rows = [{**vars(result), "passed": result.passed} for result in results]
    return json.dumps(rows, indent=2)
