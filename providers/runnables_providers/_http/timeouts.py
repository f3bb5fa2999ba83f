"""How long waits may take: one timer for all calls of a loop.

A timer for each wait would cost as much as the rest of the wait.
"""

from __future__ import annotations

import math
import weakref
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    import asyncio

GLANCE: Final = 1.0
"""Seconds between two looks at what is under way."""


class Watched(Protocol):
    """Something that waits."""

    def look(self, now: float) -> float:
        """End the wait where it took too long, and say when it does so else."""
        ...


class TimeoutWatcher:
    """Looks at all that waits on one loop, when the first of its times comes, and every second.

    It keeps nothing that nobody else has.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched: dict[int, weakref.ref[Watched]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._when = math.inf

    def add(self, it: Watched) -> None:
        """Look at it from now on; it tells by `expect` when to look first."""
        self._watched[id(it)] = weakref.ref(it)

    def discard(self, it: Watched) -> None:
        """Look at it no more."""
        self._watched.pop(id(it), None)

    def expect(self, due: float) -> None:
        """Look at this time of the loop, at the latest."""
        if due < self._when:
            if self._timer is not None:
                self._timer.cancel()
            self._when = min(due, self._loop.time() + GLANCE)
            self._timer = self._loop.call_at(self._when, self._look)

    def _look(self) -> None:
        self._when, self._timer = math.inf, None
        now = self._loop.time()
        waiting = [it for weakly in list(self._watched.values()) if (it := weakly()) is not None]
        if waiting:
            self.expect(now + GLANCE)  # first: whatever happens to one of them, the others wait
            self.expect(min(it.look(now) for it in waiting))
