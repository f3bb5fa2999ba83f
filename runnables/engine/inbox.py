"""A box of messages: any thread puts them in, and one thread or task takes all that are there."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

from runnables.engine.timeouts import AsyncWakeup, Wakeup

T = TypeVar("T")


class Inbox(Generic[T]):
    """Messages for one thread, or one task."""

    def __init__(self) -> None:
        self._messages: deque[T] = deque()
        self._wakeup: Wakeup | AsyncWakeup | None = None

    def put(self, message: T) -> None:
        """Add a message, and wake who waits; in any thread."""
        self._messages.append(message)
        if (wakeup := self._wakeup) is not None:
            wakeup.set()

    def take(self) -> list[T]:
        """Return the messages that are there."""
        found: list[T] = []
        while self._messages:
            found.append(self._messages.popleft())
        return found

    def wait(self, seconds: float) -> list[T]:
        """Return the messages, once there is one, or after about so many seconds.

        Raises:
            CancelledError: the call around this one was cancelled.
        """
        if not isinstance(self._wakeup, Wakeup):
            self._wakeup = Wakeup()
        if not self._messages:
            self._wakeup.wait(seconds)
        return self.take()

    async def await_(self, seconds: float) -> list[T]:
        """Do what `wait` does, in a task."""
        if not isinstance(self._wakeup, AsyncWakeup):
            self._wakeup = AsyncWakeup()
        if not self._messages:
            await self._wakeup.wait(seconds)
        return self.take()
