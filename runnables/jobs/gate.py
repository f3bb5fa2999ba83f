"""The gate of a job: where rows wait until the limit lets them call.

Threads and the tasks of several event loops may wait at one gate, first come, first served. Only
the first in the queue asks the limit; the others sleep until it is their turn. As for rate limits,
nothing is held while a call waits, and a call that is cancelled leaves the queue.
"""

from __future__ import annotations

import math
import re
import time
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

from runnables.engine.cancellation import lock
from runnables.engine.timeouts import AsyncWakeup, Wakeup, async_sleep, sleep
from runnables.errors import RateLimitError, is_retryable
from runnables.models.rate_limits import FairQueue, Limits, QueueEntry
from runnables.models.response_headers import headers_listener

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from runnables.jobs.limits import CallLimit, LimitedCall

R = TypeVar("R")

_ABOUT_TOKENS: Final = re.compile(r"tokens? per|tokens?[ _](count|limit|quota)|\btpm\b", re.I)
"""What services write where tokens are what a call was refused for."""


class Gate:
    """The place where the rows of a job wait until its limit lets them call.

    A row has its turn in a block, sync or async. A `RateLimitError` that leaves the block counts
    as a refusal, another error as no sign at all, and its end as a success.

    Args:
        limit: the limit.
        clock: returns the time, in seconds; it must not go back.

    Attributes:
        limit: the limit.

    Example:
        >>> from runnables.jobs.limits import FixedLimit
        >>> gate = Gate(FixedLimit(8))
        >>> with gate.turn() as turn:
        ...     gate.in_flight
        1
        >>> gate.in_flight
        0
    """

    def __init__(self, limit: CallLimit, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit = limit
        self._clock = clock
        self._queue = _LimitQueue(limit, clock)

    @property
    def in_flight(self) -> int:
        """Return how many calls are in flight."""
        return self.limit.in_flight

    @property
    def waiting(self) -> int:
        """Return how many calls wait for their turn."""
        return len(self._queue.waiting)

    def turn(self, tokens: float = 0, group: int = 0) -> Turn:
        """Return the turn of one call, a context manager, sync and async, that waits for it.

        Args:
            tokens: how many tokens it will take, about; 0 where that is not known.
            group: the calls of a group come before those of one with a higher number.
        """
        return Turn(self._queue, self._clock, tokens, group)

    def change(self, change: Callable[[Any], object]) -> None:
        """Change the limit, and wake the first call that waits."""
        self._queue.report(lambda: change(self.limit))

    def run(
        self, function: Callable[[Turn], R], *, tokens: float = 0, give_up: float = math.inf
    ) -> R:
        """Return what a function returns, called in a turn, and again after each refusal.

        Args:
            function: makes the call; it gets the turn.
            tokens: how many tokens it will take, about.
            give_up: the seconds after which a refusal is raised instead.

        Raises:
            RateLimitError: no attempt is left in this time, or the quota of a day is used up.
            Exception: what the function raises.
        """
        until = self._clock() + give_up
        turn = self.turn(tokens)
        while True:
            try:
                with turn:
                    return function(turn)
            except RateLimitError as error:
                if not is_retryable(error) or self._clock() + turn.delay > until:
                    raise
            sleep(turn.delay)
            turn = turn.again()

    async def arun(
        self,
        function: Callable[[Turn], Awaitable[R]],
        *,
        tokens: float = 0,
        give_up: float = math.inf,
    ) -> R:
        """Return what a function returns, awaited in a turn, and again after each refusal."""
        until = self._clock() + give_up
        turn = self.turn(tokens)
        while True:
            try:
                async with turn:
                    return await function(turn)
            except RateLimitError as error:
                if not is_retryable(error) or self._clock() + turn.delay > until:
                    raise
            await async_sleep(turn.delay)
            turn = turn.again()


class _LimitEntry(QueueEntry):
    """A call in the queue of a limit.

    Attributes:
        group: those of a lower number come before it.
        call: what the limit knows it by, once it has started.
    """

    def __init__(self, tokens: float, wakeup: Any, group: int = 0) -> None:
        super().__init__(tokens, wakeup)
        self.group = group
        self.call: LimitedCall | None = None


class _LimitQueue(FairQueue):
    """The calls that wait for a limit, in the order of their arrival."""

    def __init__(self, limit: CallLimit, clock: Callable[[], float]) -> None:
        super().__init__(Limits(), clock)
        self.limit = limit

    def enqueue(self, entry: QueueEntry) -> None:
        """Add a call behind those of its group and of lower ones."""
        group = cast("_LimitEntry", entry).group
        with lock:
            super().enqueue(entry)
            if group:
                self.waiting.pop()
                before = sum(cast("_LimitEntry", one).group <= group for one in self.waiting)
                self.waiting.insert(before, entry)

    def enqueue_first(self, entry: QueueEntry) -> None:
        """Add a call that was in the queue before: others came later."""
        with lock:
            self.waiting.appendleft(entry)

    def _seconds_until_start(self, entry: QueueEntry, now: float) -> float:
        seconds = self.limit.next_start(now, entry.tokens)
        return math.inf if seconds is None else seconds  # the end of a call wakes the head

    def _start(self, entry: QueueEntry, now: float) -> None:
        cast("_LimitEntry", entry).call = self.limit.started(now, entry.tokens)

    def report(self, end: Callable[[], R]) -> R:
        """Report something to the limit, and wake the head of the queue."""
        with lock:
            try:
                return end()
            finally:
                self._wake_head()


class Turn:
    """The turn of one call: a block, sync or async, that begins once the limit lets it.

    Attributes:
        delay: the seconds that the row waits before its next turn, after a refusal; else 0.
    """

    def __init__(
        self,
        queue: _LimitQueue,
        clock: Callable[[], float],
        tokens: float,
        group: int = 0,
        *,
        first: bool = False,
    ) -> None:
        self.delay = 0.0
        self._queue = queue
        self._clock = clock
        self._tokens = tokens
        self._group = group
        self._used: float | None = None
        self._lacks_tokens = False
        self._enqueue = queue.enqueue_first if first else queue.enqueue
        self._call: LimitedCall | None = None
        self._listening: Any = None

    def again(self) -> Turn:
        """Return a turn for the same row after a refusal; it comes before those that came later."""
        return Turn(self._queue, self._clock, self._tokens, self._group, first=True)

    def used(self, tokens: float) -> None:
        """Say how many tokens the call took."""
        self._used = tokens

    def __enter__(self) -> Self:
        entry = _LimitEntry(self._tokens, Wakeup(), self._group)
        try:
            self._enqueue(entry)
            while seconds := self._queue.seconds_until(entry):
                entry.wakeup.wait(seconds)
            self._begin(entry)
        except BaseException:
            self._abandon(entry)
            raise
        return self

    async def __aenter__(self) -> Self:
        entry = _LimitEntry(self._tokens, AsyncWakeup(), self._group)
        try:
            self._enqueue(entry)
            while seconds := self._queue.seconds_until(entry):
                await entry.wakeup.wait(seconds)
            self._begin(entry)
        except BaseException:
            self._abandon(entry)
            raise
        return self

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._end(error)

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._end(error)

    def _begin(self, entry: _LimitEntry) -> None:
        self._call = entry.call
        self._listening = headers_listener.set(self._take_headers)

    def _abandon(self, entry: _LimitEntry) -> None:
        """Leave the queue, or give back a turn that was interrupted as it began."""
        self._queue.dequeue(entry)
        self._call = entry.call
        if self._call is not None:
            self._end(None, began=False)

    def _take_headers(self, headers: Mapping[str, str]) -> None:
        """Take what a response within this turn says about limits."""
        call = self._call
        if call is not None:
            limit, now = self._queue.limit, self._clock()
            self._lacks_tokens = self._queue.report(lambda: limit.state(headers, now, call))

    def _end(self, error: BaseException | None, *, began: bool = True) -> None:
        call, self._call = self._call, None
        if call is None:
            return
        if began:
            headers_listener.reset(self._listening)
        limit, now = self._queue.limit, self._clock()
        if isinstance(error, RateLimitError) and is_retryable(error):
            by_tokens = self._lacks_tokens or _ABOUT_TOKENS.search(str(error)) is not None
            self.delay = self._queue.report(
                lambda: limit.refused(call, now, error.retry_after, by_tokens=by_tokens)
            )
        elif error is None and began:
            self._queue.report(lambda: limit.succeeded(call, now, tokens=self._used))
        else:
            self._queue.report(lambda: limit.failed(call, now))
