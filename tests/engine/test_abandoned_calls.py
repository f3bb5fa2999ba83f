"""Work that was queued for a thread does not begin once its call has ended, however it ended."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from runnables import (
    AIMessage,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    StepTimeout,
    create_agent,
    is_cancelled,
    tool,
    tool_call,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.leaks import busy_threads, wait_for

ROUNDS = 40
LONG = 5
"""Seconds until a test stops waiting for what would never come."""


class Began:
    """When a function began, of which no call may begin after the end."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def __call__(self, x: Any) -> Any:
        self.times.append(time.perf_counter())
        return x

    def after(self, end: float) -> int:
        """Return how many calls began after this time, when all threads are idle."""
        assert wait_for(lambda: not any(map(_is_ours, busy_threads())), LONG)
        return sum(began > end for began in self.times)


def _is_ours(thread: threading.Thread) -> bool:
    return thread.name == "runnables-worker"  # not the loop that an earlier test's fixture keeps


async def _fails(_: Any) -> Any:
    raise ValueError("own")


def _fails_sync(_: Any) -> Any:
    raise ValueError("own")


async def _cancel_at_once(chain: Any) -> None:
    task = asyncio.ensure_future(chain.ainvoke(1))
    await asyncio.sleep(0)
    task.cancel()
    await task


async def _cancel_twice(chain: Any) -> None:
    task = asyncio.ensure_future(chain.ainvoke(1))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    await task


async def _time_out(chain: Any) -> None:
    async with asyncio.timeout(0):
        await chain.ainvoke(1)


async def _step_times_out(chain: Any) -> None:
    await chain.with_timeout(1e-9).ainvoke(1)


async def _sibling_fails(chain: Any) -> None:
    await RunnableParallel(a=_fails, b=chain, c=chain).ainvoke(1)


async def _item_fails(chain: Any) -> None:
    async def fails_first(x: int) -> int:
        if x == 0:
            raise ValueError("own")
        return x

    await (RunnableLambda(fails_first) | chain).abatch(range(6), max_concurrency=6)


async def _group_fails(chain: Any) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(chain.ainvoke(1))
            group.create_task(_fails(1))
    except* ValueError as group_error:
        raise ValueError("own") from group_error


async def _stream_is_cancelled(chain: Any) -> None:
    async def read() -> None:
        async for _ in chain.astream(1):
            pass

    task = asyncio.ensure_future(read())
    await asyncio.sleep(0)
    task.cancel()
    await task


async def _stream_is_left(chain: Any) -> None:
    async def now(_: Any) -> AsyncIterator[str]:
        yield "a"

    async with RunnableParallel(now=now, later=chain, too=chain).astream(1) as chunks:
        async for _ in chunks:
            break


async def _coroutine_is_closed(chain: Any) -> None:
    coroutine = chain.ainvoke(1)
    coroutine.send(None)
    coroutine.close()


WAYS: tuple[Callable[[Any], Awaitable[None]], ...] = (
    _cancel_at_once,
    _cancel_twice,
    _time_out,
    _step_times_out,
    _sibling_fails,
    _item_fails,
    _group_fails,
    _stream_is_cancelled,
    _stream_is_left,
    _coroutine_is_closed,
)
ENDS = (ValueError, TimeoutError, StepTimeout, asyncio.CancelledError)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__.strip("_"))
def test_a_function_does_not_begin_after_its_async_call_has_ended(
    way: Callable[[Any], Awaitable[None]],
) -> None:
    """By its own cancellation, a time limit, a sibling, or a consumer that leaves."""
    began = Began()

    async def main() -> int:
        late = 0
        for _ in range(ROUNDS):
            began.times.clear()
            with contextlib.suppress(*ENDS):
                await way(RunnableLambda(began))
            end = time.perf_counter()
            late += await asyncio.to_thread(began.after, end)
        return late

    assert asyncio.run(main()) == 0


