"""Calls in both colours, so that each test is written once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, closing
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")


class SyncAsyncCall:
    """Calls runnables, and gives what they give; streams come back as lists.

    Attributes:
        name: "sync" or "async".
    """

    name: str = ""

    def value(self, runnable: Any, input: Any, **options: Any) -> Any:
        """The value for one input."""
        raise NotImplementedError

    def chunks(
        self, runnable: Any, value: Any, *, take: int | None = None, into: list[Any] | None = None
    ) -> list[Any]:
        """The chunks for one input.

        Args:
            runnable: what to call.
            value: the input.
            take: leave the stream after so many chunks, and close it.
            into: the list to put them in, for whoever wants them although the stream fails.
        """
        raise NotImplementedError

    def values(self, runnable: Any, inputs: Sequence[Any]) -> Any:
        """The values for many inputs, in their order."""
        raise NotImplementedError

    def run(self, sync: Callable[[], T], coroutine: Callable[[], Awaitable[T]]) -> T:
        """For what this list lacks: the one or the other."""
        raise NotImplementedError


class SyncCall(SyncAsyncCall):
    """Calls the sync methods, where no event loop runs."""

    name = "sync"

    def value(self, runnable: Any, input: Any, **options: Any) -> Any:
        """`invoke`."""
        return runnable.invoke(input, **options)

    def chunks(
        self, runnable: Any, value: Any, *, take: int | None = None, into: list[Any] | None = None
    ) -> list[Any]:
        """`stream`."""
        chunks: list[Any] = [] if into is None else into
        with closing(runnable.stream(value)) as stream:
            chunks.extend(islice(stream, take))
        return chunks

    def values(self, runnable: Any, inputs: Sequence[Any]) -> Any:
        """`batch`."""
        return runnable.batch(inputs)

    def run(self, sync: Callable[[], T], coroutine: Callable[[], Awaitable[T]]) -> T:
        """The sync one."""
        return sync()


class AsyncCall(SyncAsyncCall):
    """Calls the async methods, each on a new event loop, which must be left with no task."""

    name = "async"

    def value(self, runnable: Any, input: Any, **options: Any) -> Any:
        """`ainvoke`."""
        return on_new_loop(lambda: runnable.ainvoke(input, **options))

    def chunks(
        self, runnable: Any, value: Any, *, take: int | None = None, into: list[Any] | None = None
    ) -> list[Any]:
        """`astream`."""
        chunks: list[Any] = [] if into is None else into
        return on_new_loop(lambda: _read(runnable.astream(value), take, chunks))

    def values(self, runnable: Any, inputs: Sequence[Any]) -> Any:
        """`abatch`."""
        return on_new_loop(lambda: runnable.abatch(inputs))

    def run(self, sync: Callable[[], T], coroutine: Callable[[], Awaitable[T]]) -> T:
        """The async one."""
        return on_new_loop(coroutine)


async def _read(stream: Any, take: int | None, chunks: list[Any]) -> list[Any]:
    async with aclosing(stream):
        async for chunk in stream:
            chunks.append(chunk)
            if len(chunks) == take:
                break
    return chunks


def on_new_loop(call: Callable[[], Awaitable[T]]) -> T:
    """Await something on an event loop of its own; a task that it leaves running is a failure."""

    async def main() -> T:
        try:
            return await call()
        finally:
            mine = asyncio.current_task()
            left = [it.get_name() for it in asyncio.all_tasks() if it is not mine]
            assert not left, f"tasks are left running: {left}"

    with asyncio.Runner() as runner:
        return runner.run(main())
