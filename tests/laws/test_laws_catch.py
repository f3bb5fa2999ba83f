"""The test of the tests: runnables that break a law make its check fail."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runnables import Event, Runnable, RunnableLambda
from tests.both_modes import Call
from tests.laws import steps
from tests.laws.gauges import Gauge
from tests.laws.nestings import Limit, Place, Watch
from tests.laws.recorder import Recorder
from tests.laws.test_01_streams_agree import check_stream_agrees
from tests.laws.test_02_sync_agrees_with_async import check_sync_agrees_with_async
from tests.laws.test_04_batch import check_batch_agrees
from tests.laws.test_05_nestings import check_limits
from tests.laws.test_05_one_limit import check_limit
from tests.laws.test_06_leaving import Sources, check_left
from tests.laws.test_07_failure import Siblings, check_siblings
from tests.laws.test_07_interrupts import Leaf, check_interrupted
from tests.laws.test_09_error_notes import check_where


class Drops(Runnable[str, str]):
    """A runnable whose stream loses the last chunk."""

    def invoke(self, input: str, config: Any = None, **kwargs: Any) -> str:
        return input

    def stream(self, input: str, config: Any = None, **kwargs: Any) -> Any:
        yield from list(steps.words(input))[:-1] or [""]


class Swaps(Runnable[Any, Any]):
    """A runnable that returns another value when it is awaited."""

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return [input, 0]

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return [0, input]


def test_a_dropped_chunk_is_caught(call: Call) -> None:
    """By law 1."""
    with pytest.raises(AssertionError, match="disagrees with invoke"):
        check_stream_agrees(Drops, "a b c", ["a b c"], call)


def test_swapped_items_are_caught() -> None:
    """By law 2."""
    with pytest.raises(AssertionError, match="sync and async disagree"):
        check_sync_agrees_with_async(Swaps, lambda call, step: call.invoke(step, 1))


class Renamed(Runnable[Any, Any]):
    """A runnable whose step has one name in sync calls and another in async calls."""

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return RunnableLambda(steps.odd_only).with_config(run_name="sync").invoke(input)

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return RunnableLambda(steps.odd_only).with_config(run_name="async").invoke(input)


def test_events_that_differ_are_caught() -> None:
    """By law 2, for runs that end and for runs that fail, also where branches run at once."""
    for value, at_once, match in (
        (1, False, "events differ"),
        (2, False, "events differ"),
        (2, True, "failures differ"),
    ):
        with pytest.raises(AssertionError, match=match):
            check_sync_agrees_with_async(
                Renamed,
                lambda call, step, value=value: call.invoke(step, value),
                at_once=at_once,
            )


def test_a_run_without_an_end_is_caught() -> None:
    """By law 2, and so is one with two ends, or without a start."""
    for kinds in (("start",), ("start", "end", "error"), ("end",), ("start", "end", "chunk")):
        recorder = Recorder()
        for kind in kinds:
            recorder.on_event(Event(kind=kind, run_type="chain", name="step", run_id="1"))  # type: ignore[arg-type]  # a literal
        assert len(recorder.unsound()) == 1


def test_a_limit_that_is_exceeded_is_caught() -> None:
    """By law 5."""
    gauge = Gauge(3)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(gauge.call, range(3)))
    with pytest.raises(AssertionError, match="3 leaves at once with a limit of 2"):
        check_limit(gauge, 2)


def test_a_source_that_is_left_open_is_caught() -> None:
    """By law 6."""
    sources = Sources()
    source = sources.sync(1)
    next(source)
    with pytest.raises(AssertionError, match="left open"):
        check_left(sources, ["<source 1 0>"])
    source.close()


def test_a_source_that_runs_ahead_is_caught() -> None:
    """By law 6."""
    sources = Sources()

    def greedy(value: Any) -> Iterator[str]:
        source = sources.sync(value)
        ahead = [next(source) for _ in range(10)]
        source.close()
        yield from ahead

    chunks: list[Any] = []
    with RunnableLambda(greedy).stream(1) as stream:
        chunks.append(next(stream))
    with pytest.raises(AssertionError, match="10 chunks, 1 were taken"):
        check_left(sources, chunks)


def test_a_sibling_that_is_left_running_is_caught() -> None:
    """By law 7."""
    siblings = Siblings()
    siblings.began += ["wait", "fail"]
    with pytest.raises(AssertionError, match="left running"):
        check_siblings(siblings)
    siblings.stopped.set()
    siblings.began.append("new")
    with pytest.raises(AssertionError, match="began after the failure"):
        check_siblings(siblings)


class BlindlyAdds(Runnable[str, str]):
    """A runnable that yields snapshots, and declares them as deltas."""

    def invoke(self, input: str, config: Any = None, **kwargs: Any) -> str:
        return input

    def stream(self, input: str, config: Any = None, **kwargs: Any) -> Any:
        yield from steps.growing(input)


def test_snapshots_that_are_added_are_caught(call: Call) -> None:
    """By law 1."""
    with pytest.raises(AssertionError, match="disagrees with invoke"):
        check_stream_agrees(BlindlyAdds, "abc", ["abc"], call)


class SwapsItems(RunnableLambda[Any, Any]):
    """A runnable that returns the outputs of a batch in another order."""

    def batch(self, *args: Any, **kwargs: Any) -> Any:
        return super().batch(*args, **kwargs)[::-1]

    async def abatch(self, *args: Any, **kwargs: Any) -> Any:
        return (await super().abatch(*args, **kwargs))[::-1]


def test_swapped_items_of_a_batch_are_caught(call: Call) -> None:
    """By law 4."""
    with pytest.raises(AssertionError, match="batch disagrees with invoke"):
        check_batch_agrees(lambda: SwapsItems(steps.increment), [1, 2], call)


def test_an_interrupt_that_becomes_a_value_is_caught() -> None:
    """By law 7, whether it is returned or retried."""
    leaf = Leaf(KeyboardInterrupt)

    def swallow(_: Any) -> Any:
        try:
            return leaf.call(_)
        except BaseException as error:
            return error

    with pytest.raises(AssertionError, match="an interrupt became KeyboardInterrupt"):
        check_interrupted(leaf, lambda: RunnableLambda(swallow).invoke(1))

    def again(_: Any) -> Any:
        try:
            return leaf.call(_)
        except BaseException:
            return leaf.call(_)

    leaf = Leaf(KeyboardInterrupt)
    with pytest.raises(AssertionError, match="called after an interrupt"):
        check_interrupted(leaf, lambda: RunnableLambda(again).invoke(1))


def test_a_wrapped_exception_is_caught() -> None:
    """By law 9, and so is a missing note."""

    def wrap(_: Any) -> Any:
        raise RuntimeError("own") from ValueError("own")

    with pytest.raises(AssertionError, match="not the user's own"):
        check_where(lambda: RunnableLambda(wrap).map().invoke([1]), "in item 0")

    def bare(_: Any) -> Any:
        raise ValueError("own")

    with pytest.raises((AssertionError, AttributeError)):
        check_where(lambda: RunnableLambda(bare).invoke(1), "in item 0")


def test_a_limit_inside_a_nesting_that_is_exceeded_is_caught() -> None:
    """By law 5 over nestings: two leaves run where one is allowed."""
    watch = Watch(meet=2)
    watch.limits.append(Limit(1))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(watch.call, [Place((name,), tuple(watch.limits)) for name in "01"]))
    with pytest.raises(AssertionError, match="leaves at once"):
        check_limits(watch)
