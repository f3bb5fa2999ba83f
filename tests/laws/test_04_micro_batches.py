"""Law 4 for bulk steps: they get batches, and no other step waits for one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from runnables import (
    Runnable,
    RunnableBranch,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
)
from tests.both_modes import Call
from tests.core.bulk_steps import Rows, Tens, sizes

Make = Callable[[Tens], Runnable[Any, Any]]

SHAPES: dict[str, Make] = {
    "alone": lambda bulk: bulk,
    "a step before": lambda bulk: RunnableLambda(_same) | bulk,
    "parallel": lambda bulk: RunnableParallel(a=bulk, b=_same) | (lambda row: row["a"]),
    "assign": lambda bulk: (
        RunnableParallel(x=RunnablePassthrough())
        | RunnablePassthrough.assign(y=RunnableLambda(lambda row: row["x"]) | bulk)
        | (lambda row: row["y"])
    ),
    "two branches": lambda bulk: (
        RunnableParallel(a=RunnableLambda(_same) | bulk, b=Tens(2)) | (lambda row: row["b"])
    ),
    "nested": lambda bulk: (
        RunnableParallel(a={"b": RunnableLambda(_same) | bulk.with_retry()}, c=_same)
        | (lambda row: row["a"]["b"])
    ),
    "some rows": lambda bulk: RunnableBranch((lambda number: number % 3 == 0, _tens), bulk),
}


def _same(number: int) -> int:
    return number


def _tens(number: int) -> int:
    return 10 * number


class _Last:
    """The step after the bulk step, whose calls say that a row is done."""

    def __init__(self, rows: Rows) -> None:
        self.calls = 0
        self._rows = rows
        self._lock = threading.Lock()

    def __call__(self, number: int) -> int:
        with self._lock:
            self.calls += 1
            self._rows.done += 1
        return number + 1


@pytest.mark.parametrize("shape", SHAPES)
def test_inputs_are_pulled_at_most_one_batch_ahead(shape: str, call: Call) -> None:
    """For any sizes and limits; and each row has the output that it has alone."""

    @given(size=st.integers(2, 7), limit=st.integers(1, 6), number=st.integers(0, 40))
    @settings(max_examples=25)
    def law(size: int, limit: int, number: int) -> None:
        rows, bulk = Rows(range(number)), Tens(size)
        last = _Last(rows)
        chain = SHAPES[shape](bulk) | RunnableLambda(last)
        expected = [10 * value + 1 for value in range(number)]
        assert call.batch(chain, rows, max_concurrency=limit) == expected
        elsewhere = 1 if shape == "two branches" else 0  # rows that wait for the other one
        assert rows.most_ahead <= size + limit + elsewhere
        assert max(sizes(bulk), default=0) <= size
        if limit == 1 and shape != "some rows":
            assert len(bulk.calls) == -(-number // size)

    law()


@pytest.mark.parametrize("shape", SHAPES)
def test_endless_inputs_are_pulled_at_most_one_batch_ahead(shape: str, call: Call) -> None:
    """Those that wait for the consumer come on top."""

    @given(size=st.integers(2, 7), limit=st.integers(1, 4), number=st.integers(1, 20))
    @settings(max_examples=15)
    def law(size: int, limit: int, number: int) -> None:
        rows = Rows(count())
        chain = SHAPES[shape](Tens(size)) | RunnableLambda(_Last(rows))
        pairs = call.batch_as_completed(chain, rows, take=number, max_concurrency=limit)
        assert all(output == 10 * index + 1 for index, output in pairs)
        assert limit > 1 or [index for index, _ in pairs] == list(range(number))
        elsewhere = 1 if shape == "two branches" else 0
        assert rows.most_ahead <= size + limit + elsewhere

    law()


@pytest.mark.parametrize("limit", [1, 2, 8])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_first_result_waits_for_one_batch_and_one_call(
    shape: str, limit: int, call: Call
) -> None:
    """300 rows, and a bulk step that takes 100: a later step runs as soon as one row is there."""
    began = threading.Semaphore(limit)
    rows = Rows(range(300))

    def model(number: int) -> int:
        assert began.acquire(blocking=False), "more rows than the limit, before a result"
        return number

    chain = SHAPES[shape](Tens(100)) | RunnableLambda(model)
    (pair,) = call.batch_as_completed(chain, rows, take=1, max_concurrency=limit)
    assert pair[1] == 10 * pair[0]
    assert rows.pulled <= 100 + 2 * limit + 1


@pytest.mark.parametrize("limit", [2, 8])
def test_no_later_step_waits_for_the_next_batch(limit: int, call: Call) -> None:
    """The rows of the first batch are done although the second call never returns by itself."""
    done = threading.Event()
    finished: list[int] = []

    def second_call_waits(values: Sequence[int]) -> None:
        if 5 in values:
            assert done.wait(4), "the first rows wait for the next batch"

    def last(number: int) -> int:
        finished.append(number)
        if len(finished) == 5:
            done.set()
        return number

    chain = RunnableParallel(a=Tens(5, second_call_waits), b=_same) | (lambda row: row["a"]) | last
    outputs = call.batch(chain, range(10), max_concurrency=limit)
    assert outputs == [10 * number for number in range(10)]


def test_with_one_slot_steps_run_in_the_order_of_the_rows(call: Call) -> None:
    """A batch, its rows one by one, the next batch."""
    log: list[Any] = []
    chain = Tens(3, log.append) | RunnableLambda(log.append)
    call.batch(chain, range(5), max_concurrency=1)
    assert log == [[0, 1, 2], 0, 10, 20, [3, 4], 30, 40]
