"""Batches over a million lazy inputs: memory stays flat."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator

import pytest

from runnables import RunnableLambda

ROWS = 1_000_000
FLAT = 512 * 1024
"""How many bytes the peak may exceed the memory after the first rows."""


@pytest.mark.slow
def test_a_million_rows_need_no_memory() -> None:
    """`batch_as_completed` over a generator keeps neither inputs nor outputs."""
    step = RunnableLambda(_increment, blocking=False)
    pulled = 0

    def rows() -> Iterator[int]:
        nonlocal pulled
        for number in range(1, ROWS + 1):
            pulled = number
            yield number

    done = 0
    for index, output in step.batch_as_completed(rows(), max_concurrency=1):
        assert output == index + 2
        assert pulled - done <= 3, "inputs are pulled ahead"
        done += 1
        if done == 1000:  # one-time objects exist by now; tracing all rows would take minutes
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
        elif done == 100_000:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert peak - before < FLAT, f"{peak - before} bytes more"
    assert done == ROWS


def _increment(number: int) -> int:
    return number + 1
