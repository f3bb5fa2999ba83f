"""Eager tasks (Python 3.12): a task may run, and even end, before `create_task` returns."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import aclosing
from typing import Any

import pytest

from runnables import (
    AIMessage,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    create_agent,
    tool,
    tool_call,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.leaks import nothing_left_in_loop, open_async_generators

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="asyncio has eager tasks from Python 3.12 on"
)
LONG = 5
"""Seconds until a test stops waiting for what would never come."""


def run_eagerly(main: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine in a loop whose tasks are eager."""

    async def run() -> Any:
        factory: Any = asyncio.eager_task_factory  # type: ignore[attr-defined,unused-ignore]
        asyncio.get_running_loop().set_task_factory(factory)
        async with asyncio.timeout(LONG):
            return await main

    return asyncio.run(run())


def numbers(n: int) -> Iterator[str]:
    for number in range(n):
        yield str(number)


async def at_once(n: int) -> AsyncIterator[str]:
    """Wait for nothing."""
    for number in range(n):
        yield str(number)


async def in_turns(n: int) -> AsyncIterator[str]:
    """Let others go on at each chunk."""
    for number in range(n):
        await asyncio.sleep(0)
        yield str(number)


def copies(chunks: Iterator[str]) -> Iterator[str]:
    yield from chunks


async def same(x: Any) -> Any:
    return x


async def slow(x: Any) -> Any:
    await asyncio.sleep(0.001)
    return x


at_once_step, in_turns_step = RunnableLambda(at_once), RunnableLambda(in_turns)
both = RunnableParallel(a=RunnablePassthrough(), b=RunnablePassthrough(), c=slow)
STREAMS: dict[str, Any] = {
    "at once": at_once_step,
    "in turns": in_turns_step,
    "sync": RunnableLambda(numbers),
    "sync of async": in_turns_step | RunnableGenerator(copies),
    "parallel": RunnableParallel(
        a=at_once_step, b=in_turns_step, c=RunnableLambda(numbers), d=same
    ),
    "one for several": in_turns_step | both,
    "one at once for several": at_once_step | both,
    "nested": RunnableParallel(
        a=RunnableParallel(b=at_once_step, c=in_turns_step) | both, d=at_once_step
    )
    | both,
}


@pytest.mark.parametrize("limit", [None, 1, 2, 3])
@pytest.mark.parametrize("chain", STREAMS.values(), ids=STREAMS)
def test_streams_and_calls_give_what_they_give_otherwise(chain: Any, limit: int | None) -> None:
    """The chunks merge to what a call returns, within every limit."""
    config: Any = {} if limit is None else {"max_concurrency": limit}

    async def main() -> tuple[Any, Any]:
        return await chain.abatch([4, 4, 4], config), await _chunks(chain, config)

    batch, chunks = run_eagerly(main())
    expected = asyncio.run(chain.ainvoke(4, config))
    assert batch == [expected] * 3
    assert sorted(map(str, chunks)) == sorted(map(str, asyncio.run(_chunks(chain, config))))


async def _chunks(chain: Any, config: Any) -> list[Any]:
    return [chunk async for chunk in chain.astream(4, config)]


@pytest.mark.parametrize("wait", [0.0, 0.005])
@pytest.mark.parametrize("chain", STREAMS.values(), ids=STREAMS)
def test_a_stream_that_is_left_is_closed(chain: Any, wait: float) -> None:
    """Also where its cleanup has to wait, and where it does not."""
    closed: list[int] = []

    async def source(n: int) -> AsyncIterator[int]:
        try:
            while True:
                await asyncio.sleep(0)
                yield n
        finally:
            if wait:
                await asyncio.sleep(wait)
            closed.append(1)

    async def main() -> None:
        async with nothing_left_in_loop():
            before = open_async_generators()
            async for _ in (RunnableLambda(source) | RunnablePassthrough()).astream(1):
                break
            async for _ in RunnableParallel(a=source, b=chain).astream(3):
                break
            async with RunnableParallel(a=source, b=source).astream(3) as chunks:
                async for _ in chunks:
                    break
            while open_async_generators() - before:  # until the time limit of the test
                await asyncio.sleep(0.001)

    run_eagerly(main())
    assert len(closed) >= 3


