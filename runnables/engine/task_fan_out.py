"""Fan-out over tasks: the same async work for each of many items, several at a time.

The caller starts a task in each spare slot, and one in its own. A task does the work on an item,
leaves the outcome in a queue (`_outcomes`) for the caller, which is the consumer, and goes on with
the next item. All of it runs in one event loop, so nothing here needs a lock but the slots.

- **Limit.** Every item is done in a slot. The caller's own slot belongs to an item while the caller
  waits, and to the consumer while it uses an outcome: the item in it pauses (`_own_resume`). A
  caller that has set the limit itself (`owns_limit`) holds no slot, and only waits.
- **No waiting for slots.** With no slot spare, the items take turns in the caller's own. Slots that
  other calls release later bring further tasks (`on_permit`, from any thread).
- **Pulling.** Items are pulled one at a time, each when a slot is free for it.
- **Order.** `run` returns results in the order of the items; `as_completed` yields them as they
  come.
- **Failure.** The first error stops the rest: no item begins any more, the tasks are cancelled, and
  the error is raised.
- **End.** When a call returns or its generator is closed, every task has ended, also when the
  caller is cancelled meanwhile.
- **Back-pressure.** `max_buffered` limits the outcomes that wait for the consumer. `deliver` is
  stricter: a task waits until the consumer has taken its chunk and asks for the next.
- **Contexts.** No item sees a context variable that another has set. A task goes on with the next
  item only where the last one has left the context as it was.
"""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar, cast

from runnables.engine.cancellation import CancelToken, current_token, lock
from runnables.engine.fan_out import NO_RESULT, Items, index_of
from runnables.engine.tasks import cancel_all

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator

    from runnables.engine.slots import Slots
else:
    from runnables.engine import lazy_asyncio as asyncio

T = TypeVar("T")


