"""Fan-out over threads: see fan_out.py for what every fan-out guarantees, and for its parts.

The caller starts a worker in each spare slot. A worker takes the next item, does the work, and
hands the outcome over to the caller, which is the consumer. What threads are special in:

- **Limit.** Threads never outnumber slots. One exception: a caller that has set the limit itself
  (`owns_limit`) holds no slot. It only waits, so that it can fail, time out or be interrupted at
  once.
- **No thread.** Where no thread can be had, the caller does the items itself, in its own thread.
- **Failure.** KeyboardInterrupt and SystemExit replace an error that came before.
- **End.** When a call returns or its generator is closed, workers have ended, or had `grace`
  seconds to end: a thread cannot be stopped. An item that had not begun never does, and what the
  others still do is dropped.

No lock is held here while anything else runs, but one: an item is pulled by one thread at a time.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from runnables.engine.cancellation import cancelled_error, is_interrupt
from runnables.engine.fan_out import NO_RESULT, SHUTDOWN_GRACE, FanOut, index_of
from runnables.engine.hand_over import HandOvers
from runnables.engine.outcomes import Outcome, ThreadOutcomes
from runnables.engine.worker_pool import try_in_worker

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Callable, Generator, Iterator

    from runnables.engine.slots import Slots

T = TypeVar("T")

_END: Final = object()


class _Worker(HandOvers):
    """One thread's part in a fan-out, from its start to its end: items are handed over to it.

    Attributes:
        thread: its thread, when that runs.
    """

    __slots__ = ("thread",)

    def __init__(self) -> None:
        super().__init__()
        self.thread: int | None = None


class ThreadFanOut(FanOut):
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
        consumer_work: Callable[[int, Any], Iterator[Outcome]] | None = None,
        grace: float = SHUTDOWN_GRACE,
        own_thread: bool = False,
    ) -> None:
        super().__init__(work, items, slots, owns_limit=owns_limit, max_buffered=max_buffered)
        self._consumer_work = consumer_work or self._work_once
        self._grace = grace
        self._own_thread = own_thread
        self._pulling = threading.Lock()
        self._workers: dict[_Worker, None] = {}
        self._to_start: list[bool] = []  # an item for each slot that has no worker yet
        self._results: list[tuple[int, Any]] | None = None  # of `run`, which reads them at the end
        self._outcomes = ThreadOutcomes(max_buffered)

    # -- the consumer's side

    def run(self, total: int | None) -> list[Any]:
        """Do all the work; return the results in the order of the items.

        Args:
            total: how many items there are; None where that is not known.
        """
        results = self._results = []
        try:
            self._begin(total, own=0 if self._permits.owned else 1)
            if not (self._permits.owned and self._workers):
                self._do_items(_Worker())
            self._wait_for_workers()
        finally:
            self._close()
        if self._failure is not None:
            raise self._failure
        return [result for _, result in sorted(results, key=index_of)]

    def as_completed(self, total: int | None) -> Generator[Outcome, None, None]:
        """Do the work while the consumer asks for results; yield pairs of index and result.

        Args:
            total: how many items there are; None where that is not known.
        """
        own_item: Generator[Outcome, None, None] | None = None  # which the consumer does
        try:
            count = self._begin(total, own=0)
            # Only with a known total: the next item of an endless input may depend on what the
            # consumer does with an outcome, and it would wait for that item while pulling it.
            helps = total is not None and count < total and not self._permits.owned
            while True:
                outcome: Outcome | None = None
                if not self._outcomes.is_empty():
                    outcome = self._outcomes.take()
                elif self.stopped:
                    break
                elif own_item is not None:
                    outcome = self._next_own_outcome(own_item)
                    own_item = own_item if outcome is not None else None
                elif not self._items.over and (helps or not self._workers):
                    own_item = self._start_own_item()
                elif self._workers:
                    outcome = self._outcomes.take()
                elif self._outcomes.is_empty():  # after the workers: the last one may have put one
                    break
                if outcome is not None:
                    yield outcome
            if self._failure is not None:
                raise self._failure
        finally:
            self._outcomes.stopped = True
            try:
                if own_item is not None:
                    own_item.close()
            finally:
                self._close()

    def _begin(self, total: int | None, own: int) -> int:
        """Start workers in spare slots, for all items but the `own` first of the caller.

        For `run`, only the first starts here, and each starts the next: where the items take no
        time, it is done with them before the others are awake.

        Returns:
            For how many workers there are slots.
        """
        count = 0
        if self._own_thread or (self._permits.slots.limit > 1 and total not in (0, 1)):
            wanted = self._wanted(total, own)
            while count < wanted and self._permits.acquire():
                count += 1
            self._to_start += [True] * count
            for _ in range(count if self._results is None else 1):
                self._start_next()
            if (total is None or count + own < total) and not self._items.over:
                self._grow_later(wanted - count)
        if self._permits.owned and not self._workers and not self._items.over:
            self._permits.acquire()  # no thread could be had, or none is needed
        return count

    def _start_own_item(self) -> Generator[Outcome, None, None] | None:
        taken = self._take()
        if taken is None:
            return None
        return _in_context(self._context.copy(), self._consumer_work(*taken))

    def _next_own_outcome(self, own_item: Iterator[Outcome]) -> Outcome | None:
        try:
            return next(own_item, None)
        except BaseException as error:
            if is_interrupt(error):
                raise
            self._fail(error)  # a cancellation may be due to a worker's failure, which stays
            return None

    def _work_once(self, index: int, item: Any) -> Iterator[Outcome]:
        yield index, self._work(index, item)

    def _wait_for_workers(self) -> None:
        """Wait for all; the caller's slot is lent meanwhile."""
        if not (self._permits.owned or self.stopped):
            self._permits.lend()
        while self._workers and not self.stopped:
            self._outcomes.take()

    def _close(self) -> None:
        """Let no item begin any more; ask those under way to stop, and wait for `grace` seconds."""
        try:
            self._outcomes.stopped = True  # first: from here on, every worker ends by itself
            self._stop()
            self._release_rest()
            self._outcomes.close()
            for worker in list(self._workers):
                worker.abandon()
            if self._works():
                self._token.cancel()
                cancelled_error()  # what workers raise now: loading it is no part of their time
                until = time.monotonic() + self._grace
                while self._works() and (left := until - time.monotonic()) > 0:
                    self._outcomes.take(left)
        finally:
            self._token.detach()

    def _works(self) -> bool:
        """Tell whether another thread works. This one does not wait for itself.

        The garbage collector may close a stream that was left in any thread: also in its worker,
        and in a thread that is about to be its worker, or that of a stream which waits for this.
        """
        this = threading.get_ident()
        return any(worker.thread not in (None, this) for worker in list(self._workers))

    # -- the workers' side

    def _start_next(self) -> None:
        """Start the next worker, in one of the slots that wait for theirs."""
        if self._to_start and not self._items.over and not self.stopped:
            try:
                self._to_start.pop()
            except IndexError:  # another thread has taken it
                return
            self._start_worker()

    def _release_rest(self) -> None:
        """Release the slots that no worker will use any more."""
        while self._to_start:
            try:
                self._to_start.pop()
            except IndexError:  # another thread has taken it
                return
            self._permits.release(self.stopped)

    def _start_worker(self) -> bool:
        """Start a worker in a slot that was acquired; release it where no thread can be had."""
        worker = _Worker()
        self._workers[worker] = None
        started = False
        try:
            started = try_in_worker(lambda: self._run_worker(worker))
        finally:
            if not started:
                self._stop_growing()
                self._end_worker(worker)
        return started

    def _run_worker(self, worker: _Worker) -> None:
        worker.thread = threading.get_ident()
        try:
            self._start_next()
            self._do_items(worker)
        finally:
            self._end_worker(worker)

    def _end_worker(self, worker: _Worker) -> None:
        """Release the slot of a worker, once, and let the consumer look."""
        if self._workers.pop(worker, _END) is not _END:
            try:
                self._release_rest()
                self._permits.release(self.stopped)
            finally:
                if not self._workers or self.stopped:
                    self._outcomes.wake()

    def _do_items(self, worker: _Worker) -> None:
        while self._do_next(worker):
            pass

    def _do_next(self, worker: _Worker) -> bool:
        """Do one item; return False where none is left, or none is wanted any more."""
        try:
            taken = self._take()
            if taken is None or not worker.begin():
                return False
            try:
                result = self._context.copy().run(self._work, *taken)
            finally:
                worker.finish()
            if result is not NO_RESULT:
                if self._results is not None:
                    self._results.append((taken[0], result))
                else:
                    self._outcomes.put((taken[0], result))
        except BaseException as error:
            self._fail(error)
            return False
        return True

    def _take(self) -> tuple[int, Any] | None:
        if self._items.over:
            return None
        with self._pulling:
            if self.stopped:
                return None
            return self._context.run(self._items.take)  # in one context, whichever thread pulls

    def deliver(self, key: Any, chunk: Any) -> None:
        """Hand a chunk to the consumer, and wait until it asks for the next.

        So a stream is never more than one chunk ahead, however many fan-outs it passes through.

        Raises:
            CancelledError: the consumer has left.
        """
        self._outcomes.deliver((key, chunk))

    def _fail(self, error: BaseException) -> None:
        """Keep the error, and ask the other workers to stop."""
        self._failures.append(error)
        self._stop()
        self._outcomes.stopped = True
        self._outcomes.wake()
        self._token.cancel()


def _in_context(context: contextvars.Context, chunks: Iterator[T]) -> Generator[T, None, None]:
    """Yield from a generator that runs in a context of its own."""
    try:
        while (chunk := context.run(next, chunks, _END)) is not _END:
            yield cast("T", chunk)
    finally:
        closer = getattr(chunks, "close", None)
        if closer is not None:
            context.run(closer)
