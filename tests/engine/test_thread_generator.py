"""Sync iterators with a thread and a context of their own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from runnables import RunnableGenerator, RunnableLambda
from runnables.engine import thread_generator
from runnables.engine.thread_generator import END, ThreadGenerator
from runnables.engine.timeouts import Expired
from tests.leaks import nothing_left

LONG = 5
"""Seconds until a test stops waiting for what would never come."""

SET: ContextVar[str] = ContextVar("SET", default="unset")


class Source:
    """Makes a generator that notes in which threads it runs, and that it was closed."""

    def __init__(self, count: int = 3) -> None:
        self.count = count
        self.threads: set[int] = set()
        self.closed = threading.Event()

    def __call__(self) -> Iterator[int]:
        token = SET.set("inside")
        try:
            for number in range(self.count):
                self.threads.add(threading.get_ident())
                yield number
        finally:
            self.threads.add(threading.get_ident())
            SET.reset(token)
            self.closed.set()


def test_it_lives_in_one_thread_that_is_free_at_its_end() -> None:
    """Whichever threads ask for its chunks."""
    source = Source()
    with nothing_left():
        chunks = ThreadGenerator(source, None)
        found: list[Any] = []
        for _ in range(3):
            thread = threading.Thread(target=lambda: found.append(chunks.next()))
            thread.start()
            thread.join()
        assert chunks.next() is END
        assert chunks.next() is END
        chunks.close()
    assert found == [0, 1, 2]
    assert len(source.threads) == 1
    assert threading.get_ident() not in source.threads


@pytest.mark.parametrize("begun", [False, True])
def test_closing_waits_until_it_is_closed(begun: bool) -> None:
    """One that was never begun is never made."""
    source = Source()
    with nothing_left():
        chunks = ThreadGenerator(source, None)
        if begun:
            chunks.next()
        chunks.close()
        assert source.closed.is_set() == begun
        chunks.close()
        assert chunks.next() is END


def test_one_that_is_dropped_is_closed_by_its_thread() -> None:
    """As by an async generator whose loop has ended without closing it."""
    source = Source()
    chunks = ThreadGenerator(source, None)
    chunks.next()
    with nothing_left():
        del chunks
        assert source.closed.wait(LONG)


def test_a_step_that_takes_too_long_is_left_and_its_thread_closes() -> None:
    """The consumer goes on at once; closing does not wait for the thread."""
    goes_on, closed = threading.Event(), threading.Event()

    def waits() -> Iterator[int]:
        try:
            goes_on.wait(LONG)
            yield 1
        finally:
            closed.set()

    chunks = ThreadGenerator(waits, None)
    with pytest.raises(Expired):
        chunks.next(0.01)
    chunks.close()
    assert not closed.is_set()
    goes_on.set()
    assert closed.wait(LONG)


def test_a_step_that_was_given_up_before_it_began_never_begins() -> None:
    """Its place is taken by the closing."""
    began = threading.Event()

    def begins() -> Iterator[int]:
        began.set()
        return iter([1])

    chunks = ThreadGenerator(begins, None)
    step = chunks._life.request(lambda _: None, None)
    while not step.claim():  # the thread was quicker: another iterator
        chunks.close()
        began.clear()
        chunks = ThreadGenerator(begins, None)
        step = chunks._life.request(lambda _: None, None)
    step.leave()
    chunks.close()
    assert not began.is_set()


def test_its_error_and_that_of_its_closing_are_raised() -> None:
    """Each once, in the consumer."""

    def fails() -> Iterator[int]:
        yield 1
        raise ValueError("step")

    def fails_to_close() -> Iterator[int]:
        try:
            yield 1
        finally:
            raise ValueError("closing")

    chunks = ThreadGenerator(fails, None)
    chunks.next()
    with pytest.raises(ValueError, match="step"):
        chunks.next()
    chunks.close()
    chunks = ThreadGenerator(fails_to_close, None)
    chunks.next()
    with pytest.raises(ValueError, match="closing"):
        chunks.close()


@pytest.mark.parametrize("how", ["raises", "does it here"])
def test_without_a_thread_it_runs_in_that_of_its_consumer(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether the pool raises, or does the job in place: it does not hang."""

    def no_thread(job: Any) -> None:
        if how == "raises":
            raise RuntimeError("can't start new thread")
        job()

    monkeypatch.setattr(thread_generator, "run_in_worker", no_thread)
    source = Source()
    chunks = ThreadGenerator(source, None)
    assert [chunks.next() for _ in range(4)] == [0, 1, 2, END]
    chunks.close()
    assert source.threads == {threading.get_ident()}
    assert SET.get() == "unset"

    def whole(_: Any) -> Iterator[int]:
        yield from Source()()

    async def streamed() -> list[int]:
        async with RunnableLambda(whole).astream(0) as stream:
            return [chunk async for chunk in stream]

    assert asyncio.run(streamed()) == [0, 1, 2]


def test_many_streams_at_once_hold_a_thread_each_and_end() -> None:
    """All are open at the same time; closing them frees all threads."""

    def letters(given: Iterator[str]) -> Iterator[str]:
        for text in given:
            yield from text

    chain = RunnableLambda(lambda _: "abc") | RunnableGenerator(letters)

    async def read(open_streams: list[None], all_open: asyncio.Event) -> str:
        async with chain.astream(0) as stream:
            found = await anext(aiter(stream))
            open_streams.append(None)
            if len(open_streams) == 300:
                all_open.set()
            await all_open.wait()
            return found + "".join([chunk async for chunk in stream])

    async def main() -> list[str]:
        open_streams: list[None] = []
        all_open = asyncio.Event()
        return await asyncio.gather(*(read(open_streams, all_open) for _ in range(300)))

    with nothing_left():
        assert asyncio.run(main()) == ["abc"] * 300
