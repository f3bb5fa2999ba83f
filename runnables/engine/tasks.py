"""Tasks that have to end: cancelled, or awaited to their end whatever happens meanwhile."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    import asyncio
    import contextvars
    from collections.abc import Callable, Coroutine, Generator, Iterable
else:
    from runnables.engine import lazy_asyncio as asyncio

R = TypeVar("R")


async def cancel_all(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and wait until they have ended.

    A cancellation of the caller meanwhile is raised afterwards.
    """
    cancelled = set(tasks)
    for task in cancelled:
        task.cancel()
    await _wait_all(cancelled)


async def shielded(work: Coroutine[Any, Any, Any]) -> None:
    """Await clean-up to its end. A cancellation of the caller meanwhile is raised afterwards."""
    task = asyncio.ensure_future(work)
    try:
        await _wait_all({task})
    finally:
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
    while tasks:
        try:
            _, tasks = await asyncio.wait(tasks)
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is not None:
        raise cancellation
