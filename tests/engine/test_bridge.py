"""Sync generators in async runs: worker threads advance and close them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from runnables import RunnableLambda

LONG = 5
"""Seconds until a test stops waiting for what would never come."""


def test_a_cancelled_stream_of_a_sync_generator_is_closed_by_the_thread_in_it() -> None:
    """The consumer gets its cancellation, not an error that the generator is running."""
    inside, goes_on, closed = threading.Event(), threading.Event(), threading.Event()

    def chunks(_: int) -> Iterator[str]:
        try:
            yield "a"
            inside.set()
            goes_on.wait(LONG)
            yield "b"
        finally:
            closed.set()

    async def read() -> None:
        async with RunnableLambda(chunks).astream(1) as stream:
            async for _ in stream:
                pass

    async def main() -> None:
        task = asyncio.create_task(read())
        await asyncio.to_thread(inside.wait, LONG)
        task.cancel()
        await asyncio.wait({task}, timeout=0.2)  # it may wait for the thread a moment
        goes_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(closed.wait, LONG)

    asyncio.run(main())
