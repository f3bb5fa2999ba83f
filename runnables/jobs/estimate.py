"""What a job will take, from a sample of its rows: calls, tokens and money, each with an interval.

The sizes of all inputs are known beforehand, so they are used: what is measured on the sample is
regressed on the size of its inputs, and applied to the sizes of all. That takes out most of the
error that comes from the sample having, by chance, more of the long rows.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import AsyncIterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from runnables.core.batching import is_many
from runnables.core.config_merging import merge_configs
from runnables.errors import ConfigError
from runnables.jobs.limits import check_count
from runnables.jobs.prices import known_prices, price
from runnables.models.prices import checked_prices
from runnables.models.usage import MODELS, Usage, model_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runnables.compose.runnable import Runnable
    from runnables.core.config import RunnableConfig
    from runnables.core.handlers import Event
    from runnables.models.prices import Price

SAMPLE: Final = 100

_QUANTILE: Final = 1.645
"""Of nine in ten samples, the total is within so many standard errors."""


@dataclass(frozen=True)
class Range:
    """An estimated total, and an interval that has the true one for about 9 in 10 samples.

    Attributes:
        likely: the estimate.
        low: the lower end of the interval.
        high: the upper end of the interval.
    """

    likely: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        low, likely, high = (format(number, spec) for number in (self.low, self.likely, self.high))
        return likely if low == high else f"{likely} ({low} to {high})"


@dataclass(frozen=True)
class Estimate:
    """What a job will take, all rows together.

    Attributes:
        rows: how many rows there are.
        sampled: how many of them were run.
        failed: how many of those failed; what they took until then is counted.
        calls: calls of models.
        input_tokens: tokens that models read.
        output_tokens: tokens that models write.
        cost: what it costs; None where that is not known: a model has no price, or reports no
            usage.
        unpriced: the models without a price.
        unreported: the models that have answered and reported no usage: the tokens and the cost
            are without theirs.

    Example:
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> model = ScriptedChatModel(["ok"], cycle=True)
        >>> guess = estimate(model, ["a", "b", "c"], sample=2, prices={})
        >>> guess.rows, guess.sampled
        (3, 2)
    """

    rows: int
    sampled: int
    failed: int
    calls: Range
    input_tokens: Range
    output_tokens: Range
    cost: Range | None
    unpriced: frozenset[str]
    unreported: frozenset[str] = frozenset()

    def __str__(self) -> str:
        lines = {
            "rows": f"{self.rows:,}, of which {self.sampled:,} were run, {self.failed:,} failed",
            "calls": f"{self.calls:,.0f}",
            "input tokens": self._tokens(self.input_tokens),
            "output tokens": self._tokens(self.output_tokens),
            "cost": self._cost(),
        }
        return "\n".join(f"{name}: {value}" for name, value in lines.items())

    def _tokens(self, tokens: Range) -> str:
        if not self.unreported:
            return f"{tokens:,.0f}"
        return "unknown" if tokens.high == 0 else f"{tokens:,.0f}, and those that are not reported"

    def _cost(self) -> str:
        if self.cost is not None:
            return f"{self.cost:,.2f}"
        reasons = {"no price": self.unpriced, "no usage reported": self.unreported}
        why = (
            f"{reason}: {', '.join(sorted(names))}" for reason, names in reasons.items() if names
        )
        return f"unknown ({'; '.join(why)})"


def estimate_total(sizes: Sequence[float], sampled: Mapping[int, float]) -> Range:
    """Return the estimated sum of an amount over all rows.

    Args:
        sizes: the size of the input of each row.
        sampled: the amount of each sampled row, by its number.

    Example:
        >>> estimate_total([10, 20, 30, 40], {0: 21, 1: 41, 3: 81})
        Range(likely=204.0, low=204.0, high=204.0)
    """
    rows, count = len(sizes), len(sampled)
    if not count:
        return Range(0.0, 0.0, 0.0)
    mean = sum(sampled.values()) / count
    mean_size = sum(sizes[number] for number in sampled) / count
    spread = sum((sizes[number] - mean_size) ** 2 for number in sampled)
    slope = 0.0
    if spread > 0:
        slope = sum((sizes[n] - mean_size) * (amount - mean) for n, amount in sampled.items())
        slope /= spread
    likely = rows * (mean + slope * (sum(sizes) / rows - mean_size))
    residuals = [
        amount - mean - slope * (sizes[number] - mean_size) for number, amount in sampled.items()
    ]
    freedom = max(count - 2, 1)
    deviation = math.sqrt(sum(residual**2 for residual in residuals) / freedom)
    unseen = 1 - count / rows
    error = _QUANTILE * rows * deviation * math.sqrt(unseen / count)
    least = sum(sampled.values())  # the rows that were run have taken this much already
    return Range(max(likely, least), max(likely - error, least), max(likely + error, least))


def size_of(row: object) -> int:
    """Return the size of an input: the length of its JSON, about."""
    return len(row) if isinstance(row, str) else len(json.dumps(row, default=str))


class _RowUsage(Usage):
    """What the models of one row have used, and which of them have not said it."""

    def __init__(self) -> None:
        super().__init__()
        self.unreported: list[str] = []

    def on_event(self, event: Event) -> None:
        """Count the usage of an answer, or that it has none; a cached answer uses nothing."""
        super().on_event(event)
        if event.kind == "end" and event.run_type in MODELS and event.usage is None:
            metadata: Any = getattr(event.output, "response_metadata", {})
            if not metadata.get("from_cache"):
                self.unreported.append(model_of(event))


def _checked_rows(rows: Any) -> Sequence[Any]:
    """Return rows that can be read again.

    Raises:
        TypeError: a string, a dict, or no iterable.
        ConfigError: an iterator: reading it would leave none for the job.
    """
    kind: str = type(rows).__name__
    found: Any = rows
    if isinstance(rows, (Iterator, AsyncIterable)):
        raise ConfigError(
            f"estimate(rows=...) got a {kind}, which can be read once only, and the job needs its "
            "rows afterwards. Make a list of them first."
        )
    if not is_many(rows):
        raise TypeError(f"estimate(rows=...) got a {kind}: expected a list with one input an item")
    return found if isinstance(rows, Sequence) else list(found)


class _Sample:
    """Some rows, chosen at random, and what each of them takes.

    What is wrong with the arguments is an error here, before any row runs.
    """

    def __init__(
        self, given: Any, count: int, seed: int | None, prices: Mapping[str, Price] | None
    ) -> None:
        self._rows = rows = _checked_rows(given)
        if prices is None:
            known_prices()
        self._prices = None if prices is None else checked_prices(prices)
        count = min(check_count("estimate(sample={})", count), len(rows))
        self.numbers = sorted(random.Random(seed).sample(range(len(rows)), count))
        self._usages = [_RowUsage() for _ in self.numbers]

    @property
    def inputs(self) -> list[Any]:
        """Return the rows."""
        return [self._rows[number] for number in self.numbers]

    def configs(self, config: RunnableConfig | None) -> list[RunnableConfig]:
        """Return a config for each row, with a handler that counts what it uses."""
        return [merge_configs(config, {"callbacks": [usage]}) for usage in self._usages]

    def estimate(self, outputs: Sequence[Any], provider: str | None) -> Estimate:
        """Return the estimate for all rows.

        Raises:
            Exception: the first error, where no row of the sample has an output or took anything.
        """
        failures = [output for output in outputs if isinstance(output, Exception)]
        if failures and len(failures) == len(outputs) and not any(map(_calls, self._usages)):
            raise failures[0]
        sizes = [size_of(row) for row in self._rows]
        usages = dict(zip(self.numbers, self._usages, strict=True))
        costs = dict.fromkeys(usages, 0.0)
        unpriced = set[str]()
        for number, usage in usages.items():
            for name, used in usage.answers:
                cost = price(name, used, self._prices, provider=provider)
                costs[number] += cost or 0.0
                if cost is None:
                    unpriced.add(name)
        unreported = frozenset(name for usage in self._usages for name in usage.unreported)
        totals = {number: usage.total for number, usage in usages.items()}
        return Estimate(
            rows=len(self._rows),
            sampled=len(self.numbers),
            failed=len(failures),
            calls=estimate_total(sizes, {n: _calls(usage) for n, usage in usages.items()}),
            input_tokens=estimate_total(
                sizes, {n: total["input_tokens"] for n, total in totals.items()}
            ),
            output_tokens=estimate_total(
                sizes, {n: total["output_tokens"] for n, total in totals.items()}
            ),
            cost=None if unpriced or unreported else estimate_total(sizes, costs),
            unpriced=frozenset(unpriced),
            unreported=unreported,
        )


def _calls(usage: _RowUsage) -> int:
    return usage.calls + len(usage.unreported)


def estimate(
    chain: Runnable[Any, Any],
    rows: Sequence[Any],
    *,
    sample: int = SAMPLE,
    prices: Mapping[str, Price] | None = None,
    provider: str | None = None,
    config: RunnableConfig | None = None,
    seed: int | None = None,
) -> Estimate:
    """Return what a job will take, after running a few of its rows.

    The rows of the sample are run, and paid for; the others are only measured.

    Args:
        chain: what runs on each row.
        rows: all rows of the job.
        sample: how many of them to run; chosen at random, as the first ones may not be typical.
        prices: what a million tokens cost, by the name of the model; see `price`.
        provider: the provider whose prices they are, where `genai-prices` knows several.
        config: the config for the rows of the sample.
        seed: makes the choice repeatable.

    Raises:
        TypeError: the rows are a string, a dict, or no iterable; as all of these, before any runs.
        ConfigError: the rows are an iterator, which the job could not read again; a sample that is
            no whole number of at least 1; or prices in another shape.
        MissingExtra: there are no `prices`, and `genai-prices` is not installed.
        Exception: the first error, where no row of the sample has an output or took anything.

    Example:
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> reported = UsageMetadata(input_tokens=30, output_tokens=10, total_tokens=40)
        >>> model = ScriptedChatModel(["Ahoy!"], cycle=True, usage=reported)
        >>> prices = {"ScriptedChatModel": (2.0, 10.0)}
        >>> print(estimate(model, ["Hello"] * 100_000, sample=20, prices=prices))
        rows: 100,000, of which 20 were run, 0 failed
        calls: 100,000
        input tokens: 3,000,000
        output tokens: 1,000,000
        cost: 16.00
    """
    chosen = _Sample(rows, sample, seed, prices)
    outputs = chain.batch(chosen.inputs, chosen.configs(config), return_exceptions=True)
    return chosen.estimate(outputs, provider)


async def aestimate(
    chain: Runnable[Any, Any],
    rows: Sequence[Any],
    *,
    sample: int = SAMPLE,
    prices: Mapping[str, Price] | None = None,
    provider: str | None = None,
    config: RunnableConfig | None = None,
    seed: int | None = None,
) -> Estimate:
    """Do what `estimate` does, async.

    Example:
        >>> import asyncio
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> model = ScriptedChatModel(["ok"], cycle=True)
        >>> asyncio.run(aestimate(model, ["a", "b", "c"], sample=2, prices={})).sampled
        2
    """
    chosen = _Sample(rows, sample, seed, prices)
    outputs = await chain.abatch(chosen.inputs, chosen.configs(config), return_exceptions=True)
    return chosen.estimate(outputs, provider)
