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
from tests.laws.test_02_sync_agrees_with_async import check_colours_agree
from tests.laws.test_04_batch import check_batch_agrees
from tests.laws.test_05_nestings import check_limits
from tests.laws.test_05_one_limit import check_limit
from tests.laws.test_06_leaving import Sources, check_left
from tests.laws.test_07_failure import Siblings, check_siblings
from tests.laws.test_07_interrupts import Leaf, check_interrupted
from tests.laws.test_09_error_notes import check_where


class Drops(Runnable[str, str]):
    """Loses the last chunk of its stream."""

    def invoke(self, input: str, config: Any = None, **kwargs: Any) -> str:
        return input

    def stream(self, input: str, config: Any = None, **kwargs: Any) -> Any:
        yield from list(steps.words(input))[:-1] or [""]


class Swaps(Runnable[Any, Any]):
    """Gives one thing in one colour and another in the other."""

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
    with pytest.raises(AssertionError, match="the colours disagree"):
        check_colours_agree(Swaps, lambda call, it: call.invoke(it, 1))


class Renamed(Runnable[Any, Any]):
    """Fails in both colours alike, in a step that has another name in each."""

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return RunnableLambda(steps.odd_only).with_config(run_name="sync").invoke(input)

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return RunnableLambda(steps.odd_only).with_config(run_name="async").invoke(input)


def test_events_that_differ_are_caught() -> None:
    """By law 2: of runs that end, and of those that fail, also where branches run at once."""
    for value, at_once, match in (
        (1, False, "different things"),
        (2, False, "different things"),
        (2, True, "different failures"),
    ):
        with pytest.raises(AssertionError, match=match):
            check_colours_agree(Renamed, lambda call, it: call.invoke(it, value), at_once=at_once)  # noqa: B023 - it is called at once


def test_a_run_without_an_end_is_caught() -> None:
    """By law 2: as one that tells two ends, or an end and no start."""
    for kinds in (("start",), ("start", "end", "error"), ("end",), ("start", "end", "chunk")):
        recorder = Recorder()
        for kind in kinds:
            recorder.on_event(Event(kind=kind, run_type="chain", name="step", run_id="1"))  # type: ignore[arg-type]  # a literal
        assert len(recorder.unsound()) == 1


def test_a_limit_that_nobody_keeps_is_caught() -> None:
    """By law 5."""
    gauge = Gauge(3)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(gauge.call, range(3)))
    with pytest.raises(AssertionError, match="3 leaves in flight with a limit of 2"):
        check_limit(gauge, 2)


def test_a_source_that_is_left_open_is_caught() -> None:
    """By law 6."""
    sources = Sources()
    kept = sources.sync(1)
    next(kept)
    with pytest.raises(AssertionError, match="left open"):
        check_left(sources, ["<source 1 0>"])
    kept.close()


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
    """Yields snapshots, and says that they are deltas."""

    def invoke(self, input: str, config: Any = None, **kwargs: Any) -> str:
        return input

    def stream(self, input: str, config: Any = None, **kwargs: Any) -> Any:
        yield from steps.growing(input)


def test_snapshots_that_are_added_are_caught(call: Call) -> None:
    """By law 1."""
    with pytest.raises(AssertionError, match="disagrees with invoke"):
        check_stream_agrees(BlindlyAdds, "abc", ["abc"], call)


class SwapsItems(RunnableLambda[Any, Any]):
    """Gives the outputs of a batch in another order."""

    def batch(self, *args: Any, **kwargs: Any) -> Any:
        return super().batch(*args, **kwargs)[::-1]

    async def abatch(self, *args: Any, **kwargs: Any) -> Any:
        return (await super().abatch(*args, **kwargs))[::-1]


def test_swapped_items_of_a_batch_are_caught(call: Call) -> None:
    """By law 4."""
    with pytest.raises(AssertionError, match="batch disagrees with invoke"):
        check_batch_agrees(lambda: SwapsItems(steps.increment), [1, 2], call)


def test_an_interrupt_that_becomes_a_value_is_caught() -> None:
    """By law 7: swallowed, or tried again."""
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
    """By law 9: a wrapper, or a note too few."""

    def wrap(_: Any) -> Any:
        raise RuntimeError("own") from ValueError("own")

    with pytest.raises(AssertionError, match="not the user's own"):
        check_where(lambda: RunnableLambda(wrap).map().invoke([1]), "in item 0")

    def bare(_: Any) -> Any:
        raise ValueError("own")

    with pytest.raises((AssertionError, AttributeError)):
        check_where(lambda: RunnableLambda(bare).invoke(1), "in item 0")


def test_a_limit_inside_that_nobody_keeps_is_caught() -> None:
    """By law 5, over nestings: two leaves where one is allowed."""
    watch = Watch(meet=2)
    watch.limits.append(Limit(1))
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(watch.call, [Place((name,), tuple(watch.limits)) for name in "01"]))
    with pytest.raises(AssertionError, match="leaves in flight"):
        check_limits(watch)
