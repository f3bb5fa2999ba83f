"""Async streams that are left by `break`: they are closed in a task of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from runnables import RunnableConfig, RunnableLambda

LONG = 5
"""Seconds until a test stops waiting for what would never come."""


def test_a_cleanup_after_break_may_run_a_chain() -> None:
    """It begins and ends in one context, which is not the consumer's."""
    words: list[str] = []

    async def wait(word: str) -> str:
        await asyncio.sleep(0)
        return word

    def tags(_: object, config: RunnableConfig) -> list[str]:
        return config.get("tags", [])

    chain = RunnableLambda(wait) | RunnableLambda(wait)

    async def main() -> None:
        cleaned = asyncio.Event()

        async def chunks(_: int) -> AsyncIterator[int]:
            try:
                yield 1
                yield 2
            finally:
                words.append(await chain.ainvoke("bye", {"tags": ["of the cleanup"]}))
                cleaned.set()

        async for _ in RunnableLambda(chunks).astream(0):
            break
        assert await RunnableLambda(tags, blocking=False).ainvoke(1) == []
        async with asyncio.timeout(LONG):
            await cleaned.wait()

    asyncio.run(main())
    assert words == ["bye"]


def test_a_time_limit_in_a_cleanup_after_break_does_not_cancel_the_consumer() -> None:
    """It cancels the task that closes the stream."""

    async def main() -> None:
        cleaned = asyncio.Event()

        async def chunks(_: int) -> AsyncIterator[int]:
            try:
                yield 1
                yield 2
            finally:
                try:
                    async with asyncio.timeout(0.01):
                        await asyncio.Event().wait()
                except TimeoutError:
                    cleaned.set()

        async for _ in RunnableLambda(chunks).astream(0):
            break
        async with asyncio.timeout(LONG):
            await cleaned.wait()
        consumer = asyncio.current_task()
        assert consumer is not None
        assert not consumer.cancelling(), "the limit of the cleanup cancelled the consumer"

    asyncio.run(main())
