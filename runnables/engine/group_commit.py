"""Writes that are committed together: who comes while a commit runs is part of the next one.

There is no window of time. A write that comes alone is committed at once; under load, each commit
takes all that has queued up during the last one. A call returns when its write is committed.
"""

from __future__ import annotations

import contextvars
import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from runnables.engine.thread_calls import to_thread

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
else:
    from runnables.engine import lazy_asyncio as asyncio

T = TypeVar("T")


class _Write(Generic[T]):
    """One write.

    Attributes:
        is_done: whether it was committed, or has failed.
        error: why it failed.
        waiter: what its task awaits; None where a thread waits.
    """

    __slots__ = ("error", "is_done", "value", "waiter")

    def __init__(self, value: T, waiter: asyncio.Future[None] | None = None) -> None:
        self.value = value
        self.waiter = waiter
        self.is_done = False
        self.error: Exception | None = None


class GroupCommit(Generic[T]):
    """A function that commits many writes at once, for callers with one write each.

    Args:
        commit: commits these writes, all or none. One thread at a time calls it.
    """

    def __init__(self, commit: Callable[[list[T]], None]) -> None:
        self._commit = commit
        self._queued: deque[_Write[T]] = deque()
        self._lock = threading.Lock()
        self._commits: asyncio.Task[None] | None = None

    def write(self, value: T) -> None:
        """Return when this is committed.

        Raises:
            Exception: what `commit` raised.
        """
        write = _Write(value)
        self._queued.append(write)
        with self._lock:
            if not write.is_done:
                self._commit_queued()
        if write.error is not None:
            raise write.error

    async def awrite(self, value: T) -> None:
        """Return when this is committed. A task that is cancelled meanwhile has written it, too.

        Raises:
            Exception: what `commit` raised.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        self._queued.append(write := _Write(value, waiter))
        if self._commits is None or self._commits.done():
            # in a context of its own, so that the end of this task does not end the commits
            context = contextvars.Context()
            self._commits = loop.create_task(self._commit_all(), context=context)
        await waiter
        if write.error is not None:
            raise write.error

    async def _commit_all(self) -> None:
        """Commit until nothing is queued."""
        while self._queued:
            for write in await to_thread(self._commit_once):
                if write.waiter is not None and not write.waiter.done():
                    write.waiter.set_result(None)

    def _commit_once(self) -> list[_Write[T]]:
        with self._lock:
            return self._commit_queued()

    def _commit_queued(self) -> list[_Write[T]]:
        """Commit what is queued; the lock is held."""
        taken: list[_Write[T]] = []
        while self._queued:
            taken.append(self._queued.popleft())
        if not taken:
            return taken
        error: Exception | None = None
        try:
            self._commit([write.value for write in taken])
        except Exception as failure:
            error = failure
        except BaseException:  # an interrupt: the next one commits them
            self._queued.extendleft(reversed(taken))
            raise
        for write in taken:
            write.error = error
            write.is_done = True
        return taken
