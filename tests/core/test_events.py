"""Handlers that fail, and calls that are given up while handlers are told."""

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
    """Such a handler, which takes no weak references and has no hash."""

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
    """Also one that is made where another lay before, which takes over its id."""
    step = RunnableLambda(plain, blocking=False)
    with caplog.at_level(logging.WARNING, "runnables"):
        for _ in range(50):
            assert call.invoke(step, 1, {"callbacks": [Failing()]}) == 1
    assert logged(caplog) == 50


def test_a_handler_that_failed_is_let_go(caplog: pytest.LogCaptureFixture) -> None:
    """Remembering who was logged keeps nobody alive (a captured record would)."""
    caplog.set_level(logging.CRITICAL, "runnables")
    handler = Failing()
    RunnableLambda(plain).invoke(1, {"callbacks": [handler]})
    known = weakref.ref(handler)
    del handler
    assert known() is None


def test_a_handler_without_hash_and_weak_references_may_fail(
    call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged once, too, over several runs."""
    handler: Any = Slotted()
    with caplog.at_level(logging.WARNING, "runnables"):
        for _ in range(2):
            assert call.invoke(RunnableLambda(plain), 1, {"callbacks": [handler]}) == 1
    assert logged(caplog) == 1


def test_a_handler_that_hides_that_it_is_async_is_told_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its function returns a coroutine, which nobody could have seen before."""

    class Hidden:
        def on_event(self, event: Event) -> Any:
            return AsyncHandler().on_event(event)

    with caplog.at_level(logging.WARNING, "runnables"):
        assert RunnableLambda(plain).invoke(1, {"callbacks": [Hidden()]}) == 1
    assert logged(caplog) == 1
    error = caplog.records[0].exc_info
    assert error is not None
    assert "Use the async call" in str(error[1])


class Told:
    """Keeps the kinds of the events of the runs named `inside`."""

    def __init__(self) -> None:
        self.kinds: list[str] = []
        self.last = threading.Event()

    def on_event(self, event: Event) -> None:
        if event.name == "inside":
            self.kinds.append(event.kind)
            if event.kind != "start":
                self.last.set()


class AsyncHandler:
    """Awaited, so a thread asks the loop for it."""

    async def on_event(self, event: Event) -> None:
        await asyncio.sleep(0)


def test_a_run_in_a_thread_that_was_given_up_tells_its_end_to_all() -> None:
    """A handler behind an async one, too: it may have something open for the run."""
    told, entered, goes_on = Told(), threading.Event(), threading.Event()

    def inside(x: int) -> int:
        entered.set()
        goes_on.wait()
        return x

    inner = RunnableLambda(inside)

    def outside(x: int) -> int:
        return inner.invoke(x)

    async def main() -> None:
        config: Any = {"callbacks": [AsyncHandler(), told]}
        task = asyncio.create_task(RunnableLambda(outside).ainvoke(1, config))
        await asyncio.to_thread(entered.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        goes_on.set()
        await asyncio.to_thread(told.last.wait, 5)

    asyncio.run(main())
    assert told.kinds == ["start", "end"]


def test_a_run_that_is_cancelled_while_it_tells_its_end_tells_all() -> None:
    """The first handler is cancelled in its await; the second still hears the end."""
    told = Told()

    async def main() -> None:
        waits = asyncio.Event()

        class Waiting:
            async def on_event(self, event: Event) -> None:
                if event.kind == "end":
                    waits.set()
                    await asyncio.Event().wait()

        async def inside(x: int) -> int:
            return x

        config: Any = {"callbacks": [Waiting(), told]}
        task = asyncio.create_task(RunnableLambda(inside).ainvoke(1, config))
        await waits.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert told.kinds == ["start", "end"]
