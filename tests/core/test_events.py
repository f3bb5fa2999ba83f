"""Handlers that fail, and calls that are cancelled while handlers receive an event."""

from __future__ import annotations

import asyncio
import logging
import threading
import weakref
from typing import Any

import pytest

from runnables import Event, RunnableLambda
from tests.both_modes import Call


class Failing:
    """A handler that raises at every event."""

    def on_event(self, event: Event) -> None:
        raise ValueError("own")


class Slotted:
    """A failing handler that takes no weak references and has no hash."""

    __slots__ = ()
    __hash__: Any = None

    def on_event(self, event: Event) -> None:
        raise ValueError("own")


def plain(x: int) -> int:
    return x


def logged(caplog: pytest.LogCaptureFixture) -> int:
    return sum("failed; its further errors" in record.getMessage() for record in caplog.records)


def test_every_handler_that_fails_is_logged_once(
    call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    """A handler that is made in the memory of another has its id, and is logged all the same."""
    step = RunnableLambda(plain, blocking=False)
    with caplog.at_level(logging.WARNING, "runnables"):
        for _ in range(50):
            assert call.invoke(step, 1, {"callbacks": [Failing()]}) == 1
    assert logged(caplog) == 50


def test_a_handler_that_failed_is_not_kept_alive(caplog: pytest.LogCaptureFixture) -> None:
    """The library refers to it only weakly. (A captured log record would keep it alive.)"""
    caplog.set_level(logging.CRITICAL, "runnables")
    handler = Failing()
    RunnableLambda(plain).invoke(1, {"callbacks": [handler]})
    known = weakref.ref(handler)
    del handler
    assert known() is None


def test_a_handler_without_hash_and_weak_references_may_fail(
    call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    """Its error is logged once, too, in several runs."""
    handler: Any = Slotted()
    with caplog.at_level(logging.WARNING, "runnables"):
        for _ in range(2):
            assert call.invoke(RunnableLambda(plain), 1, {"callbacks": [handler]}) == 1
    assert logged(caplog) == 1


def test_a_hidden_async_handler_is_logged_as_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its sync function returns a coroutine, which shows only when it is called."""

    class Hidden:
        def on_event(self, event: Event) -> Any:
            return AsyncHandler().on_event(event)

    with caplog.at_level(logging.WARNING, "runnables"):
        assert RunnableLambda(plain).invoke(1, {"callbacks": [Hidden()]}) == 1
    assert logged(caplog) == 1
    error = caplog.records[0].exc_info
    assert error is not None
    assert "Use the async call" in str(error[1])


class Kinds:
    """A handler that records the kinds of the events of the runs named `inside`."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.last = threading.Event()

    def on_event(self, event: Event) -> None:
        if event.name == "inside":
            self.kinds.append(event.kind)
            if event.kind != "start":
                self.last.set()


class AsyncHandler:
    """A handler that must be awaited, which a thread asks the event loop to do."""

    async def on_event(self, event: Event) -> None:
        await asyncio.sleep(0)


def test_every_handler_receives_the_end_of_a_run_in_an_abandoned_thread() -> None:
    """A sync handler behind an async one receives it, too: it may hold resources of the run."""
    recorded, entered, resumed = Kinds(), threading.Event(), threading.Event()

    def inside(x: int) -> int:
        entered.set()
        resumed.wait()
        return x

    inner = RunnableLambda(inside)

    def outside(x: int) -> int:
        return inner.invoke(x)

    async def main() -> None:
        config: Any = {"callbacks": [AsyncHandler(), recorded]}
        task = asyncio.create_task(RunnableLambda(outside).ainvoke(1, config))
        await asyncio.to_thread(entered.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        resumed.set()
        await asyncio.to_thread(recorded.last.wait, 5)

    asyncio.run(main())
    assert recorded.kinds == ["start", "end"]


def test_every_handler_receives_an_end_that_is_cancelled_midway() -> None:
    """The first handler is cancelled in its await; the second still receives the end."""
    recorded = Kinds()

    async def main() -> None:
        waits = asyncio.Event()

        class Waiting:
            async def on_event(self, event: Event) -> None:
                if event.kind == "end":
                    waits.set()
                    await asyncio.Event().wait()

        async def inside(x: int) -> int:
            return x

        config: Any = {"callbacks": [Waiting(), recorded]}
        task = asyncio.create_task(RunnableLambda(inside).ainvoke(1, config))
        await waits.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert recorded.kinds == ["start", "end"]
