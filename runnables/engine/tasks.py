"""Tasks that have to end: cancelled, or awaited to their end whatever happens meanwhile.

A task ends only while its loop runs, so a task of another loop may never end.
"""

from __future__ import annotations

import contextvars
import gc
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine, Iterable
else:
    from runnables.engine import lazy_asyncio as asyncio


def require_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Refuse to go on in another event loop than this one, whose tasks would never answer.

    Raises:
        RuntimeError: another loop runs.
    """
    if asyncio._get_running_loop() is not loop:
        raise other_loop_error("a stream")


def other_loop_error(what: str) -> RuntimeError:
    """Return the error of a stream that is read in another loop than it was begun in."""
    return RuntimeError(
        f"{what} was begun in one event loop, and is read in another. Begin it and read it to its "
        "end within one loop, such as one `asyncio.run(...)`."
    )


async def cancel_all(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and wait until they have ended.

    A cancellation of the caller meanwhile is raised afterwards. Tasks of another event loop are
    asked to end, and not waited for, as they cannot end while this loop runs in their thread.
    """
    here = asyncio.get_running_loop()
    cancelled: set[asyncio.Task[Any]] = set()
    for task in tuple(tasks):
        loop = task.get_loop()
        if loop is here:
            task.cancel()
            cancelled.add(task)
        elif not loop.is_closed():
            with suppress(RuntimeError):  # closed in between
                loop.call_soon_threadsafe(task.cancel)
    await wait_all(cancelled)


async def outlast(done: asyncio.Future[Any], seconds: float | None) -> None:
    """Await what no task does, for so many seconds at most.

    A cancellation of the caller meanwhile is raised afterwards. There is no task that a loop that
    ends would cancel.
    """
    cancellation: asyncio.CancelledError | None = None
    until = None if seconds is None else time.monotonic() + seconds
    while not done.done():
        left = None if until is None else until - time.monotonic()
        if left is not None and left <= 0:
            break
        try:
            await asyncio.wait({done}, timeout=left)
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is not None:
        raise cancellation


async def in_context(
    context: contextvars.Context, work: Callable[[], Coroutine[Any, Any, Any]]
) -> None:
    """Await clean-up to its end, in this context.

    A cancellation of the caller meanwhile is raised afterwards. It is a task of its own, for whose
    code this is the context of the task. Where that is cancelled before it begins, as a loop that
    ends does with all tasks, it begins all the same.
    """
    begun: list[None] = []

    async def run() -> None:
        begun.append(None)
        await work()

    task = asyncio.get_running_loop().create_task(run(), context=context)
    try:
        await wait_all({task})
    finally:
        if begun:
            if task.done():  # else the loop was closed over it
                task.result()
        else:
            await asyncio.get_running_loop().create_task(run(), context=context)


async def wait_all(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Wait until tasks have ended.

    A cancellation of the caller meanwhile is raised afterwards.
    """
    cancellation: asyncio.CancelledError | None = None
    # Those that are done are not waited for, as the end of a loop must not find us waiting: it
    # closes all generators at once, and none that waits for its clean-up.
    left = {task for task in tasks if not task.done()}
    while left:
        try:
            _, left = await asyncio.wait(left)
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is not None:
        raise cancellation


def task_context() -> contextvars.Context | None:
    """Return the context of the current task, itself and no copy; None outside of a task."""
    task: Any = asyncio.current_task()
    if task is None:
        return None
    if sys.version_info >= (3, 12):
        return task.get_context()
    # 3.11 has no such method; the first context that its task refers to is its own
    return next((found for found in gc.get_referents(task) if _is_context(found)), None)


def _is_context(thing: object) -> bool:
    return isinstance(thing, contextvars.Context)


async def let_loop_close(turns: int = 8) -> None:
    """Let the loop close the async generators that other libraries have dropped.

    Where code drops an async generator without closing it, its loop closes it some turns later.

    Args:
        turns: how many turns of the loop: two for each generator within another.
    """
    for _ in range(turns):
        await asyncio.sleep(0)