async def _fails(_: Any) -> Any:
    raise ValueError("own")


async def _fails_later(_: Any) -> Any:
    await asyncio.sleep(0)
    raise ValueError("own")


def _fails_in_a_thread(_: Any) -> Any:
    raise ValueError("own")


@pytest.mark.parametrize("limit", [1, 2, 8])
@pytest.mark.parametrize("failing", [_fails, _fails_later, _fails_in_a_thread])
def test_a_failure_ends_the_call(failing: Callable[[Any], Any], limit: int) -> None:
    """In a batch, a mapping and a stream; no task is left."""
    config: Any = {"max_concurrency": limit}
    chain = RunnableParallel(a=slow, b=failing, c=same)

    async def main() -> None:
        async with nothing_left_in_loop():
            for call in (chain.ainvoke, chain.abatch):
                with pytest.raises(ValueError, match="own"):
                    await call([1, 2, 3], config)
            with pytest.raises(ValueError, match="own"):
                async with chain.astream(1, config) as chunks:
                    async for _ in chunks:
                        pass

    run_eagerly(main())


def test_completed_items_come_as_they_are_done() -> None:
    """Also where all of them are done before their tasks are returned."""

    async def main() -> list[Any]:
        found: list[Any] = []
        for step in (same, slow):
            async with RunnableLambda(step).abatch_as_completed(
                iter(range(20)), max_concurrency=3
            ) as pairs:
                found.append(sorted([pair async for pair in pairs]))
            async with aclosing(
                RunnableLambda(step).abatch_as_completed(iter(range(20)), max_concurrency=1)
            ) as pairs:
                assert await anext(pairs) == (0, 0)
        return found

    assert run_eagerly(main()) == [[(n, n) for n in range(20)]] * 2


def test_a_cancelled_call_is_cancelled() -> None:
    """Before its first step, and in the middle of it."""

    async def main() -> None:
        ended: list[str] = []

        async def forever(_: Any) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("ended")

        calls: list[Awaitable[Any]] = [
            RunnableLambda(forever).ainvoke(1),
            RunnableParallel(a=forever, b=forever).ainvoke(1),
            RunnableLambda(forever).abatch(range(5), max_concurrency=2),
        ]
        for call in calls:
            task = asyncio.ensure_future(call)
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert len(ended) == 5

    run_eagerly(main())


def test_agents_and_event_streams_run() -> None:
    """The tools of an answer run at once, and every event comes."""

    @tool
    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    requests = [tool_call(name="add", args={"a": n, "b": n}, id=f"call_{n}") for n in range(3)]

    async def main() -> tuple[Any, int]:
        model = ScriptedChatModel([AIMessage(tool_calls=requests), "Done."], cycle=True)
        agent = create_agent(model, [add])
        state = await agent.ainvoke("Add.")
        events = [event async for event in agent.astream_events("Add.")]
        return state["messages"], len(
            [event for event in events if event["event"] == "on_tool_end"]
        )

    messages, tools = run_eagerly(main())
    assert [message.text for message in messages[2:]] == ["0", "2", "4", "Done."]
    assert tools == 3


def test_a_task_factory_that_fails_fails_the_call() -> None:
    """The error is raised where the task was needed, and no call waits for it."""

    class Full(Exception):
        pass

    async def main() -> None:
        loop = asyncio.get_running_loop()
        left = [2]

        def factory(loop: Any, work: Any, **options: Any) -> Any:
            if not left[0]:
                raise Full
            left[0] -= 1
            return asyncio.Task(work, loop=loop, **options)

        loop.set_task_factory(factory)
        try:
            with pytest.raises(Full):
                await RunnableLambda(slow).abatch(range(9), max_concurrency=4)
        finally:
            loop.set_task_factory(None)

    asyncio.run(main())
