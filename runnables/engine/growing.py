"""A list that grows while others read it: threads and tasks wait for its next item, or its end."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from runnables.engine.timeouts import Wakeup

if TYPE_CHECKING:
    import asyncio
else:
    from runnables.engine import lazy_asyncio as asyncio

T = TypeVar("T")

_LOOK_SECONDS = 60.0
"""How long a single wait takes at most."""


class GrowingList(Generic[T]):
    """Items that one thread or task appends, and that any number of others read.

    Attributes:
        items: all items so far.
        ended: whether no item follows.
    """

    def __init__(self) -> None:
        self.items: list[T] = []
        self.ended = False
        self._lock = threading.Lock()
        self._threads: list[Wakeup] = []
        self._tasks: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    def append(self, item: T) -> None:
        """Add an item."""
        with self._lock:
            self.items.append(item)
        self._wake()

    def end(self) -> None:
        """Say that no item follows."""
        with self._lock:
            self.ended = True
        self._wake()

    def wait_for(self, count: int, until: float | None = None) -> bool:
        """Wait until there are so many items, or the end; return False where it takes too long.

        Args:
            count: how many items.
            until: the moment to give up, of `time.monotonic()`.
        """
        wakeup = Wakeup()
        while True:
            with self._lock:
                if self.ended or len(self.items) >= count:
                    return True
                self._threads.append(wakeup)
            left = _LOOK_SECONDS if until is None else until - time.monotonic()
            if left <= 0:
                return False
            wakeup.wait(min(left, _LOOK_SECONDS))

    async def await_for(self, count: int) -> None:
        """Wait in a task until there are so many items, or the end."""
        loop = asyncio.get_running_loop()
        while True:
            woken: asyncio.Future[None] = loop.create_future()
            with self._lock:
                if self.ended or len(self.items) >= count:
                    return
                self._tasks.append((loop, woken))
            await woken

    def _wake(self) -> None:
        with self._lock:
            threads, self._threads = self._threads, []
            tasks, self._tasks = self._tasks, []
        for wakeup in threads:
            wakeup.set()
        for loop, woken in tasks:
            if not loop.is_closed():
                loop.call_soon_threadsafe(_resolve, woken)


def _resolve(woken: asyncio.Future[Any]) -> None:
    if not woken.done():
        woken.set_result(None)
