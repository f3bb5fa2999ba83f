"""Sync and async calls behind one interface, so that each test is written once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, closing
from itertools import islice
from typing import Any, TypeVar

T = TypeVar("T")


class SyncAsyncCall:
    """Caller of runnables; the fixture `call` runs each test with a sync and with an async one.

    Attributes:
        name: "sync" or "async".

    Example:
        >>> from runnables.testing.sync_async import AsyncCall, SyncCall
        >>> [call.output(RunnableLambda(len), "abc") for call in (SyncCall(), AsyncCall())]
        [3, 3]
    """

    name: str = ""

    def output(self, runnable: Any, input: Any, **options: Any) -> Any:
        """Return the output for one input."""
        raise NotImplementedError

    def chunks(
        self, runnable: Any, input: Any, *, take: int | None = None, into: list[Any] | None = None
    ) -> list[Any]:
        """Return the chunks for one input, as a list.

        Args:
            runnable: the runnable to stream.
            input: the input.
            take: the number of chunks after which the stream is closed; None: read all of it.
            into: a list to add the chunks to, so that they are there although the stream fails.
        """
        raise NotImplementedError

    def outputs(self, runnable: Any, inputs: Sequence[Any]) -> Any:
        """Return the outputs for many inputs, in order."""
        raise NotImplementedError

    def run(self, sync: Callable[[], T], coroutine: Callable[[], Awaitable[T]]) -> T:
        """Run the sync or the async function, for calls that the other methods do not cover."""
        raise NotImplementedError


class SyncCall(SyncAsyncCall):
    """Caller of the sync methods, where no event loop runs."""

    name = "sync"

    def output(self, runnable: Any, input: Any, **options: Any) -> Any:
        """Call `invoke`."""
        return runnable.invoke(input, **options)

    def chunks(
        self, runnable: Any, input: Any, *, take: int | None = None, into: list[Any] | None = None
    ) -> list[Any]:
        """Read `stream`."""
        chunks: list[Any] = [] if into is None else into
        with closing(runnable.stream(input)) as stream:
            chunks.extend(islice(stream, take))
        return chunks

    def outputs(self, runnable: Any, inputs: Sequence[Any]) -> Any:
        """Call `batch`."""
        return runnable.batch(inputs)

    def run(self, sync: Callable[[], T], coroutine: Callable[[], Awaitable[T]]) -> T:
        """Call the sync function."""
        return sync()


class AsyncCall(SyncAsyncCall):
    """Caller of the async methods, each on a new event loop, where no task may be left."""

    name = "async"

    def output(self, runnable: Any, input: Any, **options: Any) -> Any:
        """Await `ainvoke`."""
        return on_new_loop(lambda: runnable.ainvoke(input, **options))

    def chunks(
        self, runnable: Any, input: Any, *, take: int | None = None, into: list[Any] | None = None
    ) -> list[Any]:
        """Read `astream`."""
        chunks: list[Any] = [] if into is None else into
        return on_new_loop(lambda: _read(runnable.astream(input), take, chunks))

    def outputs(self, runnable: Any, inputs: Sequence[Any]) -> Any:
        """Await `abatch`."""
        return on_new_loop(lambda: runnable.abatch(inputs))

    def run(self, sync: Callable[[], T], coroutine: Callable[[], Awaitable[T]]) -> T:
        """Await the async function."""
        return on_new_loop(coroutine)


async def _read(stream: Any, take: int | None, chunks: list[Any]) -> list[Any]:
    async with aclosing(stream):
        async for chunk in stream:
            chunks.append(chunk)
            if len(chunks) == take:
                break
    return chunks


def on_new_loop(call: Callable[[], Awaitable[T]]) -> T:
    """Await a call on a new event loop; fail if it leaves a task running."""

    async def main() -> T:
        try:
            return await call()
        finally:
            own = asyncio.current_task()
            left = [task.get_name() for task in asyncio.all_tasks() if task is not own]
            assert not left, f"tasks are left running: {left}"

    with asyncio.Runner() as runner:
        return runner.run(main())