class TaskFanOut:
    """A fan-out that awaits `work(index, item)` for every item, in tasks, within the slots.

    Use one object for one call, in one event loop.

    Args:
        work: what to do with an item.
        items: pulled as slots get free, never ahead of them.
        slots: where the slots of tasks come from.
        owns_limit: whether the caller has set the limit, and holds none of its slots.
        max_buffered: how many outcomes may wait for the consumer before tasks pause; None where
            nothing is consumed until all is done.
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
        self._deliveries: deque[asyncio.Future[None]] = deque()  # each lets one `deliver` return
        self._tasks: set[asyncio.Task[Any]] = set()
        self._own_task: asyncio.Task[Any] | None = None  # in the caller's own slot ...
        self._own_resume: asyncio.Future[None] | None = None  # ... and waits for this, if it pauses
        self._blocked_slots = 0  # without a task, until the consumer takes outcomes
        self._slots_in_use = 0  # other than the caller's own
        self._failure: BaseException | None = None
        self._over = False
        self._iteration = 0  # of the event loop, counted while tasks run
        self._counting = False
        self._token = CancelToken(current_token.get())
        self._context = contextvars.copy_context()
        self._context.run(current_token.set, self._token)

    def set_context(self, variable: contextvars.ContextVar[T], value: T) -> None:
        """Set a context variable for the work on all items."""
        self._context.run(variable.set, value)

    # -- the consumer's side

    async def run(self, total: int | None) -> list[Any]:
        """Do all the work; return the results in the order of the items.

        Args:
            total: how many items there are; None where that is not known.
        """
        try:
            self._start_workers(total, own=0 if self._owns_limit else 1)
            while self._tasks and self._failure is None:
                await self._wait_for_change()
        finally:
            await self._close()
        if self._failure is not None:
            raise self._failure
        return [result for _, result in sorted(self._outcomes, key=index_of)]

    async def as_completed(self, total: int | None) -> AsyncGenerator[tuple[Any, Any], None]:
        """Do the work while the consumer asks for results; yield pairs of index and result.

        Args:
            total: how many items there are; None where that is not known.
        """
        try:
            self._start_workers(total, own=0)
            while self._outcomes or self._failure is None:
                if self._own_task_runs() and self._failure is None:
                    await self._wait_for_change()
                elif self._outcomes:
                    yield self._outcomes.popleft()
                    if self._failure is None:
                        self._resume_tasks()
                elif self._use_own_slot():
                    continue
                elif self._tasks or self._blocked_slots:
                    await self._wait_for_change()
                else:
                    break
            if self._failure is not None:
                raise self._failure
        finally:
            await self._close()

    def _start_workers(self, total: int | None, own: int) -> None:
        """Start tasks in spare slots, and `own` tasks (0 or 1) in the caller's."""
        wanted = self._slots.limit if total is None else min(total, self._slots.limit)
        if own and not self._start():
            return
        while self._slots_in_use < wanted - own and (wanted > 1 or self._owns_limit):
            with lock:  # a slot that is released meanwhile must find us among the waiters
                if not self._slots.try_acquire():
                    self._slots.waiters[self] = self._slots
                    return
            self._slots_in_use += 1
            if not self._start():
                self._free()
                return
        if total is None or self._slots_in_use + own < total:
            with lock:
                self._slots.waiters[self] = self._slots

    async def _wait_for_change(self) -> None:
        """Wait for `_notify_consumer`."""
        self._consumer_waiter = self._loop.create_future()
        try:
            await self._consumer_waiter
        finally:
            self._consumer_waiter = None

    def _own_task_runs(self) -> bool:
        """Tell whether an item uses the caller's own slot, so that the consumer has to wait."""
        return self._own_task is not None and self._own_resume is None

    def _use_own_slot(self) -> bool:
        """Give the caller's own slot to an item while it waits; return False where none is left."""
        if self._own_resume is not None:
            self._own_resume.set_result(None)
            self._own_resume = None
            return True
        if self._owns_limit:
            return False
        self._own_task = self._start()
        return self._own_task is not None

    async def _close(self) -> None:
        """Cancel the tasks that still run, and wait for them, also when cancelled meanwhile."""
        self._over = True
        self._stop_waiting()
        while self._blocked_slots:
            self._blocked_slots -= 1
            self._free()
        if self._tasks:
            self._token.cancel()
            await cancel_all(self._tasks)
        self._token.detach()

    # -- the tasks' side

    def on_permit(self) -> None:
        """Start a task in a slot that was acquired for it, or release the slot."""
        if threading.get_ident() == self._thread:
            self._loop.call_soon(self._use_permit)
        else:
            try:
                self._loop.call_soon_threadsafe(self._use_permit)
            except RuntimeError:  # the loop was closed before this fan-out had ended
                self._stop_waiting()
                self._slots.release()

    def _use_permit(self) -> None:
        self._slots_in_use += 1
        if not self._start():
            self._free()

    def _start(self) -> asyncio.Task[Any] | None:
        """Start a task for the next item, in a slot that is held; None where no item is left."""
        taken = self._take()
        if taken is None:
            return None
        context = self._context.copy()
        task = self._loop.create_task(self._task_loop(taken), context=context)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)
        return task

    def _take(self) -> tuple[int, Any] | None:
        """Return the next index and item; None where none is left, or none is wanted."""
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

    # With a task for each item, tasks begin in waves, and each wave looks to the garbage collector
    # like new objects that live on: that was a seventh of a batch's time.
    async def _task_loop(self, taken: tuple[int, Any] | None) -> None:
        """Do an item, and go on with the next as long as each leaves the task as it was."""
        task: asyncio.Task[Any] = cast("Any", asyncio.current_task())
        context = contextvars.copy_context()
        while taken is not None:
            iteration = self._current_iteration()
            result = await self._work(*taken)
            if result is not NO_RESULT:
                self._outcomes.append((taken[0], result))
            if (
                task is self._own_task
                or self._is_full()
                or task.cancelling()
                or not _is_unchanged(context)
            ):
                break
            if self._max_buffered is not None:
                self._notify_consumer(always=True)
            if iteration == self._iteration:  # it waited for nothing, and the loop has other tasks
                await asyncio.sleep(0)
            taken = self._take()

    def _current_iteration(self) -> int:
        """Return the number of the event loop's current iteration."""
        if not self._counting:
            self._counting = True
            self._loop.call_soon(self._count_iteration)
        return self._iteration

    def _count_iteration(self) -> None:
        self._counting = False
        self._iteration += 1

    def _is_full(self) -> bool:
        """Tell whether as many outcomes wait for the consumer as may."""
        return self._max_buffered is not None and len(self._outcomes) >= self._max_buffered

    def _on_task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.remove(task)
        if task.cancelled():
            self._fail(asyncio.CancelledError("an item was cancelled"))
        elif (error := task.exception()) is not None:
            self._fail(error)
        is_own = task is self._own_task
        if is_own:
            self._own_task = self._own_resume = None
        elif self._is_full() and not self._over:
            self._blocked_slots += 1
        elif not self._start():
            self._free()
        self._notify_consumer(always=is_own or self._max_buffered is not None)

    async def deliver(self, key: Any, chunk: Any) -> None:
        """Hand a chunk to the consumer, and wait until it asks for the next.

        So a stream is never more than one chunk ahead, however many fan-outs it passes through.
        """
        delivery = self._loop.create_future()
        self._outcomes.append((key, chunk))
        if asyncio.current_task() is self._own_task:
            self._own_resume = delivery  # `_use_own_slot` resumes it, when no outcome is left
            self._deliveries.append(self._loop.create_future())  # its place; nothing awaits it
        else:
            self._deliveries.append(delivery)
        self._notify_consumer(always=True)
        await delivery

    def _resume_tasks(self) -> None:
        """Let the `deliver` of the last outcome return, and use slots that were blocked."""
        if self._deliveries:
            delivery = self._deliveries.popleft()
            if not delivery.done():
                delivery.set_result(None)
        while self._blocked_slots:
            self._blocked_slots -= 1
            if not self._start():
                self._free()
            if self._outcomes:  # one slot for each outcome taken, or all where none is left to take
                break

    def _free(self) -> None:
        """Release a slot that no item uses, unless only the caller's own is left."""
        if self._slots_in_use:
            self._slots_in_use -= 1
            self._slots.release()

    def _fail(self, error: BaseException) -> None:
        """Keep the first error, and let no item begin any more."""
        if self._failure is None and not self._over:
            self._failure = error
            self._stop_waiting()
            self._notify_consumer(always=True)

    def _stop_waiting(self) -> None:
        """Take no more slots."""
        if self in self._slots.waiters:
            with lock:
                self._slots.waiters.pop(self, None)

    def _notify_consumer(self, always: bool) -> None:
        """Wake the consumer: always, or only when the last task has ended."""
        waiter = self._consumer_waiter
        if waiter is not None and not waiter.done() and (always or not self._tasks):
            waiter.set_result(None)


def _is_unchanged(context: contextvars.Context) -> bool:
    """Tell whether the current context has the same variables and values as this one."""
    now = contextvars.copy_context()
    if len(now) != len(context):
        return False
    for variable, value in now.items():  # by identity, as some values cannot be compared
        if variable not in context or context[variable] is not value:
            return False
    return True
