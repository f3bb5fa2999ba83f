"""The hand-over of outcomes from the workers of a fan-out to its consumer.

Each outcome goes this way, in threads and in tasks alike:

    put      ──▶ WAITING ──take──▶ TAKEN
                    the worker goes on at once; before it puts, it waits for space
    deliver  ──▶ WAITING ──take──▶ TAKEN ──the consumer asks for the next──▶ DONE WITH
                    the worker waits until then

After a failure the consumer still gets what waits, and workers hand over nothing more. At the end
what waits is dropped, and the workers that wait are cancelled.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections import deque
from itertools import repeat
from typing import TYPE_CHECKING, Any

from runnables.engine.cancellation import cancelled_error
from runnables.engine.tasks import require_loop

if TYPE_CHECKING:
    import asyncio

Outcome = tuple[Any, Any]
"""What the consumer gets: an index or a key, and a result or a chunk."""


class ThreadOutcomes:
    """Outcomes of worker threads, for a consumer in another thread.

    Args:
        space: how many may wait for the consumer; None for any number.

    Attributes:
        stopped: whether workers that hand over are cancelled, after a failure or at the end.
    """

    __slots__ = ("_queue", "_space", "_taken", "_unused", "_waiting", "stopped")

    def __init__(self, space: int | None) -> None:
        # an outcome, and the lock in which its worker waits; or None, to wake the consumer
        self._queue: queue.SimpleQueue[tuple[Outcome, threading.Lock | None] | None] = (
            queue.SimpleQueue()
        )
        self._unused = None if space is None else repeat(True, min(space, sys.maxsize))
        self._space: queue.SimpleQueue[None] = queue.SimpleQueue()  # an item for each that is free
        self._taken: threading.Lock | None = None  # of the outcome that the consumer has
        self._waiting: dict[threading.Lock, None] = {}  # of all outcomes that are delivered now
        self.stopped = False

    def put(self, outcome: Outcome) -> None:
        """Leave an outcome for the consumer. Wait for space first.

        Raises:
            CancelledError: the consumer has left.
        """
        if self._unused is not None and not next(self._unused, False):
            self._space.get()
        if self.stopped:
            self._cancel_workers()
            raise cancelled_error()("the consumer has left")
        self._queue.put((outcome, None))

    def deliver(self, outcome: Outcome) -> None:
        """Hand an outcome to the consumer, and wait until it asks for the next.

        Raises:
            CancelledError: the consumer has left.
        """
        asked = threading.Lock()
        asked.acquire()
        self._waiting[asked] = None
        self._queue.put((outcome, asked))
        if not self.stopped:  # looked at afterwards: it is seen here, or `close` finds this lock
            asked.acquire()
        del self._waiting[asked]
        if self.stopped:
            self._cancel_workers()
            raise cancelled_error()("the consumer has left")

    def wake(self) -> None:
        """Let the consumer look at what has changed."""
        self._queue.put(None)

    def is_empty(self) -> bool:
        """Tell whether neither an outcome nor a wake-up is there."""
        return self._queue.empty()

    def take(self, seconds: float | None = None) -> Outcome | None:
        """Wait for an outcome, for `seconds` at most; return None where something else comes.

        The one that was taken before is done with: its `deliver` returns.
        """
        taken, self._taken = self._taken, None
        if taken is not None:
            _release(taken)
        try:
            entry = self._queue.get(timeout=seconds)
        except queue.Empty:
            return None
        if entry is None:
            return None
        outcome, self._taken = entry
        if self._taken is None and self._unused is not None:
            self._space.put(None)
        return outcome

    def close(self) -> None:
        """Cancel the workers that wait in `put` or `deliver`."""
        self.stopped = True
        self._cancel_workers()

    def _cancel_workers(self) -> None:
        """Wake all that wait, as the consumer has left.

        An interrupt (Ctrl-C) may come in between any two lines of the consumer. No interrupt comes
        in a worker, so each that was woken wakes the others once more.
        """
        for asked in list(self._waiting):
            _release(asked)
        if self._unused is not None:
            self._space.put(None)


def _release(asked: threading.Lock) -> None:
    """Let a `deliver` return, which the consumer or another worker may have done before."""
    try:
        asked.release()
    except RuntimeError:
        return


class TaskOutcomes:
    """Outcomes of tasks, for a consumer in the same event loop.

    Args:
        loop: the loop of them all.
        space: how many may wait for the consumer; None for any number.
    """

    __slots__ = ("_loop", "_queue", "_space", "_taken", "_waiter")

    def __init__(self, loop: asyncio.AbstractEventLoop, space: int | None) -> None:
        self._loop = loop
        self._space = space
        # an outcome, and what its task awaits until the consumer asks for the next
        self._queue: deque[tuple[Outcome, asyncio.Future[None] | None]] = deque()
        self._taken: asyncio.Future[None] | None = None  # of the outcome that the consumer has
        self._waiter: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def is_full(self) -> bool:
        """Tell whether as many outcomes wait for the consumer as may."""
        return self._space is not None and len(self._queue) >= self._space

    def put(self, outcome: Outcome, asked: asyncio.Future[None] | None = None) -> None:
        """Leave an outcome for the consumer; `asked` is done when it asks for the next."""
        self._queue.append((outcome, asked))
        self.wake()

    def take(self) -> Outcome:
        """Return the oldest outcome."""
        require_loop(self._loop)
        outcome, self._taken = self._queue.popleft()
        return outcome

    def ask_for_next(self) -> None:
        """Let the task go on whose outcome was taken last."""
        taken, self._taken = self._taken, None
        if taken is not None and not taken.done():
            taken.set_result(None)

    async def wait(self) -> None:
        """Wait for `wake`."""
        require_loop(self._loop)
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def wake(self) -> None:
        """Let the consumer look at what has changed."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
