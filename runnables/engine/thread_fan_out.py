"""Fan-out over threads: the same work for each of many items, several at a time.

The caller starts workers, one in each spare slot. A worker takes the next item, does the work, and
leaves the outcome in a queue (`_outcomes`) for the caller, which is the consumer.

- **Limit.** Every item is done in a slot, by a worker or by the caller in its own slot, so threads
  never outnumber slots. One exception: a caller that has set the limit itself (`owns_limit`) holds
  no slot. It only waits, so that it can fail, time out or be interrupted at once.
- **No waiting for slots.** With no slot spare, the caller does the items itself. Slots that other
  calls release later bring further workers (`on_permit`).
- **Pulling.** Items are pulled one at a time, each when a slot is free for it.
- **Order.** `run` returns results in the order of the items; `as_completed` yields them as they
  come.
- **Failure.** The first error stops the rest: no item begins any more, the cancel token is set, and
  the error is raised. (KeyboardInterrupt and SystemExit replace an error that came before.)
- **End.** When a call returns or its generator is closed, workers have ended, or had `grace`
  seconds to end: a thread cannot be stopped. What they still do is dropped.
- **Back-pressure.** `max_buffered` limits the outcomes that wait for the consumer. `deliver` is
  stricter: a worker waits until the consumer has taken its chunk and asks for the next.
"""

from __future__ import annotations

import contextvars
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from runnables.engine.cancellation import (
    CancelToken,
    cancelled_error,
    current_token,
    is_interrupt,
    lock,
)
from runnables.engine.fan_out import NO_RESULT, SHUTDOWN_GRACE, Items, index_of
from runnables.engine.worker_pool import run_in_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from runnables.engine.slots import Slots

T = TypeVar("T")

_END: Final = object()


