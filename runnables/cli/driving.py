"""Runs chains of the command: in threads, or in an event loop where a function is async."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, closing
from typing import TYPE_CHECKING, Any

from runnables.compose.functions import RunnableLambda
from runnables.compose.generators import RunnableGenerator
from runnables.core.description import walk

if TYPE_CHECKING:
    from runnables.compose.runnable import Runnable
    from runnables.jobs.run import JobRun


def needs_loop(chain: Runnable[Any, Any]) -> bool:
    """Tell whether a function of the chain is async and has no sync counterpart."""
    return any(
        isinstance(step, (RunnableLambda, RunnableGenerator)) and step.func is None
        for step in walk(chain)
    )


def invoke(chain: Runnable[Any, Any], value: Any) -> Any:
    """Return the output of one input."""
    if needs_loop(chain):
        return asyncio.run(chain.ainvoke(value))
    return chain.invoke(value)


def stream(chain: Runnable[Any, Any], value: Any, receive: Callable[[Any], object]) -> None:
    """Give each chunk of the output of one input to a function."""

    async def from_loop() -> None:
        async with aclosing(chain.astream(value)) as chunks:
            async for chunk in chunks:
                receive(chunk)

    if needs_loop(chain):
        asyncio.run(from_loop())
        return
    for chunk in chain.stream(value):
        receive(chunk)


def run_job(job: JobRun, *, in_loop: bool, receive: Callable[[int, Any], object]) -> None:
    """Run a job; give the number and the output, or the error, of each row to a function."""

    async def from_loop() -> None:
        pairs: AsyncGenerator[Any, None] = job.acompleted()
        async with aclosing(pairs):
            async for number, found in pairs:
                receive(number, found)

    if in_loop:
        job.read_in_threads()
        asyncio.run(from_loop())
        return
    with closing(job.completed()) as pairs:
        for number, found in pairs:
            receive(number, found)
