"""Event loops that end, or that are not the ones that streams were begun in: no call hangs."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

from runnables import (
    AsyncStream,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
)
from runnables.engine.fan_out import CLOSE_GRACE
from tests.leaks import busy_threads, wait_for

LONG = 5
"""Seconds until a test stops waiting for what would never come."""


def numbers(_: Any) -> Iterator[str]:
    for number in range(100):
        yield str(number)


async def anumbers(_: Any) -> AsyncIterator[str]:
    for number in range(100):
        await asyncio.sleep(0)
        yield str(number)


def copies(chunks: Iterator[str]) -> Iterator[str]:
    yield from chunks


both = RunnableParallel(a=RunnablePassthrough(), b=RunnablePassthrough())
STREAMS: dict[str, Callable[[], AsyncStream[Any]]] = {
    "generator": lambda: RunnableLambda(anumbers).astream(1),
    "sync generator": lambda: RunnableLambda(numbers).astream(1),
    "generator of a generator": lambda: (
        RunnableLambda(anumbers) | RunnableGenerator(copies)
    ).astream(1),
    "parallel": lambda: RunnableParallel(a=anumbers, b=numbers).astream(1),
    "one for several": lambda: (RunnableLambda(anumbers) | both).astream(1),
    "map": lambda: RunnableLambda(anumbers).map().astream([1, 2, 3]),
    "batch": lambda: RunnableLambda(anumbers).abatch_as_completed(range(9), max_concurrency=2),
    "events": lambda: RunnableLambda(anumbers).astream_events(1),
}
every_stream = pytest.mark.parametrize("make", STREAMS.values(), ids=STREAMS)


async def first(stream: AsyncStream[Any]) -> Any:
    async with asyncio.timeout(LONG):
        return await anext(stream)


async def leave(stream: AsyncStream[Any]) -> None:
    async with asyncio.timeout(LONG):
        await stream.aclose()


@every_stream
def test_a_stream_is_not_read_in_the_next_run(make: Callable[[], AsyncStream[Any]]) -> None:
    """The end of the first `asyncio.run` has closed it, which must not look like its end."""
    stream = make()
    asyncio.run(first(stream))
    with pytest.raises(RuntimeError, match="begun in one event loop, and is read in another"):
        asyncio.run(first(stream))
    asyncio.run(leave(stream))


@every_stream
def test_a_stream_is_not_read_in_a_loop_beside_its_own(
    make: Callable[[], AsyncStream[Any]],
) -> None:
    """The loop that it was begun in runs in another thread, and may close it."""
    stream = make()
    home = asyncio.new_event_loop()
    thread = threading.Thread(target=home.run_forever)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(first(stream), home).result(LONG)
        with pytest.raises(RuntimeError, match="within one loop"):
            asyncio.run(first(stream))
        asyncio.run_coroutine_threadsafe(leave(stream), home).result(LONG)
        assert not asyncio.all_tasks(home)
    finally:
        home.call_soon_threadsafe(home.stop)
        thread.join(LONG)
        home.close()


@every_stream
def test_a_stream_may_be_closed_in_another_loop(make: Callable[[], AsyncStream[Any]]) -> None:
    """Closing does not wait for tasks that cannot end, but asks them to."""
    stream = make()
    home = asyncio.new_event_loop()
    home.run_until_complete(first(stream))
    asyncio.run(leave(stream))
    tasks = asyncio.all_tasks(home)
    if tasks:
        home.run_until_complete(asyncio.wait(tasks, timeout=LONG))
    assert not asyncio.all_tasks(home)
    home.run_until_complete(home.shutdown_asyncgens())
    home.close()


def test_a_stream_that_was_passed_on_is_not_read_in_another_loop() -> None:
    """The chain that reads it is begun in the second loop, the stream in the first."""
    stream = (RunnableLambda(anumbers) | both).astream(1)
    home = asyncio.new_event_loop()
    home.run_until_complete(first(stream))
    with pytest.raises(RuntimeError, match="within one loop"):
        asyncio.run(first(RunnablePassthrough().atransform(stream)))
    home.run_until_complete(leave(stream))
    home.close()


def test_a_thread_that_waits_for_a_closed_loop_goes_on() -> None:
    """A sync generator reads an async stream when its loop is closed over it."""
    left: list[BaseException] = []
    reading = threading.Event()

    async def endless(_: int) -> AsyncIterator[str]:
        yield "a"
        reading.set()
        await asyncio.Event().wait()

    def reader(chunks: Iterator[str]) -> Iterator[str]:
        try:
            yield from chunks
        except BaseException as error:
            left.append(error)
            raise

    before = busy_threads()
    home = asyncio.new_event_loop()
    stream = (RunnableLambda(endless) | RunnableGenerator(reader)).astream(1)

    async def read() -> None:
        async for _ in stream:
            pass

    task = home.create_task(read())
    while not reading.is_set():
        home.run_until_complete(asyncio.sleep(0.001))
    home.close()
    task._log_destroy_pending = False  # type: ignore[attr-defined]  # it is left on purpose
    assert wait_for(lambda: not busy_threads() - before, LONG)
    assert isinstance(left[0], asyncio.CancelledError)


LEFT_OPEN = """
import asyncio, contextvars, gc, sys
from runnables import RunnableGenerator, RunnableLambda, RunnableParallel, RunnablePassthrough
from runnables import AIMessage, StrOutputParser, create_agent, tool, tool_call, track_usage
from runnables_providers.scripted import ScriptedChatModel

