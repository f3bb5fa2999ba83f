"""Limits for the requests and tokens that a service gets in a minute.

Calls that have to wait form a queue, first come, first served. Only its head looks at the clock:
it sleeps until it may go, leaves the queue, and wakes the next head. No call polls. Threads and
the tasks of several event loops may wait in one queue. Guarantees:

- A queue and its buckets change only under the lock, which no call holds while it waits.
- A call that is cancelled leaves the queue, and wakes the next head. One whose event loop was
  closed cannot; the next call that comes removes it from the head.
- Tokens that are returned wake the head, which looks at the clock again.
"""

from __future__ import annotations

import math
import os
import time
import uuid
import weakref
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from runnables.core.signatures import checks_keywords
from runnables.core.values import Value
from runnables.engine.cancellation import lock
from runnables.engine.timeouts import AsyncWakeup, Wakeup
from runnables.errors import ConfigError
from runnables.models.last_minute import LastMinute
from runnables.models.token_bucket import TokenBucket

if TYPE_CHECKING:
    from collections.abc import Callable


class BaseRateLimiter(ABC):
    """A base for what admits the calls of models; write `acquire` and `aacquire`.

    The other methods are for limiters that count tokens, or that react to a busy service.

    Example:
        >>> class Counter(BaseRateLimiter):
        ...     calls = 0
        ...
        ...     def acquire(self, *, blocking=True):
        ...         self.calls += 1
        ...         return True
        ...
        ...     async def aacquire(self, *, blocking=True):
        ...         return self.acquire()
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> counter = Counter()
        >>> model = ScriptedChatModel(["Ahoy!"], cycle=True, rate_limiter=counter)
        >>> answers = model.batch(["Hello", "Good morning"])
        >>> counter.calls
        2
    """

    @property
    def counts_tokens(self) -> bool:
        """Tell whether `reserve` needs to know how many tokens a call will take."""
        return False

    @abstractmethod
    def acquire(self, *, blocking: bool = True) -> bool:
        """Wait until one more call may go; with `blocking=False`, tell whether it may go now."""

    @abstractmethod
    async def aacquire(self, *, blocking: bool = True) -> bool:
        """Wait as `acquire` does, without blocking the event loop."""

    def reserve(self, tokens: float) -> None:
        """Wait until a call of about so many tokens may go."""
        self.acquire()

    async def areserve(self, tokens: float) -> None:
        """Wait until a call of about so many tokens may go."""
        await self.aacquire()

    def settle(self, reserved: float, used: float) -> None:  # noqa: B027 - a limiter need not care
        """Correct the estimate of a call: it had reserved so many tokens, and used so many."""

    def settle_after(self, seconds: float, reserved: float, used: float) -> None:
        """Do what `settle` does, for a call that went so many seconds ago."""
        self.settle(reserved, used)

    def pause(self, seconds: float) -> None:  # noqa: B027 - as above
        """Admit no call for so many seconds: the service has asked for it."""


def check_rate_limiter(given: object) -> None:
    """Refuse what is no rate limiter.

    Raises:
        ConfigError: it is none.
    """
    if not isinstance(given, BaseRateLimiter):
        raise ConfigError(
            f"rate_limiter={given!r}: expected an InMemoryRateLimiter, or another subclass of "
            "BaseRateLimiter"
        )


