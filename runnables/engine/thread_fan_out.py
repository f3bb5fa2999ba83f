"""Fan-out over threads.

A thread that fans out works in its own slot, or threads would outnumber slots. One exception:
the call that opens the limit stands outside of it, in a thread of the user's, and waits, so that
it can fail, time out or be interrupted at once.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, TypeVar, cast

from runnables.engine.cancellation import Cancelled, CancelToken, current_token, lock
from runnables.engine.fan_out import NO_RESULT, SHUTDOWN_GRACE, Items, index_of
from runnables.engine.worker_threads import _NO_VALUE, run_in_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from runnables.engine.slots import Slots

T = TypeVar("T")


class ThreadFanOut:
    """Runs `work(index, item)` for every item, in threads, within the slots.

    Every item runs in its own copy of the context. The first failure stops the rest.

    Args:
        work: what to do with an item.
        items: pulled as slots get free, never ahead of them.
        slots: where helpers come from.
        outside: whether the caller stands in none of these slots; it then only waits.
        room: how many outcomes may lie about before workers wait for the consumer; None: all.
        run_here: how the consumer does an item itself, outcome by outcome, in its own slot;
            without it, it calls `work`.
        grace: seconds that threads get to notice that nobody wants them any more.
        apart: whether the work must not be done in the consumer's own thread.
    """

    def __init__(
        self,
        work: Callable[[int, Any], Any],
        items: Iterator[Any],
        slots: Slots,
        *,
        owns_limit: bool,
        max_buffered: int | None = None,
        run_here: Callable[[int, Any], Iterator[tuple[Any, Any]]] | None = None,
        grace: float = SHUTDOWN_GRACE,
        own_thread: bool = False,
    ) -> None:
        self._work = work
        self._run_here = run_here
        self._grace = grace
        self._own_thread = own_thread
        self._items = Items(items)
        self._slots = slots
        self._owns_limit = owns_limit
        self._max_buffered = max_buffered
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)  # `with` is quicker on the lock itself
        self._pulling = threading.Lock()
        self._outcomes: deque[tuple[Any, Any]] = deque()
        self._handed: deque[threading.Lock] = deque()  # of who waits until its outcome is taken
        self._workers = 0
        self._slots_in_use = 0  # slots in which workers stand
        self._slot_lent = (
            False  # whether the caller waits without a slot, and gets the last of these
        )
        self._consumer_helps = False  # whether the consumer works, too, where it would only wait
        self._failure: BaseException | None = None
        self._over = False
        self._token = CancelToken(current_token.get())
        self._context = contextvars.copy_context()
        self._context.run(current_token.set, self._token)

    def inside(self, variable: contextvars.ContextVar[T], value: T) -> None:
        """Set a variable for all that is done here."""
        self._context.run(variable.set, value)

    # -- the caller's side

    def run(self, total: int | None) -> list[Any]:
        """Do all the work; the results in the order of the items."""
        try:
            self._start_workers(total, own=0 if self._owns_limit else 1)
            if not (self._owns_limit and self._workers):
                self._worker_loop()
            self._wait_for_workers()
        finally:
            self._leave()
        if self._failure is not None:
            raise self._failure
        return [result for _, result in sorted(self._outcomes, key=index_of)]

    def as_completed(self, total: int | None) -> Generator[tuple[Any, Any], None, None]:
        """Do the work as the consumer asks for results; pairs of index and result."""
        here: Generator[tuple[Any, Any], None, None] | None = None  # what we do ourselves
        try:
            self._start_workers(total, own=0)
            while True:
                ready, alone = self._ready(busy=here is not None)
                if ready:
                    yield from self._handing(ready)
                elif alone and (here := here or self._begin_here()) is not None:
                    pair = self._next_here(here)
                    if pair is None:
                        here = None
                    else:
                        yield pair
                elif self._finished():
                    break
            if self._failure is not None:
                raise self._failure
        finally:
            try:
                if here is not None:
                    here.close()
            finally:
                self._leave()

    def _start_workers(self, total: int | None, own: int) -> None:
        """Put helpers into spare slots, for all items but those that we do `here`."""
        wanted = self._slots.limit if total is None else min(total, self._slots.limit)
        hired = 0
        with lock:  # a slot that comes back meanwhile must find us among the hungry
            if wanted > 1 or self._own_thread:
                hired = self._slots.try_acquire(wanted - own)
            elif self._owns_limit:
                self._slots.try_acquire()  # alone, the consumer works, so it needs a slot
            if total is None or hired + own < total:
                self._slots.waiters[self] = self._slots
        # we join for items that are there: an endless input may wait for what our consumer does
        self._consumer_helps = total is not None and hired < total and not self._owns_limit
        self._spawn(hired)

    def _ready(self, busy: bool) -> tuple[list[tuple[Any, Any]], bool]:
        """What is there to hand out, having waited for it, and whether to work ourselves."""
        with self._lock:
            while True:
                going = self._failure is None
                joins = busy or (self._consumer_helps and not self._items.over)
                alone = going and (joins or not self._workers)
                if self._outcomes or alone or not going:
                    break
                self._changed.wait()
            ready = list(self._outcomes)
            self._outcomes.clear()
            if ready and self._max_buffered is not None:
                self._changed.notify_all()
            return ready, alone

    def _handing(self, ready: list[tuple[Any, Any]]) -> Generator[tuple[Any, Any], None, None]:
        """Hand outcomes out; who waits until its own was taken is let go when we come back."""
        for pair in ready:
            yield pair
            if self._handed and self._failure is None:
                self._handed.popleft().release()

    def _begin_here(self) -> Generator[tuple[Any, Any], None, None] | None:
        taken = self._take()
        if taken is None:
            return None
        run = self._run_here or self._work_here
        return _in_context(self._context.copy(), run(*taken))

    def _next_here(self, here: Iterator[tuple[Any, Any]]) -> tuple[Any, Any] | None:
        try:
            return next(here, None)
        except (Exception, Cancelled) as error:
            self._fail(error)  # where a helper has failed, this is how we were told
            return None

    def _work_here(self, index: int, item: Any) -> Iterator[tuple[Any, Any]]:
        yield index, self._work(index, item)

    def _finished(self) -> bool:
        with self._lock:
            return self._failure is not None or not (self._workers or self._outcomes)

    def _wait_for_workers(self) -> None:
        """Wait; our own slot is of use to others meanwhile, as the last worker brings us its."""
        if not self._owns_limit:
            with self._lock:
                self._slot_lent = lends = self._slots_in_use > 0 and self._failure is None
            if lends:
                self._slots.release()
        with self._lock:
            while self._workers and self._failure is None:
                self._changed.wait()

    def _leave(self) -> None:
        """Nothing new starts; whoever works is told to stop and given a moment to do so."""
        self._stop_waiting()
        with self._lock:
            self._over = True
            self._changed.notify_all()
            running = self._workers > 0
            for gate in self._handed:
                gate.release()
        if running:
            self._token.cancel()
            until = time.monotonic() + self._grace
            with self._lock:
                while self._workers and (left := until - time.monotonic()) > 0:
                    self._changed.wait(left)
        self._token.detach()

    # -- the workers' side

    def on_permit(self) -> None:
        """Another slot was borrowed for us: put a worker into it, or give it back."""
        if self._over or self._items.over or self._failure is not None:
            self._stop_waiting()
            self._slots.release()
        else:
            self._spawn(1)

    def _spawn(self, many: int) -> None:
        with self._lock:
            self._workers += many
            self._slots_in_use += many
        for _ in range(many):
            run_in_worker(self._work_in_slot)

    def _work_in_slot(self) -> None:
        self._worker_loop()
        if self._owns_limit or not self._return_slot_to_caller():
            self._slots.release()
        with self._lock:
            self._workers -= 1
            if not self._workers:
                self._changed.notify_all()

    def _return_slot_to_caller(self) -> bool:
        """Whether the caller, which lent its own slot, gets this one instead.

        It does from the last worker; from the first where one has failed, as it then goes on.
        """
        with self._lock:
            self._slots_in_use -= 1
            if not self._slot_lent or (self._slots_in_use and self._failure is None):
                return False
            self._slot_lent = False
            return True

    def _worker_loop(self) -> None:
        while self._run_next():
            pass

    def _run_next(self) -> bool:
        """Do one item; False where there is none left, or nobody wants it any more."""
        try:
            taken = self._take()
            if taken is None:
                return False
            result = self._context.copy().run(self._work, *taken)
            if result is not NO_RESULT:
                self._put(taken[0], result)
        except BaseException as error:
            self._fail(error)
            return False
        return True

    def _take(self) -> tuple[int, Any] | None:
        if self._items.over:
            return None
        with self._pulling:
            if self._over or self._failure is not None:
                return None
            return self._context.run(self._items.take)  # made in one context, whoever pulls

    def _put(self, index: int, result: Any) -> None:
        """Lay a result down for the consumer, once there is room; Cancelled where it has left."""
        if self._max_buffered is None:  # nobody looks before all is done
            self._outcomes.append((index, result))
            return
        with self._lock:
            while len(self._outcomes) >= self._max_buffered and not self._over:
                self._changed.wait()
            if self._over:
                raise Cancelled("the consumer has left")
            self._outcomes.append((index, result))
            self._changed.notify_all()

    def deliver(self, key: Any, chunk: Any) -> None:
        """Hand a chunk to the consumer, and wait until it asks for the next.

        So a stream is never more than one chunk ahead, however many stand behind one another.

        Raises:
            Cancelled: the consumer has left.
        """
        gate = threading.Lock()
        gate.acquire()
        with self._lock:
            if not self._over:
                self._outcomes.append((key, chunk))
                self._handed.append(gate)
                self._changed.notify_all()
        if not self._over:
            gate.acquire()
        if self._over:
            raise Cancelled("the consumer has left")

    def _fail(self, error: BaseException) -> None:
        """Keep the first failure (an interrupt outweighs an error), and tell the others."""
        with self._lock:
            ends = not isinstance(error, (Exception, Cancelled))
            if not self._over and (self._failure is None or ends):
                self._failure = error
            self._changed.notify_all()
        self._stop_waiting()
        self._token.cancel()

    def _stop_waiting(self) -> None:
        """We have no use for further slots."""
        if self in self._slots.waiters:
            with lock:
                self._slots.waiters.pop(self, None)


def _in_context(context: contextvars.Context, chunks: Iterator[T]) -> Generator[T, None, None]:
    """Drive a generator inside a context of its own."""
    try:
        while (chunk := context.run(next, chunks, _NO_VALUE)) is not _NO_VALUE:
            yield cast("T", chunk)
    finally:
        closer = getattr(chunks, "close", None)
        if closer is not None:
            context.run(closer)
