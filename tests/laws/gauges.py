"""Users' functions that count how many of them run at once, and that wait for one another."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.leaks import busy_threads, lasting_threads, wait_for

PATIENCE = 4.0
"""Seconds that a test waits for something that should happen at once."""

GAUGE_PATIENCE = 1.0
"""Seconds that the calls of a gauge wait for others to join them."""


class Gauge:
    """A leaf that counts how many of its calls run at once; it returns its input.

    Calls wait for one another until `want` of them run at once; after that they only take a
    moment. So the peak reaches the limit, and exceeds it where no limit is enforced. Threads that
    were at work before the gauge was made do not count.
    """

    def __init__(self, want: int) -> None:
        self.want = want
        self.peak = 0
        self.threads: list[str] = []
        """The names of the threads at work at the peak."""
        self.began: list[Any] = []
        self._inside = 0
        self._met = threading.Event()
        self._lock = threading.Lock()
        self._others = lasting_threads()

    def _at_work(self) -> list[str]:
        return [thread.name for thread in busy_threads() - self._others]

    def call(self, value: Any) -> Any:
        with self._counted(value):
            self._met.wait(GAUGE_PATIENCE)
            self._met.set()  # one call that waited in vain is enough
            time.sleep(0.001)
        return value

    async def acall(self, value: Any) -> Any:
        with self._counted(value):
            until = time.monotonic() + GAUGE_PATIENCE
            while not self._met.is_set() and time.monotonic() < until:
                await asyncio.sleep(0)
            self._met.set()
            await asyncio.sleep(0.001)
        return value

    @contextmanager
    def _counted(self, value: Any) -> Iterator[None]:
        with self._lock:
            self.began.append(value)
            self._inside += 1
            self.peak = max(self.peak, self._inside)
            full = self._inside >= self.want and not self._met.is_set()
        if full:
            # a thread on its way back to its queue is no longer there a moment later
            wait_for(lambda: len(self._at_work()) <= self.want, 0.5)
            self.threads = self._at_work()
            self._met.set()
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1


class Signal(threading.Event):
    """An event that fails the test if it is not set in time."""

    def await_it(self) -> None:
        assert self.wait(PATIENCE), "waited in vain"
