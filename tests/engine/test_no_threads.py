"""Where no thread can be had, calls are done in the thread that makes them."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import pytest

from runnables import (
    AIMessage,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    StepTimeout,
    create_agent,
    tool,
    tool_call,
)
from runnables.engine import worker_pool
from runnables.engine.slots import Slots
from runnables.engine.thread_fan_out import ThreadFanOut
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call

LONG = 5
"""Seconds until a test stops waiting for what would never come."""


class Threads:
    """How many more threads the system starts."""

    def __init__(self) -> None:
        self.left = 0
        self._start = threading.Thread.start

    def start(self, thread: threading.Thread) -> None:
        """Start a thread as `Thread.start` does, or refuse it as that does."""
        if self.left <= 0:
            raise RuntimeError("can't start new thread")
        self.left -= 1
        self._start(thread)


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Threads:
    """Refuse further threads. (The limit of the system does not hold for root, who tests here.)"""
    limited = Threads()
    monkeypatch.setattr(threading.Thread, "start", lambda thread: limited.start(thread))
    while worker_pool._idle:  # those that wait for a job end
        worker_pool._idle.pop().assign(cast("Any", None))
    return limited


def where(_: Any) -> int:
    return threading.get_ident()


def letters(chunks: Iterator[str]) -> Iterator[str]:
    for chunk in chunks:
        yield from chunk


@pytest.mark.parametrize("limit", [1, 2, 8, None])
def test_everything_is_done_in_the_callers_thread(
    limit: int | None, call: Call, threads: Threads
) -> None:
    """Batches, mappings, nested ones, time limits, and functions in async runs."""
    here = threading.get_ident()
    config: Any = {} if limit is None else {"max_concurrency": limit}
    step = RunnableLambda(where)
    assert call.batch(step, range(5), **config) == [here] * 5
    assert call.invoke(RunnableParallel(a=step, b=step), 1, config) == {"a": here, "b": here}
    assert call.invoke(step.map(), [1, 2, 3], config) == [here] * 3
    nested = RunnableParallel(a=step.map(), b=RunnableParallel(c=step, d=step.map()))
    assert call.batch(nested, [[1, 2]] * 3, **config)[2] == {
        "a": [here] * 2,
        "b": {"c": here, "d": [here] * 2},
    }
    assert call.invoke(step.with_timeout(LONG), 1, config) == here


def test_streams_come_whole(call: Call, threads: Threads) -> None:
    """Parallel streams, completed items and events."""
    spell = RunnableGenerator(letters)
    chunks = call.stream(RunnableParallel(a=spell, b=spell), "xyz", {"max_concurrency": 4})
    assert sorted(map(str, chunks)) == sorted(str({key: x}) for key in "ab" for x in "xyz")

    async def events() -> list[Any]:
        return [event async for event in spell.astream_events("xyz")]

    kinds = [e["event"] for e in call.run(lambda: list(spell.stream_events("xyz")), events)]
    assert kinds.count("on_chain_stream") == 3


def test_events_are_there_when_the_work_is_done(threads: Threads) -> None:
    """Sync: without a thread for the work, the first event waits for all of it."""
    worked: list[str] = []

    def work(text: str) -> str:
        worked.append(text)
        return text

    events = RunnableLambda(work).stream_events("a")
    assert worked == []
    assert next(events)["event"] == "on_chain_start"
    assert worked == ["a"]
    events.close()


def test_an_error_is_raised_as_it_is_otherwise(call: Call, threads: Threads) -> None:
    """It stops the rest."""
    done: list[int] = []

    def work(x: int) -> int:
        if x == 2:
            raise ValueError("own")
        done.append(x)
        return x

    with pytest.raises(ValueError, match="own") as caught:
        call.batch(RunnableLambda(work), range(9), max_concurrency=4)
    assert any("batch item 2" in note for note in caught.value.__notes__)
    assert 8 not in done


def test_endless_inputs_are_pulled_one_by_one(threads: Threads) -> None:
    """The consumer does one item for each outcome that it asks for."""
    pulled: list[int] = []

    def inputs() -> Iterator[int]:
        for number in range(10**9):
            pulled.append(number)
            yield number

    with RunnableLambda(where).batch_as_completed(inputs(), max_concurrency=4) as pairs:
        for index, _ in pairs:
            if index == 3:
                break
    assert len(pulled) <= 5


def test_a_time_limit_still_drops_what_comes_too_late(threads: Threads) -> None:
    """The function runs here to its end, and then the limit is over."""

    def slow(x: int) -> int:
        time.sleep(0.02)
        return x

    with pytest.raises(StepTimeout):
        RunnableLambda(slow).with_timeout(0.01).invoke(1)


def test_a_sync_generator_that_reads_an_async_stream_says_why_it_cannot(threads: Threads) -> None:
    """It would wait for the loop within the loop."""

    async def source(_: int) -> AsyncIterator[str]:
        await asyncio.sleep(0)
        yield "a"

    async def main() -> None:
        async with asyncio.timeout(LONG):
            async with (RunnableLambda(source) | RunnableGenerator(letters)).astream(1) as chunks:
                async for _ in chunks:
                    pass

    with pytest.raises(RuntimeError, match="no thread"):
        asyncio.run(main())


@pytest.mark.parametrize("left", [1, 2, 3])
def test_some_threads_are_better_than_none(left: int, threads: Threads) -> None:
    """Those that can be had do the work; nothing waits for the others."""
    threads.left = left
    found = RunnableLambda(where).batch(range(50), max_concurrency=8)
    assert threading.get_ident() not in found
    assert len(set(found)) <= left
    threads.left = 0
    nested = RunnableLambda(where).map()
    assert len(nested.batch([[1, 2, 3]] * 9, max_concurrency=8)) == 9


def test_an_agent_uses_its_tools(call: Call, threads: Threads) -> None:
    """One after another, in the thread of the call."""

    @tool
    def thread(n: int) -> str:
        """Tell in which thread this is."""
        return str(threading.get_ident())

    requests = [tool_call(name="thread", args={"n": n}, id=f"call_{n}") for n in range(3)]
    model = ScriptedChatModel([AIMessage(tool_calls=requests), "Done."])
    state = call.invoke(create_agent(model, [thread]), "Where?")
    found = [message.text for message in state["messages"][2:5]]
    assert found == [str(threading.get_ident())] * 3


def test_every_slot_is_free_again(threads: Threads) -> None:
    """A slot that was acquired for a thread that did not start is released."""
    for owns in (True, False):
        slots = Slots(4, spare=owns)
        fan_out = ThreadFanOut(lambda _, x: x, iter(range(6)), slots, owns_limit=owns)
        assert fan_out.run(6) == list(range(6))
        free = sum(slots.try_acquire() for _ in range(9))
        assert free == 3  # the fourth is the caller's
        assert not slots.waiters


def test_a_limit_holds(threads: Threads) -> None:
    """What the caller does itself counts against the limit, too."""
    active, most = [0], [0]
    guard = threading.Lock()

    def leaf(x: int) -> int:
        with guard:
            active[0] += 1
            most[0] = max(most[0], active[0])
        time.sleep(0.001)
        with guard:
            active[0] -= 1
        return x

    threads.left = 1
    fans = RunnableLambda(lambda x: [x] * 4) | RunnableLambda(leaf).map()
    for limit in (1, 2, 3):
        RunnableParallel(a=fans, b=leaf, c=fans).batch(range(4), max_concurrency=limit)
        assert most[0] <= limit


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("when", ["idle", "in a batch", "in a stream"])
def test_a_forked_child_runs_calls(when: str) -> None:
    """Its threads are its own: those of the parent do not exist there, whatever they were doing."""
    script = f"""
import os, sys, threading, time, warnings
warnings.simplefilter("ignore")  # Python warns of forks with threads, which this is about
from runnables import RunnableLambda, RunnableParallel

def double(x):
    time.sleep(0.0002)
    return 2 * x

def letters(chunks):
    for chunk in chunks:
        yield from "abc"

both = RunnableParallel(a=double, b=double)
streams = RunnableParallel(a=letters, b=letters)
def work():
    both.batch(range(8), max_concurrency=4)
    list(streams.stream(1))

work()
going = [True]
def forever():
    while going[0]:
        work()
threads = [threading.Thread(target=forever, daemon=True) for _ in range(2 * ({when!r} != "idle"))]
for thread in threads:
    thread.start()

def child():
    work()
    os.write(1, b"child\\n")
    os._exit(0)

for _ in range(20):
    if {when!r} == "in a stream":
        with streams.stream(1) as chunks:
            next(chunks)
            if (pid := os.fork()) == 0:
                child()
    elif (pid := os.fork()) == 0:
        child()
    os.waitpid(pid, 0)
    work()
going[0] = False
for thread in threads:
    thread.join()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr, done.returncode) == ("child\n" * 20, "", 0)
