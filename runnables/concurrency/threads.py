"""Fan-out over threads.

A thread that fans out works in its own slot, or threads would outnumber slots. One exception:
the call that opens the limit, in a thread of the user's, waits and lends its slot to a worker
thread, so that it can fail, time out or be interrupted at once.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar, cast

from runnables.concurrency.items import DONE, GRACE, Items, index_of
from runnables.concurrency.stopping import Cancelled, Stop, current_stop, lock
from runnables.concurrency.workers import MISSING, in_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from runnables.concurrency.slots import Slots

T = TypeVar("T")


class ThreadFanOut:
    """Runs `work(index, item)` for every item, in threads, within the slots.

    Every item runs in its own copy of the context. The first failure stops the rest.

    Args:
        work: what to do with an item.
        items: pulled as slots get free, never ahead of them.
        slots: where helpers come from.
        lend: whether the caller only waits, so that its own slot goes to a worker.
        room: how many outcomes may lie about before workers wait for the consumer; None: all.
        run_here: how the consumer does an item itself, outcome by outcome, where no worker is to
            be had; without it, it calls `work`.
        grace: seconds that threads get to notice that nobody wants them any more.
        apart: whether the work must not be done in the consumer's own thread.
    """

    def __init__(
        self,
        work: Callable[[int, Any], Any],
        items: Iterator[Any],
        slots: Slots,
        *,
        lend: bool,
        room: int | None = None,
        run_here: Callable[[int, Any], Iterator[tuple[Any, Any]]] | None = None,
        grace: float = GRACE,
        apart: bool = False,
    ) -> None:
        self._work = work
        self._run_here = run_here or self._work_here
        self._grace = grace
        self._apart = apart
        self._items = Items(items)
        self._slots = slots
        self._lend = lend
        self._room = room
        self._changed = threading.Condition(threading.Lock())
        self._pulling = threading.Lock()
        self._outcomes: deque[tuple[Any, Any]] = deque()
        self._workers = 0
        self._failure: BaseException | None = None
        self._over = False
        self._stop = Stop(current_stop.get())
        self._context = contextvars.copy_context()
        self._context.run(current_stop.set, self._stop)

    # -- the caller's side

    def run(self, most: int | None) -> list[Any]:
        """Do all the work; the results in the order of the items."""
        try:
            self._hire(most)
            if not (self._lend and self._workers):
                self._labour()
            self._wait_for_workers()
        finally:
            self._leave()
        if self._failure is not None:
            raise self._failure
        return [result for _, result in sorted(self._outcomes, key=index_of)]

    def as_completed(self, most: int | None) -> Generator[tuple[Any, Any], None, None]:
        """Do the work as the consumer asks for results; pairs of index and result."""
        try:
            self._hire(most)
            while True:
                ready, alone = self._ready()
                if ready:
                    yield from ready
                elif alone:
                    taken = self._take()
                    if taken is None:
                        break
                    yield from _in_context(self._context.copy(), self._run_here(*taken))
                elif self._finished():
                    break
            if self._failure is not None:
                raise self._failure
        finally:
            self._leave()

    def _hire(self, most: int | None) -> None:
        wanted = self._slots.limit if most is None else min(most, self._slots.limit)
        if wanted <= 1 and not self._apart:
            return
        if self._lend:
            self._spawn(lent=True)
        hired = 1
        while hired < wanted and self._slots.borrow():
            self._spawn()
            hired += 1
        if most is None or hired < most:
            with lock:
                self._slots.hungry[self] = self._slots

    def _work_here(self, index: int, item: Any) -> Iterator[tuple[Any, Any]]:
        yield index, self._work(index, item)

    def _ready(self) -> tuple[list[tuple[Any, Any]], bool]:
        """What is there to hand out, having waited for it, and whether there are no workers."""
        with self._changed:
            while not self._outcomes and self._workers and self._failure is None:
                self._changed.wait()
            ready = list(self._outcomes)
            self._outcomes.clear()
            if ready and self._room is not None:
                self._changed.notify_all()
            return ready, not self._workers and self._failure is None

    def _finished(self) -> bool:
        with self._changed:
            return self._failure is not None or not (self._workers or self._outcomes)

    def _wait_for_workers(self) -> None:
        with self._changed:
            while self._workers and self._failure is None:
                self._changed.wait()

    def _leave(self) -> None:
        """Nothing new starts; whoever works is told to stop and given a moment to do so."""
        with lock:
            self._slots.hungry.pop(self, None)
        with self._changed:
            self._over = True
            self._changed.notify_all()
            running = self._workers > 0
        if running:
            self._stop.set()
            until = time.monotonic() + self._grace
            with self._changed:
                while self._workers and (left := until - time.monotonic()) > 0:
                    self._changed.wait(left)
        self._stop.release()

    # -- the workers' side

    def grow(self) -> None:
        """Another slot was borrowed for us: put a worker into it, or give it back."""
        if self._over or self._items.over:
            with lock:
                self._slots.hungry.pop(self, None)
            self._slots.give_back()
        else:
            self._spawn()

    def _spawn(self, lent: bool = False) -> None:
        with self._changed:
            self._workers += 1
        in_worker(self._work_lent if lent else self._work_borrowed)

    def _work_lent(self) -> None:
        self._labour()
        self._clock_out()

    def _work_borrowed(self) -> None:
        self._labour()
        self._slots.give_back()
        self._clock_out()

    def _clock_out(self) -> None:
        with self._changed:
            self._workers -= 1
            self._changed.notify_all()

    def _labour(self) -> None:
        while self._one():
            pass

    def _one(self) -> bool:
        """Do one item; False where there is none left, or nobody wants it any more."""
        try:
            taken = self._take()
            if taken is None:
                return False
            result = self._context.copy().run(self._work, *taken)
            if result is not DONE:
                self.deliver(taken[0], result)
        except BaseException as error:
            self._fail(error)
            return False
        return True

    def _take(self) -> tuple[int, Any] | None:
        with self._pulling:
            return None if self._over or self._failure else self._items.take()

    def deliver(self, key: Any, outcome: Any) -> None:
        """Hand an outcome to the consumer, once there is room; Cancelled where it has left."""
        with self._changed:
            while self._room is not None and len(self._outcomes) >= self._room and not self._over:
                self._changed.wait()
            if self._over and self._room is not None:
                raise Cancelled("the consumer has left")
            self._outcomes.append((key, outcome))
            if len(self._outcomes) == 1 and self._room is not None:
                self._changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            if self._failure is None and not self._over:
                self._failure = error
            self._changed.notify_all()


def _in_context(context: contextvars.Context, chunks: Iterator[T]) -> Iterator[T]:
    """Drive a generator inside a context of its own."""
    try:
        while (chunk := context.run(next, chunks, MISSING)) is not MISSING:
            yield cast("T", chunk)
    finally:
        closer = getattr(chunks, "close", None)
        if closer is not None:
            context.run(closer)