class InMemoryRateLimiter(Value, BaseRateLimiter):
    """A limit for the requests and tokens of all models that share it, in one process.

    In any 60 seconds at most `requests_per_minute` requests go, and calls with at most
    `tokens_per_minute` tokens. After a quiet time, calls with half of a minute's tokens may go at
    once; the other half is spread over the rest of that minute, and from then on all of it. In any
    span of t seconds at most `max_bucket_size` + rate * t requests go (at high rates, those that
    come within 20 ms may go at once).

    Calls that wait go in the order of their arrival. The tokens of a call are estimated before it
    goes, and corrected by the usage that it reports; what it used beyond its estimate counts from
    then on. A call that needs more than a minute's tokens goes after a minute without any.

    Copies share one limit, and so do pickled ones within a process, but not processes.

    Args:
        requests_per_second: how many requests go in a second; 1 where no limit is set at all.
        requests_per_minute: the same for a minute, spread evenly over it; the lower one holds.
        tokens_per_minute: how many tokens, of conversations and answers, in a minute.
        max_bucket_size: how many requests may go at once after a quiet time; at least 1.
        check_every_n_seconds: accepted for code written for LangChain, and ignored: calls are
            woken in time, and do not poll.
        key: limiters of one key share one limit, wherever they are made.

    Raises:
        ConfigError: a limit that is no number above 0, or a key with other limits than before.

    Example:
        >>> limiter = InMemoryRateLimiter(requests_per_minute=60, tokens_per_minute=90_000)
        >>> limiter.acquire(tokens=500)
        True
        >>> limiter.acquire(tokens=500, blocking=False)  # the next may go in a second
        False
    """

    @checks_keywords
    def __init__(
        self,
        *,
        requests_per_second: float | None = None,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        max_bucket_size: float = 1,
        check_every_n_seconds: float | None = None,
        key: str | None = None,
    ) -> None:
        if requests_per_second is requests_per_minute is tokens_per_minute is None:
            requests_per_second = 1
        self.requests_per_second = requests_per_second
        self.requests_per_minute = requests_per_minute
        self.tokens_per_minute = tokens_per_minute
        self.max_bucket_size = max_bucket_size
        self.key = key
        self._check()
        self._id = key or f"#{uuid.uuid4().hex}"
        self._queue = _queue_of(self)

    def _check(self) -> None:
        settings: dict[str, Any] = self._settings()
        for name, limit in settings.items():
            if name == "key" or limit is None:
                continue
            least = "1" if name == "max_bucket_size" else "more than 0"
            is_number = isinstance(limit, (int, float)) and not isinstance(limit, bool)
            if not (is_number and limit > 0) or math.isinf(limit):
                raise ConfigError(f"{name}={limit!r}: expected a number, {least}")
        if self.max_bucket_size < 1:
            raise ConfigError(
                f"max_bucket_size={self.max_bucket_size!r}: expected a number from 1, or no "
                "request could ever go"
            )

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_id": self._id}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._queue = _queue_of(self)

    @property
    def counts_tokens(self) -> bool:
        """Tell whether there is a limit for tokens."""
        return self.tokens_per_minute is not None

    def acquire(self, *, blocking: bool = True, tokens: float = 0) -> bool:
        """Wait until one request may go.

        Args:
            blocking: whether to wait; if not, it goes now or not at all.
            tokens: how many tokens it will take.

        Returns:
            True where it may go, which is always so after waiting; else False.
        """
        entry = QueueEntry(tokens, Wakeup())
        try:
            self._queue.enqueue(entry)
            while seconds := self._queue.seconds_until(entry):
                if not blocking:
                    return False
                entry.wakeup.wait(seconds)
            return True
        finally:
            self._queue.dequeue(entry)

    async def aacquire(self, *, blocking: bool = True, tokens: float = 0) -> bool:
        """Wait as `acquire` does, without blocking the event loop."""
        entry = QueueEntry(tokens, AsyncWakeup())
        try:
            self._queue.enqueue(entry)
            while seconds := self._queue.seconds_until(entry):
                if not blocking:
                    return False
                await entry.wakeup.wait(seconds)
            return True
        finally:
            self._queue.dequeue(entry)

    def reserve(self, tokens: float) -> None:
        """Wait until a call of about so many tokens may go."""
        self.acquire(tokens=tokens)

    async def areserve(self, tokens: float) -> None:
        """Wait until a call of about so many tokens may go."""
        await self.aacquire(tokens=tokens)

    def settle(self, reserved: float, used: float) -> None:
        """Correct the estimate of a call that has just gone."""
        self._queue.settle(reserved, used, 0.0)

    def settle_after(self, seconds: float, reserved: float, used: float) -> None:
        """Return the tokens that a call had reserved and not used, or take those used beyond.

        A call that went more than a minute ago returns none: they do not count any more.
        """
        self._queue.settle(reserved, used, seconds)

    def pause(self, seconds: float) -> None:
        """Admit no call for so many seconds, of any model that shares this limit."""
        self._queue.pause(seconds)


class QueueEntry:
    """A call in the queue.

    Attributes:
        tokens: how many it will take.
        wakeup: wakes it.
        admitted: whether it may go; then it has left the queue.
    """

    def __init__(self, tokens: float, wakeup: Any) -> None:
        self.tokens = max(tokens, 0)  # less than none would be a gift
        self.wakeup = wakeup
        self.admitted = False


