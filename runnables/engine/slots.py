"""Slots: the permits of a concurrency limit.

A limit of n is n slots. Each is held by one thread of control (a worker, a task, the caller), which
runs one leaf call at a time: a model, a tool, a function. So at most n leaf calls are in flight
below one call, however deep its fan-outs are nested.

- **No deadlock.** Nothing ever waits for a slot. A fan-out acquires spare slots for its workers.
  Where no slot is spare, it runs its items one after another in the slot that its caller holds.
- **No idle slot.** A slot that is released is offered to every fan-out that still has items
  (`waiters`).
- **Nested limits.** A limit within a limit has the outer one as its parent. Acquiring takes one
  slot of each.
- **No lock.** A spare slot is an item of an iterator, or of a list when it was used before; the
  thread that takes it has it. Each step is one operation that nothing can interrupt, so finalisers
  and signal handlers may run calls of their own.

The call that sets a limit holds no slot while it only waits for its workers.
"""

from __future__ import annotations

import sys
from itertools import repeat
from typing import Final, Protocol

from runnables.errors import ConfigError

DEFAULT_LIMIT: Final = 32
"""The limit of a call that sets no `max_concurrency`."""


def check_limit(limit: object) -> int:
    """Return a limit that is valid.

    Raises:
        ConfigError: it is no whole number of at least 1.
    """
    if type(limit) is not int or limit < 1:
        raise ConfigError(f"max_concurrency={limit!r}: expected a whole number of at least 1")
    return limit


class Waiter(Protocol):
    """A fan-out that has items left, and takes slots as they are released."""

    def on_permit(self) -> None:
        """Use a slot that was acquired for this waiter, or release it.

        Called in any thread. It does not raise: the thread that releases a slot is not its own.
        """
        ...


class Slots:
    """The slots of one limit, which all calls below the one that set it share.

    Args:
        limit: how many there are, at least 1.
        parent: the slots of the limit around it. Each slot here also counts against those.
        spare: whether all slots are free. By default the call that makes them holds the first.

    Attributes:
        waiters: the fan-outs that take released slots, each with the slots that it works within.
            Nested limits share one dict. A fan-out that adds itself tries to acquire
            afterwards, as a slot that was released just before has not found it.
    """

    __slots__ = ("_released", "_unused", "limit", "parent", "waiters")

    def __init__(self, limit: int, parent: Slots | None = None, *, spare: bool = False) -> None:
        self.limit = check_limit(limit)
        self.parent = parent
        self.waiters: dict[Waiter, Slots] = {} if parent is None else parent.waiters
        self._unused = repeat(True, min(limit, sys.maxsize) - (not spare))
        self._released: list[bool] = []

    def try_acquire(self) -> bool:
        """Acquire a spare slot, here and in every limit around; return False where none is."""
        if not self._take():
            return False
        if self.parent is None or self.parent.try_acquire():
            return True
        self._released.append(True)
        return False

    def _take(self) -> bool:
        if self._released:
            try:
                return self._released.pop()
            except IndexError:  # another thread was quicker
                pass
        return next(self._unused, False)

    def release(self) -> None:
        """Release one slot, and offer what is spare to the fan-outs that have items left."""
        slots: Slots | None = self
        while slots is not None:
            slots._released.append(True)
            slots = slots.parent
        for waiter in list(self.waiters):  # a copy: finalisers may remove some meanwhile
            within = self.waiters.get(waiter)
            if within is not None and within.try_acquire():
                waiter.on_permit()
