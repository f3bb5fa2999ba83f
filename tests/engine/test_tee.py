"""One stream, read by several branches."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from runnables import RunnableGenerator, RunnableLambda, RunnableParallel, RunnablePassthrough
from tests.both_modes import Call

LONG = 5
"""Seconds until a test stops waiting for what would never come."""


def test_a_stream_is_closed_by_the_thread_in_it_when_its_readers_have_left() -> None:
    """A parallel that is left does not wait for the thread, nor raise because it is running."""
    inside, goes_on, closed = threading.Event(), threading.Event(), threading.Event()

    def source(_: int) -> Iterator[str]:
        try:
            yield "a"
            inside.set()
            goes_on.wait(LONG)
            yield "b"
        finally:
            closed.set()

    both = RunnableParallel(p=RunnablePassthrough(), q=RunnablePassthrough())
    with (RunnableLambda(source) | both).stream(1) as chunks:
        assert [next(chunks), next(chunks)]
        assert inside.wait(LONG)
    goes_on.set()
    assert closed.wait(LONG)


def test_no_reader_takes_half_a_stream_for_the_whole(call: Call) -> None:
    """One reader that handles the error does not hide it from those that need the whole."""
    saved: list[str] = []

    def broken(_: int) -> Iterator[str]:
        yield "half"
        raise ConnectionError("own")

    def tolerant(chunks: Iterator[str]) -> Iterator[str]:
        try:
            yield from chunks
        except ConnectionError:
            yield "?"

    readers = RunnableParallel(a=RunnableGenerator(tolerant), b=RunnableLambda(saved.append))
    with pytest.raises(ConnectionError, match="own"):
        call.stream(RunnableLambda(broken) | readers, 1, {"max_concurrency": 1})
    assert saved == []


def test_no_branch_begins_on_a_stream_that_has_failed() -> None:
    """Async, also where another branch waits for the same chunk as the one that fails first."""
    saved: list[str] = []

    async def broken(_: int) -> AsyncIterator[str]:
        yield "half"
        await asyncio.sleep(0)
        raise ConnectionError("own")

    async def save(text: str) -> None:
        saved.append(text)

    async def main() -> None:
        with pytest.raises(ConnectionError, match="own"):
            async with (RunnableLambda(broken) | {"a": save, "b": save}).astream(1) as chunks:
                async for _ in chunks:
                    pass

    asyncio.run(main())
    assert saved == []


def test_a_reader_with_a_time_limit_does_not_end_the_stream_for_others() -> None:
    """The limit cancels the waiting of that reader only."""

    async def main() -> None:
        late = asyncio.Event()

        async def slow(_: int) -> AsyncIterator[str]:
            yield "a"
            await late.wait()
            yield "b"

        async def hasty(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
            await anext(chunks)
            try:
                async with asyncio.timeout(0.01):
                    await anext(chunks)
            except TimeoutError:
                late.set()
                yield "late"

        readers = RunnableParallel(hasty=RunnableGenerator(hasty), all=RunnablePassthrough())
        async with (RunnableLambda(slow) | readers).astream(1) as stream:
            chunks = [chunk async for chunk in stream]
        assert "".join(chunk.get("all", "") for chunk in chunks) == "ab"
        assert {"hasty": "late"} in chunks

    asyncio.run(main())
