"""Another attempt: which errors it may mend, how long to wait for it, and which layer makes it.

Retries, and models with retries of their own, run their calls through here. Each makes itself
known to what it runs, so that a model makes one attempt only where a retry around it covers the
error: layers that retry would multiply.
"""

from __future__ import annotations

import contextvars
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, ParamSpec, Self, TypeVar

from tenacity import RetryCallState, Retrying, wait_exponential, wait_random

from runnables.compose.policies.failures import FailureLog, Restart
from runnables.engine import StreamInfo, aclose, async_sleep, close, raw_iterator, sleep
from runnables.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        Awaitable,
        Callable,
        Generator,
        Iterable,
    )

P = ParamSpec("P")
R = TypeVar("R")

MAX_RETRY_DELAY: Final = 60.0
"""The longest delay, in seconds, that a service may ask for and still be asked again by itself.
Limits of a minute are over by then; who asks for more means a quota, and somebody waits."""


@dataclass(frozen=True)
class Backoff:
    """How long to wait between attempts: twice as long each time, and a bit at random.

    Attributes:
        initial: seconds after the first attempt.
        max: the most seconds.
        exp_base: how many times as long each further wait is.
        jitter: up to so many seconds more, at random.
    """

    initial: float = 1.0
    max: float = 1e9  # the most that a thread can sleep, nearly
    exp_base: float = 2.0
    jitter: float = 1.0

    def seconds(self, state: RetryCallState) -> float:
        """How long to wait after the attempts that this state has counted."""
        # Put together, as tenacity's own wait_exponential_jitter has two names for `initial`,
        # and warns of the older one.
        growing = wait_exponential(self.initial, self.max, self.exp_base)
        return min(growing(state) + wait_random(0, self.jitter)(state), self.max)


NO_BACKOFF: Final = Backoff(initial=0, max=0, jitter=0)


class RetryPolicy(NamedTuple):
    """When another attempt is made.

    Attributes:
        most: how many attempts in all.
        mends: which errors another attempt may mend.
        pace: how long to wait for it.
        max_delay: the longest delay that a service may ask for; more, and it is not asked again.
        yields: whether this is left to a retry around this one that covers the error.
    """

    max_attempts: int
    is_retryable: Callable[[Exception], bool]
    backoff: Backoff
    max_delay: float = MAX_RETRY_DELAY
    defers_to_outer: bool = False


class Attempts(FailureLog):
    """The attempts of one call; tenacity counts them. Around each, it is known inside.

    Args:
        rules: when there is another.
        on_restart: what a stream does that fails after its first chunk.
    """

    def __init__(self, rules: RetryPolicy, on_restart: Restart = "raise") -> None:
        super().__init__(on_restart)
        self._rules = rules
        self._state: RetryCallState | None = None
        self._around = _attempts.get()
        self._yields = False

    @property
    def number(self) -> int:
        """The number of the attempt under way, from 1."""
        return 1 if self._state is None else self._state.attempt_number

    def wait(self, error: Exception) -> float | None:
        """Seconds until the next attempt; None: there is none."""
        number = self.number
        if number == 1:
            self._yields = self._rules.defers_to_outer and covered(error, self._around)
        seconds = self._seconds(error)
        alone = number == 1 and seconds is None and self._rules.defers_to_outer
        self.failed(error, None if alone else f"attempt {number}")
        return seconds

    def _seconds(self, error: Exception) -> float | None:
        rules = self._rules
        if self._yields or self.number >= rules.max_attempts or not rules.is_retryable(error):
            return None
        asked = _asked_delay(error)
        if asked > rules.max_delay:
            return None
        if self._state is None:
            self._state = RetryCallState(Retrying(), None, (), {})
        seconds = max(asked, float(rules.backoff.seconds(self._state)))
        self._state.prepare_for_next_attempt()
        return seconds

    def would_retry(self, error: Exception) -> bool:
        """Whether another attempt would follow this error, where attempts are left."""
        return (
            self._rules.max_attempts > 1
            and not self.has_emitted
            and self._rules.is_retryable(error)
        )

    # -- known to what runs inside

    def __enter__(self) -> Self:
        self._token = _attempts.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _attempts.reset(self._token)


