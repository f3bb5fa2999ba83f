"""Further attempts: after which errors, how many, and which layer makes them.

Retries, and models with retries of their own, run their calls through here. While an attempt runs,
its `Attempts` is in a context variable. A model inside looks there: it leaves an error to a retry
around it that covers the error, and makes one attempt only. Layers that all retry would multiply
their attempts.
"""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING, Any, Final, NamedTuple, ParamSpec, Self, TypeVar

from runnables.compose.policies.backoff import MAX_RETRY_DELAY, Backoff, requested_delay
from runnables.compose.policies.failures import FailureLog, Restart
from runnables.core.config import current_scope
from runnables.engine.stream import StreamInfo, aclose, close, owned
from runnables.engine.timeouts import async_sleep, sleep
from runnables.engine.variables import let_differ
from runnables.errors import ConfigError

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


class RetryPolicy(NamedTuple):
    """The rules for further attempts.

    Attributes:
        max_attempts: how many attempts there are in all.
        is_retryable: tells whether another attempt may fix an error.
        backoff: how long to wait before it.
        max_delay: the longest delay, in seconds, that a service may ask for; after an error that
            asks for more there is no other attempt.
        defers_to_outer: whether a retry around this one that covers the error makes the attempts
            instead.
    """

    max_attempts: int
    is_retryable: Callable[[Exception], bool]
    backoff: Backoff
    max_delay: float = MAX_RETRY_DELAY
    defers_to_outer: bool = False


class Attempts(FailureLog):
    """The attempts of one call. As a context manager, it is known to what runs inside.

    Args:
        policy: when there is another attempt.
        on_restart: what a stream does that fails after its first chunk.
    """

    def __init__(self, policy: RetryPolicy, on_restart: Restart = "raise") -> None:
        super().__init__(on_restart)
        self.number = 1
        """The number of the attempt under way, from 1."""
        self._policy = policy
        self._outer = _current.get()
        self._deferred = False  # a retry around this one makes the further attempts

    def wait(self, error: Exception) -> float | None:
        """Record a failed attempt; return the seconds until the next, or None: there is none."""
        number, defers = self.number, self._policy.defers_to_outer
        if number == 1 and defers:
            self._deferred = _is_covered(error, self._outer)
        is_last = self._deferred or not self._may_follow(error)
        # a model that makes one attempt only adds no note about attempts
        self.failed(error, None if number == 1 and is_last and defers else f"attempt {number}")
        if is_last:
            return None
        self.number += 1
        seconds = self._policy.backoff.delay(number, error)
        if defers:  # those of a retry are runs of their own
            _report_attempt(number, error, seconds)
        return seconds

    def _may_follow(self, error: Exception) -> bool:
        policy = self._policy
        return (
            self.number < policy.max_attempts
            and policy.is_retryable(error)
            and requested_delay(error) <= policy.max_delay
        )

    def would_retry(self, error: Exception) -> bool:
        """Tell whether another attempt would follow this error, where attempts are left."""
        return (
            self._policy.max_attempts > 1
            and not self.has_emitted
            and self._policy.is_retryable(error)
        )

    # -- known to what runs inside

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


_current: contextvars.ContextVar[Attempts | None] = contextvars.ContextVar(
    "runnables_attempts", default=None
)
let_differ(_current)


def _report_attempt(number: int, error: Exception, seconds: float) -> None:
    """Tell the spans of the run that a model's attempt has failed, and another one follows."""
    if (scope := current_scope()) is not None:
        for handler in scope.span_handlers:
            handler.on_failed_attempt(scope.parents, number, error, seconds)


def _is_covered(error: Exception, outer: Attempts | None) -> bool:
    """Tell whether one of the retries around would make another attempt after this error."""
    while outer is not None:
        if outer.would_retry(error):
            return True
        outer = outer._outer
    return False


def check_attempts(keyword: str, count: object, least: int) -> None:
    """Refuse what is no number of attempts.

    Raises:
        ConfigError: no whole number, or one below the least.
    """
    if not isinstance(count, int) or isinstance(count, bool) or count < least:
        raise ConfigError(f"{keyword}={count!r}: expected a whole number from {least}")


# -- running with retries

_END: Final = object()


def call_with_retries(
    attempts: Attempts, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs
) -> R:
    """Return what one of the calls returns; raise the first error where all fail."""
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
    """Do what `call_with_retries` does, async."""
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
    """Yield the chunks of a stream that is tried again until its first chunk was emitted.

    Args:
        start: makes the stream of an attempt; takes the attempt's number.
        attempts: the attempts of this call.
        info: how the chunks add up.
    """
    while True:
        chunks = start(attempts.number)
        try:
            items = iter(chunks)
            while (
                not attempts.has_emitted
            ):  # afterwards there is no other attempt, and nothing to make known
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
    """Run `stream_with_retries`, for `async for`."""
    while True:
        chunks = start(attempts.number)
        try:
            items = aiter(owned(chunks))
            while (
                not attempts.has_emitted
            ):  # afterwards there is no other attempt, and nothing to make known
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
