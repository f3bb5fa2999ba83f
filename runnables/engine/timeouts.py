"""Time limits, sleeping, and wakeups, all of which end when the call around them is cancelled.

Tasks are cancelled by their event loop. What waits in a thread here ends its wait as soon as the
cancel token is set, and raises a `CancelledError`.
"""

from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING, Final, TypeVar

from runnables.engine.cancellation import CancelToken, current_token, on_cancel, raise_if_cancelled
from runnables.engine.thread_calls import copy_back
from runnables.engine.worker_pool import run_in_worker

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable
else:
    from runnables.engine import lazy_asyncio as asyncio

R = TypeVar("R")


_LONGEST_WAIT: Final = 1e6
"""Seconds of the longest single wait: a lock refuses an infinite timeout."""


class Expired(Exception):
    """A time limit was exceeded. (A TimeoutError may come from the work within the limit.)"""


def run_with_timeout(function: Callable[[], R], seconds: float) -> R:
    """Run a function in a worker thread, and wait for it for `seconds` at most.

    When the wait ends early, by the limit or an interrupt, the function's cancel token is set,
    and its thread is not waited for.

    Raises:
        Expired: it took longer.
    """
    done = threading.Event()
    token = CancelToken(current_token.get())
    context = contextvars.copy_context()
    context.run(current_token.set, token)
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
        if not _is_set_within(done, seconds):
            raise Expired
    finally:
        if not done.is_set():
            token.cancel()
        token.detach()
    if failure:
        raise failure[0]
    copy_back(context)
    return outcome[0]


def _is_set_within(event: threading.Event, seconds: float) -> bool:
    """Wait until an event is set, for any number of seconds; tell whether it is."""
    while seconds > _LONGEST_WAIT:
        if event.wait(_LONGEST_WAIT):
            return True
        seconds -= _LONGEST_WAIT
    return event.wait(seconds)


async def arun_with_timeout(function: Callable[[], Awaitable[R]], seconds: float) -> R:
    """Await what a function returns, for `seconds` at most.

    Raises:
        Expired: it took longer.
    """
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await function()
    except TimeoutError:
        if limit.expired():
            raise Expired from None
        raise


def sleep(seconds: float) -> None:
    """Sleep in this thread.

    Raises:
        CancelledError: the call around this one is cancelled, or was meanwhile.
    """
    cancelled = threading.Event()
    with on_cancel(cancelled.set):
        _is_set_within(cancelled, seconds)
    raise_if_cancelled()


async def async_sleep(seconds: float) -> None:
    """Sleep in this task, without blocking the loop."""
    await asyncio.sleep(seconds)


class Wakeup:
    """A signal that wakes one waiting thread, set from any other thread."""

    is_dead = False
    """Whether nothing can wait for it any more; a thread always can."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Wake the thread that waits, or that will wait next."""
        self._event.set()

    def wait(self, seconds: float) -> None:
        """Wait until it is set, or for about so many seconds; it is then unset again.

        It may return early, so check in a loop for what you wait for.

        Raises:
            CancelledError: the call around this one was cancelled meanwhile.
        """
        with on_cancel(self._event.set):
            self._event.wait(min(seconds, _LONGEST_WAIT))
        self._event.clear()
        raise_if_cancelled()


class AsyncWakeup:
    """A signal that wakes one waiting task, set from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    @property
    def is_dead(self) -> bool:
        """Tell whether nothing can wait for it any more, as the loop of its task is closed."""
        return self._loop.is_closed()

    def set(self) -> None:
        """Wake the task that waits, or that will wait next."""
        try:
            self._loop.call_soon_threadsafe(self._event.set)
        except RuntimeError:  # the loop was closed while the task was waiting
            if not self._loop.is_closed():
                raise

    async def wait(self, seconds: float) -> None:
        """Wait until it is set, or for about so many seconds; it is then unset again.

        It may return early, so check in a loop for what you wait for.
        """
        timer = self._loop.call_later(min(seconds, _LONGEST_WAIT), self._event.set)
        try:
            await self._event.wait()
        finally:
            timer.cancel()
        self._event.clear()
