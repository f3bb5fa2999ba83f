"""Sync functions in async runs, each in a worker thread."""

from __future__ import annotations

import asyncio
import threading

import pytest

from runnables import RunnableConfig, RunnableLambda

LONG = 5
"""Seconds until a test stops waiting for what would never come."""


def test_a_cancelled_call_leaves_no_scope_behind() -> None:
    """Its tags, handlers and limit do not apply to what the same task does next."""
    goes_on = threading.Event()

    def tags(_: object, config: RunnableConfig) -> list[str]:
        return config.get("tags", [])

    async def main() -> None:
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()

        def block(_: int) -> None:
            loop.call_soon_threadsafe(task.cancel)
            goes_on.wait(LONG)

        with pytest.raises(asyncio.CancelledError):
            await RunnableLambda(block).ainvoke(1, {"tags": ["of the cancelled call"]})
        task.uncancel()
        goes_on.set()
        assert await RunnableLambda(tags, blocking=False).ainvoke(1) == []

    asyncio.run(main())
