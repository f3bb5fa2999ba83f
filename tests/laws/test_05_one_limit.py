"""Law 5: one limit holds for everything below a call, however deep the nesting."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from runnables import RunnableLambda, RunnableParallel, RunnablePassthrough
from tests.both_modes import Call
from tests.laws.gauges import GAUGE_PATIENCE, Gauge, Signal

LIMITS = (1, 2, 8)


def nested(leaf: RunnableLambda[Any, Any]) -> RunnableParallel[Any]:
    """Return two branches that map three leaves each; a batch of two has twelve leaves."""

    def items(branch: str) -> Any:
        return lambda item: [(item, branch, index) for index in range(3)]

    return RunnableParallel(
        {branch: RunnableLambda(items(branch), blocking=False) | leaf.map() for branch in "ab"}
    )


def expected(item: int) -> dict[str, list[tuple[int, str, int]]]:
    return {branch: [(item, branch, index) for index in range(3)] for branch in "ab"}


def leaf_of(gauge: Gauge, kind: str) -> RunnableLambda[Any, Any]:
    return RunnableLambda(gauge.call if kind == "function" else gauge.acall)


def kinds(call: Call) -> tuple[str, ...]:
    return ("function",) if call.mode == "sync" else ("function", "async function")


def leaves(function: Any) -> RunnableLambda[Any, Any]:
    """Return a runnable that calls a function with one argument, whatever defaults it has."""
    return RunnableLambda(lambda value: function(value))


def check_limit(gauge: Gauge, limit: int) -> None:
    """Check that no more leaves ran at once, and no more threads worked, than the limit."""
    assert gauge.peak <= limit, f"{gauge.peak} leaves at once with a limit of {limit}"
    assert len(gauge.threads) <= limit, f"{gauge.threads} work with a limit of {limit}"


@pytest.mark.parametrize("limit", LIMITS)
def test_a_batch_of_parallel_of_map_keeps_the_limit_and_uses_it(limit: int, call: Call) -> None:
    """Of twelve leaves three levels deep, exactly `limit` run at the peak."""
    for kind in kinds(call):
        gauge = Gauge(limit)
        results = call.batch(nested(leaf_of(gauge, kind)), range(2), max_concurrency=limit)
        assert results == [expected(0), expected(1)]
        check_limit(gauge, limit)
        assert gauge.peak == limit, f"{kind}: slots were left idle"


@pytest.mark.parametrize("limit", LIMITS)
def test_batch_as_completed_keeps_the_limit_of_its_config(limit: int, call: Call) -> None:
    """Exactly `limit` leaves run at the peak."""
    for kind in kinds(call):
        gauge = Gauge(limit)
        chain = nested(leaf_of(gauge, kind))
        done = call.batch_as_completed(chain, range(2), {"max_concurrency": limit})
        assert sorted(done) == [(0, expected(0)), (1, expected(1))]
        check_limit(gauge, limit)
        assert gauge.peak == limit, f"{kind}: slots were left idle"


@pytest.mark.parametrize("limit", LIMITS)
def test_a_stream_keeps_the_limit(limit: int, call: Call) -> None:
    """Branches and items of a stream run within the limit of its config, and use all of it."""
    for kind in kinds(call):
        gauge = Gauge(min(limit, 6))
        chunks = call.stream(nested(leaf_of(gauge, kind)), 0, {"max_concurrency": limit})
        assert chunks
        assert sorted(gauge.began) == sorted(expected(0)["a"] + expected(0)["b"])
        assert gauge.peak == min(limit, 6)


@pytest.mark.parametrize("limit", (1, 2))
def test_calls_inside_functions_run_under_the_limit_around_them(limit: int, call: Call) -> None:
    """`chain.batch(...)` in a user's function takes slots of the call around it."""
    gauge = Gauge(limit)
    inner = RunnableLambda(gauge.call)

    def outer(item: int) -> Any:
        return inner.batch([(item, index) for index in range(3)])

    results = call.batch(RunnableLambda(outer), range(3), max_concurrency=limit)
    assert results == [[(item, index) for index in range(3)] for item in range(3)]
    check_limit(gauge, limit)


def test_an_inner_limit_cannot_widen_the_outer_one(call: Call) -> None:
    """A step with a limit of 8 below a call with a limit of 2 runs two leaves at once."""
    gauge = Gauge(2)
    chain = nested(RunnableLambda(gauge.call)).with_config(max_concurrency=8)
    call.batch(chain, range(2), max_concurrency=2)
    check_limit(gauge, 2)


def test_an_inner_limit_narrows(call: Call) -> None:
    """A step with a limit of 1 below a wider call runs its leaves one after another."""
    gauge = Gauge(1)
    mapped = RunnableLambda(gauge.call).map().with_config(max_concurrency=1)
    chain = RunnablePassthrough() | mapped
    assert call.invoke(chain, [1, 2, 3], {"max_concurrency": 8}) == [1, 2, 3]
    assert gauge.peak == 1
    assert gauge.began == [1, 2, 3]


@pytest.mark.parametrize("bound", (1, 2))
def test_a_bound_limit_holds_under_any_limit_of_the_call(bound: int, call: Call) -> None:
    """Of `with_config(max_concurrency=...)` and the call's own limit, the lower one holds."""
    for wide in (None, {"max_concurrency": 8}):
        gauge = Gauge(bound)
        chain = nested(RunnableLambda(gauge.call)).with_config(max_concurrency=bound)
        assert call.invoke(chain, 0, wide) == expected(0)
        check_limit(gauge, bound)
        gauge = Gauge(bound)
        leaf = RunnableLambda(gauge.call).with_config(max_concurrency=bound)
        assert call.batch(leaf, range(4), wide) == [0, 1, 2, 3]
        check_limit(gauge, bound)
        assert sorted(call.batch_as_completed(leaf, range(4), wide))[3] == (3, 3)
        check_limit(gauge, bound)


def test_limit_one_completes_in_order(call: Call) -> None:
    """Leaves run depth first: by item, then by branch."""
    for kind in kinds(call):
        gauge = Gauge(1)
        call.batch(nested(leaf_of(gauge, kind)), range(2), max_concurrency=1)
        assert gauge.began == [
            (item, branch, index) for item in range(2) for branch in "ab" for index in range(3)
        ]


def test_a_freed_slot_goes_to_a_call_that_still_has_work(call: Call) -> None:
    """One item starts without a spare slot; when the other ends, two of its leaves run at once."""
    for order in (["", "ab"], ["ab", ""]) * 4:  # which worker takes which item is a race
        mapping = Signal()
        meeting = threading.Barrier(2)

        def leaf(value: str, mapping: Signal = mapping, meeting: Any = meeting) -> str:
            mapping.set()
            meeting.wait(GAUGE_PATIENCE)
            return value

        def either(letters: str, mapping: Signal = mapping, leaf: Any = leaf) -> Any:
            if letters:
                return RunnableLambda(list) | leaves(leaf).map()
            mapping.await_it()
            return []

        results = call.batch(RunnableLambda(lambda text: either(text)), order, max_concurrency=2)
        assert results == [list(text) for text in order]
