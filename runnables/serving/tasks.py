"""Tasks that let others have their turn."""

from __future__ import annotations

import asyncio
from sys import getswitchinterval
from time import monotonic
from typing import Final

TURN: Final = 0.001
"""For how many seconds a chain that never waits may keep the event loop: that its client has left,
or that it is stopped, is seen only when others get their turn."""

TURN_WITHOUT_READER: Final = 2 * getswitchinterval()
"""The same for a run that sends nothing.

Longer than a thread waits before it asks for the interpreter: each turn lets go of the interpreter
for a moment and takes it back at once, and a thread that is woken too late begins to wait anew.
With shorter turns, threads beside such a chain (those of chains without async) waited for seconds.
"""


class Turns:
    """The turns of the other tasks of an event loop, for a task that may never wait.

    Args:
        seconds: for how long that task may keep the loop.
    """

    __slots__ = ("_end", "_seconds")

    def __init__(self, seconds: float = TURN) -> None:
        self._seconds = seconds
        self._end = 0.0

    async def give(self) -> None:
        """Let the others have their turn, where this task has had the loop for long enough."""
        if monotonic() > self._end:
            await asyncio.sleep(0)
            self._end = monotonic() + self._seconds
