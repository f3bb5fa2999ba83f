"""Calls to an event loop in another thread."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runnables.engine.cancellation import CancelToken, current_token
from runnables.engine.loop_calls import arun_in_loop, run_in_loop
from runnables.engine.loop_thread import LoopThread

VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    thread = LoopThread()
    yield thread
    thread.close()


def drop(_: object) -> None:
    """Ignore a message."""


async def adrop(_: object) -> None:
    """Ignore a message."""


async def where(put: Callable[[Any], None]) -> tuple[int, str]:
    """Return the thread and a context variable; put two messages."""
    put("one")
    await asyncio.sleep(0)
    put("two")
    return threading.get_ident(), VARIABLE.get()


async def fail(put: Callable[[Any], None]) -> None:
    """Raise an error."""
    raise KeyError("lost")


class Waits:
    """Work that waits forever, and knows when it ended, with a `finally` that waits."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.ended = False

    async def work(self, put: Callable[[Any], None]) -> None:
        """Wait."""
        self.began.set()
        put("began")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            self.ended = True


def test_a_thread_calls_the_loop(thread: LoopThread) -> None:
    """Messages are received here, in order; the work has the context of the caller."""
    received: list[Any] = []
    VARIABLE.set("sync")
    ident, value = run_in_loop(
        thread.loop(), where, lambda message: received.append((message, threading.get_ident()))
    )
    assert ident != threading.get_ident() and value == "sync"
    assert received == [(message, threading.get_ident()) for message in ("one", "two")]
    with pytest.raises(KeyError, match="lost"):
        run_in_loop(thread.loop(), fail, drop)


async def test_a_task_calls_the_loop(thread: LoopThread) -> None:
    """As a thread does."""
    received: list[Any] = []

    async def receive(message: Any) -> None:
        received.append((message, threading.get_ident()))

    VARIABLE.set("async")
    ident, value = await arun_in_loop(thread.loop(), where, receive)
    assert ident != threading.get_ident() and value == "async"
    assert received == [(message, threading.get_ident()) for message in ("one", "two")]
    with pytest.raises(KeyError, match="lost"):
        await arun_in_loop(thread.loop(), fail, adrop)


def test_a_cancelled_call_ends_the_work_first(thread: LoopThread) -> None:
    """The caller goes on when each `finally` has run."""
    waits, token = Waits(), CancelToken()
    reset = current_token.set(token)
    try:
        with pytest.raises(asyncio.CancelledError):
            run_in_loop(thread.loop(), waits.work, lambda _: token.cancel())
        assert waits.ended
        never = Waits()
        with pytest.raises(asyncio.CancelledError):  # it is cancelled already
            run_in_loop(thread.loop(), never.work, drop)
    finally:
        current_token.reset(reset)


async def test_a_cancelled_task_ends_the_work_first(thread: LoopThread) -> None:
    """As a thread that is cancelled."""
    waits = Waits()
    begun = asyncio.Event()

    async def receive(_: Any) -> None:
        begun.set()

    task = asyncio.create_task(arun_in_loop(thread.loop(), waits.work, receive))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert waits.ended


def test_an_error_of_the_receiver_ends_the_work_first(thread: LoopThread) -> None:
    """In a thread and in a task."""

    def refuse(_: Any) -> None:
        raise ValueError("no")

    async def arefuse(_: Any) -> None:
        raise ValueError("no")

    waits, others = Waits(), Waits()
    with pytest.raises(ValueError, match="no"):
        run_in_loop(thread.loop(), waits.work, refuse)
    with pytest.raises(ValueError, match="no"):
        asyncio.run(arun_in_loop(thread.loop(), others.work, arefuse))
    assert waits.ended and others.ended


def test_the_end_of_the_loop_ends_the_wait(thread: LoopThread) -> None:
    """For a call that runs, and for one that comes later."""
    waits, loop = Waits(), thread.loop()
    closer = threading.Thread(target=lambda: (waits.began.wait(), thread.close()))
    closer.start()
    with pytest.raises(asyncio.CancelledError):
        run_in_loop(loop, waits.work, drop)
    closer.join()
    while not loop.is_closed():
        time.sleep(0.001)
    with pytest.raises(asyncio.CancelledError, match="has ended"):
        run_in_loop(loop, where, drop)
    with pytest.raises(asyncio.CancelledError, match="has ended"):
        thread.loop()
