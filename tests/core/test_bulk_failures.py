"""Failures of bulk steps, and policies around them: each row has its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import pytest

from runnables import (
    AuthenticationError,
    BudgetExceeded,
    MissingExtra,
    ModelConnectionError,
    ModelTimeoutError,
    PermissionDeniedError,
    RateLimitError,
    RunnableLambda,
    RunnableParallel,
    ServerError,
    WeightsError,
)
from tests.both_modes import Call
from tests.core.bulk_steps import Tens, no_four, seen, sizes

RETRY: dict[str, Any] = {"wait_exponential_jitter": False, "stop_after_attempt": 2}


def echo(value: Any) -> Any:
    return value


def test_an_error_belongs_to_its_item(call: Call) -> None:
    """A batch with a bad item runs again item by item; the note says which item it was."""
    bulk = Tens(3, no_four)
    outputs = call.batch(
        {"a": bulk, "b": echo} | RunnableLambda(echo), range(6), return_exceptions=True
    )
    assert [type(output) for output in outputs] == [dict] * 4 + [ValueError] + [dict]
    assert outputs[4].__notes__ == [
        'in branch "a", step 1 of 2 (RunnableParallel<a,b>), batch item 4'
    ]


@pytest.mark.parametrize(
    ("bad", "calls"),
    [
        ([0], 1 + 8 + 13),
        ([57], 1 + 8 + 13),
        ([99], 1 + 8 + 9),
        ([3, 50], 1 + 8 + 2 * 13),
        (list(range(100)), 1 + 8 + 100),
    ],
    ids=["first", "middle", "last", "two", "all"],
)
def test_one_bad_item_does_not_cost_a_call_for_each(bad: list[int], calls: int, call: Call) -> None:
    """A large batch that fails is divided; each item has its own output or error, in order."""

    def no_bad(values: Sequence[Any]) -> None:
        if found := [value for value in values if value in bad]:
            raise ValueError(found[0])

    bulk = Tens(256, no_bad)
    outputs = call.batch(bulk, range(100), return_exceptions=True)
    assert len(bulk.calls) == calls
    for number, output in enumerate(outputs):
        if number in bad:
            assert isinstance(output, ValueError)
            assert output.args == (number,)
        else:
            assert output == 10 * number


def test_the_first_error_ends_a_batch(call: Call) -> None:
    """Without `return_exceptions` it is raised, and no later input is pulled."""
    pulled: list[int] = []

    def inputs() -> Any:
        for number in count():
            pulled.append(number)
            yield number

    with pytest.raises(ValueError, match="four"):
        call.batch(Tens(3, no_four) | RunnableLambda(echo), inputs(), max_concurrency=2)
    assert len(pulled) <= 6 + 3 + 2 * 2


@pytest.mark.parametrize(
    "error",
    [
        RateLimitError("busy"),
        ServerError("down"),
        ModelConnectionError("away"),
        ModelTimeoutError("slow"),
        AuthenticationError("no key"),
        PermissionDeniedError("not this one"),
        BudgetExceeded("used up"),
        MissingExtra("not installed"),
        WeightsError("not fetched"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_that_all_items_would_have_is_not_repeated(error: Exception, call: Call) -> None:
    """There is one request; each row has the error with a note of its own."""

    def fail(_: Sequence[Any]) -> None:
        raise type(error)(*error.args)

    bulk = Tens(3, fail)
    outputs = call.batch(RunnableLambda(echo) | bulk, range(3), return_exceptions=True)
    assert [output.__notes__ for output in outputs] == [
        [f"in step 2 of 2 (Tens), batch item {index}"] for index in range(3)
    ]
    assert len(bulk.calls) == 1


@pytest.mark.parametrize("limit", [1, 2, 8])
def test_rows_that_are_tried_again_go_together_again(limit: int, call: Call) -> None:
    """A service that was busy gets one more request, not one for each row."""
    failures = iter([RateLimitError("busy")])

    def once(_: Sequence[Any]) -> None:
        for error in failures:
            raise error

    bulk = Tens(4, once)
    chain = RunnableLambda(echo) | bulk.with_retry(**RETRY) | echo
    assert call.batch(chain, range(4), max_concurrency=limit) == [0, 10, 20, 30]
    assert sizes(bulk) == [4, 4]


def test_a_retry_counts_for_each_item(call: Call) -> None:
    """Only the row that failed is tried again, as often as the policy says."""
    bulk = Tens(3, no_four)
    outputs = call.batch(bulk.with_retry(**RETRY), [3, 4, 5], return_exceptions=True)
    assert outputs[::2] == [30, 50]
    assert isinstance(outputs[1], ValueError)
    assert seen(bulk) == {3: 2, 4: 3, 5: 2}, "with the others, by itself, and once more"


def test_a_fallback_gets_the_rows_that_failed(call: Call) -> None:
    """In a batch of its own, where it takes one."""

    def fail(values: Sequence[Any]) -> None:
        raise RateLimitError("busy")

    other = Tens(3)
    chain = RunnableLambda(echo) | Tens(3, fail).with_fallbacks([other])
    assert call.batch(chain, range(6), max_concurrency=2) == [10 * number for number in range(6)]
    assert sizes(other) == [3, 3]


def test_a_branch_that_fails_cancels_the_others(call: Call) -> None:
    """One that waits for its batch is not called; the row fails alone."""
    bulk = Tens(3)

    def odd(number: int) -> int:
        if number == 1:
            raise ValueError("one")
        return number

    chain = RunnableParallel(a=RunnableLambda(odd), b=bulk)
    outputs = call.batch(chain, range(3), max_concurrency=1, return_exceptions=True)
    assert outputs[0] == {"a": 0, "b": 0}
    assert isinstance(outputs[1], ValueError)
    assert outputs[2] == {"a": 2, "b": 20}
    assert seen(bulk)[1] == 0


INSIDE: dict[str, Callable[[Any], Any]] = {
    "dict": lambda slow: {"b": slow, "c": slow | Tens(3)},
    "nested": lambda slow: {"a": {"b": slow | Tens(2), "c": slow}},
    "map": lambda slow: RunnableLambda(_twice) | (slow | Tens(3)).map(),
    "retry": lambda slow: RunnableParallel(b={"d": slow}, c=slow | Tens(3)).with_retry(**RETRY),
}


def _twice(value: Any) -> list[Any]:
    return [value, value]


@pytest.mark.parametrize("inside", INSIDE.values(), ids=INSIDE)
def test_a_row_is_not_lost_whose_other_branches_all_run_in_threads(
    inside: Callable[[Any], Any],
) -> None:
    """A branch fails while threads run all parts of the other: its error is the row's output."""
    all_run, over = threading.Barrier(3), threading.Event()

    def slow(value: Any) -> Any:
        all_run.wait(4)
        assert over.wait(4), "the row waits for branches that it has left"
        return value

    def fail(value: Any) -> Any:
        all_run.wait(4)
        raise ValueError("one")

    chain = RunnableParallel(x=RunnableLambda(fail), y=inside(RunnableLambda(slow))) | echo
    with chain.batch_as_completed([1], max_concurrency=4, return_exceptions=True) as pairs:
        index, output = next(pairs)
        over.set()
        assert (index, type(output)) == (0, ValueError)
        assert list(pairs) == []


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit])
def test_interrupts_of_a_bulk_step_are_no_values(end: type[BaseException]) -> None:
    """They end the batch, also with `return_exceptions` and a retry."""

    def stop(_: Sequence[Any]) -> None:
        raise end

    chain = {"a": Tens(3, stop).with_retry(**RETRY)} | RunnableLambda(echo)
    with pytest.raises(end):
        chain.batch(range(6), max_concurrency=1, return_exceptions=True)