class Limits(NamedTuple):
    """The limits of a queue; None: no limit.

    Attributes:
        rate: how many requests a second.
        size: how many of them at once.
        tokens: how many tokens in any 60 seconds.
        requests: how many requests in any 60 seconds.
    """

    rate: float | None = None
    size: float = 1
    tokens: float | None = None
    requests: float | None = None


class FairQueue:
    """The calls that wait, in the order of their arrival, and the limits that they wait for."""

    def __init__(
        self,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self._clock = clock
        self.waiting: deque[QueueEntry] = deque()
        self._paused_until = -math.inf
        rate, size, tokens, requests = limits
        self._rate = None if rate is None else TokenBucket(rate, size, clock())
        self._requests = None if requests is None else LastMinute(requests, size)
        self._tokens = None if tokens is None else LastMinute(tokens)

    def enqueue(self, entry: QueueEntry) -> None:
        """Add a call at the end, after removing dead heads, whose event loops were closed."""
        with lock:
            while self.waiting and self.waiting[0].wakeup.is_dead:
                self.waiting.popleft()
                self._wake_head()
            self.waiting.append(entry)

    def seconds_until(self, entry: QueueEntry) -> float:
        """Return the seconds until a call may go; 0 where it goes now, and has left the queue.

        For all but the head it is infinity: they wait until they are woken.
        """
        with lock:
            if self.waiting[0] is not entry:
                return math.inf
            now = self._clock()
            seconds = self._seconds_until_start(entry, now)
            if seconds > 0:
                return seconds
            self._start(entry, now)
            self.waiting.popleft()
            entry.admitted = True
            self._wake_head()
            return 0.0

    def _seconds_until_start(self, entry: QueueEntry, now: float) -> float:
        """Return the seconds until the head of the queue may go."""
        return max(
            self._paused_until - now,
            0.0 if self._rate is None else self._rate.seconds_until(1, now),
            0.0 if self._requests is None else self._requests.seconds_until(1, now),
            0.0 if self._tokens is None else self._tokens.seconds_until(entry.tokens, now),
        )

    def _start(self, entry: QueueEntry, now: float) -> None:
        """Count a call that goes."""
        if self._rate is not None:
            self._rate.take(1)
        if self._requests is not None:
            self._requests.take(1, now)
        if self._tokens is not None:
            self._tokens.take(entry.tokens, now)

    def dequeue(self, entry: QueueEntry) -> None:
        """Remove a call that has not been admitted."""
        with lock:
            if not entry.admitted and entry in self.waiting:
                self.waiting.remove(entry)
                self._wake_head()

    def settle(self, reserved: float, used: float, seconds: float) -> None:
        """Correct the tokens of a call that has gone so many seconds ago."""
        with lock:
            if self._tokens is not None:
                more = max(used, 0) - max(reserved, 0)
                self._tokens.correct(more, self._clock(), seconds)
            self._wake_head()

    def pause(self, seconds: float) -> None:
        """Admit no call for so many seconds."""
        with lock:
            self._paused_until = max(self._paused_until, self._clock() + seconds)

    def _wake_head(self) -> None:
        """Wake the first call in the queue, to check whether it may go."""
        if self.waiting:
            self.waiting[0].wakeup.set()


_SLACK: Final = 0.02
"""Seconds that a wake-up may come late without a loss: event loops count in milliseconds."""

_queues: Final[weakref.WeakValueDictionary[str, FairQueue]] = weakref.WeakValueDictionary()


def _queue_of(limiter: InMemoryRateLimiter) -> FairQueue:
    """Return the queue that all limiters of this limiter's id share, in this process."""
    rates = [limiter.requests_per_second, _per_second(limiter.requests_per_minute)]
    rate = min((rate for rate in rates if rate is not None), default=None)
    size = max(limiter.max_bucket_size, (rate or 0) * _SLACK)
    limits = Limits(rate, size, limiter.tokens_per_minute, limiter.requests_per_minute)
    with lock:
        queue = _queues.get(limiter._id)
        if queue is None:
            queue = _queues[limiter._id] = FairQueue(limits)
        if queue.limits != limits:
            raise ConfigError(
                f"{limiter!r}: there is a limiter of that key with other limits. Give it another "
                "key, or the same limits."
            )
        return queue


def _per_second(per_minute: float | None) -> float | None:
    return None if per_minute is None else per_minute / 60


def _empty_queues() -> None:
    """Empty all queues in a forked child: the calls of its parent do not run here."""
    for queue in _queues.values():
        queue.waiting.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_empty_queues)
