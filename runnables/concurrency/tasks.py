"""Fan-out over tasks. The task that fans out only waits, so its own slot goes to an item."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from runnables.concurrency.items import DONE, Items, index_of
from runnables.concurrency.stopping import Stop, current_stop, lock

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator

    from runnables.concurrency.slots import Slots


class TaskFanOut:
    """Runs `await work(index, item)` for every item, in tasks, within the slots.

    As `ThreadFanOut`, but the caller's task only waits, so its own slot is always lent, and
    every task is cancelled and awaited before a call returns.
    """

    def __init__(
        self,
        work: Callable[[int, Any], Coroutine[Any, Any, Any]],
        items: Iterator[Any],
        slots: Slots,
        *,
        room: int | None = None,
    ) -> None:
        self._work = work
        self._items = Items(items)
        self._slots = slots
        self._room = room
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._wake: asyncio.Future[None] | None = None
        self._outcomes: deque[tuple[Any, Any]] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()  # who has an outcome and no room
        self._tasks: dict[asyncio.Task[Any], int] = {}
        self._parked = 0  # slots that wait for the consumer to take outcomes
        self._borrowed = 0  # slots besides our own
        self._failure: BaseException | None = None
        self._over = False
        self._stop = Stop(current_stop.get())
        self._context = contextvars.copy_context()
        self._context.run(current_stop.set, self._stop)

    # -- the caller's side

    async def run(self, most: int | None) -> list[Any]:
        """Do all the work; the results in the order of the items."""
        try:
            self._hire(most)
            while self._tasks and self._failure is None:
                await self._sleep()
        finally:
            await self._leave()
        if self._failure is not None:
            raise self._failure
        return [result for _, result in sorted(self._outcomes, key=index_of)]

    async def as_completed(self, most: int | None) -> AsyncGenerator[tuple[Any, Any], None]:
        """Do the work as the consumer asks for results; pairs of index and result."""
        try:
            self._hire(most)
            while self._failure is None:
                while self._outcomes:
                    outcome = self._outcomes.popleft()
                    self._unpark()
                    yield outcome
                if not (self._tasks or self._parked):
                    break
                if not self._has_news():
                    await self._sleep()
            if self._failure is not None:
                raise self._failure
        finally:
            await self._leave()

    def _has_news(self) -> bool:
        return self._failure is not None or bool(self._outcomes)

    def _hire(self, most: int | None) -> None:
        wanted = self._slots.limit if most is None else min(most, self._slots.limit)
        if not self._start():
            return
        hired = 1
        while hired < wanted and self._slots.borrow():
            hired += 1
            self._borrowed += 1
            if not self._start():
                self._free()
                return
        if most is None or hired < most:
            with lock:
                self._slots.hungry[self] = self._slots

    async def _sleep(self) -> None:
        self._wake = self._loop.create_future()
        try:
            await self._wake
        finally:
            self._wake = None

    async def _leave(self) -> None:
        """Cancel what still runs, and wait for it, whatever happens meanwhile."""
        self._over = True
        with lock:
            self._slots.hungry.pop(self, None)
        while self._parked:
            self._parked -= 1
            self._free()
        if self._tasks:
            self._stop.set()
            await cancel_all(self._tasks)
        self._stop.release()

    # -- the workers' side

    def grow(self) -> None:
        """Another slot was borrowed for us, maybe in another thread."""
        if threading.get_ident() == self._thread:
            self._loop.call_soon(self._grow)
        else:
            try:
                self._loop.call_soon_threadsafe(self._grow)
            except RuntimeError:  # our loop was closed over us: nobody works here any more
                with lock:
                    self._slots.hungry.pop(self, None)
                self._slots.give_back()

    def _grow(self) -> None:
        self._borrowed += 1
        if not self._start():
            self._free()

    def _start(self) -> bool:
        """Put a task for the next item into a slot that we hold; False where there is none."""
        if self._over or self._failure is not None:
            return False
        try:
            taken = self._items.take()
        except BaseException as error:
            self._fail(error)
            return False
        if taken is None:
            with lock:
                self._slots.hungry.pop(self, None)
            return False
        context = self._context.copy()
        task = self._loop.create_task(self._work(*taken), context=context)
        self._tasks[task] = taken[0]
        task.add_done_callback(self._done)
        return True

    def _done(self, task: asyncio.Task[Any]) -> None:
        index = self._tasks.pop(task)
        if task.cancelled():
            self._fail(asyncio.CancelledError("an item was cancelled"))
        elif (error := task.exception()) is not None:
            self._fail(error)
        elif (result := task.result()) is not DONE:
            self._outcomes.append((index, result))
        if self._room is not None and len(self._outcomes) >= self._room and not self._over:
            self._parked += 1
        elif not self._start():
            self._free()
        self._rouse(always=self._room is not None)

    async def deliver(self, key: Any, outcome: Any) -> None:
        """Hand an outcome to the consumer, once there is room."""
        while self._room is not None and len(self._outcomes) >= self._room:
            room = self._loop.create_future()
            self._waiting.append(room)
            await room
        self._outcomes.append((key, outcome))
        self._rouse(always=True)

    def _unpark(self) -> None:
        while self._waiting:
            room = self._waiting.popleft()
            if not room.done():
                room.set_result(None)
                break
        while self._parked:
            self._parked -= 1
            if not self._start():
                self._free()
            if self._outcomes:  # one for each that was taken; all, where nothing is left to take
                break

    def _free(self) -> None:
        """We have no work for one of our slots: it goes back, unless it is our own."""
        if self._borrowed:
            self._borrowed -= 1
            self._slots.give_back()

    def _fail(self, error: BaseException) -> None:
        if self._failure is None and not self._over:
            self._failure = error
            self._rouse(always=True)

    def _rouse(self, always: bool) -> None:
        wake = self._wake
        if wake is not None and not wake.done() and (always or not self._tasks):
            wake.set_result(None)


async def cancel_all(tasks: dict[asyncio.Task[Any], int]) -> None:
    """Cancel tasks and wait until they are gone; a cancellation meanwhile is passed on after."""
    interrupted: asyncio.CancelledError | None = None
    waiting = set(tasks)
    for task in waiting:
        task.cancel()
    while waiting:
        try:
            _, waiting = await asyncio.wait(waiting)
        except asyncio.CancelledError as error:
            interrupted = error
    if interrupted is not None:
        raise interrupted