kept = []
open_scopes = []
variable = contextvars.ContextVar("variable", default=0)

async def numbers(_):
    for number in range(100):
        await asyncio.sleep(0.001)
        yield str(number)

def sync_numbers(_):
    token = variable.set(1)
    open_scopes.append(1)
    try:
        with track_usage():
            yield from map(str, range(100))
    finally:
        variable.reset(token)
        open_scopes.pop()

async def slow_to_close(_):
    token = variable.set(1)
    open_scopes.append(1)
    try:
        with track_usage():
            for number in range(100):
                yield str(number)
    finally:
        variable.reset(token)
        open_scopes.pop()
        await asyncio.sleep(0.001)

def copies(chunks):
    yield from chunks

async def acopies(chunks):
    token = variable.set(2)
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        variable.reset(token)

@tool
def look(n: int) -> int:
    "Look."
    return n

async def read(stream, chunks=1000):
    async for _ in stream:
        chunks -= 1
        if not chunks:
            break

async def passed_on(chain, way):
    async with getattr(chain, way)("hi") as stream:
        async for chunk in stream:
            yield chunk

async def leave(chain, method, way):
    if way == "passed on":
        stream = passed_on(chain, method)
        async for _ in stream:
            break
    else:
        stream = getattr(chain, method)("hi")
    kept.append(stream)
    if way == "break":
        async for _ in stream:
            break
    elif way == "dropped":
        kept.clear()
        async for _ in stream:
            break
    elif way == "next":
        await anext(stream, None)
        await anext(stream, None)
    elif way == "a task":
        kept.append(asyncio.create_task(read(stream)))
        await asyncio.sleep(0.003)
    elif way == "a task that has ended":
        await asyncio.create_task(read(stream, 1))

requests = [tool_call(name="look", args={"n": 1}, id="c")]
answers = [AIMessage(tool_calls=requests), "Done with it."]
both = RunnableParallel(a=RunnablePassthrough(), b=RunnablePassthrough())
lazy, slow = RunnableLambda(sync_numbers), RunnableLambda(slow_to_close)
chains = [
    RunnableLambda(numbers),
    lazy,
    slow,
    RunnableParallel(a=numbers, b=sync_numbers, c=slow_to_close),
    RunnableLambda(numbers) | RunnableLambda(lambda x: x),
    slow | RunnableGenerator(copies) | RunnableGenerator(acopies) | RunnableGenerator(copies),
    lazy | RunnableGenerator(acopies) | both,
    lazy.with_fallbacks([slow]).with_retry().with_timeout(5),
    slow.with_fallbacks([lazy]).with_retry().with_timeout(5),
    RunnableLambda(lambda x: slow),
    ScriptedChatModel(["One two three four."], cycle=True) | StrOutputParser(),
    create_agent(ScriptedChatModel(answers, cycle=True), [look]),
]
ways = ["break", "dropped", "next", "not begun", "a task", "a task that has ended", "passed on"]

async def main(*call):
    if "eager" in sys.argv:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    await leave(*call)

for chain in chains:
    for method in ("astream", "astream_events"):
        for way in ways:
            asyncio.run(main(chain, method, way))
            kept.clear()
            gc.collect()
            assert not open_scopes, (chain, method, way)
"""


@pytest.mark.parametrize(
    "tasks",
    [
        "lazy",
        pytest.param(
            "eager",
            marks=pytest.mark.skipif(sys.version_info < (3, 12), reason="from Python 3.12 on"),
        ),
    ],
)
def test_streams_that_are_open_at_the_end_of_a_run_are_closed_quietly(tasks: str) -> None:
    """Each closes in its own context, and neither asyncio nor Python has anything to say."""
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", LEFT_OPEN, tasks],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_input_of_a_stream_that_was_given_is_closed_with_its_loop() -> None:
    """The chain that reads it does not close it, so the loop does."""
    closed: list[str] = []

    async def source(_: int) -> AsyncIterator[str]:
        try:
            while True:
                yield "a"
        finally:
            await asyncio.sleep(0)
            closed.append("source")

    async def main() -> None:
        for given in (source(1), RunnableLambda(source).astream(1)):
            stream = RunnablePassthrough().atransform(given)
            kept.append((given, stream))
            await anext(stream)

    kept: list[Any] = []
    asyncio.run(main())
    assert len(closed) == 2


def test_an_event_of_a_thread_after_the_loop_is_dropped() -> None:
    """The thread of a step cannot be stopped, and ends when its loop is gone."""
    inside, goes_on, ended = threading.Event(), threading.Event(), threading.Event()

    def work(_: int) -> None:
        inside.set()
        goes_on.wait(LONG)
        RunnableLambda(len).invoke("abc")
        ended.set()

    async def main() -> None:
        async def read() -> None:
            async for _ in RunnableLambda(work).astream_events(1):
                pass

        task = asyncio.create_task(read())
        await asyncio.to_thread(inside.wait, LONG)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    goes_on.set()
    wait_for(ended.is_set, CLOSE_GRACE)  # or it was cancelled before
    gc.collect()
