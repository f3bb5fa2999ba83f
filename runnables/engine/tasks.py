"""Tasks that have to end: cancelled, or awaited to their end whatever happens meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    import contextvars
    from collections.abc import Callable, Coroutine, Iterable
else:
    from runnables.engine import lazy_asyncio as asyncio


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


async def in_context(
    context: contextvars.Context, work: Callable[[], Coroutine[Any, Any, Any]]
) -> None:
    """Await clean-up to its end, as `shielded` does, in this context.

    It is a task of its own, for whose code this is the context of the task. Where that is cancelled
    before it begins, as a loop that ends does with all tasks, it begins all the same.
    """
    begun: list[None] = []

    async def run() -> None:
        begun.append(None)
        await work()

    task = asyncio.get_running_loop().create_task(run(), context=context)
    try:
        await _wait_all({task})
    finally:
        if begun:
            task.result()
        else:
            await asyncio.get_running_loop().create_task(run(), context=context)


async def _wait_all(tasks: set[asyncio.Task[Any]]) -> None:
    cancellation: asyncio.CancelledError | None = None
    while tasks:
        try:
            _, tasks = await asyncio.wait(tasks)
        except asyncio.CancelledError as error:
            cancellation = error
    if cancellation is not None:
        raise cancellation
