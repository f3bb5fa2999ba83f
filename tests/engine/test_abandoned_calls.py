"""What is given up, left or failed in the midst: nobody else pays for it."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import queue
import threading
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from itertools import count
from typing import Any

import pytest

from runnables import (
    RunnableConfig,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
)
from runnables.engine import Slots, TaskFanOut, ThreadFanOut
from tests.both_modes import Call

LONG = 5
"""Seconds until a test gives up what would never come."""

variable = contextvars.ContextVar("variable", default="nobody's")


def tags(_: object, config: RunnableConfig) -> list[str]:
    return config.get("tags", [])


# -- threads that are given up


def test_a_cancelled_stream_of_a_sync_generator_says_so() -> None:
    """Not that the generator is at work in a thread; and the thread closes it on its way out."""
    inside, goes_on, closed = threading.Event(), threading.Event(), threading.Event()

    def pieces(_: int) -> Iterator[str]:
        try:
            yield "a"
            inside.set()
            goes_on.wait(LONG)
            yield "b"
        finally:
            closed.set()

    async def read() -> None:
        async with RunnableLambda(pieces).astream(1) as chunks:
            async for _ in chunks:
                pass

    async def main() -> None:
        task = asyncio.create_task(read())
        await asyncio.to_thread(inside.wait, LONG)
        task.cancel()
        await asyncio.wait({task}, timeout=0.2)  # it may wait for the thread a moment
        goes_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(closed.wait, LONG)

    asyncio.run(main())


def test_a_cancelled_call_leaves_no_scope_behind() -> None:
    """Its tags, handlers and limit are not those of what the same task does next."""
    goes_on = threading.Event()

    async def main() -> None:
        me = asyncio.current_task()
        assert me is not None
        loop = asyncio.get_running_loop()

        def block(_: int) -> None:
            loop.call_soon_threadsafe(me.cancel)
            goes_on.wait(LONG)

        with pytest.raises(asyncio.CancelledError):
            await RunnableLambda(block).ainvoke(1, {"tags": ["of the cancelled"]})
        me.uncancel()
        goes_on.set()
        assert await RunnableLambda(tags, blocking=False).ainvoke(1) == []

    asyncio.run(main())


def test_a_parallel_is_left_quietly_while_a_thread_is_in_its_input() -> None:
    """The thread cannot be stopped; it closes the input when it comes out of it."""
    inside, goes_on, closed = threading.Event(), threading.Event(), threading.Event()

    def pieces(_: int) -> Iterator[str]:
        try:
            yield "a"
            inside.set()
            goes_on.wait(LONG)
            yield "b"
        finally:
            closed.set()

    both = RunnableParallel(p=RunnablePassthrough(), q=RunnablePassthrough())
    with (RunnableLambda(pieces) | both).stream(1) as chunks:
        assert [next(chunks), next(chunks)]
        assert inside.wait(LONG)
    goes_on.set()
    assert closed.wait(LONG)


# -- one stream, several readers


def test_no_reader_takes_half_a_stream_for_the_whole(call: Call) -> None:
    """A sibling that lives with the error does not hide it from those that need all."""
    saved: list[str] = []

    def broken(_: int) -> Iterator[str]:
        yield "half"
        raise ConnectionError("own")

    def tolerant(pieces: Iterator[str]) -> Iterator[str]:
        try:
            yield from pieces
        except ConnectionError:
            yield "?"

    readers = RunnableParallel(a=RunnableGenerator(tolerant), b=RunnableLambda(saved.append))
    with pytest.raises(ConnectionError, match="own"):
        call.stream(RunnableLambda(broken) | readers, 1, {"max_concurrency": 1})
    assert saved == []


def test_no_branch_begins_on_what_has_failed() -> None:
    """Async, where the others wait for the same piece as the one that is told first."""
    saved: list[str] = []

    async def broken(_: int) -> AsyncIterator[str]:
        yield "half"
        await asyncio.sleep(0)
        raise ConnectionError("own")

    async def save(text: str) -> None:
        saved.append(text)

    async def main() -> None:
        with pytest.raises(ConnectionError, match="own"):
            async with (RunnableLambda(broken) | {"a": save, "b": save}).astream(1) as chunks:
                async for _ in chunks:
                    pass

    asyncio.run(main())
    assert saved == []


def test_a_reader_with_a_time_limit_does_not_end_the_stream_for_others() -> None:
    """What it cancels is its own waiting."""

    async def main() -> None:
        late = asyncio.Event()

        async def slow(_: int) -> AsyncIterator[str]:
            yield "a"
            await late.wait()
            yield "b"

        async def hasty(pieces: AsyncIterator[str]) -> AsyncIterator[str]:
            await anext(pieces)
            try:
                async with asyncio.timeout(0.01):
                    await anext(pieces)
            except TimeoutError:
                late.set()
                yield "late"

        readers = RunnableParallel(hasty=RunnableGenerator(hasty), all=RunnablePassthrough())
        async with (RunnableLambda(slow) | readers).astream(1) as chunks:
            found = [chunk async for chunk in chunks]
        assert "".join(it.get("all", "") for it in found) == "ab"
        assert {"hasty": "late"} in found

    asyncio.run(main())


# -- fan-outs that fail, or are left


def test_a_cleanup_that_raises_leaves_no_helper_behind() -> None:
    """The consumer's own stream fails to close; the helpers go, and their slots are free again."""
    me = threading.get_ident()
    barrier = threading.Barrier(2)

    def pieces(_: Iterator[Any]) -> Iterator[int]:
        try:
            for _ in range(1000):
                yield threading.get_ident()
        finally:
            if threading.get_ident() == me:
                raise RuntimeError("own cleanup")

    branch = RunnableGenerator(pieces, merge="last")
    many = RunnableParallel(a=branch, b=branch, c=branch)

    def consume(_: int) -> list[int]:
        with pytest.raises(RuntimeError, match="own cleanup"), many.stream(0) as chunks:
            for chunk in chunks:
                if me in chunk.values():
                    break
        return RunnableLambda(lambda _: barrier.wait(LONG)).batch([1, 2])

    assert sorted(RunnableLambda(consume).invoke(0, {"max_concurrency": 2})) == [0, 1]