_END: Final = object()

_attempts: contextvars.ContextVar[Attempts | None] = contextvars.ContextVar(
    "runnables_attempts", default=None
)


def covered(error: Exception, around: Attempts | None) -> bool:
    """Whether one of the retries around would make another attempt after this error."""
    while around is not None:
        if around.would_retry(error):
            return True
        around = around._around
    return False


def _asked_delay(error: Exception) -> float:
    """The seconds that a service wants to be left alone; 0 where it does not say."""
    asked = error.retry_after if isinstance(error, ModelError) else None
    return asked if asked is not None and asked > 0 else 0.0


def check_attempts(keyword: str, count: object, least: int) -> None:
    """Refuse what is no number of attempts.

    Raises:
        ConfigError: no whole number, or one below the least.
    """
    if not isinstance(count, int) or isinstance(count, bool) or count < least:
        raise ConfigError(f"{keyword}={count!r}: expected a whole number from {least}")


def check_delay(keyword: str, seconds: object) -> None:
    """Refuse what is no number of seconds.

    Raises:
        ConfigError: no number, or one below 0.
    """
    if not isinstance(seconds, (int, float)) or not seconds >= 0:
        raise ConfigError(f"{keyword}={seconds!r}: expected a number of seconds from 0")


# -- running under them


def call_with_retries(
    attempts: Attempts, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs
) -> R:
    """What one of the calls gives; the verdict is raised where all fail."""
    while True:
        try:
            with attempts:
                return call(*args, **kwargs)
        except Exception as error:
            seconds = attempts.wait(error)
        if seconds is None:
            raise attempts.error_to_raise()
        sleep(seconds)


async def acall_with_retries(
    attempts: Attempts, call: Callable[P, Awaitable[R]], *args: P.args, **kwargs: P.kwargs
) -> R:
    """`tried` in the other colour."""
    while True:
        try:
            with attempts:
                return await call(*args, **kwargs)
        except Exception as error:
            seconds = attempts.wait(error)
        if seconds is None:
            raise attempts.error_to_raise()
        await async_sleep(seconds)


def stream_with_retries(
    start: Callable[[int], Iterable[Any]], attempts: Attempts, info: StreamInfo
) -> Generator[Any, None, None]:
    """`tried` for a stream, which adds up as declared: until its first chunk has left."""
    while True:
        chunks = start(attempts.number)
        try:
            items = iter(chunks)
            while not attempts.has_emitted:  # after that, there is no attempt to be known of
                with attempts:
                    chunk = next(items, _END)
                if chunk is _END:
                    return
                yield attempts.record_chunk(chunk, info)
            for chunk in items:
                yield attempts.record_chunk(chunk, info)
            return
        except Exception as error:
            seconds = attempts.wait(error)
        finally:
            close(chunks)
        if attempts.already_emitted(info) or seconds is None:
            raise attempts.error_to_raise()
        sleep(seconds)
        yield from attempts.start_over()


async def astream_with_retries(
    start: Callable[[int], AsyncIterable[Any]], attempts: Attempts, info: StreamInfo
) -> AsyncGenerator[Any, None]:
    """`stream_with_retries` in the other colour."""
    while True:
        chunks = start(attempts.number)
        try:
            items = aiter(raw_iterator(chunks))
            while not attempts.has_emitted:  # after that, there is no attempt to be known of
                with attempts:
                    chunk = await anext(items, _END)
                if chunk is _END:
                    return
                yield attempts.record_chunk(chunk, info)
            async for chunk in items:
                yield attempts.record_chunk(chunk, info)
            return
        except Exception as error:
            seconds = attempts.wait(error)
        finally:
            await aclose(chunks)
        if attempts.already_emitted(info) or seconds is None:
            raise attempts.error_to_raise()
        await async_sleep(seconds)
        for chunk in attempts.start_over():
            yield chunk
