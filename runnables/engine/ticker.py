"""Calls a function now and then while a job waits for its rows: in a thread, or in a task."""

from __future__ import annotations

import contextvars
import threading
from functools import partial
from typing import TYPE_CHECKING

from runnables.engine.tasks import cancel_all
from runnables.engine.worker_pool import try_in_worker

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
else:
    from runnables.engine import lazy_asyncio as asyncio


class Ticker:
    """Calls a function now and then, in one thread or task of its own, until it is stopped.

    An error of the function ends the calls, and is kept.

    Args:
        function: what is called; returns the seconds until the next call.
        seconds: those until the first call.

    Attributes:
        error: what the function has raised, if anything.
        calling: the lock under which others call it: there is one call at a time.
    """

    def __init__(self, function: Callable[[], float], seconds: float) -> None:
        self._function = function
        self._seconds = seconds
        self._stopped = threading.Event()
        self._task: asyncio.Task[None] | None = None
        self.error: BaseException | None = None
        self.calling = threading.Lock()

    def start(self) -> None:
        """Call it in a thread; never, where no thread can be had."""
        try_in_worker(partial(contextvars.copy_context().run, self._run))

    def astart(self) -> None:
        """Call it in a task of the running event loop."""
        self._task = asyncio.get_running_loop().create_task(self._arun())

    def _run(self) -> None:
        seconds = self._seconds
        while not self._stopped.wait(seconds):
            try:
                seconds = self._function()
            except BaseException as error:  # in no other thread it would end the job
                self.error = error
                return

    async def _arun(self) -> None:
        seconds = self._seconds
        while True:
            await asyncio.sleep(seconds)
            try:
                seconds = self._function()
            except Exception as error:
                self.error = error
                return

    def stop(self) -> None:
        """End the calls in a thread; one that is under way is not waited for."""
        self._stopped.set()

    async def astop(self) -> None:
        """End the calls in a task."""
        self.stop()
        if self._task is not None:
            await cancel_all((self._task,))