def until(true: Callable[[], bool]) -> bool:
    """Wait until something is so; whether it became so."""
    for _ in range(100):
        if true():
            return True
        threading.Event().wait(0.05)
    return False


def test_a_fan_out_that_failed_asks_for_no_slots() -> None:
    """While the consumer is busy, what it gives back is not offered to it, again and again."""
    taken = threading.Event()

    def work(index: int, _: int) -> int:
        if index == 0:
            return index
        taken.wait(LONG)
        raise ValueError("own")

    slots = Slots(2, spare=True)
    pairs = ThreadFanOut(work, count(), slots, owns_limit=True, max_buffered=2).as_completed(None)
    assert next(pairs) == (0, 0)
    taken.set()
    assert until(lambda: not slots.waiters)
    with pytest.raises(ValueError, match="own"):
        next(pairs)


def test_a_fan_out_of_tasks_that_failed_asks_for_no_slots() -> None:
    """As over threads."""

    async def main() -> None:
        taken = asyncio.Event()

        async def work(index: int, _: int) -> int:
            if index:
                await taken.wait()
                raise ValueError("own")
            return index

        slots = Slots(2, spare=True)
        pairs = TaskFanOut(work, count(), slots, owns_limit=True, max_buffered=2).as_completed(None)
        assert await anext(pairs) == (0, 0)
        taken.set()
        for _ in range(10):
            await asyncio.sleep(0)
        assert not slots.waiters
        with pytest.raises(ValueError, match="own"):
            await anext(pairs)

    asyncio.run(main())


