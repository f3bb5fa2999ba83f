"""Time limits and naps that end when the call around them is given up."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import TYPE_CHECKING, Final, TypeVar

from runnables.engine.cancellation import CancelToken, current_token, on_cancel, raise_if_cancelled
from runnables.engine.worker_threads import copy_back, run_in_worker

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

R = TypeVar("R")


class Expired(Exception):
    """The time that a piece of work was given is over. (A TimeoutError may be the work's own.)"""


def run_with_timeout(function: Callable[[], R], seconds: float) -> R:
    """Run a function in a worker thread, wait for it at most so long.

    The thread gets the signal when the wait is over, for whatever reason, and is left alone.

    Raises:
        Expired: it took longer.
    """
    done = threading.Event()
    stop = CancelToken(current_token.get())
    context = contextvars.copy_context()
    context.run(current_token.set, stop)
    outcome: list[R] = []
    failure: list[BaseException] = []

    def job() -> None:
        try:
            outcome.append(context.run(function))
        except BaseException as error:
            failure.append(error)
        finally:
            done.set()

    run_in_worker(job)
    try:
        if not done.wait(seconds):
            raise Expired
    finally:
        if not done.is_set():
            stop.cancel()
        stop.detach()
    if failure:
        raise failure[0]
    copy_back(context)
    return outcome[0]


async def arun_with_timeout(function: Callable[[], Awaitable[R]], seconds: float) -> R:
    """Await what a function gives, at most so long; Expired afterwards."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await function()
    except TimeoutError:
        if limit.expired():
            raise Expired from None
        raise


def sleep(seconds: float) -> None:
    """Sleep, unless the call around this one is given up meanwhile; then raise `Cancelled`."""
    given_up = threading.Event()
    with on_cancel(given_up.set):
        given_up.wait(seconds)
    raise_if_cancelled()


async def async_sleep(seconds: float) -> None:
    """Sleep, without blocking the loop."""
    await asyncio.sleep(seconds)


_LONGEST: Final = 1e6  # seconds that one wait of a thread takes at most; it can take no endless one


class Wakeup:
    """Wakes the thread that waits for it, from any other; each thread has its own."""

    is_dead = False
    """Whether nobody can wait for it any more."""

    def __init__(self) -> None:
        self._rung = threading.Event()

    def set(self) -> None:
        """Wake who waits, or will wait next."""
        self._rung.set()

    def wait(self, seconds: float) -> None:
        """Wait until it rings, at most about so long; look again at what you wait for.

        Raises:
            Cancelled: the call around this one was given up meanwhile.
        """
        with on_cancel(self._rung.set):
            self._rung.wait(min(seconds, _LONGEST))
        self._rung.clear()
        raise_if_cancelled()


class AsyncWakeup:
    """`Wakeup` for a task; it may be rung from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()

    @property
    def is_dead(self) -> bool:
        """Whether nobody can wait for it any more: the loop was closed over who did."""
        return self._loop.is_closed()

    def set(self) -> None:
        """Wake who waits, or will wait next."""
        try:
            self._loop.call_soon_threadsafe(self._rung.set)
        except RuntimeError:  # the loop was closed over who waits
            if not self._loop.is_closed():
                raise

    async def wait(self, seconds: float) -> None:
        """Wait until it rings, at most about so long; look again at what you wait for."""
        timer = self._loop.call_later(min(seconds, _LONGEST), self._rung.set)
        try:
            await self._rung.wait()
        finally:
            timer.cancel()
        self._rung.clear()
