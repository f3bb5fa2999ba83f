"""How far a batch job has come, in numbers, and who is told."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from runnables.core.installation import missing_extra
from runnables.engine.cancellation import lock
from runnables.errors import ConfigError

if TYPE_CHECKING:
    from runnables.messages.usage import UsageMetadata

_BAR_SECONDS: Final = 0.1
_CALL_SECONDS: Final = 0.5
_LINE_SECONDS: Final = 10.0
"""How often a bar, a function and a log are told, at most."""


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

    @property
    def finished(self) -> int:
        """Return how many rows have an output, or were given up."""
        return self.done + self.failed

    @property
    def rate(self) -> float:
        """Return how many rows a second this run finishes, in the mean."""
        return (self.finished - self.resumed) / self.seconds if self.seconds > 0 else 0.0

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


Report: TypeAlias = bool | Callable[[Progress], object]
"""What `progress=` takes: True for a bar, or a function of the numbers."""


class Counter:
    """The numbers of a job, counted in many threads."""

    def __init__(self, total: int | None) -> None:
        self._progress = Progress(total=total)
        self._began = time.monotonic()

    @property
    def progress(self) -> Progress:
        """Return the numbers as they are now."""
        with lock:
            return replace(self._progress, seconds=time.monotonic() - self._began)

    def add(self, **numbers: int) -> None:
        """Add to these numbers."""
        with lock:
            now = self._progress
            self._progress = replace(
                now, **{name: getattr(now, name) + number for name, number in numbers.items()}
            )

    def add_usage(self, usage: UsageMetadata, cost: float | None) -> None:
        """Add what models have used."""
        with lock:
            now = self._progress
            self._progress = replace(
                now,
                input_tokens=now.input_tokens + usage["input_tokens"],
                output_tokens=now.output_tokens + usage["output_tokens"],
                cost=now.cost if cost is None else (now.cost or 0.0) + cost,
            )

    def set_total(self, total: int) -> None:
        """Say how many rows there are, now that the last one was pulled."""
        with lock:
            self._progress = replace(self._progress, total=total)


class Reporter:
    """Tells a bar, a function or a log how far a job has come.

    Args:
        report: what `progress=` was given.
        counter: the numbers.
    """

    def __init__(self, report: Report, counter: Counter) -> None:
        self._counter = counter
        self._next = 0.0
        self._tell, self._seconds, self._close = _told_by(report)

    def update(self, *, last: bool = False) -> None:
        """Tell the numbers, unless they were told just before."""
        if self._tell is None:
            return
        now = time.monotonic()
        if last or now >= self._next:
            self._next = now + self._seconds
            self._tell(self._counter.progress)

    def close(self) -> None:
        """Tell the last numbers, and end the bar."""
        self.update(last=True)
        if self._close is not None:
            self._close()


def check_report(report: Any) -> None:
    """Refuse what cannot be told.

    Raises:
        ConfigError: neither True, False nor a function.
    """
    if not isinstance(report, bool) and not callable(report):
        raise ConfigError(
            f"progress={report!r}: expected True for a bar, or a function of a Progress"
        )


def _told_by(report: Report) -> tuple[Callable[[Progress], object] | None, float, Any]:
    """Return what tells the numbers, how often, and what ends it."""
    if report is False:
        return None, 0.0, None
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
    print(progress, file=sys.stderr, flush=True)


class _Bar:
    """A bar of tqdm, in a terminal or a notebook."""

    def __init__(self) -> None:
        try:
            from tqdm.auto import tqdm
        except ImportError:
            raise missing_extra("progress=True", "tqdm", "progress") from None
        self._bar: Any = tqdm(unit=" rows", dynamic_ncols=True)

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
