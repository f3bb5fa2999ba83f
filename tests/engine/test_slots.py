"""Slots: what is released is offered, also where finalisers and other threads come in between."""

from __future__ import annotations

import sys
import threading

import pytest

from runnables import RunnableLambda
from runnables.engine.slots import Slots


class Waiter:
    """A fan-out that counts the slots that it was offered."""

    def __init__(self, slots: Slots, leaves: Waiter | None = None) -> None:
        self.slots = slots
        self.granted = 0
        self._leaves = leaves

    def on_permit(self) -> None:
        self.granted += 1
        if self._leaves is not None:
            self.slots.waiters.pop(self._leaves, None)


def test_a_slot_counts_in_every_limit_around() -> None:
    """The inner limit has slots left, the outer one has none: nothing is acquired."""
    outer = Slots(3)
    inner = Slots(8, outer)
    assert [inner.try_acquire() for _ in range(3)] == [True, True, False]
    assert not outer.try_acquire()
    inner.release()
    assert outer.try_acquire()
    assert not inner.try_acquire()


def test_a_waiter_may_leave_while_a_slot_is_offered() -> None:
    """The garbage collector may close any stream at that moment."""
    slots = Slots(3)
    last = Waiter(slots)
    first = Waiter(slots, leaves=last)
    for waiter in (first, last):
        slots.waiters[waiter] = slots
    assert slots.try_acquire()
    slots.release()
    assert (first.granted, last.granted) == (1, 0)


def test_no_slot_is_lost_nor_made_between_threads() -> None:
    """Many threads acquire and release at once; at the end all are there."""
    slots = Slots(5, spare=True)
    most, in_use = [0], [0]
    guard = threading.Lock()

    def work() -> None:
        for _ in range(2_000):
            if slots.try_acquire():
                with guard:
                    in_use[0] += 1
                    most[0] = max(most[0], in_use[0])
                with guard:
                    in_use[0] -= 1
                slots.release()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert most[0] <= 5
    assert [slots.try_acquire() for _ in range(6)] == [True] * 5 + [False]


@pytest.mark.parametrize("limit", [10**9, 10**30])
def test_a_huge_limit_costs_nothing(limit: int) -> None:
    """Slots are not made before they are used."""
    assert RunnableLambda(len).batch(["a", "bb"], max_concurrency=limit) == [1, 2]
    pairs = RunnableLambda(len).batch_as_completed(["a", "bb"], max_concurrency=limit)
    assert sorted(pairs) == [(0, 1), (1, 2)]
