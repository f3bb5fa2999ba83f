"""Calls to an event loop in another thread, by a thread or by a task of any other loop.

    caller (thread or task)                 the loop's thread
    ─────────────────────────               ──────────────────────────
    run_in_loop(loop, work)  ── start ────▶ task of work(put)
      receive(message)       ◀── put ──────   put(message)
      returns or raises      ◀── the end ──   returns or raises
      is cancelled           ── cancel ───▶   CancelledError
                             ◀── the end ──   has ended, each `finally` with it

What is tied to one loop, such as a client whose connections live there, can so be used from
anywhere. Messages are received in the caller's own thread and context. A caller that is cancelled
waits until the task has ended, for `CLOSE_GRACE` seconds at most.
"""

from __future__ import annotations

import queue
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from runnables.engine.cancellation import on_cancel
from runnables.engine.fan_out import CLOSE_GRACE
from runnables.engine.tasks import outlast
from runnables.engine.thread_calls import call_soon

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Coroutine
else:
    from runnables.engine import lazy_asyncio as asyncio

T = TypeVar("T")

_CANCELLED: Final = object()
_LOOK_SECONDS: Final = 0.5
"""How often a caller looks whether the loop was closed."""


class _End:
    """The last message of a call: its result or its error."""

    def __init__(self, result: Any, error: BaseException | None) -> None:
        self._result = result
        self._error = error

    def value(self) -> Any:
        """Return the result, or raise the error."""
        if self._error is None:
            return self._result
        try:
            raise self._error
        finally:
            self._error = None  # its traceback has this frame


class _LoopCall:
    """A coroutine that runs in a loop, and puts messages; the last one is an `_End`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Callable[[Callable[[Any], None]], Coroutine[Any, Any, Any]],
        put: Callable[[Any], None],
    ) -> None:
        self._loop = loop
        self._work = work
        self._put = put
        self._is_cancelled = False
        self._task: asyncio.Task[None] | None = None
        if loop.is_closed():
            put(_End(None, _closed_error()))
        else:
            call_soon(loop, self._start)

    def _start(self) -> None:
        if self._is_cancelled:
            self._put(_End(None, asyncio.CancelledError()))
        else:
            self._task = self._loop.create_task(self._run())

    async def _run(self) -> None:
        try:
            end = _End(await self._work(self._put), None)
        except BaseException as error:
            end = _End(None, error)
        self._put(end)

    def cancel(self) -> None:
        """Cancel the coroutine, from any thread."""
        call_soon(self._loop, self._cancel)

    def _cancel(self) -> None:
        self._is_cancelled = True
        if self._task is not None:
            self._task.cancel()


def run_in_loop(
    loop: asyncio.AbstractEventLoop,
    work: Callable[[Callable[[Any], None]], Coroutine[Any, Any, T]],
    receive: Callable[[Any], object],
) -> T:
    """Run a coroutine in a loop of another thread, and wait for it in this one.

    Args:
        loop: the loop.
        work: makes the coroutine; it is given a function that puts messages for the caller.
        receive: called with each message, in this thread.

    Raises:
        CancelledError: the call around this one was cancelled, or the loop was closed.
    """
    messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
    call = _LoopCall(loop, work, messages.put)
    try:
        with on_cancel(partial(messages.put, _CANCELLED)):
            while True:
                try:
                    message = messages.get(timeout=_LOOK_SECONDS)
                except queue.Empty:
                    if loop.is_closed():
                        raise _closed_error() from None
                    continue
                if isinstance(message, _End):
                    break
                if message is _CANCELLED:
                    raise asyncio.CancelledError("the call around this one was cancelled")
                receive(message)
    except BaseException:
        call.cancel()
        _wait_for_end(messages)
        raise
    return cast("T", message.value())


def _wait_for_end(messages: queue.SimpleQueue[Any]) -> None:
    until = time.monotonic() + CLOSE_GRACE
    while (left := until - time.monotonic()) > 0:
        try:
            if isinstance(messages.get(timeout=left), _End):
                return
        except queue.Empty:
            return


async def arun_in_loop(
    loop: asyncio.AbstractEventLoop,
    work: Callable[[Callable[[Any], None]], Coroutine[Any, Any, T]],
    receive: Callable[[Any], Awaitable[object]],
) -> T:
    """Do what `run_in_loop` does, in a task.

    Args:
        loop: the loop, which another thread runs.
        work: see `run_in_loop`.
        receive: awaited with each message, in this task.

    Raises:
        CancelledError: this task was cancelled, or the loop was closed.
    """
    here = asyncio.get_running_loop()
    messages: asyncio.Queue[Any] = asyncio.Queue()
    ended: asyncio.Future[None] = here.create_future()

    def take(message: Any) -> None:
        messages.put_nowait(message)
        if isinstance(message, _End) and not ended.done():
            ended.set_result(None)

    call = _LoopCall(loop, work, partial(call_soon, here, take))
    try:
        while True:
            message = await _next(messages, loop)
            if isinstance(message, _End):
                break
            await receive(message)
    except GeneratorExit:  # nothing can be awaited any more
        call.cancel()
        raise
    except BaseException:
        call.cancel()
        await outlast(ended, CLOSE_GRACE)
        raise
    return cast("T", message.value())


async def _next(messages: asyncio.Queue[Any], loop: asyncio.AbstractEventLoop) -> Any:
    while True:
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                return await messages.get()
        except TimeoutError:
            if loop.is_closed():
                raise _closed_error() from None


def _closed_error() -> asyncio.CancelledError:
    return asyncio.CancelledError("the event loop that runs this has ended")
