"""Calls from an event loop to a worker thread, and from that thread back to the loop.

`to_thread` runs a sync function in a worker thread while a task awaits it. Within the function,
`from_thread` runs a coroutine on the event loop of that task while the thread waits.

- Both carry context variables across: the function runs in a copy of the task's context, and the
  task takes over what the function has set.
- A thread cannot be stopped. When the task is cancelled, the function's cancel token is set, and
  the task goes on without the thread.
- `from_thread` returns or raises only when its coroutine has ended (or a second has passed, where
  the call is already cancelled), so a caller may close at once what the coroutine was using.

`bridge.py` does the same for streams.
"""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from runnables.engine.cancellation import (
    CancelToken,
    current_token,
    is_cancelled,
    on_cancel,
)
from runnables.engine.fan_out import CLOSE_GRACE
from runnables.engine.worker_pool import run_in_worker

if TYPE_CHECKING:
    import asyncio
    import concurrent.futures
    from collections.abc import Callable, Coroutine
else:
    from runnables.engine import lazy_asyncio as asyncio

R = TypeVar("R")

_UNSET: Final = object()

_loop: contextvars.ContextVar[asyncio.AbstractEventLoop | None] = contextvars.ContextVar(
    "runnables_loop", default=None
)  # in a worker thread: the event loop whose task awaits the thread


async def to_thread(function: Callable[..., R], *args: Any) -> R:
    """Run a blocking function in a worker thread, with the caller's context variables.

    The caller sees afterwards what the function has set in context variables, as if it had run
    in place. When the caller is cancelled, the function's cancel token is set, and its thread is
    not waited for.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[R] = loop.create_future()
    context = contextvars.copy_context()
    token = CancelToken(current_token.get())
    context.run(current_token.set, token)
    context.run(_loop.set, loop)

    def job() -> None:
        try:
            result = context.run(function, *args)
        except BaseException as error:
            _call_soon(loop, _resolve, done, None, error)
        else:
            _call_soon(loop, _resolve, done, result, None)

    run_in_worker(job)
    try:
        return await done
    except asyncio.CancelledError:
        token.cancel()
        raise
    finally:
        token.detach()
        if done.done() and not done.cancelled():  # else the thread still runs in this context
            copy_back(context)


def _call_soon(
    loop: asyncio.AbstractEventLoop, function: Callable[..., object], *args: Any
) -> None:
    try:
        loop.call_soon_threadsafe(function, *args)
    except RuntimeError:  # the loop was closed meanwhile, so no task waits any more
        if not loop.is_closed():
            raise


def _resolve(done: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(result)
    elif isinstance(error, StopIteration):  # a future refuses it
        failure = RuntimeError("coroutine raised StopIteration")  # as Python does in one
        failure.__cause__ = error
        done.set_exception(failure)
    else:
        done.set_exception(error)


def copy_back(context: contextvars.Context) -> None:
    """Set in the current context what a function has set in `context`, a copy of it."""
    for variable, value in context.items():
        if (
            variable is not current_token
            and variable is not _loop
            and variable.get(_UNSET) is not value
        ):
            variable.set(value)


class _LoopCall(Generic[R]):
    """A coroutine that a thread runs on an event loop.

    Attributes:
        outcome: set when the coroutine's task has ended, also after a cancellation.
    """

    def __init__(self, work: Coroutine[Any, Any, R], loop: asyncio.AbstractEventLoop) -> None:
        import concurrent.futures  # here, as only asyncio loads it, and a call has a loop

        self._work = work
        self._loop = loop
        self._task: asyncio.Task[R] | None = None
        self._is_cancelled = False
        self.outcome: concurrent.futures.Future[R] = concurrent.futures.Future()

    def start(self) -> None:
        """Start the coroutine, unless the call is already cancelled. Runs in the loop's thread."""
        if self._is_cancelled:
            self._work.close()
            self.outcome.cancel()
            return
        self._task = self._loop.create_task(self._work)
        self._task.add_done_callback(self._finish)

    def cancel(self) -> None:
        """Cancel the coroutine, from any thread."""
        self._is_cancelled = True
        _call_soon(self._loop, self._cancel_task)

    def _cancel_task(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _finish(self, task: asyncio.Task[R]) -> None:
        if task.cancelled():
            self.outcome.cancel()
        elif (error := task.exception()) is not None:
            self.outcome.set_exception(error)
        else:
            self.outcome.set_result(task.result())


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
        CancelledError: the call was cancelled meanwhile. The coroutine has ended all the same, so
            what it was reading may be closed next.
    """
    import concurrent.futures  # here, as in _LoopCall

    loop = _loop.get()
    assert loop is not None, "from_thread outside of a worker thread"
    call = _LoopCall(work, loop)
    try:
        loop.call_soon_threadsafe(call.start)
    except RuntimeError:  # the loop was closed before its task had our result
        work.close()
        raise asyncio.CancelledError(
            "the event loop of the call around this one is closed"
        ) from None
    try:
        if even_if_cancelled and is_cancelled():
            return call.outcome.result(CLOSE_GRACE)
        with on_cancel(call.cancel):
            return call.outcome.result()
    except (concurrent.futures.CancelledError, TimeoutError) as error:
        if call.outcome.done() and not call.outcome.cancelled():
            raise  # the coroutine itself raised it
        raise asyncio.CancelledError("the call around this one was cancelled") from error
