"""Worker threads, and the ways between a thread and the loop that waits for it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from runnables.engine.cancellation import (
    Cancelled,
    CancelToken,
    current_token,
    is_cancelled,
    on_cancel,
)
from runnables.engine.fan_out import CLOSE_GRACE

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

R = TypeVar("R")

_IDLE_SECONDS: Final = 10.0

_loop: contextvars.ContextVar[asyncio.AbstractEventLoop | None] = contextvars.ContextVar(
    "runnables_home", default=None
)  # in a worker thread: the loop that waits for it


class _Worker:
    """A daemon thread that runs one job after another, and ends when it was idle for a while.

    Daemon, and not of a ThreadPoolExecutor, whose threads are joined at exit: a function that
    hangs after its call was given up would keep the whole program from ending.
    """

    def __init__(self, job: Callable[[], None]) -> None:
        self._job: Callable[[], None] | None = job
        self._ready = threading.Lock()
        self._ready.acquire()
        threading.Thread(target=self._run, name="runnables-worker", daemon=True).start()

    def _run(self) -> None:
        while (job := self._job) is not None:
            self._job = None
            job()
            del job
            _idle.append(self)
            if not self._ready.acquire(timeout=_IDLE_SECONDS):
                self._leave()

    def _leave(self) -> None:
        try:
            _idle.remove(self)
        except ValueError:  # somebody took this worker just now: its job is on the way
            self._ready.acquire()

    def give(self, job: Callable[[], None]) -> None:
        self._job = job
        self._ready.release()


_idle: deque[_Worker] = deque()


def run_in_worker(job: Callable[[], None]) -> None:
    """Run `job`, which must not raise, in a worker thread, in the context it brings itself."""
    try:
        worker = _idle.pop()
    except IndexError:
        _Worker(job)
    else:
        worker.give(job)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # a child has none of its parent's threads


async def to_thread(function: Callable[..., R], *args: Any) -> R:
    """Run a blocking function in a worker thread, with the caller's context variables.

    What the function sets in context variables is seen by the caller afterwards, as if it had
    run in place. When the caller is cancelled, the thread gets the signal and is left alone.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[R] = loop.create_future()
    context = contextvars.copy_context()
    stop = CancelToken(current_token.get())
    context.run(current_token.set, stop)
    context.run(_loop.set, loop)

    def job() -> None:
        try:
            result = context.run(function, *args)
        except BaseException as error:
            _tell(loop, _settle, done, None, error)
        else:
            _tell(loop, _settle, done, result, None)

    run_in_worker(job)
    try:
        return await done
    except asyncio.CancelledError:
        stop.cancel()
        raise
    finally:
        stop.detach()
        if done.done() and not done.cancelled():  # else the thread is still at work in there
            copy_back(context)


def _tell(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *args: Any) -> None:
    try:
        loop.call_soon_threadsafe(function, *args)
    except RuntimeError:  # the loop was closed meanwhile: nobody is left to be told
        if not loop.is_closed():
            raise


def _settle(done: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(result)
    elif isinstance(error, StopIteration):  # a future refuses it
        done.set_exception(RuntimeError(f"a function raised StopIteration: {error}"))
    else:
        done.set_exception(error)


def copy_back(context: contextvars.Context) -> None:
    """Take over what a function set in its copy of our context."""
    for variable, value in context.items():
        if (
            variable is not current_token
            and variable is not _loop
            and variable.get(_NO_VALUE) is not value
        ):
            variable.set(value)


_NO_VALUE: Final = object()


class _LoopCall(Generic[R]):
    """A coroutine that a thread has a loop run; it is over when its task is, not before."""

    def __init__(self, work: Coroutine[Any, Any, R], loop: asyncio.AbstractEventLoop) -> None:
        self._work = work
        self._loop = loop
        self._task: asyncio.Task[R] | None = None
        self._given_up = False
        self.outcome: concurrent.futures.Future[R] = concurrent.futures.Future()

    def begin(self) -> None:
        """In the loop: run it, unless nobody wants it any more."""
        if self._given_up:
            self._work.close()
            self.outcome.cancel()
            return
        self._task = self._loop.create_task(self._work)
        self._task.add_done_callback(self._end)

    def give_up(self) -> None:
        """From any thread: have it cancelled."""
        self._given_up = True
        _tell(self._loop, self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _end(self, task: asyncio.Task[R]) -> None:
        if task.cancelled():
            self.outcome.cancel()
        elif (error := task.exception()) is not None:
            self.outcome.set_exception(error)
        else:
            self.outcome.set_result(task.result())


def in_worker_thread() -> bool:
    """Whether this is a worker thread in which `from_thread` can be called."""
    return _loop.get() is not None and asyncio._get_running_loop() is None


def from_thread(work: Coroutine[Any, Any, R], *, even_if_cancelled: bool = False) -> R:
    """From a worker thread: have the loop that waits for this thread run a coroutine.

    Args:
        work: the coroutine.
        although_stopped: run it also where the call was given up already, as the loop is not
            waiting any more but there; wait for it a moment only.

    Raises:
        Cancelled: the call was given up meanwhile; the coroutine is over all the same, as what
            it reads may be closed next.
    """
    loop = _loop.get()
    assert loop is not None, "from_thread outside of a worker thread"
    errand = _LoopCall(work, loop)
    try:
        loop.call_soon_threadsafe(errand.begin)
    except RuntimeError:  # the loop was closed over us
        work.close()
        raise Cancelled("the loop of the call around this one is closed") from None
    try:
        if even_if_cancelled and is_cancelled():
            return errand.outcome.result(CLOSE_GRACE)
        with on_cancel(errand.give_up):
            return errand.outcome.result()
    except (concurrent.futures.CancelledError, TimeoutError) as error:
        if errand.outcome.done() and not errand.outcome.cancelled():
            raise  # it is the work's own
        raise Cancelled("the call around this one was given up") from error
