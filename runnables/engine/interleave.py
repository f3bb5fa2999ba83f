"""Several streams as one, and work in the background that feeds a stream.

`interleave` and `run_in_background` hand over one chunk at a time: a producer waits until the
consumer has taken its chunk and asks for the next. So no producer is more than one chunk ahead.
`AsyncBackground` is different: there `put` never waits, as events must not hold up a run. Its
producer awaits `drained` where it wants to stay in step.

Closing the generator stops the producers and closes their streams. Tasks have ended when closing
returns; threads get `CLOSE_GRACE` seconds to end.
"""

from __future__ import annotations

from collections import deque
from contextlib import closing
from typing import TYPE_CHECKING, Any, Self

from runnables.engine.contexts import hide_next_step
from runnables.engine.fan_out import CLOSE_GRACE, NO_RESULT
from runnables.engine.slots import Slots
from runnables.engine.stream import aclose, close, owned
from runnables.engine.task_fan_out import TaskFanOut
from runnables.engine.tasks import cancel_all, require_loop
from runnables.engine.thread_calls import call_soon
from runnables.engine.thread_fan_out import ThreadFanOut

if TYPE_CHECKING:
    import asyncio
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        Awaitable,
        Callable,
        Coroutine,
        Generator,
        Iterable,
        Iterator,
        Mapping,
    )

    from runnables.engine.contexts import Receiver
else:
    from runnables.engine import lazy_asyncio as asyncio


def interleave(
    makers: Mapping[Any, Callable[[], Iterable[Any]]],
    slots: Slots,
    outer: Receiver | None,
    *,
    owns_limit: bool,
) -> Generator[tuple[Any, Any], None, None]:
    """Run several streams at once within the slots; yield pairs of key and chunk as they come.

    Args:
        makers: for each key, a function that starts its stream.
        slots: where the threads come from that advance the streams.
        outer: the iterator whose code has called for the streams (see `StreamInfo`).
        owns_limit: whether the caller has set this limit, and holds none of the slots.
    """

    def deliver_all(_: int, maker: tuple[Any, Callable[[], Iterable[Any]]]) -> object:
        with closing(iterate(0, maker)) as pairs:
            for pair in pairs:
                fan_out.deliver(*pair)
        return NO_RESULT

    def iterate(
        _: int, maker: tuple[Any, Callable[[], Iterable[Any]]]
    ) -> Generator[Any, None, None]:
        key, make = maker
        chunks = make()
        try:
            for chunk in chunks:
                yield key, chunk
        finally:
            close(chunks)

    fan_out = ThreadFanOut(
        deliver_all,
        iter(makers.items()),
        slots,
        owns_limit=owns_limit,
        consumer_work=iterate,
        grace=CLOSE_GRACE,
    )
    hide_next_step(outer, fan_out.set_context)
    yield from fan_out.as_completed(len(makers))


async def ainterleave(
    makers: Mapping[Any, Callable[[], AsyncIterable[Any]]],
    slots: Slots,
    outer: Receiver | None,
    *,
    owns_limit: bool,
) -> AsyncGenerator[tuple[Any, Any], None]:
    """Run several async streams at once within the slots; yield pairs of key and chunk.

    Args:
        makers: for each key, a function that starts its stream.
        slots: where the tasks come from that advance the streams.
        outer: the iterator whose code has called for the streams (see `StreamInfo`).
        owns_limit: whether the caller has set this limit, and holds none of the slots.
    """

    async def deliver_all(_: int, maker: tuple[Any, Callable[[], AsyncIterable[Any]]]) -> object:
        key, make = maker
        chunks = make()
        try:
            async for chunk in owned(chunks):
                await fan_out.deliver(key, chunk)
        finally:
            await aclose(chunks)
        return NO_RESULT

    fan_out = TaskFanOut(deliver_all, iter(makers.items()), slots, owns_limit=owns_limit)
    hide_next_step(outer, fan_out.set_context)
    pairs = fan_out.as_completed(len(makers))
    try:
        async for pair in owned(pairs):
            yield pair
    finally:
        await pairs.aclose()


def run_in_background(work: Callable[[Callable[[Any], None]], None]) -> Generator[Any, None, None]:
    """Run `work(put)` in a worker thread; yield what it passes to `put`.

    `put` waits until the consumer asks for the next item. It raises a `CancelledError` where the
    consumer has left. Where no thread can be had, all the work is done at the first item.
    """

    def run(_: int, __: None) -> object:
        work(put)
        return NO_RESULT

    def put(item: Any) -> None:
        fan_out.deliver(None, item)

    def run_here(_: int, __: None) -> Iterator[tuple[None, Any]]:
        items: list[Any] = []
        work(items.append)
        yield from ((None, item) for item in items)

    slots = Slots(1, spare=True)
    fan_out = ThreadFanOut(
        run,
        iter([None]),
        slots,
        owns_limit=True,
        consumer_work=run_here,
        grace=CLOSE_GRACE,
        own_thread=True,
    )
    with closing(fan_out.as_completed(1)) as pairs:
        for _, item in pairs:
            yield item


class AsyncBackground:
    """A task that runs `work(put, drained)`, as an async iterator of what it passes to `put`.

    `put` never waits, and may be called from any thread. `await drained()` waits until the
    consumer has taken all that was put and asks for more.

    It is no generator: at the end of a loop, asyncio closes all generators at once. One that waits
    for its task meanwhile could not be closed by the generator around it.

    Args:
        work: what the task runs. It starts when the first item is requested.
    """

    def __init__(
        self,
        work: Callable[
            [Callable[[Any], None], Callable[[], Awaitable[None]]], Coroutine[Any, Any, None]
        ],
    ) -> None:
        self._work = work
        self._loop = asyncio.get_running_loop()
        self._items: deque[Any] = deque()
        self._changed, self._empty = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        require_loop(self._loop)
        if self._task is None:
            self._task = self._loop.create_task(self._work(self._put, self._drained))
            self._task.add_done_callback(lambda _: self._changed.set())
        while not self._items:
            if self._task.done():
                await self._task
                raise StopAsyncIteration
            self._empty.set()
            await self._changed.wait()
            self._changed.clear()
        return self._items.popleft()

    def _put(self, item: Any) -> None:
        self._items.append(item)
        if asyncio._get_running_loop() is self._loop:
            self._changed.set()
        else:
            call_soon(self._loop, self._changed.set)

    async def _drained(self) -> None:
        if self._items:
            self._empty.clear()
            await self._empty.wait()

    async def aclose(self) -> None:
        """Cancel the task, and wait for it."""
        if self._task is not None:
            await cancel_all([self._task])
