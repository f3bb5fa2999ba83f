"""Slots: how many controls may run at once below one call.

A limit of n means n *controls*: each runs one leaf call at a time, so at most n leaf calls are
in flight, however deep the nesting. A control that fans out borrows spare slots for helpers.
Where none is spare, it does the work itself, one item after another, in the slot that it stands
in. Nobody waits for a slot, so nothing can deadlock. Who gives a slot back offers it to those
who still have work.

The call that opens a limit stands outside of it where it only waits for its helpers.
"""

from __future__ import annotations

from typing import Final, Protocol

from runnables.engine.cancellation import lock
from runnables.errors import ConfigError

DEFAULT_LIMIT: Final = 32
"""Slots below a call that says nothing of `max_concurrency`."""


def check_limit(limit: object) -> int:
    """The limit, which must be one.

    Raises:
        ConfigError: no whole number of at least 1.
    """
    if type(limit) is not int or limit < 1:
        raise ConfigError(f"max_concurrency={limit!r}: expected a whole number of at least 1")
    return limit


class _Waiter(Protocol):
    def on_permit(self) -> None: ...


class Slots:
    """How many controls may run at once below one call.

    Args:
        limit: at least 1.
        parent: the slots of the call around it, which a borrowed slot also counts against.
        spare: whether all slots are; else the one who opens them stands in the first.
    """

    def __init__(self, limit: int, parent: Slots | None = None, *, spare: bool = False) -> None:
        self.limit = check_limit(limit)
        self.parent = parent
        self.waiters: dict[_Waiter, Slots] = {} if parent is None else parent.waiters
        self._spare = limit if spare else limit - 1

    def try_acquire(self, wanted: int = 1) -> int:
        """Take spare slots, here and in every call around; how many it got, at most `wanted`."""
        with lock:
            slots: Slots | None = self
            while slots is not None:
                wanted = min(wanted, slots._spare)
                slots = slots.parent
            if wanted > 0:
                self._add(-wanted)
            return max(wanted, 0)

    def release(self) -> None:
        """Return a borrowed slot, and offer it to those who still have work."""
        with lock:
            self._add(1)
            if not self.waiters:
                return
            eager = [it for it, slots in self.waiters.items() if slots.try_acquire()]
        for fan_out in eager:
            fan_out.on_permit()

    def _add(self, spare: int) -> None:
        slots: Slots | None = self
        while slots is not None:
            slots._spare += spare
            slots = slots.parent
