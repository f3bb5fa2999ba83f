"""How far a batch job has come, in numbers, and who receives them."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from runnables.engine.cancellation import lock
from runnables.engine.ticker import Ticker
from runnables.errors import ConfigError
from runnables.models.prices import cost_of

if TYPE_CHECKING:
    from runnables.messages.usage import UsageMetadata
    from runnables.models.usage import Usage

_BAR_SECONDS: Final = (0.1, 1.0)
_CALL_SECONDS: Final = (0.5, 5.0)
_LINE_SECONDS: Final = (10.0, 10.0)
"""How often a bar, a function and a log receive them: the seconds between two reports, while rows
end and while none does."""


@dataclass(frozen=True)
class Progress:
    """How far a batch job has come.

    Attributes:
        total: how many rows there are; None where the rows do not say it.
        done: how many have an output, with those of earlier runs.
        resumed: how many of them an earlier run has done.
        failed: how many were given up.
        retried: how many attempts were made after the first one of a row.
        running: how many rows are under way.
        input_tokens: tokens that models have read, in this run.
        output_tokens: tokens that models have written, in this run.
        cost: what they cost, in the currency of the prices; None without prices.
        seconds: how long this run has taken.
        working_seconds: how long it took since its first row began that no earlier run has done.

    Example:
        >>> seen = []
        >>> sizes = RunnableLambda(len).batch(["a", "bb"], progress=seen.append)
        >>> seen[-1].done, seen[-1].total, seen[-1].failed
        (2, 2, 0)
    """

    total: int | None = None
    done: int = 0
    resumed: int = 0
    failed: int = 0
    retried: int = 0
    running: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    seconds: float = 0.0
    working_seconds: float = 0.0

    @property
    def finished(self) -> int:
        """Return how many rows have an output, or were given up."""
        return self.done + self.failed

    @property
    def rate(self) -> float:
        """Return how many rows a second this run finishes itself, in the mean."""
        seconds = self.working_seconds or self.seconds
        return (self.finished - self.resumed) / seconds if seconds > 0 else 0.0

    @property
    def eta(self) -> float | None:
        """Return in how many seconds the job ends at this rate; None where that is not known."""
        if self.total is None or self.rate == 0:
            return None
        return (self.total - self.finished) / self.rate

    def __str__(self) -> str:
        of = "" if self.total is None else f" of {self.total:,}"
        parts = [f"{self.finished:,}{of} rows", *self._details()]
        if self.rate:
            parts.append(f"{self.rate:.3g} a second")
        if self.eta is not None and self.finished != self.total:
            parts.append(f"{_duration(self.eta)} left")
        return ", ".join(parts)

    def _details(self) -> list[str]:
        """Return the numbers that not every job has."""
        parts = [f"{self.failed:,} failed"] if self.failed else []
        if self.resumed:
            parts.append(f"{self.resumed:,} from before")
        if self.running:
            parts.append(f"{self.running:,} running")
        if self.input_tokens or self.output_tokens:
            parts.append(f"{self.input_tokens + self.output_tokens:,} tokens")
        if self.cost is not None:
            parts.append(f"cost {self.cost:.4g}")
        return parts


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


_COUNTED: Final = (
    *("done", "resumed", "failed", "retried", "running", "input_tokens", "output_tokens"),
)
"""The numbers that are counted up and down."""

Report: TypeAlias = bool | Callable[[Progress], object]
"""What `progress=` takes: True for a bar, or a function of the numbers."""


class Counter:
    """The numbers of a job, counted in many threads.

    Args:
        total: how many rows there are; None where that is not known.
        prices: what a million tokens of a model cost, by its name.
    """

    def __init__(self, total: int | None, prices: Mapping[str, tuple[float, ...]]) -> None:
        self._prices = prices
        self._total = total
        self._numbers = dict.fromkeys(_COUNTED, 0)
        self._cost: float | None = None
        self._began = time.monotonic()
        self._worked_from: float | None = None

    @property
    def progress(self) -> Progress:
        """Return the numbers as they are now."""
        with lock:
            now = time.monotonic()
            worked = 0.0 if self._worked_from is None else now - self._worked_from
            return Progress(
                self._total,
                cost=self._cost,
                seconds=now - self._began,
                working_seconds=worked,
                **self._numbers,
            )

    def add(self, name: str, number: int = 1) -> None:
        """Add to the number of this name."""
        with lock:
            self._numbers[name] += number
            if self._worked_from is None and name == "running":
                self._worked_from = time.monotonic()

    def add_usage(self, usage: Usage) -> float | None:
        """Add what models have used; return what it costs, None without prices."""
        if not usage.calls:
            return None
        total, cost = usage.total, self._cost_of(usage.by_model) if self._prices else None
        with lock:
            self._numbers["input_tokens"] += total["input_tokens"]
            self._numbers["output_tokens"] += total["output_tokens"]
            if cost is not None:
                self._cost = (self._cost or 0.0) + cost
        return cost

    def _cost_of(self, by_model: Mapping[str, UsageMetadata]) -> float:
        costs = (cost_of(name, usage, self._prices) for name, usage in by_model.items())
        return sum(cost for cost in costs if cost is not None)

    def set_total(self, total: int) -> None:
        """Say how many rows there are, now that the last one was pulled."""
        self._total = total


class Reporter:
    """Reports to a bar, a function or a log how far a job has come.

    Reports come as rows end, and now and then while none does: from a thread of its own, or a task
    of the loop. There is one at a time.

    Args:
        report: what `progress=` was given.
        counter: the numbers.
    """

    def __init__(self, report: Report, counter: Counter) -> None:
        self._counter = counter
        self._report, (self._seconds, self._rest), self._close = _receiver_of(report)
        self._last = time.monotonic()
        self._ticker = Ticker(self._tick, self._rest)

    def start(self) -> None:
        """Report now and then, from a thread."""
        if self._report is not None:
            self._ticker.start()

    def astart(self) -> None:
        """Report now and then, from a task."""
        if self._report is not None:
            self._ticker.astart()

    def update(self) -> None:
        """Report the numbers, unless they were reported just before.

        Raises:
            Exception: that of a function that was called meanwhile.
        """
        error, self._ticker.error = self._ticker.error, None
        if error is not None:
            raise error
        self._send(self._seconds)

    def _tick(self) -> float:
        """Report the numbers, unless they were reported lately; return when to look again."""
        self._send(self._rest)
        return max(self._last + self._rest - time.monotonic(), self._seconds)

    def _send(self, seconds: float) -> None:
        """Report the numbers, unless the last report was made within so many seconds."""
        if self._report is None or time.monotonic() < self._last + seconds:
            return
        with self._ticker.calling:
            if time.monotonic() >= self._last + seconds:
                self._last = time.monotonic()
                self._report(self._counter.progress)

    def close(self) -> None:
        """Report the last numbers, and end the bar."""
        self._ticker.stop()
        self._end()

    async def aclose(self) -> None:
        """Report the last numbers, and end the bar."""
        await self._ticker.astop()
        self._end()

    def _end(self) -> None:
        try:
            self._send(-math.inf)
        finally:
            if self._close is not None:
                self._close()


def check_report(report: Any) -> None:
    """Refuse what receives no numbers.

    Raises:
        ConfigError: neither True, False nor a function.
    """
    if not isinstance(report, bool) and not callable(report):
        raise ConfigError(
            f"progress={report!r}: expected True for a bar, or a function of a Progress"
        )


def _receiver_of(
    report: Report,
) -> tuple[Callable[[Progress], object] | None, tuple[float, float], Any]:
    """Return what receives the numbers, how often, and what ends it."""
    if report is False:
        return None, (0.0, 0.0), None
    if report is not True:
        return report, _CALL_SECONDS, None
    if not _is_watched():
        return _to_log, _LINE_SECONDS, None
    bar = _Bar()
    return bar.show, _BAR_SECONDS, bar.close


def _is_watched() -> bool:
    """Tell whether a person sees a bar: on a terminal, or in a notebook."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


def _to_log(progress: Progress) -> None:
    so_far = _duration(progress.seconds)
    print(f"{progress}, {so_far} so far", file=sys.stderr, flush=True)


class _Bar:
    """A bar of tqdm, in a terminal or a notebook."""

    def __init__(self) -> None:
        try:
            tqdm: Any = import_module("tqdm.auto")
        except ImportError:
            from runnables.core.installation import missing_extra

            raise missing_extra("progress=True", "tqdm", "progress") from None
        self._bar: Any = tqdm.tqdm(unit=" rows", dynamic_ncols=True)

    def show(self, progress: Progress) -> None:
        """Show the numbers."""
        bar = self._bar
        bar.total = progress.total
        bar.initial = progress.resumed
        bar.n = progress.finished
        bar.set_postfix_str(", ".join(progress._details()), refresh=False)
        bar.refresh()

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()
