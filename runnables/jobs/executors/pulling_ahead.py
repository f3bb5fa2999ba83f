"""Rows for the driver, which must not wait for the user's iterable while replies come in."""

from __future__ import annotations

import contextvars
import time
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from runnables.core.rows import Call
from runnables.engine.pulling import NO_ITEM
from runnables.engine.thread_calls import to_thread
from runnables.engine.worker_pool import run_in_worker
from runnables.jobs.job_calls import arun_calls, run_calls

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from runnables.core.rows import Routine
    from runnables.jobs.rows import JobRow, RowSource
else:
    from runnables.engine import lazy_asyncio as asyncio


PATIENCE: Final = 0.05
"""For how many seconds a row waits for others to share its chunk."""


class RowsAhead:
    """The rows of a job, as the driver wants them.

    A list is read by the driver itself. Of another iterable, a thread or a task pulls rows, one at
    a time, no more than are wanted.

    Args:
        source: the rows.
        on_row: called when a row has come, in any thread.
    """

    def __init__(self, source: RowSource, on_row: Callable[[], Any]) -> None:
        self._source = source
        self._is_direct = source.is_whole
        self._on_row = on_row
        self._found: deque[JobRow] = deque()
        self._since = 0.0
        self._wanted = 0
        self._is_pulling = False
        self._task: asyncio.Task[None] | None = None
        self._error: BaseException | None = None
        self.over = False

    @property
    def count(self) -> int:
        """Return how many rows are there and were not taken."""
        return len(self._found)

    def take(self, most: int) -> Routine:
        """Return up to so many rows, those that are there; none where others have to come first."""
        source = self._source
        if self._is_direct:
            pull = partial(self._pull_up_to, most)
            apull = partial(to_thread, pull) if source.is_blocking else partial(_at_once, pull)
            yield Call(pull, apull)
        else:
            yield Call(partial(self._want, most), partial(self._await, most))
        if not self._found and self._error is not None:
            raise self._error
        is_late = time.monotonic() - self._since >= PATIENCE
        if len(self._found) < most and not (self.over or is_late or self._is_direct):
            return []  # more may come soon
        return [self._found.popleft() for _ in range(min(most, len(self._found)))]

    def _pull_up_to(self, most: int) -> None:
        while len(self._found) < most and not self.over:
            self._add(self._source.pull())

    def _add(self, row: Any) -> None:
        if row is NO_ITEM:
            self.over = True
            return
        if not self._found:
            self._since = time.monotonic()
        self._found.append(row)

    def _tell(self) -> None:
        """Wake the driver for the first row, and for the last one that it wants."""
        if len(self._found) in (1, self._wanted):
            self._on_row()

    # -- by a thread, or a task

    def _want(self, most: int) -> None:
        """Have a thread pull rows, unless one does."""
        if self._begins(most):
            context = contextvars.copy_context()
            run_in_worker(lambda: context.run(run_calls, self._pull()))

    async def _await(self, most: int) -> None:
        """Have a task pull rows, unless one does."""
        if self._begins(most):
            self._task = asyncio.create_task(arun_calls(self._pull()))

    def _begins(self, most: int) -> bool:
        self._wanted = most
        if self._is_pulling or self.over or len(self._found) >= most:
            return False
        self._is_pulling = True
        return True

    def _pull(self) -> Routine:
        try:
            while not self.over and len(self._found) < self._wanted:
                self._add((yield Call(self._source.pull, self._source.apull)))
                self._tell()
        except BaseException as error:
            self.over = True
            self._error = error
        finally:
            self._is_pulling = False
            self._on_row()

    # -- the end

    def close(self) -> None:
        """Let no row be pulled any more."""
        self._source.is_over = self.over = True

    async def end(self) -> None:
        """Let no row be pulled any more, and wait for the task that pulls."""
        self.close()
        if (task := self._task) is not None:
            task.cancel()
            await asyncio.wait([task])


async def _at_once(function: Callable[[], None]) -> None:
    function()
