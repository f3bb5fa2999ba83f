"""What a job will take: how good the estimate is, and what it counts."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables import (
    AuthenticationError,
    ConfigError,
    InMemoryCache,
    RunnableLambda,
    ServerError,
    UsageMetadata,
)
from runnables.jobs.estimate import Estimate, Range, aestimate, estimate, estimate_total
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call

USAGE = UsageMetadata(input_tokens=30, output_tokens=10, total_tokens=40)
PRICES = {"ScriptedChatModel": (2.0, 10.0)}


def _model(*answers: Any) -> ScriptedChatModel:
    return ScriptedChatModel(list(answers) or ["Ahoy!"], cycle=True, usage=USAGE, max_retries=0)


def _estimate(call: Call, chain: Any, rows: Any, **options: Any) -> Estimate:
    return call.run(
        lambda: estimate(chain, rows, **options), lambda: aestimate(chain, rows, **options)
    )


def test_all_rows_are_estimated_from_a_few(call: Call) -> None:
    """Calls, tokens and money; only the rows of the sample are run."""
    model = _model()
    found = _estimate(call, model, ["Hello"] * 10_000, sample=20, prices=PRICES)
    assert model.opened == 20
    assert (found.rows, found.sampled, found.failed) == (10_000, 20, 0)
    assert found.calls == Range(10_000, 10_000, 10_000)
    assert found.input_tokens.likely == 300_000
    assert found.output_tokens.likely == 100_000
    assert found.cost is not None
    assert found.cost.likely == pytest.approx(1.6)


def test_what_failed_rows_took_counts(call: Call) -> None:
    """A row whose second step fails has paid for its first."""

    def fail(answer: object) -> None:
        raise ServerError("down")

    found = _estimate(call, _model() | RunnableLambda(fail), ["x"] * 50, prices=PRICES)
    assert (found.sampled, found.failed) == (50, 50)
    assert found.input_tokens == Range(1500, 1500, 1500)


def test_a_model_without_a_price_leaves_the_cost_open(call: Call) -> None:
    """A part of the cost would look like all of it."""
    found = _estimate(call, _model(), ["x"] * 5, prices={"another": (1.0, 1.0)})
    assert (found.cost, found.unpriced) == (None, {"ScriptedChatModel"})
    assert "no price: ScriptedChatModel" in str(found)


def test_a_model_that_reports_no_usage_leaves_the_cost_open(call: Call) -> None:
    """Nothing is not what it costs; its calls are counted all the same."""
    silent = ScriptedChatModel(["Ahoy!"], cycle=True)
    found = _estimate(call, silent, ["x"] * 40, sample=10, prices=PRICES)
    assert (found.cost, found.unreported) == (None, {"ScriptedChatModel"})
    assert found.calls == Range(40, 40, 40)
    assert str(found).splitlines()[2:] == [
        "input tokens: unknown",
        "output tokens: unknown",
        "cost: unknown (no usage reported: ScriptedChatModel)",
    ]
    both = _model() | RunnableLambda(lambda message: message.text) | silent
    found = _estimate(call, both, ["x"] * 40, sample=10, prices=PRICES)
    assert (found.cost, found.calls.likely, found.input_tokens.likely) == (None, 80, 1200)
    assert "input tokens: 1,200, and those that are not reported" in str(found)


def test_a_cached_answer_takes_nothing(call: Call) -> None:
    """It is none whose usage is missing."""
    model = ScriptedChatModel(["Ahoy!"], usage=USAGE, cache=InMemoryCache())
    model.invoke("x")
    found = _estimate(call, model, ["x"] * 5, prices=PRICES)
    assert (found.cost, found.unreported) == (Range(0, 0, 0), frozenset())


def test_the_error_of_all_rows_is_raised(call: Call) -> None:
    """A wrong key is no cost of 0."""
    wrong = ScriptedChatModel([AuthenticationError("no such key")], cycle=True, max_retries=2)
    with pytest.raises(AuthenticationError, match="no such key"):
        _estimate(call, wrong, ["x"] * 50, prices=PRICES)


@pytest.mark.parametrize(
    ("rows", "kind", "said"),
    [
        ("some text", TypeError, "got a str: expected a list"),
        ({"a": 1}, TypeError, "got a dict: expected a list"),
        (7, TypeError, "got a int: expected a list"),
        (lambda: iter(["x"]), ConfigError, "can be read once only"),
        (lambda: (text for text in ["x"]), ConfigError, "got a generator, which can be read once"),
    ],
    ids=["string", "dict", "number", "iterator", "generator"],
)
def test_rows_that_cannot_be_read_again_are_refused(
    call: Call, rows: Any, kind: type[Exception], said: str
) -> None:
    """Before any of them runs, and without reading any."""
    model, rows = _model(), rows() if callable(rows) else rows
    with pytest.raises(kind, match=said):
        _estimate(call, model, rows, prices=PRICES)
    assert model.opened == 0
    if kind is ConfigError:
        assert list(rows) == ["x"]


def test_rows_need_not_be_a_list(call: Call) -> None:
    """What can be read again will do: the keys of a dict, say."""
    found = _estimate(call, _model(), {"a": 1, "b": 2}.keys(), prices=PRICES)
    assert found.rows == 2


def test_wrong_prices_are_refused_before_any_row_runs(call: Call) -> None:
    """The rows of the sample are paid for."""
    model = _model()
    with pytest.raises(ConfigError):
        _estimate(call, model, ["x"], prices={"ScriptedChatModel": "cheap"})
    assert model.opened == 0


def test_no_rows_take_nothing(call: Call) -> None:
    """An empty job is no error."""
    found = _estimate(call, _model(), [], prices=PRICES)
    assert (found.rows, found.calls, found.cost) == (0, Range(0, 0, 0), Range(0, 0, 0))


@pytest.mark.parametrize("sample", [0, 1.5, True])
def test_a_sample_is_a_whole_number(call: Call, sample: Any) -> None:
    """The error shows the value, and no row is run."""
    model = _model()
    with pytest.raises(ConfigError, match="sample="):
        _estimate(call, model, ["x"], sample=sample, prices=PRICES)
    assert model.opened == 0


def test_the_interval_holds_for_nine_samples_in_ten() -> None:
    """Of rows whose lengths are skewed; for nine in ten, the estimate is within 15 %."""
    rng = random.Random(7)
    sizes = [round(math.exp(rng.gauss(6, 0.9))) for _ in range(10_000)]
    amounts = [size * 0.3 * math.exp(rng.gauss(0, 0.5)) for size in sizes]
    truth, within, errors = sum(amounts), 0, list[float]()
    for _ in range(300):
        sampled = {number: amounts[number] for number in rng.sample(range(10_000), 100)}
        found = estimate_total(sizes, sampled)
        within += found.low <= truth <= found.high
        errors.append(abs(found.likely / truth - 1))
    assert 0.82 <= within / 300 <= 0.97
    assert sorted(errors)[270] < 0.15


@given(
    sizes=st.lists(st.integers(0, 1000), min_size=1, max_size=40),
    slope=st.floats(0, 10),
    base=st.floats(0, 100),
)
def test_amounts_that_follow_the_sizes_are_found_exactly(
    sizes: list[int], slope: float, base: float
) -> None:
    """And never less than what the sample took."""
    amounts = {number: base + slope * sizes[number] for number in range(0, len(sizes), 2)}
    found = estimate_total(sizes, amounts)
    assert found.low <= found.likely <= found.high
    assert found.low >= sum(amounts.values()) * (1 - 1e-9)
    if len({sizes[number] for number in amounts}) > 1:
        truth = sum(base + slope * size for size in sizes)
        assert found.likely == pytest.approx(truth, rel=1e-6, abs=1e-6)
