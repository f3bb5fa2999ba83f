"""Fan-outs, over threads and over tasks: failures, consumers that leave, and inputs."""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from runnables import RunnableGenerator, RunnableLambda, RunnableParallel
from runnables.engine.slots import Slots
from runnables.engine.task_fan_out import TaskFanOut
from runnables.engine.thread_fan_out import ThreadFanOut
from tests.both_modes import Call
from tests.leaks import wait_for

LONG = 5
"""Seconds until a test stops waiting for what would never come."""

variable = contextvars.ContextVar("variable", default="the default")


# -- failures, and consumers that leave


def test_a_cleanup_that_raises_leaves_no_worker_behind() -> None:
    """The consumer's own stream fails to close; the workers end, and their slots are free again."""
    consumer = threading.get_ident()
    barrier = threading.Barrier(2)

    def chunks(_: Iterator[Any]) -> Iterator[int]:
        try:
            for _ in range(1000):
                yield threading.get_ident()
        finally:
            if threading.get_ident() == consumer:
                raise RuntimeError("own cleanup")

    branch = RunnableGenerator(chunks, merge="last")
    branches = RunnableParallel(a=branch, b=branch, c=branch)

    def consume(_: int) -> list[int]:
        with pytest.raises(RuntimeError, match="own cleanup"), branches.stream(0) as stream:
            for chunk in stream:
                if consumer in chunk.values():
                    break
        return RunnableLambda(lambda _: barrier.wait(LONG)).batch([1, 2])

    assert sorted(RunnableLambda(consume).invoke(0, {"max_concurrency": 2})) == [0, 1]


def test_a_fan_out_of_threads_that_failed_takes_no_more_slots() -> None:
    """Slots that are released while the consumer is busy are not offered to it."""
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
    assert wait_for(lambda: not slots.waiters, LONG)
    with pytest.raises(ValueError, match="own"):
        next(pairs)


def test_a_fan_out_of_tasks_that_failed_takes_no_more_slots() -> None:
    """Slots that are released while the consumer is busy are not offered to it."""

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


# -- inputs


def test_inputs_are_made_in_one_context_like_the_callers(call: Call) -> None:
    """Whichever thread pulls them, they see the caller's variables and what they set themselves."""
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
        seen = call.batch(RunnableLambda(meet), rows(), max_concurrency=2)
    finally:
        variable.reset(token)
    assert seen == ["the caller's", *["the iterator's"] * 3]


def test_a_consumer_inside_a_call_may_feed_the_inputs() -> None:
    """The consumer never pulls an input that depends on an outcome which a worker still makes."""
    pulled = threading.Event()

    def leaf(x: int) -> int:
        if x == 0:
            pulled.wait(0.2)  # a consumer that works too would pull at once
        return x

    def crawl(_: int) -> list[int]:
        found: queue.Queue[int | None] = queue.Queue()

        def rows() -> Iterator[int]:
            yield 0
            pulled.set()
            while (row := found.get(timeout=LONG)) is not None:
                yield row

        pages: list[int] = []
        for _, page in RunnableLambda(leaf).batch_as_completed(rows()):
            pages.append(page)
            found.put(page + 1 if page < 3 else None)
        return pages

    assert RunnableLambda(crawl).invoke(0, {"max_concurrency": 2}) == [0, 1, 2, 3]
