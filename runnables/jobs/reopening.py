"""How calls start again after a pause: one, then two, then four."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container

    from runnables.jobs.limits import LimitedCall


class Reopening:
    """The start of calls after a pause, while it is not known whether the service takes any.

    One call starts, and where it is not refused, two more, and so on: all that wait would be
    refused together where the service still is busy.

    Attributes:
        accepted: whether any call was accepted since the last time that `begin` was called.
    """

    def __init__(self) -> None:
        self.accepted = True
        self._allowed: int | None = None
        self._unconfirmed: deque[LimitedCall] = deque()

    def begin(self) -> None:
        """Begin with one call."""
        self._allowed = 1
        self._unconfirmed.clear()
        self.accepted = False

    def holds(self, call: LimitedCall) -> bool:
        """Tell whether a call started since `begin`, and was not known to be accepted."""
        return self._allowed is not None and call in self._unconfirmed

    def started(self, call: LimitedCall, limit: float) -> None:
        """Count a call that starts; it is over once as many are allowed as the limit allows."""
        if self._allowed is None:
            return
        self._unconfirmed.append(call)
        if self._allowed > limit:
            self._allowed = None
            self._unconfirmed.clear()

    def opens_at(self, now: float, live: Container[int], accepted_after: float) -> float:
        """Return the time from which the next call may start.

        Args:
            now: the time, in seconds.
            live: the numbers of the calls in flight.
            accepted_after: the seconds without a refusal after which a call counts as accepted.
        """
        if self._allowed is None:
            return now
        while self._unconfirmed:
            first = self._unconfirmed[0]
            if first.number in live and first.begun + accepted_after > now + 1e-9:
                break
            self._unconfirmed.popleft()
            self._allowed += 1
            self.accepted = True
        if len(self._unconfirmed) < self._allowed:
            return now
        return self._unconfirmed[0].begun + accepted_after
