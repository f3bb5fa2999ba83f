"""Calls from an event loop to a worker thread, and from that thread back to the loop.

`to_thread` runs a sync function in a worker thread while a task awaits it. Within the function,
`from_thread` runs a coroutine on the event loop of that task while the thread waits.

- Both carry context variables across: the function runs in a copy of the task's context, and the
  task takes over what the function has set.
- Each is a hand-over (hand_over.py): what was given up before it began never begins.
- A thread cannot be stopped. When the task is cancelled, the function's cancel token is set, and
  the task goes on without the thread.
- `from_thread` returns or raises only when its coroutine has ended (or a second has passed, where
  the call is already cancelled), so a caller may close at once what the coroutine was using.

`bridge.py` does the same for streams.
"""

from __future__ import annotations

import contextvars
import math
import queue
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from runnables.engine.cancellation import (
    CancelToken,
    current_token,
    is_cancelled,
    on_cancel,
    raise_if_cancelled,
)
from runnables.engine.fan_out import CLOSE_GRACE
from runnables.engine.hand_over import HandOver, Job
from runnables.engine.worker_pool import run_in_worker

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine
else:
    from runnables.engine import lazy_asyncio as asyncio

R = TypeVar("R")

_UNSET: Final = object()

_LOOK_SECONDS: Final = 0.5
"""How often a thread that waits for a loop looks whether it was closed."""

_loop: contextvars.ContextVar[asyncio.AbstractEventLoop | None] = contextvars.ContextVar(
    "runnables_loop", default=None
)  # in a worker thread: the event loop whose task awaits the thread


async def to_thread(function: Callable[..., R], *args: Any) -> R:
    """Run a blocking function in a worker thread, with the caller's context variables.

    The caller sees afterwards what the function has set in context variables, as if it had run
    in place. When the caller is cancelled, a function that has not begun never does; else its
    cancel token is set, and its thread is not waited for. Where no thread can be had, it runs here.
    """
    loop = asyncio.get_running_loop()
    # an error is a part of the result, as a future looks at it and refuses some
    done: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()
    context = contextvars.copy_context()
    token = CancelToken(current_token.get())
    context.run(current_token.set, token)
    context.run(_loop.set, loop)
    run = partial(context.run, _unless_cancelled, function, *args)
    job = Job(run, partial(call_soon, loop, _resolve, done))
    try:
        run_in_worker(job)
        result, error = await done
    finally:
        token.detach()
        if done.done() and not done.cancelled():
            copy_back(context)
        else:  # the task was cancelled, or closed; a thread may still run in this context
            job.abandon()
            token.cancel()
    if error is None:
        return cast("R", result)
    try:
        raise error
    finally:
        del error, result, done  # the traceback of the error has this frame


def _unless_cancelled(function: Callable[..., R], *args: Any) -> R:
    """Call a function; not where its call has ended, though the task has not noticed that yet."""
    raise_if_cancelled()
    return function(*args)


def call_soon(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *args: Any) -> None:
    """Call a function in a loop, from any thread; do nothing where the loop is closed."""
    try:
        loop.call_soon_threadsafe(function, *args)
    except RuntimeError:  # the loop was closed meanwhile, so no task waits any more
        if not loop.is_closed():
            raise


def _resolve(done: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if not done.done():
        done.set_result((result, error))


def copy_back(context: contextvars.Context) -> None:
    """Set in the current context what a function has set in `context`, a copy of it."""
    for variable, value in context.items():
        if (
            variable is not current_token
            and variable is not _loop
            and variable.get(_UNSET) is not value
        ):
            variable.set(value)


class _LoopCall(HandOver):
    """A coroutine that a thread runs on an event loop.

    Args:
        work: the coroutine.
        loop: the loop, which another thread runs.

    Attributes:
        ended: gets the task when it has ended, also after a cancellation; None where it never
            begins.
    """

    __slots__ = ("_loop", "_task", "_work", "ended")

    def __init__(self, work: Coroutine[Any, Any, Any], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._work = work
        self._loop = loop
        self._task: asyncio.Task[Any] | None = None
        self.ended: queue.SimpleQueue[asyncio.Future[Any] | None] = queue.SimpleQueue()

    def start(self) -> None:
        """Start the coroutine, unless it was given up. Runs in the loop's thread."""
        if not self.begin():
            return
        try:
            self._task = self._loop.create_task(self._work)
        except BaseException as error:  # by a task factory of the user
            self._work.close()
            failed: asyncio.Future[Any] = self._loop.create_future()
            failed.set_exception(error)
            self.ended.put(failed)
        else:
            self._task.add_done_callback(self.ended.put)

    def cancel(self) -> None:
        """Give it up, from any thread; where it has begun, cancel its task."""
        if self.give_up():
            self.ended.put(None)
        else:
            call_soon(self._loop, self._cancel_task)

    def give_up(self) -> bool:
        """Let it not begin any more; return whether it never does."""
        never = self.abandon()
        if never:
            self._work.close()
        return never

    def _cancel_task(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def run(self, seconds: float = math.inf) -> asyncio.Future[Any] | None:
        """Queue it, and wait for its end, for so many seconds at most.

        It ends, too, when the loop is closed. That is not reported, so it is looked at now and
        then.

        Returns:
            The task; None where it never began, or has not ended.
        """
        try:
            self._loop.call_soon_threadsafe(self.start)
        except RuntimeError:  # the loop was closed before its task had the thread's result
            self.cancel()
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                return self.ended.get(timeout=min(left, _LOOK_SECONDS))
            except queue.Empty:
                if self._loop.is_closed():
                    break
        self.give_up()
        return None


def in_worker_thread() -> bool:
    """Tell whether this thread runs a function of `to_thread`, and may call `from_thread`."""
    return _loop.get() is not None and asyncio._get_running_loop() is None


def from_thread(work: Coroutine[Any, Any, R], *, even_if_cancelled: bool = False) -> R:
    """Run a coroutine on the event loop that awaits this worker thread, and wait for it.

    Args:
        work: the coroutine.
        even_if_cancelled: whether to run it also where the call is cancelled already. The thread
            then waits for it for `CLOSE_GRACE` seconds at most, as the loop does not wait for the
            thread any more.

    Returns:
        What the coroutine returns.

    Raises:
        CancelledError: the call was cancelled meanwhile, or its loop was closed. The coroutine has
            ended all the same, or never begins, so what it was reading may be closed next.
        RuntimeError: this is the thread of the loop, as no other could be had, and the coroutine
            waits for something.
    """
    loop = _loop.get()
    assert loop is not None, "from_thread outside of a worker thread"
    if asyncio._get_running_loop() is loop:
        return _run_here(work)
    call = _LoopCall(work, loop)
    if even_if_cancelled and is_cancelled():
        task = call.run(CLOSE_GRACE)
    else:
        with on_cancel(call.cancel):  # where the call is cancelled already, it never begins
            task = call.run()
    if task is None or task.cancelled():
        why = "its event loop is closed" if loop.is_closed() else "it was cancelled"
        raise asyncio.CancelledError(f"the call around this one has ended: {why}")
    try:
        return cast("R", task.result())
    finally:
        del task, call  # they have the error, whose traceback has this frame


def _run_here(work: Coroutine[Any, Any, R]) -> R:
    """Run a coroutine that waits for nothing, in the thread of the loop itself."""
    try:
        work.send(None)
    except StopIteration as ended:
        return cast("R", ended.value)
    work.close()
    raise RuntimeError(
        "no thread could be started, so this sync code runs in the event loop itself, and cannot "
        "wait for async code. Write the step async."
    )