# -- who makes the inputs


def test_inputs_are_made_in_one_context_like_the_callers(call: Call) -> None:
    """Whichever thread asks for them: context variables are those of the caller and their own."""
    both = threading.Barrier(2)

    def rows() -> Iterator[str]:
        yield variable.get()
        variable.set("the iterator's")
        yield variable.get()
        yield variable.get()
        yield variable.get()

    def meet(value: str) -> str:
        both.wait(LONG)
        return value

    token = variable.set("the caller's")
    try:
        found = call.batch(RunnableLambda(meet), rows(), max_concurrency=2)
    finally:
        variable.reset(token)
    assert found == ["the caller's", *["the iterator's"] * 3]


def test_a_consumer_may_feed_the_inputs_inside_a_call() -> None:
    """It never waits for an input itself while a helper is at work on what it would be told."""
    asked = threading.Event()

    def leaf(x: int) -> int:
        if x == 0:
            asked.wait(0.2)  # a consumer that takes part asks at once
        return x

    def crawl(_: int) -> list[int]:
        found: queue.Queue[int | None] = queue.Queue()

        def rows() -> Iterator[int]:
            yield 0
            asked.set()
            while (row := found.get(timeout=LONG)) is not None:
                yield row

        out: list[int] = []
        for _, page in RunnableLambda(leaf).batch_as_completed(rows()):
            out.append(page)
            found.put(page + 1 if page < 3 else None)
        return out

    assert RunnableLambda(crawl).invoke(0, {"max_concurrency": 2}) == [0, 1, 2, 3]


# -- `break` out of an async stream


def test_a_cleanup_after_break_may_run_a_chain() -> None:
    """It begins and ends in one context, which is not the consumer's."""
    said: list[str] = []

    async def wait(word: str) -> str:
        await asyncio.sleep(0)
        return word

    chain = RunnableLambda(wait) | RunnableLambda(wait)

    async def main() -> None:
        cleaned = asyncio.Event()

        async def pieces(_: int) -> AsyncIterator[int]:
            try:
                yield 1
                yield 2
            finally:
                said.append(await chain.ainvoke("bye", {"tags": ["of the cleanup"]}))
                cleaned.set()

        async for _ in RunnableLambda(pieces).astream(0):
            break
        assert await RunnableLambda(tags, blocking=False).ainvoke(1) == []
        async with asyncio.timeout(LONG):
            await cleaned.wait()

    asyncio.run(main())
    assert said == ["bye"]


def test_a_time_limit_in_a_cleanup_after_break_is_not_the_consumers() -> None:
    """It cancels what closes the stream, not who left it."""

    async def main() -> None:
        cleaned = asyncio.Event()

        async def pieces(_: int) -> AsyncIterator[int]:
            try:
                yield 1
                yield 2
            finally:
                try:
                    async with asyncio.timeout(0.01):
                        await asyncio.Event().wait()
                except TimeoutError:
                    cleaned.set()

        async for _ in RunnableLambda(pieces).astream(0):
            break
        async with asyncio.timeout(LONG):
            await cleaned.wait()
        consumer = asyncio.current_task()
        assert consumer is not None
        assert not consumer.cancelling(), "the limit of the cleanup cancelled who had left"

    asyncio.run(main())


# -- errors


@pytest.mark.parametrize("chain", [RunnableLambda(int), RunnableLambda(str) | int], ids=repr)
def test_a_failed_call_keeps_nothing_alive(chain: Any) -> None:
    """When the error is gone, so is the input, without help of the garbage collector."""

    class Input:
        def __str__(self) -> str:
            return "no number"

        __repr__ = __str__

    value = Input()
    known = weakref.ref(value)
    gc.collect()
    gc.disable()
    try:
        with pytest.raises((TypeError, ValueError)) as caught:
            chain.invoke(value)
        del value, caught
        assert known() is None
    finally:
        gc.enable()
