"""Fan-out: the same work for each of many items, several at a time. What threads and tasks share.

A fan-out guarantees:

- **Limit.** Every item is done in a slot, so no more are in flight than the limit around allows.
- **No waiting for slots.** With no slot spare, the items take turns in the slot that the caller
  has. Slots that other calls release later bring further workers (`on_permit`).
- **Pulling.** Items are pulled one at a time, each when a slot is free for it.
- **Order.** `run` returns results in the order of the items; `as_completed` yields them as they
  come.
- **Failure.** The first error stops the rest, and is raised.
- **End.** When a call returns, raises, or its generator is closed, no item begins any more.
- **Back-pressure.** `max_buffered` limits the outcomes that wait for the consumer. `deliver` is
  stricter: it returns when the consumer has taken its chunk and asks for the next.

It has three parts:

    permits     a slot          SPARE ──acquire──▶ IN USE ──release──▶ SPARE
    (Permits)   the caller's    HELD ──lend──▶ LENT ──release, by the last worker──▶ HELD

    workers     an item         QUEUED ──begin──▶ BEGUN ──finish──▶ DONE
                                ABANDONED from either, when the call ends: see hand_over.py

    hand-over   the fan-out     OPEN ──the first failure, or the end──▶ STOPPED
    to the      an outcome      PUT ──▶ TAKEN by the consumer ──▶ it asks for the next
    consumer

Each of these steps is a single operation that nothing can interrupt, and a count goes up only with
what was acquired or started. So a finaliser or a signal handler may run a call of its own anywhere.
"""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING, Any, Final, TypeVar

from runnables.engine.cancellation import CancelToken, current_token, is_interrupt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from runnables.engine.slots import Slots

T = TypeVar("T")

SHUTDOWN_GRACE: Final = 0.1
"""Seconds that a failed call waits for its threads to stop, before it returns without them."""

CLOSE_GRACE: Final = 1.0
"""The same for a stream that is closed: its threads may be in the middle of a chunk."""

NO_RESULT: Final = object()
"""What an item's work returns where it has no result, as it delivered everything by itself."""


NOTHING_YET: Final = object()
"""What items that depend on the work return where they have none now. The worker that pulled it
ends; `on_permit` of the fan-out starts another. While no worker is busy, there must be an item, or
the end."""


class Items:
    """The items of one fan-out, with their indexes; each `take` pulls the next one."""

    __slots__ = ("_index", "_items", "over")

    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items
        self._index = 0
        self.over = False

    def take(self) -> tuple[int, Any] | None:
        """Return the next index and item, or None where none is left, or none is there yet."""
        if self.over:
            return None
        try:
            item = next(self._items)
        except StopIteration:
            self.over = True
            return None
        except BaseException:
            self.over = True
            raise
        if item is NOTHING_YET:
            return None
        self._index += 1
        return self._index - 1, item


class Permits:
    """The slots that the workers of one fan-out use, and the one that its caller holds.

    Args:
        slots: where they come from.
        owned: whether the caller has set the limit, and holds none of its slots.

    Attributes:
        in_use: an item for each slot of a worker.
    """

    __slots__ = ("_lent", "in_use", "owned", "slots")

    def __init__(self, slots: Slots, owned: bool) -> None:
        self.slots = slots
        self.owned = owned
        self.in_use: list[bool] = []
        self._lent: list[bool] = []  # an item while the caller's slot is lent

    def acquire(self) -> bool:
        """Acquire a spare slot for a worker; return False where none is."""
        if not self.slots.try_acquire():
            return False
        self.in_use.append(True)
        return True

    def release(self, early: bool = False) -> None:
        """Release the slot of a worker, or leave it to the caller who has lent its own.

        The caller gets the slot of the last worker, or the first one where it goes on early.
        """
        if not self.in_use:  # the caller's own
            return
        self.in_use.pop()
        if not (self._lent and (early or not self.in_use) and self._end_loan()):
            self.slots.release()

    def lend(self) -> None:
        """Release the caller's slot, while it waits for workers."""
        self._lent.append(True)
        if self.in_use or not self._end_loan():  # else no worker would give one back
            self.slots.release()

    def _end_loan(self) -> bool:
        try:
            return self._lent.pop()
        except IndexError:  # another thread has ended it
            return False


class FanOut:
    """The base of both fan-outs: items, permits, and the context that the items run in.

    Args:
        work: what to do with an item.
        items: pulled as slots get free, never ahead of them.
        slots: where the slots of workers come from.
        owns_limit: whether the caller has set the limit, and holds none of its slots.
        max_buffered: how many outcomes may wait for the consumer before workers pause; None where
            nothing is consumed until all is done.

    Attributes:
        stopped: whether no item may begin any more, after a failure or at the end.
    """

    def __init__(
        self,
        work: Callable[[int, Any], Any],
        items: Iterator[Any],
        slots: Slots,
        *,
        owns_limit: bool,
        max_buffered: int | None = None,
    ) -> None:
        self._work = work
        self._items = Items(items)
        self._permits = Permits(slots, owns_limit)
        self._max_buffered = max_buffered
        self._failures: list[BaseException] = []
        self.stopped = False
        self._token = CancelToken(current_token.get())
        self._context = contextvars.copy_context()
        self._context.run(current_token.set, self._token)

    def set_context(self, variable: contextvars.ContextVar[T], value: T) -> None:
        """Set a context variable for the work on all items."""
        self._context.run(variable.set, value)

    # -- permits

    def _wanted(self, total: int | None, own: int) -> int:
        """Return how many workers are wanted, besides the `own` (0 or 1) of the caller."""
        limit = self._permits.slots.limit
        return (limit if total is None else min(total, limit)) - own

    def _grow_later(self, missing: int) -> None:
        """Take slots that are released from now on, for `missing` or more workers."""
        slots = self._permits.slots
        slots.waiters[self] = slots
        if missing > 0 and self._permits.acquire():
            self._use_permit()  # it was released just before, and has not found us

    def on_permit(self) -> None:
        """Use a slot that was acquired for this fan-out, or release it."""
        self._permits.in_use.append(True)
        self._use_permit()

    def _use_permit(self) -> None:
        """Start a worker in a slot that was acquired, unless none is needed any more."""
        if self.stopped or self._items.over:
            self._stop_growing()
            self._permits.release(self.stopped)
        else:
            self._start_worker()

    def _start_worker(self) -> bool:
        """Start a worker in a slot that was acquired; release it where that is not possible."""
        raise NotImplementedError

    def _stop_growing(self) -> None:
        """Take no more slots."""
        self._permits.slots.waiters.pop(self, None)

    # -- the end

    @property
    def _failure(self) -> BaseException | None:
        """Return the first error, or the interrupt that replaces it."""
        return next(filter(is_interrupt, self._failures), next(iter(self._failures), None))

    def _stop(self) -> None:
        """Let no item begin any more."""
        self.stopped = True
        self._stop_growing()


def index_of(outcome: tuple[int, Any]) -> int:
    """Return the index of an outcome, by which outcomes are sorted."""
    return outcome[0]
