"""Time limits of many calls with one timer for each event loop.

A call registers with the watcher of its loop, and sets by `check_by` when its next limit is due.
The watcher calls `check` of every registered call at that time, and once a second. A timer for each
wait would cost as much as the rest of the wait.
"""

from __future__ import annotations

import math
import weakref
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import asyncio

CHECK_INTERVAL: Final = 1.0
"""Seconds between two checks of the registered calls."""


class Watched(Protocol):
    """Call that waits, and has time limits."""

    def check(self, now: float) -> float:
        """End the wait if a limit has passed; return when the next limit is due."""
        ...


class TimeoutWatcher:
    """Checker of the calls that wait on one loop. It refers to them weakly."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched: dict[int, weakref.ref[Watched]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._next_check = math.inf

    def add(self, call: Watched) -> None:
        """Register a call; it sets by `check_by` when to check it first."""
        self._watched[id(call)] = weakref.ref(call)

    def discard(self, call: Watched) -> None:
        """Remove a call, if it is registered."""
        self._watched.pop(id(call), None)

    def check_by(self, due: float) -> None:
        """Check the calls at this time of the loop, at the latest."""
        if due < self._next_check:
            if self._timer is not None:
                self._timer.cancel()
            self._next_check = min(due, self._loop.time() + CHECK_INTERVAL)
            self._timer = self._loop.call_at(self._next_check, self._check_all)

    def _check_all(self) -> None:
        self._next_check, self._timer = math.inf, None
        now = self._loop.time()
        references = list(self._watched.values())
        waiting = [call for reference in references if (call := reference()) is not None]
        if waiting:
            self.check_by(now + CHECK_INTERVAL)  # first, so that an error in one stops no other
            self.check_by(min(call.check(now) for call in waiting))