@contextlib.contextmanager
def one_thread_at_a_time() -> Iterator[None]:
    """Let other threads run only while this one waits."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(10)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def test_a_cancelled_call_withdraws_what_no_thread_has_begun() -> None:
    """The job is with an idle thread that has not run yet."""
    began = Began()

    async def main() -> None:
        await RunnableLambda(began).ainvoke(0)  # from now on, a thread is idle
        assert len(began.times) == 1
        with one_thread_at_a_time():
            coroutine = RunnableLambda(began).ainvoke(1)
            coroutine.send(None)
            with pytest.raises(asyncio.CancelledError):
                coroutine.throw(asyncio.CancelledError)

    asyncio.run(main())
    assert began.after(0) == 1


def test_a_call_that_timed_out_withdraws_what_no_thread_has_begun() -> None:
    """Sync: the limit has passed before the thread runs."""
    began = Began()
    chain = RunnableLambda(began)
    assert chain.with_timeout(LONG).invoke(0) == 0
    with one_thread_at_a_time(), pytest.raises(StepTimeout):
        chain.with_timeout(1e-9).invoke(1)
    assert began.after(0) == 1


def test_no_item_begins_after_a_batch_has_raised(call: Call) -> None:
    """Many items are queued when the first fails."""
    began = Began()

    def work(x: int) -> int:
        if x == 2:
            raise ValueError("own")
        began(x)
        return x

    for _ in range(ROUNDS):
        began.times.clear()
        with pytest.raises(ValueError, match="own"):
            call.batch(RunnableLambda(work), range(64), max_concurrency=8)
        assert began.after(time.perf_counter()) == 0


def test_no_branch_begins_after_a_mapping_has_raised(call: Call) -> None:
    """The branches that fail are the first, and those that would begin come after."""
    began = Began()
    branches = RunnableParallel(a=_fails_sync, b=began, c=_fails_sync, d=began, e=began)
    for _ in range(ROUNDS):
        began.times.clear()
        with pytest.raises(ValueError, match="own"):
            call.invoke(branches, 1)
        assert began.after(time.perf_counter()) == 0


def test_no_item_begins_after_completed_ones_were_left(call: Call) -> None:
    """The consumer leaves `batch_as_completed` after one of them."""
    began = Began()

    def sync() -> None:
        with RunnableLambda(began).batch_as_completed(range(64), max_concurrency=4) as pairs:
            next(pairs)

    async def coroutine() -> None:
        async with RunnableLambda(began).abatch_as_completed(range(64), max_concurrency=4) as pairs:
            await anext(pairs)

    for _ in range(ROUNDS):
        began.times.clear()
        call.run(sync, coroutine)
        assert began.after(time.perf_counter()) == 0


def test_no_tool_begins_after_an_agent_has_raised(call: Call) -> None:
    """A payment must not start when the caller has got the agent's error."""
    began = Began()

    @tool
    def look_up(order: int) -> str:
        """Look up an order."""
        raise ValueError("own")

    @tool
    def pay(order: int) -> str:
        """Pay an order."""
        began(order)
        return "paid"

    requests = [tool_call(name="look_up", args={"order": 1}, id="call_0")]
    requests += [tool_call(name="pay", args={"order": n}, id=f"call_{n}") for n in range(1, 6)]
    for _ in range(ROUNDS // 2):
        began.times.clear()
        model = ScriptedChatModel([AIMessage(tool_calls=requests)])
        with pytest.raises(ValueError, match="own"):
            call.invoke(create_agent(model, [look_up, pay]), "Pay it.")
        assert began.after(time.perf_counter()) == 0


def test_a_function_that_had_begun_is_asked_to_stop() -> None:
    """It cannot be withdrawn, so its cancel token is set."""
    began, stopped = threading.Event(), threading.Event()

    def work(_: int) -> None:
        began.set()
        assert wait_for(is_cancelled, LONG)
        stopped.set()

    async def main() -> None:
        task = asyncio.create_task(RunnableLambda(work).ainvoke(1))
        await asyncio.to_thread(began.wait, LONG)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(stopped.wait, LONG)

    asyncio.run(main())


def test_a_coroutine_that_a_thread_has_queued_does_not_begin_after_the_call() -> None:
    """A sync generator asks the loop for a chunk of its async input when the call is cancelled."""
    asked: list[str] = []

    async def source(_: int) -> AsyncIterator[str]:
        yield "a"
        asked.append("more")
        yield "b"

    reads, goes_on = threading.Event(), threading.Event()

    def reader(chunks: Iterator[str]) -> Iterator[str]:
        yield next(chunks)
        reads.set()
        goes_on.wait(LONG)
        yield from chunks

    async def main() -> None:
        chain = RunnableLambda(source) | RunnableGenerator(reader) | RunnablePassthrough()

        async def read() -> None:
            async with chain.astream(1) as chunks:
                async for _ in chunks:
                    pass

        task = asyncio.create_task(read())
        await asyncio.to_thread(reads.wait, LONG)
        task.cancel()
        await asyncio.wait({task}, timeout=0.05)  # it waits for the thread a moment
        goes_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert asked == []


def test_a_stream_with_a_time_limit_is_closed_by_the_thread_in_it() -> None:
    """The thread cannot be stopped; on its way out it closes what it was reading."""
    inside, goes_on, closed = threading.Event(), threading.Event(), threading.Event()

    def chunks(_: int) -> Iterator[str]:
        try:
            yield "a"
            inside.set()
            goes_on.wait(LONG)
            yield "b"
        finally:
            closed.set()

    stream = RunnableLambda(chunks).with_timeout(0.05).stream(1)
    assert next(stream) == "a"
    with pytest.raises(StepTimeout):
        next(stream)
    assert inside.is_set()
    assert not closed.is_set()
    goes_on.set()
    assert closed.wait(LONG)
    stream.close()
