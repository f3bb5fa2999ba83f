"""Tasks that have to end: cancelled, or awaited to their end whatever happens meanwhile.

A task ends only while its loop runs, so a task of another loop may never end.
"""

from __future__ import annotations

import types
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    import asyncio
    import contextvars
    from collections.abc import Callable, Coroutine, Generator, Iterable
else:
    from runnables.engine import lazy_asyncio as asyncio

R = TypeVar("R")


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
    await _wait_all(cancelled)


async def shielded(work: Coroutine[Any, Any, Any]) -> None:
    """Await clean-up to its end. A cancellation of the caller meanwhile is raised afterwards."""
    task = asyncio.ensure_future(work)
    try:
        await _wait_all({task})
    finally:
        if task.done():  # else the loop was closed over it
            task.result()  # its own error is raised rather than a cancellation


@types.coroutine
def in_context(
    context: contextvars.Context, work: Coroutine[Any, Any, R]
) -> Generator[Any, Any, R]:
    """Await work in this context, in the caller's task; no other code may run there meanwhile."""
    resume: Callable[[Any], Any] = work.send
    argument: Any = None
    while True:
        try:
            awaited = context.run(resume, argument)
        except StopIteration as end:
            return cast("R", end.value)
        try:
            argument = yield awaited
        except BaseException as error:
            resume, argument = work.throw, error
        else:
            resume = work.send


async def _wait_all(tasks: set[asyncio.Task[Any]]) -> None:
    cancellation: asyncio.CancelledError | None = None
    # Those that are done are not waited for, as the end of a loop must not find us waiting: it
    # closes all generators at once, and none that waits for its clean-up.
    tasks = {task for task in tasks if not task.done()}
    while tasks:
        try:
            _, tasks = await asyncio.wait(tasks)
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is not None:
        raise cancellation
