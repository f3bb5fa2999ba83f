"""How rows are measured: in turns, the collector held back, the quietest round counted."""

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
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol

Name = Literal["floor", "peer", "ours"]
Run = Callable[[int], object]
"""Does the work so many times."""

ROUND_SECONDS = 0.1
"""About how long one round of one subject takes; it is repeated until it does."""
SLOW_SECONDS = 2.0
"""A piece of work that takes longer is not repeated."""


class Measured(Protocol):
    """A row of the table."""

    @property
    def name(self) -> str:
        """What `--only` calls it."""
        ...

    def measure(self, rounds: int) -> Result:
        """Measure its subjects in turns."""
        ...


@dataclass(frozen=True)
class Result:
    """What a row came to.

    Attributes:
        values: of each subject, in the unit; a peer that is not installed is absent.
        factors: what is compared: times of the floor, or growth from the first size to the last.
        budget: how large our factor may be.
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
        """Whether ours keeps the budget."""
        return self.factors["ours"] <= self.budget


@dataclass(frozen=True)
class Row:
    """The time of one piece of work, as a multiple of the floor.

    Args:
        per: how many units there are in one piece of work.
        steady: whether the quietest round counts (work in one thread, where noise only adds), or
            the median of the rounds (work in several, where luck may also take away).
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
        """Seconds of each subject for one unit, as microseconds."""
        subjects = {"floor": self.floor, "peer": self.peer, "ours": self.ours}
        seconds = in_turns(subjects, rounds, min if self.steady else statistics.median)
        values = {name: 1e6 * it / self.per for name, it in seconds.items()}
        factors = {name: it / values["floor"] for name, it in values.items()}
        return Result(
            self.name, self.title, self.unit, "times the floor", values, factors, self.budget
        )


@dataclass(frozen=True)
class Growth:
    """How the time of one unit grows with the size of the whole: 1 where the work is linear.

    Args:
        sizes: the smallest and the largest, in units.
        peer_sizes: likewise for a peer that would take minutes.
        floor: of a size, what does the work; likewise peer and ours.
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
        """Microseconds for one unit at the largest size, as multiples of those at the smallest."""
        small, large = (self._at(end, rounds) for end in (0, 1))
        factors = {name: large[name] / small[name] for name in large}
        return Result(self.name, self.title, self.unit, "growth", large, factors, self.budget)

    def _at(self, end: int, rounds: int) -> dict[str, float]:
        sizes = dict.fromkeys(("floor", "peer", "ours"), self.sizes[end])
        sizes["peer"] = (self.peer_sizes or self.sizes)[end]
        parts = {"floor": self.floor, "peer": self.peer, "ours": self.ours}
        subjects = {name: partial(part, sizes[name]) for name, part in parts.items()}
        seconds = in_turns(subjects, rounds, min)
        return {name: 1e6 * it / sizes[name] for name, it in seconds.items()}


@dataclass(frozen=True)
class Script:
    """A program of its own for each subject, which prints what it measured.

    Args:
        sources: of each subject, the Python code; it prints one number.
        first: likewise, to compare with instead of the floor (as a growth).
    """

    name: str
    title: str
    unit: str
    budget: float
    sources: Mapping[str, str]
    first: Mapping[str, str] | None = None
    most: int = 20

    def measure(self, rounds: int) -> Result:
        """The smallest number that each program printed."""
        values = self._numbers(self.sources, rounds)
        if self.first is None:
            factors = {name: it / values["floor"] for name, it in values.items()}
            kind: Literal["times the floor", "growth"] = "times the floor"
        else:
            small = self._numbers(self.first, rounds)
            factors = {name: it / small[name] for name, it in values.items()}
            kind = "growth"
        return Result(self.name, self.title, self.unit, kind, values, factors, self.budget)

    def _numbers(self, sources: Mapping[str, str], rounds: int) -> dict[str, float]:
        found: dict[str, list[float]] = {}
        for _ in range(min(rounds, self.most)):
            for name, source in sources.items():
                if (number := run_python(source)) is not None:
                    found.setdefault(name, []).append(number)
        return {name: min(numbers) for name, numbers in found.items()}


def run_python(source: str) -> float | None:
    """What a fresh interpreter prints, as a number; None where it lacks a module of the peer's."""
    # installed packages have their bytecode; a checkout gets its own in the first round
    environment = {key: it for key, it in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, env=environment
    )
    if "No module named 'langchain" in done.stderr:
        return None
    if done.returncode:
        raise RuntimeError(done.stderr)
    return float(done.stdout.split()[-1])


def peak_memory() -> float:
    """The most memory that this process has had, in MB."""
    status = Path("/proc/self/status")
    if status.is_file():  # getrusage would count what the process that started this one had
        line = next(it for it in status.read_text().splitlines() if it.startswith("VmHWM"))
        return int(line.split()[1]) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def in_turns(
    subjects: Mapping[str, Callable[[], Run]],
    rounds: int,
    choose: Callable[[Sequence[float]], float],
) -> dict[str, float]:
    """Seconds of each subject for one piece of work, from rounds that take turns (A B C A B C).

    So that a machine that gets slower meanwhile gets slower for all. What takes seconds has its
    one turn while the others warm up.
    """
    runs = dict(_ready(subjects))
    with _frozen():
        return _turns(runs, rounds, choose)


def _turns(
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
    """Keep the collector from walking over what is there already before every round."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _ready(subjects: Mapping[str, Callable[[], Run]]) -> Iterator[tuple[str, Run]]:
    for name, make in subjects.items():
        try:
            yield name, make()
        except ImportError as error:
            if name != "peer" or "langchain" not in str(error.name):
                raise


def _calibrated(run: Run) -> tuple[int, float]:
    """How often the work fits into a round, and the seconds that it took; also warms it up."""
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
    """Do it n times."""

    def run(count: int) -> None:
        for _ in range(count):
            work()

    return run


def arepeated(work: Callable[[], Coroutine[Any, Any, object]]) -> Run:
    """Await it n times, on one event loop, which all async rows share."""

    async def main(count: int) -> None:
        for _ in range(count):
            await work()

    return lambda count: _runner.run(main(count))


# --- the table --------------------------------------------------------------------------------


def table(results: Sequence[Result]) -> str:
    """The results as Markdown tables, one for each kind."""
    parts = []
    for kind, head in _HEADS.items():
        rows = [_cells(it) for it in results if it.kind == kind]
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
    """The results as JSON, a list of objects."""
    return json.dumps([{**vars(it), "passed": it.passed} for it in results], indent=2)
