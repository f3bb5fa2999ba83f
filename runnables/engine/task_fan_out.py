"""Fan-out over tasks.

The task that fans out only waits, so its own slot goes to an item. While a consumer uses what
comes, however, the consumer stands in that slot, and the item in it pauses.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar, cast

from runnables.engine.cancellation import CancelToken, current_token, lock
from runnables.engine.fan_out import NO_RESULT, Items, index_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator

    from runnables.engine.slots import Slots

T = TypeVar("T")


class TaskFanOut:
    """Runs `await work(index, item)` for every item, in tasks, within the slots.

    As `ThreadFanOut`, but every task is cancelled and awaited before a call returns.
    """

    def __init__(
        self,
        work: Callable[[int, Any], Coroutine[Any, Any, Any]],
        items: Iterator[Any],
        slots: Slots,
        *,
        owns_limit: bool,
        max_buffered: int | None = None,
    ) -> None:
        self._work = work
        self._items = Items(items)
        self._slots = slots
        self._owns_limit = owns_limit
        self._max_buffered = max_buffered
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._consumer_waiter: asyncio.Future[None] | None = None
        self._outcomes: deque[tuple[Any, Any]] = deque()
        # of those who wait until their outcome is taken
        self._handed: deque[asyncio.Future[None]] = deque()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._own_task: asyncio.Task[Any] | None = None  # what runs in the consumer's own slot ...
        self._own_resume: asyncio.Future[None] | None = None  # ... and waits for this, if it pauses
        self._blocked_slots = 0  # slots that wait for the consumer to take outcomes
        self._slots_in_use = 0  # slots besides our own
        self._failure: BaseException | None = None
        self._over = False
        self._turns = 0
        self._counts = False
        self._token = CancelToken(current_token.get())
        self._context = contextvars.copy_context()
        self._context.run(current_token.set, self._token)

    def inside(self, variable: contextvars.ContextVar[T], value: T) -> None:
        """Set a variable for all that is done here."""
        self._context.run(variable.set, value)

    # -- the caller's side

    async def run(self, total: int | None) -> list[Any]:
        """Do all the work; the results in the order of the items."""
        try:
            self._start_workers(total, own=0 if self._owns_limit else 1)
            while self._tasks and self._failure is None:
                await self._sleep()
        finally:
            await self._leave()
        if self._failure is not None:
            raise self._failure
        return [result for _, result in sorted(self._outcomes, key=index_of)]

    async def as_completed(self, total: int | None) -> AsyncGenerator[tuple[Any, Any], None]:
        """Do the work as the consumer asks for results; pairs of index and result."""
        try:
            self._start_workers(total, own=0)
            while self._outcomes or self._failure is None:
                if self._at_work() and self._failure is None:
                    await self._sleep()
                elif self._outcomes:
                    yield self._outcomes.popleft()
                    if self._failure is None:
                        self._unpark()
                elif self._go_on_here():
                    continue
                elif self._tasks or self._blocked_slots:
                    await self._sleep()
                else:
                    break
            if self._failure is not None:
                raise self._failure
        finally:
            await self._leave()

    def _start_workers(self, total: int | None, own: int) -> None:
        """Start tasks in spare slots, for all items but those that run `here`, in our own."""
        wanted = self._slots.limit if total is None else min(total, self._slots.limit)
        if own and not self._start():
            return
        while self._slots_in_use < wanted - own and (wanted > 1 or self._owns_limit):
            with lock:  # a slot that comes back meanwhile must find us among the hungry
                if not self._slots.try_acquire(1):
                    self._slots.waiters[self] = self._slots
                    return
            self._slots_in_use += 1
            if not self._start():
                self._free()
                return
        if total is None or self._slots_in_use + own < total:
            with lock:
                self._slots.waiters[self] = self._slots

    async def _sleep(self) -> None:
        self._consumer_waiter = self._loop.create_future()
        try:
            await self._consumer_waiter
        finally:
            self._consumer_waiter = None

    def _at_work(self) -> bool:
        """Whether an item uses the slot in which the consumer would stand."""
        return self._own_task is not None and self._own_resume is None

    def _go_on_here(self) -> bool:
        """The consumer has nothing to do: its slot goes to an item, where there is one."""
        if self._own_resume is not None:
            self._own_resume.set_result(None)
            self._own_resume = None
            return True
        if self._owns_limit:
            return False
        self._own_task = self._start()
        return self._own_task is not None

    async def _leave(self) -> None:
        """Cancel what still runs, and wait for it, whatever happens meanwhile."""
        self._over = True
        self._stop_waiting()
        while self._blocked_slots:
            self._blocked_slots -= 1
            self._free()
        if self._tasks:
            self._token.cancel()
            await cancel_all(self._tasks)
        self._token.detach()

    # -- the workers' side

    def on_permit(self) -> None:
        """Another slot was borrowed for us, maybe in another thread."""
        if threading.get_ident() == self._thread:
            self._loop.call_soon(self._grow)
        else:
            try:
                self._loop.call_soon_threadsafe(self._grow)
            except RuntimeError:  # our loop was closed over us: nobody works here any more
                self._stop_waiting()
                self._slots.release()

    def _grow(self) -> None:
        self._slots_in_use += 1
        if not self._start():
            self._free()

    def _start(self) -> asyncio.Task[Any] | None:
        """Put a task for the next item into a slot that we hold; None where there is none."""
        taken = self._take()
        if taken is None:
            return None
        context = self._context.copy()
        task = self._loop.create_task(self._work_through(taken), context=context)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _take(self) -> tuple[int, Any] | None:
        """The next item; None where there is none, or none is wanted."""
        if self._over or self._failure is not None:
            return None
        try:
            taken = self._context.run(self._items.take)
        except BaseException as error:
            self._fail(error)
            return None
        if taken is None:
            self._stop_waiting()
        return taken

    # With a task for each item, those that begin come in waves, and each wave looks to the garbage
    # collector like new objects that nobody lets go: that was a seventh of a batch's time.
    async def _work_through(self, taken: tuple[int, Any] | None) -> None:
        """Work on an item, and on the next as long as each leaves the task as it found it."""
        task: asyncio.Task[Any] = cast("Any", asyncio.current_task())
        context = contextvars.copy_context()  # of which no item sees what another has set in it
        while taken is not None:
            turn = self._turn()
            result = await self._work(*taken)
            if result is not NO_RESULT:
                self._outcomes.append((taken[0], result))
            if (
                task is self._own_task
                or self._is_full()
                or task.cancelling()
                or not _is_as_found(context)
            ):
                break
            if self._max_buffered is not None:
                self._notify_consumer(always=True)
            if turn == self._turns:  # it waited for nothing: others have to get their turn
                await asyncio.sleep(0)
            taken = self._take()

    def _turn(self) -> int:
        """Counts the turns of the loop."""
        if not self._counts:
            self._counts = True
            self._loop.call_soon(self._next_turn)
        return self._turns

    def _next_turn(self) -> None:
        self._counts = False
        self._turns += 1

    def _is_full(self) -> bool:
        """Whether as many outcomes wait for the consumer as may."""
        return self._max_buffered is not None and len(self._outcomes) >= self._max_buffered

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.remove(task)
        if task.cancelled():
            self._fail(asyncio.CancelledError("an item was cancelled"))
        elif (error := task.exception()) is not None:
            self._fail(error)
        mine = task is self._own_task
        if mine:
            self._own_task = self._own_resume = None
        elif self._is_full() and not self._over:
            self._blocked_slots += 1
        elif not self._start():
            self._free()
        self._notify_consumer(always=mine or self._max_buffered is not None)

    async def deliver(self, key: Any, chunk: Any) -> None:
        """Hand a chunk to the consumer, and wait until it asks for the next.

        So a stream is never more than one chunk ahead, however many stand behind one another.
        """
        taken = self._loop.create_future()
        self._outcomes.append((key, chunk))
        if asyncio.current_task() is self._own_task:
            self._own_resume = taken
            self._handed.append(self._loop.create_future())  # we go on when nothing else is there
        else:
            self._handed.append(taken)
        self._notify_consumer(always=True)
        await taken

    def _unpark(self) -> None:
        """The consumer comes back for more, so whoever waited for that goes on."""
        if self._handed:
            taken = self._handed.popleft()
            if not taken.done():
                taken.set_result(None)
        while self._blocked_slots:
            self._blocked_slots -= 1
            if not self._start():
                self._free()
            if self._outcomes:  # one for each that was taken; all, where nothing is left to take
                break

    def _free(self) -> None:
        """We have no work for one of our slots: it goes back, unless it is our own."""
        if self._slots_in_use:
            self._slots_in_use -= 1
            self._slots.release()

    def _fail(self, error: BaseException) -> None:
        if self._failure is None and not self._over:
            self._failure = error
            self._stop_waiting()
            self._notify_consumer(always=True)

    def _stop_waiting(self) -> None:
        """We have no use for further slots."""
        if self in self._slots.waiters:
            with lock:
                self._slots.waiters.pop(self, None)

    def _notify_consumer(self, always: bool) -> None:
        wake = self._consumer_waiter
        if wake is not None and not wake.done() and (always or not self._tasks):
            wake.set_result(None)


def _is_as_found(context: contextvars.Context) -> bool:
    """Whether the variables of the current context have the values that they have in this one."""
    now = contextvars.copy_context()
    if len(now) != len(context):
        return False
    for variable, value in now.items():  # one by one, as values may compare in ways of their own
        if variable not in context or context[variable] is not value:
            return False
    return True


async def cancel_all(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks and wait until they are gone; a cancellation meanwhile is passed on after."""
    cancelled = set(tasks)
    for task in cancelled:
        task.cancel()
    await _wait_all(cancelled)


async def shielded(work: Coroutine[Any, Any, Any]) -> None:
    """Await a piece of clean-up to its end; a cancellation meanwhile is passed on after."""
    task = asyncio.ensure_future(work)
    try:
        await _wait_all({task})
    finally:
        task.result()  # its own failure comes first


async def _wait_all(waiting: set[asyncio.Task[Any]]) -> None:
    interrupted: asyncio.CancelledError | None = None
    while waiting:
        try:
            _, waiting = await asyncio.wait(waiting)
        except asyncio.CancelledError as error:
            interrupted = error
    if interrupted is not None:
        raise interrupted
