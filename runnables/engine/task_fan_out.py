"""Fan-out over tasks: see fan_out.py for what every fan-out guarantees, and for its parts.

The caller starts a task in each spare slot, and one in its own. A task does the work on an item,
hands the outcome over to the caller, which is the consumer, and goes on with the next item. All of
it runs in one event loop; only slots are offered from other threads. What tasks are special in:

- **Own slot.** It belongs to an item while the caller waits, and to the consumer while it uses an
  outcome: the item in it pauses. A caller that has set the limit itself (`owns_limit`) holds no
  slot, and only waits.

      CONSUMER'S ──an item starts──▶ IN USE ──deliver──▶ PAUSED ──no outcome is left──▶ IN USE
           ▲                            │
           └───────── it ends ──────────┘

- **Blocked slots.** Where `max_buffered` outcomes wait, a slot that is free stays without a task
  until the consumer takes one of them.
- **End.** When a call returns or its generator is closed, every task has ended, also when the
  caller is cancelled meanwhile. Tasks of a loop that is closed, or not the consumer's, are not
  waited for: that would never end.
- **Contexts.** No item sees a context variable that another has set. A task goes on with the next
  item only where the last one has left the context as it was.
- **Hand-over.** A task that is cancelled before it began never begins: asyncio sees to that.
- **Eager tasks.** A task may run, and even end, before `create_task` returns (Python 3.12). So it
  says itself which slot it is in.
"""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING, Any, cast

from runnables.engine.fan_out import NO_RESULT, FanOut, index_of
from runnables.engine.outcomes import Outcome, TaskOutcomes
from runnables.engine.tasks import cancel_all

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator

    from runnables.engine.slots import Slots
else:
    from runnables.engine import lazy_asyncio as asyncio


class _OwnSlot:
    """The slot that the caller holds.

    Attributes:
        task: the task in it; None while it is the consumer's.
        paused: what its item awaits while it is paused.
    """

    __slots__ = ("paused", "task")

    def __init__(self) -> None:
        self.task: asyncio.Task[Any] | None = None
        self.paused: asyncio.Future[None] | None = None

    @property
    def in_use(self) -> bool:
        """Tell whether an item uses it, so that the consumer has to wait."""
        return self.task is not None and self.paused is None

    def resume(self) -> bool:
        """Let the item in it go on; return False where none is paused."""
        paused, self.paused = self.paused, None
        if paused is not None and not paused.done():
            paused.set_result(None)
        return paused is not None

    def clear(self) -> None:
        """Give it back to the consumer."""
        self.task = self.paused = None


class _Iterations:
    """A count of the iterations of an event loop, which goes on while it is asked for.

    Attributes:
        number: the count, as far as it has come.
    """

    __slots__ = ("_counting", "_loop", "number")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.number = 0
        self._counting = False

    def current(self) -> int:
        """Return the number of the current iteration."""
        if not self._counting:
            self._counting = True
            self._loop.call_soon(self._next)
        return self.number

    def _next(self) -> None:
        self._counting = False
        self.number += 1


