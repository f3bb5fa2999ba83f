"""Law 4: batch is invoke, item by item; without barriers, and over endless inputs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count, islice
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from runnables import Runnable, RunnableLambda
from tests.both_modes import Call
from tests.laws.gauges import Signal
from tests.laws.outcomes import Failed, Returned, failed, outcome, without_notes
from tests.laws.registry import REGISTRY
from tests.laws.specimens import Specimen

Make = Callable[[], Runnable[Any, Any]]


def check_batch_agrees(make: Make, values: list[Any], call: Call) -> None:
    """Check that a batch returns what one call for each item returns, errors included."""
    alone = [_bare(outcome(lambda value=value: call.invoke(make(), value))) for value in values]
    results = call.batch(make(), values, return_exceptions=True)
    assert [_bare(_seen(result)) for result in results] == alone, "the batch disagrees with invoke"
    pairs = call.batch_as_completed(make(), values, return_exceptions=True)
    assert sorted(index for index, _ in pairs) == list(range(len(values)))
    assert all(_bare(_seen(result)) == alone[index] for index, result in pairs), (
        "an index is not the item's"
    )


@pytest.mark.parametrize(
    "specimen", [specimen for specimen in REGISTRY if not specimen.remembers], ids=str
)
def test_batch_is_invoke_item_by_item(specimen: Specimen, call: Call) -> None:
    """For the whole registry, each output is that of `invoke`, and each error its own."""
    if not specimen.runs_in(call.mode):
        pytest.skip("async only")

    # flaky functions count their failures for each input, so no input may come twice
    @settings(max_examples=4)
    @given(st.lists(specimen.inputs, max_size=4, unique_by=repr))
    def law(values: list[Any]) -> None:
        check_batch_agrees(specimen.make, values, call)

    law()


def _seen(result: Any) -> Any:
    return failed(result) if isinstance(result, Exception) else Returned(result)


def _bare(result: Any) -> Returned | Failed:
    return without_notes(result)


def test_results_have_the_order_of_the_inputs(call: Call) -> None:
    """They have it where a later item is done first, too."""
    later = Signal()

    def work(item: int) -> int:
        later.await_it() if item == 0 else later.set()
        return item

    step = RunnableLambda(work)
    assert call.batch(step, [0, 1]) == [0, 1]
    later.clear()
    assert call.batch_as_completed(step, [0, 1]) == [(1, 1), (0, 0)]


def test_there_is_no_barrier_between_steps(call: Call) -> None:
    """A fast row reaches step 2 while a slow row is in step 1."""
    reached = Signal()

    def first(item: str) -> str:
        if item == "slow":
            reached.await_it()
        return item

    def second(item: str) -> str:
        if item == "fast":
            reached.set()
        return item

    chain = RunnableLambda(first) | second
    assert call.batch(chain, ["slow", "fast"]) == ["slow", "fast"]


@pytest.mark.parametrize("limit", [1, 2, 8])
def test_endless_inputs_are_pulled_as_slots_get_free(limit: int, call: Call) -> None:
    """No input is pulled beyond those that were taken, wait for the consumer, or run."""
    pulled: list[int] = []

    def inputs() -> Any:
        for number in count():
            pulled.append(number)
            yield number

    step = RunnableLambda(lambda number: number * 2)
    pairs = call.batch_as_completed(step, inputs(), take=5, max_concurrency=limit)
    assert len(pairs) == 5
    assert all(output == 2 * index for index, output in pairs)
    assert len(pulled) <= 5 + 3 * limit


def test_any_iterable_will_do(call: Call) -> None:
    """Inputs may be a generator, a range or a set; the outputs are a list."""
    step = RunnableLambda(lambda number: number + 1)
    assert call.batch(step, (number for number in range(3))) == [1, 2, 3]
    assert call.batch(step, islice(count(), 2)) == [1, 2]
    assert call.batch(step, {1}) == [2]
    assert call.batch(step, []) == []


def test_a_failure_of_the_inputs_is_raised(call: Call) -> None:
    """It is not collected, because it belongs to no item."""

    def inputs() -> Any:
        yield 1
        raise OSError("the file is gone")

    with pytest.raises(OSError, match="gone"):
        call.batch(RunnableLambda(str), inputs(), return_exceptions=True)
