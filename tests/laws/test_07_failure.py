"""Law 7: a failure stops its siblings; interrupts and cancellations are never values."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from runnables import Runnable, RunnableGenerator, RunnableLambda, RunnableParallel, RunnablePick
from runnables.engine.cancellation import on_cancel
from tests.both_modes import Call, run_clean
from tests.laws.gauges import Signal
from tests.laws.specimens import NO_BACKOFF

ENDS: list[type[BaseException]] = [KeyboardInterrupt, SystemExit, asyncio.CancelledError]


class Siblings:
    """Two calls: one waits until it is cancelled, the other fails once the first has begun."""

    def __init__(self) -> None:
        self.began: list[str] = []
        self.waits, self.stopped = Signal(), Signal()

    def call(self, role: str) -> str:
        self.began.append(role)
        if role == "wait":
            with on_cancel(self.stopped.set):
                self.waits.set()
                self.stopped.await_it()
        elif role == "fail":
            self.waits.await_it()
            raise KeyError("the first")
        return role

    async def acall(self, role: str) -> str:
        self.began.append(role)
        if role == "wait":
            self.waits.set()
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                self.stopped.set()
        elif role == "fail":
            while not self.waits.is_set():
                await asyncio.sleep(0)
            raise KeyError("the first")
        return role


def check_siblings(siblings: Siblings) -> None:
    """Check that the sibling was cancelled before the call returned, and nothing began later."""
    assert siblings.stopped.is_set(), "a sibling was left running"
    assert sorted(siblings.began) == ["fail", "wait"], "a new call began after the failure"


def many(leaf: Any, call: Call, how: str) -> Any:
    inputs = ["wait", "fail", "new", "new"]
    if how == "map":
        return call.invoke(leaf.map(), inputs, {"max_concurrency": 2})
    if how == "parallel":
        branches = {
            str(index): RunnableLambda(_always(value)) | leaf for index, value in enumerate(inputs)
        }
        return call.invoke(RunnableParallel(branches), None, {"max_concurrency": 2})
    if how == "stream of a map":
        return call.stream(leaf.map(), inputs, {"max_concurrency": 2})
    if how == "batch of maps":
        return call.batch(leaf.map(), [inputs[:1], inputs[1:]], max_concurrency=2)
    if how == "map of batches":
        batches = RunnableLambda(lambda items: leaf.batch(items)).map()
        return call.invoke(batches, [inputs[:1], inputs[1:]], {"max_concurrency": 2})
    if how == "batch":
        return call.batch(leaf, inputs, max_concurrency=2)
    return call.batch_as_completed(leaf, inputs, max_concurrency=2)


def _always(value: str) -> Callable[[Any], str]:
    return lambda _: value


HOW = ("batch", "as completed", "map", "parallel")
NESTED = ("stream of a map", "batch of maps", "map of batches")


@pytest.mark.parametrize("how", [*HOW, *NESTED])
def test_a_failure_stops_its_siblings_and_nothing_new_begins(how: str, call: Call) -> None:
    """With two slots, the sibling that runs is cancelled, and two others never begin."""
    siblings = Siblings()
    leaf = RunnableLambda(siblings.call)
    with pytest.raises(KeyError, match="the first"):
        many(leaf, call, how)
    check_siblings(siblings)


@pytest.mark.parametrize("how", HOW)
def test_a_cancelled_sibling_has_cleaned_up_before_the_call_returns(how: str) -> None:
    """Async functions are cancelled and awaited, their `finally` included."""
    siblings = Siblings()

    async def main() -> None:
        leaf = RunnableLambda(siblings.acall)
        inputs = ["wait", "fail", "new", "new"]
        branches = {
            str(index): RunnableLambda(_always(value)) | leaf for index, value in enumerate(inputs)
        }
        two: Any = {"max_concurrency": 2}
        with pytest.raises(KeyError, match="the first"):
            if how == "batch":
                await leaf.abatch(inputs, max_concurrency=2)
            elif how == "map":
                await leaf.map().ainvoke(inputs, two)
            elif how == "parallel":
                await RunnableParallel(branches).ainvoke(None, two)
            else:
                async for _ in leaf.abatch_as_completed(inputs, max_concurrency=2):
                    pass
        check_siblings(siblings)

    run_clean(main())


def test_collected_failures_stop_no_sibling(call: Call) -> None:
    """With `return_exceptions=True`, every other item is done."""

    def odd(number: int) -> int:
        if number % 2 == 0:
            raise ValueError(number)
        return number

    results = call.batch(RunnableLambda(odd), range(4), return_exceptions=True)
    assert [result if isinstance(result, int) else type(result) for result in results] == [
        ValueError, 1, ValueError, 3,
    ]  # fmt: skip


@pytest.mark.parametrize("end", ENDS, ids=lambda error: error.__name__)
def test_interrupts_reach_no_retry_and_no_fallback(end: type[BaseException]) -> None:
    """There is one attempt, invoked or streamed, even for a policy of `BaseException`."""
    calls: list[str] = []

    def leaf(_: Any) -> Any:
        calls.append("leaf")
        raise end

    def other(_: Any) -> Any:
        calls.append("other")

    step = RunnableLambda(leaf)
    policies: list[Runnable[Any, Any]] = [
        step.with_retry(**NO_BACKOFF),
        step.with_retry(**NO_BACKOFF, retry_if_exception_type=(BaseException,)),
        step.with_fallbacks([other]),
        step.with_fallbacks([other], exceptions_to_handle=(BaseException,)),
    ]
    for policy in policies:
        for do in (policy.invoke, lambda value, policy=policy: list(policy.stream(value))):
            calls.clear()
            with pytest.raises(end):
                do(1)
            assert calls == ["leaf"]


@pytest.mark.parametrize("end", ENDS, ids=lambda error: error.__name__)
def test_interrupts_are_never_values_of_a_batch(end: type[BaseException]) -> None:
    """`return_exceptions=True` collects exceptions only."""

    def leaf(number: int) -> int:
        if number == 1:
            raise end
        return number

    step = RunnableLambda(leaf)
    with pytest.raises(end):
        step.batch([0, 1, 2], return_exceptions=True)
    with pytest.raises(end):
        list(step.batch_as_completed([0, 1, 2], return_exceptions=True))
    with pytest.raises(end):
        step.map().invoke([0, 1, 2])
    with pytest.raises(end):
        RunnableParallel(a=step, b=step).invoke(1)


def test_a_cancelled_item_is_not_a_value_in_async_code() -> None:
    """A CancelledError in an item ends the batch, whatever is retried or collected."""
    calls: list[int] = []

    async def leaf(number: int) -> int:
        calls.append(number)
        raise asyncio.CancelledError

    async def main() -> None:
        step = RunnableLambda(leaf).with_retry(**NO_BACKOFF).with_fallbacks([RunnableLambda(leaf)])
        with pytest.raises(asyncio.CancelledError):
            await step.abatch([1], return_exceptions=True)
        with pytest.raises(asyncio.CancelledError):
            await step.ainvoke(2)
        assert calls == [1, 2]

    run_clean(main())


def test_no_item_is_left_when_the_caller_is_cancelled() -> None:
    """Cancelling `abatch` cancels its items, and waits for their clean-up."""
    siblings = Siblings()

    async def main() -> None:
        task = asyncio.create_task(RunnableLambda(siblings.acall).abatch(["wait"]))
        while not siblings.waits.is_set():
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert siblings.stopped.is_set()

    run_clean(main())


def test_closing_an_input_that_a_thread_reads_does_not_hide_the_error() -> None:
    """In async calls, sync generators read their input from worker threads."""

    def upper(chunks: Any) -> Any:
        for chunk in chunks:
            yield chunk.upper()

    def bad(chunks: Any) -> Any:
        raise KeyError("own")
        yield

    fails = RunnableParallel(a=RunnableGenerator(upper), b=RunnableGenerator(bad))
    chain = RunnableGenerator(upper) | upper | fails | fails | RunnablePick("a") | str

    async def main() -> None:
        async with chain.astream("a b c") as stream:
            async for _ in stream:
                pass

    for _ in range(30):
        with pytest.raises(KeyError, match="own"):
            asyncio.run(main())
