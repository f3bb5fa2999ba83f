"""Context managers that a task of their own holds open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from runnables.engine.held_open import HeldOpen, close_all, open_all


class Gate:
    """A context manager that must be left in the task that entered it, as anyio's are.

    Attributes:
        is_open: whether it was entered and not left.
    """

    def __init__(self, problem: str = "") -> None:
        self.is_open = False
        self._problem = problem

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[str]:
        task = asyncio.current_task()
        await asyncio.sleep(0)
        if self._problem == "stuck":
            await asyncio.Event().wait()
        if self._problem == "locked":
            raise OSError("locked")
        self.is_open = True
        try:
            yield "inside"
            if self._problem == "breaks":
                raise OSError("broken")
        finally:
            await asyncio.sleep(0)
            assert asyncio.current_task() is task
            self.is_open = False


async def test_any_task_leaves_it() -> None:
    """It is left in the task that entered it."""
    gate = Gate()
    held = HeldOpen(gate)
    assert await asyncio.create_task(held.open()) == "inside"
    assert gate.is_open
    await asyncio.create_task(held.close())
    assert not gate.is_open
    await held.close()


async def test_what_entering_raises_is_raised() -> None:
    """And what leaving raises is dropped."""
    with pytest.raises(OSError, match="locked"):
        await HeldOpen(Gate("locked")).open()
    held = HeldOpen(Gate("breaks"))
    await held.open()
    await held.close()


async def test_entering_has_a_time_limit() -> None:
    """What does not end in time is cancelled; so is what a cancelled task enters."""
    with pytest.raises(TimeoutError):
        await HeldOpen(Gate("stuck")).open(0.01)
    task = asyncio.create_task(HeldOpen(Gate("stuck")).open())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_several_are_open_or_none() -> None:
    """Where one fails, those that are open are closed."""
    gates = [Gate(), Gate()]
    held = [HeldOpen(gate) for gate in gates]
    await open_all(held)
    assert all(gate.is_open for gate in gates)
    await close_all(held)
    assert not any(gate.is_open for gate in gates)
    with pytest.raises(OSError, match="locked"):
        await open_all([HeldOpen(gates[0]), HeldOpen(Gate("locked")), HeldOpen(gates[1])])
    assert not any(gate.is_open for gate in gates)
