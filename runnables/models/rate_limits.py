"""How many requests and tokens a service gets in a minute, whoever sends them.

Who has to wait stands in a line, in the order of coming, and only the first of it looks at the
clock: it sleeps until its turn, and not a moment longer, and calls the next. Threads and tasks of
several loops may stand in one line.
"""

from __future__ import annotations

import math
import os
import time
import uuid
import weakref
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from runnables.core.signatures import checks_keywords
from runnables.core.values import Value
from runnables.engine.cancellation import lock
from runnables.engine.timeouts import AsyncWakeup, Wakeup
from runnables.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable


class BaseRateLimiter(ABC):
    """What lets calls of models go when it is their turn; write `acquire` and `aacquire`.

    The other methods are for those that count tokens, or that many share.
    """

    @property
    def counts_tokens(self) -> bool:
        """Whether it wants to know how many tokens a call will take."""
        return False

    @abstractmethod
    def acquire(self, *, blocking: bool = True) -> bool:
        """Wait until one more call may go; with `blocking=False`, say whether it may now."""

    @abstractmethod
    async def aacquire(self, *, blocking: bool = True) -> bool:
        """As `acquire`, without blocking the loop."""

    def reserve(self, tokens: float) -> None:
        """Wait until a call may go that will take about so many tokens."""
        self.acquire()

    async def areserve(self, tokens: float) -> None:
        """Wait until a call may go that will take about so many tokens."""
        await self.aacquire()

    def settle(self, reserved: float, used: float) -> None:  # noqa: B027 - a limiter need not care
        """A call that had reserved so many tokens has taken so many."""

    def pause(self, seconds: float) -> None:  # noqa: B027 - as above
        """Let nobody go for so long: the service has asked for it."""


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
    """Limits requests and tokens for all models that share it, in the threads of one process.

    In any span of t seconds at most `max_bucket_size` + rate * t requests go (at high rates, what
    comes in 20 ms may go at once), and calls with at most `tokens_per_minute` * (1 + t / 60)
    tokens. Who waits goes in the order of coming. What a call will take is estimated before it
    goes, and corrected by the usage that it reports; one that needs more than a minute's tokens
    goes when all of them are there.

    Copies share one limit, and so do pickled ones within a process. Across processes, give each
    its part.

    Args:
        requests_per_second: how many requests go in a second; 1 where no limit is given at all.
        requests_per_minute: the same for a minute, spread evenly over it; the lower one holds.
        tokens_per_minute: how many tokens, of questions and answers, in a minute.
        max_bucket_size: how many requests may go at once after a quiet time; at least 1.
        check_every_n_seconds: accepted, for code written for LangChain; nobody polls here.
        key: limiters of one key share one limit, wherever they are made.

    Raises:
        ConfigError: a limit that is no number above 0, or a key with other limits than before.
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
        for name, limit in self._settings().items():
            given: Any = limit
            if name == "key" or limit is None:
                continue
            least = "1" if name == "max_bucket_size" else "more than 0"
            is_number = isinstance(given, (int, float)) and not isinstance(given, bool)
            if not (is_number and given > 0) or math.isinf(given):
                raise ConfigError(f"{name}={given!r}: expected a number, {least}")
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
        """Whether there is a limit for tokens."""
        return self.tokens_per_minute is not None

    def acquire(self, *, blocking: bool = True, tokens: float = 0) -> bool:
        """Wait for the turn of one request.

        Args:
            blocking: whether to wait; otherwise it goes now or not at all.
            tokens: how many tokens it will take.

        Returns:
            Whether it may go, which is always so after waiting.
        """
        turn = _QueueEntry(tokens, Wakeup())
        try:
            self._queue.enqueue(turn)
            while seconds := self._queue.seconds_until(turn):
                if not blocking:
                    return False
                turn.wakeup.wait(seconds)
            return True
        finally:
            self._queue.dequeue(turn)

    async def aacquire(self, *, blocking: bool = True, tokens: float = 0) -> bool:
        """As `acquire`, without blocking the loop."""
        turn = _QueueEntry(tokens, AsyncWakeup())
        try:
            self._queue.enqueue(turn)
            while seconds := self._queue.seconds_until(turn):
                if not blocking:
                    return False
                await turn.wakeup.wait(seconds)
            return True
        finally:
            self._queue.dequeue(turn)

    def reserve(self, tokens: float) -> None:
        """Wait until a call may go that will take about so many tokens."""
        self.acquire(tokens=tokens)

    async def areserve(self, tokens: float) -> None:
        """Wait until a call may go that will take about so many tokens."""
        await self.aacquire(tokens=tokens)

    def settle(self, reserved: float, used: float) -> None:
        """Give back what a call had reserved and not used, or take what it used beyond that."""
        self._queue.settle(reserved, used)

    def pause(self, seconds: float) -> None:
        """Let nobody go for so long, whoever shares this limit."""
        self._queue.pause(seconds)


class _QueueEntry:
    """Who stands in line."""

    def __init__(self, tokens: float, wakeup: Any) -> None:
        self.tokens = tokens
        self.wakeup = wakeup
        self.admitted = False


_NEARLY: Final = 1e-9  # what sums of small numbers may be off by


class TokenBucket:
    """Fills at a rate up to its size; what is taken beyond it is owed.

    Args:
        rate: how much comes in a second.
        size: how much it holds; it is full at first.
        now: the time, in seconds.
    """

    def __init__(self, rate: float, size: float, now: float) -> None:
        self._rate = rate
        self._size = size
        self._level = size
        self._at = now

    def seconds_until(self, amount: float, now: float) -> float:
        """How long until this amount is there, or all that it holds where that is less."""
        self._level = min(self._size, self._level + (now - self._at) * self._rate)
        self._at = now
        lacking = min(amount, self._size) - self._level
        return lacking / self._rate if lacking > _NEARLY * self._size else 0.0

    def take(self, amount: float) -> None:
        """Take this amount out; a negative one is given back."""
        self._level = min(self._size, self._level - amount)


class FairQueue:
    """Those who wait for their turn, and what decides when it comes.

    Args:
        limits: requests a second, how many of them at once, and tokens a minute; None: no limit.
        clock: tells the time, in seconds.
    """

    def __init__(
        self,
        limits: tuple[float | None, float, float | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self._clock = clock
        self.waiting: deque[_QueueEntry] = deque()
        self._opens = -math.inf
        rate, size, tokens = limits
        self._requests = None if rate is None else TokenBucket(rate, size, clock())
        self._tokens = None if tokens is None else TokenBucket(tokens / 60, tokens, clock())

    def enqueue(self, turn: _QueueEntry) -> None:
        """Stand at the end of the line, in which nobody stands whose loop was closed."""
        with lock:
            while self.waiting and self.waiting[0].wakeup.is_dead:
                self.waiting.popleft()
                self._wake_head()
            self.waiting.append(turn)

    def seconds_until(self, turn: _QueueEntry) -> float:
        """How long until this turn may come; 0: it has, and it has left the line.

        Not the first has to wait until it is called.
        """
        with lock:
            if self.waiting[0] is not turn:
                return math.inf
            now = self._clock()
            seconds = max(
                self._opens - now,
                0.0 if self._requests is None else self._requests.seconds_until(1, now),
                0.0 if self._tokens is None else self._tokens.seconds_until(turn.tokens, now),
            )
            if seconds > 0:
                return seconds
            self._take(1, turn.tokens)
            self.waiting.popleft()
            turn.admitted = True
            self._wake_head()
            return 0.0

    def dequeue(self, turn: _QueueEntry) -> None:
        """Whoever still stands in line goes away."""
        with lock:
            if not turn.admitted and turn in self.waiting:
                self.waiting.remove(turn)
                self._wake_head()

    def settle(self, reserved: float, used: float) -> None:
        """Correct what a call has taken."""
        with lock:
            self._take(0, used - reserved)
            self._wake_head()

    def pause(self, seconds: float) -> None:
        """Let nobody go for so long."""
        with lock:
            self._opens = max(self._opens, self._clock() + seconds)

    def _take(self, requests: float, tokens: float) -> None:
        if self._requests is not None:
            self._requests.take(requests)
        if self._tokens is not None:
            self._tokens.take(tokens)

    def _wake_head(self) -> None:
        """Have who is first now look at the clock."""
        if self.waiting:
            self.waiting[0].wakeup.set()


_SLACK: Final = 0.02
"""Seconds that a wake-up may come late without a loss: event loops count in milliseconds."""

_queues: Final[weakref.WeakValueDictionary[str, FairQueue]] = weakref.WeakValueDictionary()


def _queue_of(limiter: InMemoryRateLimiter) -> FairQueue:
    """The line that all limiters of its id share, in this process."""
    per_second = [limiter.requests_per_second, _per_second(limiter.requests_per_minute)]
    rate = min((it for it in per_second if it is not None), default=None)
    size = max(limiter.max_bucket_size, (rate or 0) * _SLACK)
    limits = (rate, size, limiter.tokens_per_minute)
    with lock:
        line = _queues.get(limiter._id)
        if line is None:
            line = _queues[limiter._id] = FairQueue(limits)
        if line.limits != limits:
            raise ConfigError(
                f"{limiter!r}: there is a limiter of that key with other limits. Give it another "
                "key, or the same limits."
            )
        return line


def _per_second(per_minute: float | None) -> float | None:
    return None if per_minute is None else per_minute / 60


def _alone() -> None:
    """In a forked child: those of its parent who stood in line are not here."""
    for line in _queues.values():
        line.waiting.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_alone)