class ThreadFanOut:
    """A fan-out that calls `work(index, item)` for every item, in threads, within the slots.

    Every item runs in its own copy of the caller's context. Use one object for one call.

    Args:
        work: what to do with an item.
        items: pulled as slots get free, never ahead of them.
        slots: where the slots of workers come from.
        owns_limit: whether the caller has set the limit, and holds none of its slots.
        max_buffered: how many outcomes may wait for the consumer before workers pause; None where
            nothing is consumed until all is done.
        consumer_work: how the consumer does an item itself, in its own slot, outcome by outcome;
            by default it calls `work`.
        grace: seconds that threads get to end when the call fails or is left.
        own_thread: whether to take a worker also for a single item, which the consumer would
            otherwise do itself.
    """

    def __init__(
        self,
        work: Callable[[int, Any], Any],
        items: Iterator[Any],
        slots: Slots,
        *,
        owns_limit: bool,
        max_buffered: int | None = None,
        consumer_work: Callable[[int, Any], Iterator[tuple[Any, Any]]] | None = None,
        grace: float = SHUTDOWN_GRACE,
        own_thread: bool = False,
    ) -> None:
        self._work = work
        self._consumer_work = consumer_work
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
        self._deliveries: deque[threading.Lock] = deque()  # each lets one `deliver` return
        self._workers = 0
        self._slots_in_use = 0  # by workers
        self._slot_lent = False  # the caller released its own slot, and gets the last of these
        self._consumer_helps = False  # by doing items while it would only wait
        self._failure: BaseException | None = None
        self._over = False
        self._token = CancelToken(current_token.get())
        self._context = contextvars.copy_context()
        self._context.run(current_token.set, self._token)

    def set_context(self, variable: contextvars.ContextVar[T], value: T) -> None:
        """Set a context variable for the work on all items."""
        self._context.run(variable.set, value)

    # -- the consumer's side

    def run(self, total: int | None) -> list[Any]:
        """Do all the work; return the results in the order of the items.

        Args:
            total: how many items there are; None where that is not known.
        """
        try:
            self._start_workers(total, own=0 if self._owns_limit else 1)
            if not (self._owns_limit and self._workers):
                self._worker_loop()
            self._wait_for_workers()
        finally:
            self._close()
        if self._failure is not None:
            raise self._failure
        return [result for _, result in sorted(self._outcomes, key=index_of)]

    def as_completed(self, total: int | None) -> Generator[tuple[Any, Any], None, None]:
        """Do the work while the consumer asks for results; yield pairs of index and result.

        Args:
            total: how many items there are; None where that is not known.
        """
        own_item: Generator[tuple[Any, Any], None, None] | None = None  # which the consumer does
        try:
            self._start_workers(total, own=0)
            while True:
                outcomes, helps = self._wait_for_outcomes(busy=own_item is not None)
                if outcomes:
                    yield from self._hand_over(outcomes)
                elif helps and (own_item := own_item or self._start_own_item()) is not None:
                    outcome = self._next_own_outcome(own_item)
                    if outcome is None:
                        own_item = None
                    else:
                        yield outcome
                elif self._finished():
                    break
            if self._failure is not None:
                raise self._failure
        finally:
            try:
                if own_item is not None:
                    own_item.close()
            finally:
                self._close()

    def _start_workers(self, total: int | None, own: int) -> None:
        """Start workers in spare slots, for all items but the `own` first of the caller."""
        wanted = self._slots.limit if total is None else min(total, self._slots.limit)
        count = 0
        with lock:  # a slot that is released meanwhile must find us among the waiters
            if wanted > 1 or self._own_thread:
                while count < wanted - own and self._slots.try_acquire():
                    count += 1
            elif self._owns_limit:
                self._slots.try_acquire()  # the consumer does the only item, and needs a slot
            if total is None or count + own < total:
                self._slots.waiters[self] = self._slots
        # Only with a known total: the next item of an endless input may depend on what the
        # consumer does with an outcome, and it would wait for that item while pulling it.
        self._consumer_helps = total is not None and count < total and not self._owns_limit
        self._spawn(count)

    def _wait_for_outcomes(self, busy: bool) -> tuple[list[tuple[Any, Any]], bool]:
        """Wait for outcomes; return them, and whether the consumer should work itself.

        Args:
            busy: whether the consumer is in the middle of an item, so that it need not wait.
        """
        with self._lock:
            while True:
                unfailed = self._failure is None
                joins = busy or (self._consumer_helps and not self._items.over)
                helps = unfailed and (joins or not self._workers)
                if self._outcomes or helps or not unfailed:
                    break
                self._changed.wait()
            outcomes = list(self._outcomes)
            self._outcomes.clear()
            if outcomes and self._max_buffered is not None:
                self._changed.notify_all()
            return outcomes, helps

    def _hand_over(self, outcomes: list[tuple[Any, Any]]) -> Generator[tuple[Any, Any], None, None]:
        """Yield outcomes.

        When the consumer asks for more, let the `deliver` call of the chunk it took return.
        """
        for outcome in outcomes:
            yield outcome
            if self._deliveries and self._failure is None:
                self._deliveries.popleft().release()

    def _start_own_item(self) -> Generator[tuple[Any, Any], None, None] | None:
        taken = self._take()
        if taken is None:
            return None
        work = self._consumer_work or self._work_once
        return _in_context(self._context.copy(), work(*taken))

    def _next_own_outcome(self, own_item: Iterator[tuple[Any, Any]]) -> tuple[Any, Any] | None:
        try:
            return next(own_item, None)
        except BaseException as error:
            if is_interrupt(error):
                raise
            self._fail(error)  # a cancellation may be due to a worker's failure, which stays
            return None

    def _work_once(self, index: int, item: Any) -> Iterator[tuple[Any, Any]]:
        yield index, self._work(index, item)

    def _finished(self) -> bool:
        with self._lock:
            return self._failure is not None or not (self._workers or self._outcomes)

    def _wait_for_workers(self) -> None:
        """Wait for all; the caller's slot is lent meanwhile, and the last worker returns one."""
        if not self._owns_limit:
            with self._lock:
                self._slot_lent = lends = self._slots_in_use > 0 and self._failure is None
            if lends:
                self._slots.release()
        with self._lock:
            while self._workers and self._failure is None:
                self._changed.wait()

    def _close(self) -> None:
        """Let no item begin any more; ask those under way to stop, and wait for `grace` seconds."""
        self._stop_waiting()
        with self._lock:
            self._over = True
            self._changed.notify_all()
            running = self._workers > 0
            for delivery in self._deliveries:
                delivery.release()
        if running:
            self._token.cancel()
            cancelled_error()  # what workers raise now: loading it is no part of their time
            until = time.monotonic() + self._grace
            with self._lock:
                while self._workers and (left := until - time.monotonic()) > 0:
                    self._changed.wait(left)
        self._token.detach()

    # -- the workers' side

    def on_permit(self) -> None:
        """Start a worker in a slot that was acquired for it, or release the slot."""
        if self._over or self._items.over or self._failure is not None:
            self._stop_waiting()
            self._slots.release()
        else:
            self._spawn(1)

    def _spawn(self, count: int) -> None:
        with self._lock:
            self._workers += count
            self._slots_in_use += count
        for _ in range(count):
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
        """Leave this slot to the caller, if it lent its own; tell whether it did.

        It gets the slot of the last worker, or the first one after a failure, as it then goes on.
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
        """Do one item; return False where none is left, or none is wanted any more."""
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
            return self._context.run(self._items.take)  # in one context, whichever thread pulls

    def _put(self, index: int, result: Any) -> None:
        """Leave a result for the consumer, waiting while `max_buffered` of them are there.

        Raises:
            CancelledError: the consumer has left.
        """
        if self._max_buffered is None:  # nothing is read before all is done, so no lock is needed
            self._outcomes.append((index, result))
            return
        with self._lock:
            while len(self._outcomes) >= self._max_buffered and not self._over:
                self._changed.wait()
            if self._over:
                raise cancelled_error()("the consumer has left")
            self._outcomes.append((index, result))
            self._changed.notify_all()

    def deliver(self, key: Any, chunk: Any) -> None:
        """Hand a chunk to the consumer, and wait until it asks for the next.

        So a stream is never more than one chunk ahead, however many fan-outs it passes through.

        Raises:
            CancelledError: the consumer has left.
        """
        delivery = threading.Lock()
        delivery.acquire()
        with self._lock:
            if not self._over:
                self._outcomes.append((key, chunk))
                self._deliveries.append(delivery)
                self._changed.notify_all()
        if not self._over:
            delivery.acquire()
        if self._over:
            raise cancelled_error()("the consumer has left")

    def _fail(self, error: BaseException) -> None:
        """Keep the first error (an interrupt replaces it), and ask the other workers to stop."""
        with self._lock:
            if not self._over and (self._failure is None or is_interrupt(error)):
                self._failure = error
            self._changed.notify_all()
        self._stop_waiting()
        self._token.cancel()

    def _stop_waiting(self) -> None:
        """Take no more slots."""
        if self in self._slots.waiters:
            with lock:
                self._slots.waiters.pop(self, None)


def _in_context(context: contextvars.Context, chunks: Iterator[T]) -> Generator[T, None, None]:
    """Yield from a generator that runs in a context of its own."""
    try:
        while (chunk := context.run(next, chunks, _END)) is not _END:
            yield cast("T", chunk)
    finally:
        closer = getattr(chunks, "close", None)
        if closer is not None:
            context.run(closer)
