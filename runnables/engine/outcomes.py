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
from contextlib import suppress
from itertools import repeat
from typing import TYPE_CHECKING, Any, Final

from runnables.engine.cancellation import cancelled_error
from runnables.engine.tasks import require_loop

if TYPE_CHECKING:
    import asyncio

_LOOK_SECONDS: Final = 0.2
"""How often a worker that waits looks whether the consumer has left. It is woken at once where all
goes well, but an interrupt (Ctrl-C) may come in between any two lines of the consumer."""

Outcome = tuple[Any, Any]
"""What the consumer gets: an index or a key, and a result or a chunk."""


class ThreadOutcomes:
    """Outcomes of worker threads, for a consumer in another thread.

    Args:
        space: how many may wait for the consumer; None for any number.

    Attributes:
        stopped: whether workers that hand over are cancelled, after a failure or at the end.
    """

    __slots__ = ("_queue", "_space", "_taken", "_unused", "stopped")

    def __init__(self, space: int | None) -> None:
        # an outcome, and the lock in which its worker waits; or None, to wake the consumer
        self._queue: queue.SimpleQueue[tuple[Outcome, threading.Lock | None] | None] = (
            queue.SimpleQueue()
        )
        self._unused = None if space is None else repeat(True, min(space, sys.maxsize))
        self._space: queue.SimpleQueue[None] = queue.SimpleQueue()  # an item for each that is free
        self._taken: threading.Lock | None = None  # of the outcome that the consumer has
        self.stopped = False

    def put(self, outcome: Outcome) -> None:
        """Leave an outcome for the consumer. Wait for space first.

        Raises:
            CancelledError: the consumer has left.
        """
        if self._unused is not None and not next(self._unused, False):
            self._wait_for_space()
        if self.stopped:
            self._wake_worker()  # and that one the next
            raise cancelled_error()("the consumer has left")
        self._queue.put((outcome, None))

    def _wait_for_space(self) -> None:
        while not self.stopped:
            with suppress(queue.Empty):
                return self._space.get(timeout=_LOOK_SECONDS)

    def deliver(self, outcome: Outcome) -> None:
        """Hand an outcome to the consumer, and wait until it asks for the next.

        Raises:
            CancelledError: the consumer has left.
        """
        asked = threading.Lock()
        asked.acquire()
        self._queue.put((outcome, asked))
        while not self.stopped and not asked.acquire(timeout=_LOOK_SECONDS):
            pass
        if self.stopped:
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
        self._release_taken()
        try:
            entry = self._queue.get(timeout=seconds)
        except queue.Empty:
            return None
        if entry is None:
            return None
        outcome, self._taken = entry
        if self._taken is None:
            self._wake_worker()
        return outcome

    def close(self) -> None:
        """Drop all outcomes, and cancel the workers that wait in `put` or `deliver`."""
        self.stopped = True
        self._release_taken()
        while not self._queue.empty():
            entry = self._queue.get()
            if entry is not None and entry[1] is not None:
                entry[1].release()
        self._wake_worker()

    def _release_taken(self) -> None:
        taken, self._taken = self._taken, None
        if taken is not None:
            taken.release()

    def _wake_worker(self) -> None:
        if self._unused is not None:
            self._space.put(None)


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
