"""Several streams as one, and what happens beside a stream."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import closing
from typing import TYPE_CHECKING, Any

from runnables.engine.fan_out import CLOSE_GRACE, NO_RESULT
from runnables.engine.slots import Slots
from runnables.engine.stream import aclose, close, raw_iterator
from runnables.engine.task_fan_out import TaskFanOut, cancel_all
from runnables.engine.thread_fan_out import ThreadFanOut

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        Awaitable,
        Callable,
        Coroutine,
        Generator,
        Iterable,
        Mapping,
    )


def interleave(
    makers: Mapping[Any, Callable[[], Iterable[Any]]], slots: Slots, *, owns_limit: bool
) -> Generator[tuple[Any, Any], None, None]:
    """Run several streams at once within the slots; pairs of key and chunk, as they come.

    A stream is at most one chunk ahead of the consumer. Leaving closes them all.
    """

    def pump(_: int, maker: tuple[Any, Callable[[], Iterable[Any]]]) -> object:
        with closing(run_here(0, maker)) as pairs:
            for pair in pairs:
                fan_out.deliver(*pair)
        return NO_RESULT

    def run_here(
        _: int, maker: tuple[Any, Callable[[], Iterable[Any]]]
    ) -> Generator[Any, None, None]:
        chunks = maker[1]()
        try:
            for chunk in chunks:
                yield maker[0], chunk
        finally:
            close(chunks)

    fan_out = ThreadFanOut(
        pump,
        iter(makers.items()),
        slots,
        owns_limit=owns_limit,
        run_here=run_here,
        grace=CLOSE_GRACE,
    )
    yield from fan_out.as_completed(len(makers))


async def ainterleave(
    makers: Mapping[Any, Callable[[], AsyncIterable[Any]]], slots: Slots, *, owns_limit: bool
) -> AsyncGenerator[tuple[Any, Any], None]:
    """`interleave` in the other colour; every task is gone before leaving returns."""

    async def pump(_: int, maker: tuple[Any, Callable[[], AsyncIterable[Any]]]) -> object:
        chunks = maker[1]()
        try:
            async for chunk in raw_iterator(chunks):
                await fan_out.deliver(maker[0], chunk)
        finally:
            await aclose(chunks)
        return NO_RESULT

    fan_out = TaskFanOut(pump, iter(makers.items()), slots, owns_limit=owns_limit)
    pairs = fan_out.as_completed(len(makers))
    try:
        async for pair in pairs:
            yield pair
    finally:
        await pairs.aclose()


def run_in_background(work: Callable[[Callable[[Any], None]], None]) -> Generator[Any, None, None]:
    """What `work(put)` puts, as it does; it runs in a worker thread and waits for the consumer."""

    def run(_: int, __: None) -> object:
        work(put)
        return NO_RESULT

    def put(item: Any) -> None:
        fan_out.deliver(None, item)

    slots = Slots(1, spare=True)
    fan_out = ThreadFanOut(
        run, iter([None]), slots, owns_limit=True, grace=CLOSE_GRACE, own_thread=True
    )
    with closing(fan_out.as_completed(1)) as pairs:
        for _, item in pairs:
            yield item


async def arun_in_background(
    work: Callable[
        [Callable[[Any], None], Callable[[], Awaitable[None]]], Coroutine[Any, Any, None]
    ],
) -> AsyncGenerator[Any, None]:
    """What `work(put, drained)` puts, as it does; it runs in a task.

    `put` may be called from any thread and never waits; to stay in step with the consumer, the
    work awaits `drained()` now and then.
    """
    loop = asyncio.get_running_loop()
    items: deque[Any] = deque()
    wake, empty = asyncio.Event(), asyncio.Event()

    def put(item: Any) -> None:
        items.append(item)
        if asyncio._get_running_loop() is loop:
            wake.set()
        else:
            loop.call_soon_threadsafe(wake.set)

    async def drained() -> None:
        if items:
            empty.clear()
            await empty.wait()

    task = loop.create_task(work(put, drained))
    task.add_done_callback(lambda _: wake.set())
    try:
        while items or not task.done():
            while items:
                yield items.popleft()
            empty.set()
            await wake.wait()
            wake.clear()
        await task
    finally:
        await cancel_all([task])
