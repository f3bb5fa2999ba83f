"""Items of an async batch share tasks, and none sees what another has done in its task."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from typing import Any

import pytest

from runnables import RunnableLambda
from runnables.engine.cancellation import CancelToken, current_token
from runnables.engine.slots import Slots
from runnables.engine.task_fan_out import TaskFanOut

NAME: ContextVar[Any] = ContextVar("NAME", default="unset")


class Incomparable:
    """A value that cannot be compared, as arrays cannot."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("more than one answer")

    __hash__ = None  # type: ignore[assignment]  # as arrays are


@pytest.mark.parametrize("limit", [1, 3])
@pytest.mark.parametrize("waits", [False, True])
def test_an_item_sees_no_variable_that_an_earlier_one_set(limit: int, waits: bool) -> None:
    """Also where both run in one slot, and where the value cannot be compared."""

    async def swap(value: Any) -> Any:
        before = NAME.get()
        NAME.set(value)
        if waits:
            await asyncio.sleep(0)
        return before

    values = ["a", Incomparable(), "b", Incomparable(), Incomparable(), "c"]
    seen = asyncio.run(RunnableLambda(swap).abatch(values, max_concurrency=limit))
    assert seen == ["unset"] * len(values)


def test_items_that_leave_the_context_alone_share_a_task() -> None:
    """A task for each item would cost more than many a step does."""

    async def task(value: int) -> int:
        token = NAME.set(value)
        await asyncio.sleep(0)
        NAME.reset(token)
        return id(asyncio.current_task())

    tasks = asyncio.run(RunnableLambda(task).abatch(range(50), max_concurrency=2))
    assert len(set(tasks)) == 2


def test_items_that_wait_for_nothing_do_not_block_the_loop() -> None:
    """Other tasks of the event loop go on meanwhile."""

    async def main() -> int:
        iterations = 0

        async def others() -> None:
            nonlocal iterations
            while True:
                iterations += 1
                await asyncio.sleep(0)

        async def same(value: int) -> int:
            return value

        other = asyncio.create_task(others())
        await RunnableLambda(same).abatch(range(1000), max_concurrency=4)
        other.cancel()
        return iterations

    assert asyncio.run(main()) >= 250


def test_a_cancellation_that_an_item_catches_does_not_reach_the_next() -> None:
    """An item whose task has been cancelled is the last in that task."""

    async def pending(value: int) -> int:
        task = asyncio.current_task()
        assert task is not None
        before = task.cancelling()
        if value % 2:
            task.cancel()
            try:
                await asyncio.sleep(1)
            except asyncio.CancelledError:
                return before
        return before

    assert asyncio.run(RunnableLambda(pending).abatch(range(8), max_concurrency=1)) == [0] * 8


async def test_an_item_of_a_cancelled_call_never_begins() -> None:
    """The call around it was cancelled, and has not come to cancelling the item's own task."""
    began: list[Any] = []

    async def work(_: int, item: Any) -> None:
        began.append(item)

    token = CancelToken()
    current_token.set(token)
    fan_out = TaskFanOut(work, iter("ab"), Slots(2, spare=True), owns_limit=True)
    first = asyncio.ensure_future(anext(fan_out.as_completed(2)))
    await asyncio.sleep(0)  # its tasks are there, and their first step is due
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert began == []
