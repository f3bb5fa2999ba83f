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

The call that sets a limit holds no slot while it only waits for its workers.
"""

from __future__ import annotations

from typing import Final, Protocol

from runnables.engine.cancellation import lock
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


class _Waiter(Protocol):
    """A fan-out that has items left, and takes slots as they are released."""

    def on_permit(self) -> None:
        """Use a slot that was acquired for this waiter, or release it. Called in any thread."""
        ...


class Slots:
    """The slots of one limit, which all calls below the one that set it share.

    Args:
        limit: how many there are, at least 1.
        parent: the slots of the limit around it. Each slot here also counts against those.
        spare: whether all slots are free. By default the call that makes them holds the first.

    Attributes:
        waiters: the fan-outs that take released slots, each with the slots that it works within.
            Nested limits share one dict. `lock` guards it.
    """

    def __init__(self, limit: int, parent: Slots | None = None, *, spare: bool = False) -> None:
        self.limit = check_limit(limit)
        self.parent = parent
        self.waiters: dict[_Waiter, Slots] = {} if parent is None else parent.waiters
        self._spare = limit if spare else limit - 1

    def try_acquire(self, wanted: int = 1) -> int:
        """Acquire spare slots, here and in every limit around, without waiting.

        Returns:
            How many were spare, at most `wanted`. The caller releases each of them.
        """
        with lock:
            slots: Slots | None = self
            while slots is not None:
                wanted = min(wanted, slots._spare)
                slots = slots.parent
            if wanted > 0:
                self._add(-wanted)
            return max(wanted, 0)

    def release(self) -> None:
        """Release one slot, and offer what is spare to the fan-outs that have items left."""
        with lock:
            self._add(1)
            if not self.waiters:
                return
            granted = [waiter for waiter, slots in self.waiters.items() if slots.try_acquire()]
        for waiter in granted:
            waiter.on_permit()

    def _add(self, count: int) -> None:
        slots: Slots | None = self
        while slots is not None:
            slots._spare += count
            slots = slots.parent