class TaskFanOut(FanOut):
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
        super().__init__(work, items, slots, owns_limit=owns_limit, max_buffered=max_buffered)
        self._loop = asyncio.get_running_loop()
        self._iterations = _Iterations(self._loop)
        self._outcomes = TaskOutcomes(self._loop, max_buffered)
        self._results: list[tuple[int, Any]] | None = None  # of `run`, which reads them at the end
        self._tasks: set[asyncio.Task[Any]] = set()
        self._own = _OwnSlot()
        self._blocked_slots = 0

    # -- the consumer's side

    async def run(self, total: int | None) -> list[Any]:
        """Do all the work; return the results in the order of the items.

        Args:
            total: how many items there are; None where that is not known.
        """
        results = self._results = []
        own = 0 if self._permits.owned else 1
        try:
            if not own or self._start() is not None:
                self._start_workers(total, own)
            while self._tasks and not self.stopped:
                await self._outcomes.wait()
        finally:
            await self._close()
        if self._failure is not None:
            raise self._failure
        return [result for _, result in sorted(results, key=index_of)]

    async def as_completed(self, total: int | None) -> AsyncGenerator[Outcome, None]:
        """Do the work while the consumer asks for results; yield pairs of index and result.

        Args:
            total: how many items there are; None where that is not known.
        """
        try:
            if self._permits.owned or total not in (0, 1):
                self._start_workers(total, own=0)
            while self._outcomes or not self.stopped:
                if self._own.in_use and not self.stopped:
                    await self._outcomes.wait()
                elif self._outcomes:
                    yield self._outcomes.take()
                    if not self.stopped:
                        self._outcomes.ask_for_next()
                        self._use_blocked_slots()
                elif self._use_own_slot():
                    continue
                elif self._tasks or self._blocked_slots:
                    await self._outcomes.wait()
                else:
                    break
            if self._failure is not None:
                raise self._failure
        finally:
            await self._close()

    def _start_workers(self, total: int | None, own: int) -> None:
        """Start tasks in spare slots, for all items but the `own` first of the caller."""
        count, wanted = 0, self._wanted(total, own)
        while count < wanted and self._permits.acquire():
            if not self._start_worker():
                return
            count += 1
        if total is None or count + own < total:
            self._grow_later(wanted - count)

    def _use_own_slot(self) -> bool:
        """Give the caller's own slot to an item while it waits; return False where none is left."""
        if self._own.resume():
            return True
        return not self._permits.owned and self._start(own=True) is not None

    def _use_blocked_slots(self) -> None:
        """Use one slot for each outcome that was taken, or all where none is left to take."""
        while self._blocked_slots:
            self._blocked_slots -= 1
            self._start_worker()
            if self._outcomes:
                break

    async def _close(self) -> None:
        """Cancel the tasks that still run, and wait for them, also when cancelled meanwhile."""
        try:
            self._stop()
            for _ in range(self._blocked_slots):
                self._permits.release()
            self._blocked_slots = 0
            if self._tasks:
                self._token.cancel()
                await cancel_all(self._tasks)
                while self._loop.is_closed() and self._permits.in_use:  # no task releases them
                    self._permits.release()
        finally:
            self._token.detach()

    # -- the tasks' side

    def on_permit(self) -> None:
        """Start a task in a slot that was acquired for it, or release the slot. In any thread."""
        self._permits.in_use.append(True)
        is_here = asyncio._get_running_loop() is self._loop
        call_soon = self._loop.call_soon if is_here else self._loop.call_soon_threadsafe
        try:
            call_soon(self._use_permit)
        except RuntimeError:  # the loop was closed before this fan-out had ended
            self._stop_growing()
            self._permits.release()

    def _start_worker(self) -> bool:
        """Start a task in a slot that was acquired; release it where no item is left."""
        if self._start() is not None:
            return True
        self._permits.release()
        return False

    def _start(self, own: bool = False) -> asyncio.Task[Any] | None:
        """Start a task for the next item, in a slot that is held; None where no item is left.

        Args:
            own: whether it is in the caller's own slot, while `as_completed` waits.
        """
        taken = self._take()
        if taken is None:
            return None
        work = self._do_items(taken, own)
        try:
            task = self._loop.create_task(work, context=self._context.copy())
        except BaseException as error:  # by a task factory of the user, or the loop is closed
            work.close()
            self._fail(error)
            return None
        if own:
            self._own.task = task
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)
        return task

    def _take(self) -> tuple[int, Any] | None:
        """Return the next index and item; None where none is left, or none is wanted."""
        if self.stopped:
            return None
        try:
            taken = self._context.run(self._items.take)
        except BaseException as error:
            self._fail(error)
            return None
        if taken is None:
            self._stop_growing()
        return taken

    # With a task for each item, tasks begin in waves, and each wave looks to the garbage collector
    # like new objects that live on: that was a seventh of a batch's time.
    async def _do_items(self, taken: tuple[int, Any] | None, own: bool) -> None:
        """Do an item, and go on with the next as long as each leaves the task as it was."""
        task: asyncio.Task[Any] = cast("Any", asyncio.current_task())
        if own:
            self._own.task = task
        context = contextvars.copy_context()
        while taken is not None:
            if self._token.is_set:  # by a call around this one, which has not cancelled it yet
                raise asyncio.CancelledError("the call around this item has ended")
            iteration = self._iterations.current()
            result = await self._work(*taken)
            if result is not NO_RESULT:
                if self._results is not None:
                    self._results.append((taken[0], result))
                else:
                    self._outcomes.put((taken[0], result))
            if own or self._outcomes.is_full or task.cancelling() or not _is_unchanged(context):
                break
            if iteration == self._iterations.number:  # it waited for nothing: let others go on
                await asyncio.sleep(0)
            taken = self._take()

    def _on_task_done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            self._fail(asyncio.CancelledError("an item was cancelled"))
        elif (error := task.exception()) is not None:
            self._fail(error)
        if task is self._own.task:
            self._own.clear()
        elif self._outcomes.is_full and not self.stopped:
            self._blocked_slots += 1
        else:
            self._start_worker()
        if self._results is None or not self._tasks:
            self._outcomes.wake()

    async def deliver(self, key: Any, chunk: Any) -> None:
        """Hand a chunk to the consumer, and wait until it asks for the next.

        So a stream is never more than one chunk ahead, however many fan-outs it passes through.
        """
        asked = self._loop.create_future()
        if asyncio.current_task() is self._own.task:
            self._own.paused = asked  # `_use_own_slot` resumes it, when no outcome is left
            self._outcomes.put((key, chunk))
        else:
            self._outcomes.put((key, chunk), asked)
        await asked

    def _fail(self, error: BaseException) -> None:
        """Keep the first error, and let no item begin any more."""
        if not self.stopped:
            self._failures.append(error)
            self._stop()
            self._outcomes.wake()


def _is_unchanged(context: contextvars.Context) -> bool:
    """Tell whether the current context has the same variables and values as this one."""
    now = contextvars.copy_context()
    if len(now) != len(context):
        return False
    for variable, value in now.items():  # by identity, as some values cannot be compared
        if variable not in context or context[variable] is not value:
            return False
    return True
