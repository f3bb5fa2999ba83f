"""How the service of a model is asked: rate limits, retries, and where answers are cached.

A model without any of these settings pays for none of them: what serves a setting is imported where
a model has it.
"""

from __future__ import annotations

import time
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, cast

from runnables.compose.policies.backoff import MAX_RETRY_DELAY, Backoff
from runnables.core.bounds import check_seconds
from runnables.engine.stream import aclose, close, owned
from runnables.errors import ConfigError, ModelError, RateLimitError, is_retryable

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        Awaitable,
        Callable,
        Generator,
        Iterable,
    )

    from runnables.cache.stores import BaseCache
    from runnables.compose.policies.attempts import RetryPolicy
    from runnables.compose.policies.failures import Restart
    from runnables.engine.stream import StreamInfo
    from runnables.models.batch_service import BatchService
    from runnables.models.rate_limits import BaseRateLimiter

R = TypeVar("R")

BACKOFF: Final = Backoff(initial=0.5, max=8.0, jitter=0.5)
"""The delays of the services' own clients, for errors that name no delay."""


_REQUEST_SETTINGS: Final = frozenset(
    "name max_retries max_retry_delay rate_limiter cache callbacks api_key timeout".split()
)
"""The settings that say how a service is asked, and do not change what it answers."""


class RequestPolicy:
    """The settings of a model that say how its service is asked; a base of models.

    A request waits for its permit from the rate limiter, and is made again after an error that may
    pass. The methods take the function that makes a request, and its arguments.

    Attributes:
        max_retries: how often a request is repeated after an error that may pass (see
            `is_retryable`); None: never. Under a `with_retry` that covers the error, never.
            Unless it is None, the error of a stream carries the chunks that were emitted as
            `error.produced`.
        max_retry_delay: the longest delay, in seconds, that the service may ask for before a retry;
            60 by default.
        rate_limiter: spaces the requests of all models that share it; each attempt is one.
        cache: where answers are stored, and looked up first; see `RunnableCache`. A cached answer
            has `response_metadata["from_cache"]`, and its usage is counted nowhere.
    """

    # on the class, too: a subclass with an __init__ of its own need not call ours
    max_retries: int | None = None
    max_retry_delay: float | None = None
    rate_limiter: BaseRateLimiter | None = None
    cache: BaseCache | None = None
    _backoff: ClassVar[Backoff] = BACKOFF

    def _set_policies(
        self,
        max_retries: int | None,
        max_retry_delay: float | None,
        rate_limiter: BaseRateLimiter | None,
        cache: BaseCache | None = None,
    ) -> None:
        """Set the policies.

        Raises:
            ConfigError: a number below 0, or a limiter or a cache of another type.
        """
        if max_retries is not None:
            from runnables.compose.policies.attempts import check_attempts

            check_attempts("max_retries", max_retries, 0)
        if max_retry_delay is not None:
            max_retry_delay = check_seconds("max_retry_delay={}", max_retry_delay, or_zero=True)
        if rate_limiter is not None:
            from runnables.models.rate_limits import check_rate_limiter

            check_rate_limiter(rate_limiter)
        if cache is not None:
            from runnables.cache.stores import check_cache

            check_cache(cache)
        self.max_retries = max_retries
        self.max_retry_delay = max_retry_delay
        self.rate_limiter = rate_limiter
        self.cache = cache

    @property
    def _has_policies(self) -> bool:
        """Tell whether any is set; then a stream's error says what was emitted before it."""
        return (
            self.max_retries is not None or self.rate_limiter is not None or self.cache is not None
        )

    def _identity(self) -> dict[str, Any]:
        """Return the settings that decide what the model answers."""
        settings: dict[str, Any] = cast("Any", super())._identity()
        return {key: value for key, value in settings.items() if key not in _REQUEST_SETTINGS}

    @property
    def _max_delay(self) -> float:
        return MAX_RETRY_DELAY if self.max_retry_delay is None else self.max_retry_delay

    @cached_property
    def _retry_policy(self) -> RetryPolicy:
        from runnables.compose.policies.attempts import RetryPolicy

        return RetryPolicy(
            max_attempts=1 + (self.max_retries or 0),
            is_retryable=is_retryable,
            backoff=self._backoff,
            max_delay=self._max_delay,
            defers_to_outer=True,
        )

    # -- other ways to be asked

    def _batch_service(self) -> BatchService:
        """Return the batch jobs of the service; a provider whose service has some writes it.

        Raises:
            ConfigError: it has none.
        """
        raise ConfigError(
            f"{type(self).__name__} has no batch jobs of a provider. The models of OpenAI, "
            "Anthropic and Google have; for others, `batch` sends the requests one by one."
        )

    def _flex_options(self) -> dict[str, Any]:
        """Return the options of a call that costs less as it is not urgent.

        Raises:
            ConfigError: the service does not sell such calls.
        """
        raise ConfigError(
            f"{type(self).__name__} has no flex processing: OpenAI and Google sell it. The "
            "batch jobs of a provider cost as little, where it has some: via='provider'."
        )

    # -- requests

    def _estimate_tokens(self, *request: Any, **_: Any) -> float:
        """Return about how many tokens a request takes, for a rate limiter that counts them."""
        raise NotImplementedError

    def _run_request(self, send: Callable[..., R], *request: Any) -> R:
        """Return what a request returns, under the policies.

        Args:
            send: makes the request.
            *request: what `send` and `_estimate_tokens` get.
        """
        if self.rate_limiter is not None:
            send = partial(self._rate_limited, send)
        if not self.max_retries:
            return send(*request)
        from runnables.compose.policies.attempts import Attempts, call_with_retries

        return call_with_retries(Attempts(self._retry_policy), send, *request)

    # Where there is nothing to do after an answer, its coroutine is passed on: each that waits
    # around another costs the garbage collector as much as it costs to run.
    def _arun_request(self, send: Callable[..., Awaitable[R]], *request: Any) -> Awaitable[R]:
        """Return what a request returns, under the policies.

        Args:
            send: makes the request.
            *request: what `send` and `_estimate_tokens` get.
        """
        if self.rate_limiter is not None:
            send = partial(self._arate_limited, send)
        if not self.max_retries:
            return send(*request)
        from runnables.compose.policies.attempts import Attempts, acall_with_retries

        return acall_with_retries(Attempts(self._retry_policy), send, *request)

    def _stream_request(
        self,
        send: Callable[..., Iterable[Any]],
        info: StreamInfo,
        on_restart: Restart,
        *request: Any,
    ) -> Generator[Any, None, None]:
        """Yield the chunks of a request, under the policies.

        Args:
            send: makes the request.
            info: how the chunks are merged.
            on_restart: what happens when an attempt fails after its first chunk.
            *request: what `send` and `_estimate_tokens` get.
        """
        if self.rate_limiter is not None:
            send = partial(self._rate_limited_chunks, send)
        from runnables.compose.policies.attempts import Attempts, stream_with_retries

        return stream_with_retries(
            lambda attempt: send(*request), Attempts(self._retry_policy, on_restart), info
        )

    def _astream_request(
        self,
        send: Callable[..., AsyncIterable[Any]],
        info: StreamInfo,
        on_restart: Restart,
        *request: Any,
    ) -> AsyncGenerator[Any, None]:
        """Yield the chunks of a request, under the policies.

        Args:
            send: makes the request.
            info: how the chunks are merged.
            on_restart: what happens when an attempt fails after its first chunk.
            *request: what `send` and `_estimate_tokens` get.
        """
        if self.rate_limiter is not None:
            send = partial(self._arate_limited_chunks, send)
        from runnables.compose.policies.attempts import Attempts, astream_with_retries

        return astream_with_retries(
            lambda attempt: send(*request), Attempts(self._retry_policy, on_restart), info
        )

    def _rate_limited(self, send: Callable[..., R], *request: Any) -> R:
        """Return what a request returns, once the limiter admits it."""
        reservation = Reservation(self, *request)
        reservation.acquire()
        try:
            answer = send(*request)
        except Exception as error:
            reservation.cancel(error)
            raise
        reservation.record_usage(answer)
        reservation.commit()
        return answer

    async def _arate_limited(self, send: Callable[..., Awaitable[R]], *request: Any) -> R:
        """Return what a request returns, once the limiter admits it."""
        reservation = Reservation(self, *request)
        await reservation.aacquire()
        try:
            answer = await send(*request)
        except Exception as error:
            reservation.cancel(error)
            raise
        reservation.record_usage(answer)
        reservation.commit()
        return answer

    def _rate_limited_chunks(
        self, send: Callable[..., Iterable[R]], *request: Any
    ) -> Generator[R, None, None]:
        """Yield the chunks of a request, once the limiter admits it."""
        reservation = Reservation(self, *request)
        reservation.acquire()
        chunks: Any = None
        try:
            chunks = send(*request)
            for chunk in chunks:
                reservation.record_usage(chunk)
                yield chunk
            reservation.commit()
        except Exception as error:
            reservation.cancel(error)
            raise
        finally:
            close(chunks)

    async def _arate_limited_chunks(
        self, send: Callable[..., AsyncIterable[R]], *request: Any
    ) -> AsyncGenerator[R, None]:
        """Yield the chunks of a request, once the limiter admits it."""
        reservation = Reservation(self, *request)
        await reservation.aacquire()
        chunks: Any = None
        try:
            chunks = send(*request)
            async for chunk in owned(chunks):
                reservation.record_usage(chunk)
                yield chunk
            reservation.commit()
        except Exception as error:
            reservation.cancel(error)
            raise
        finally:
            await aclose(chunks)


_NO_USAGE: Final = {"total_tokens": 0}


class Reservation:
    """One request's share of a rate limit: acquired, and later corrected by what it really used.

    Args:
        policy: the model that makes the request; it has a limiter.
        *request: the request, for `_estimate_tokens`.
    """

    def __init__(self, policy: RequestPolicy, *request: Any) -> None:
        assert policy.rate_limiter is not None
        self._limiter = policy.rate_limiter
        self._max_delay = policy._max_delay
        counts = self._limiter.counts_tokens
        self._reserved = policy._estimate_tokens(*request) if counts else 0.0
        self._used = 0.0
        self._went = 0.0

    def acquire(self) -> None:
        """Wait until the request may go."""
        self._limiter.reserve(self._reserved)
        self._went = time.monotonic()

    async def aacquire(self) -> None:
        """Wait until the request may go."""
        await self._limiter.areserve(self._reserved)
        self._went = time.monotonic()

    def record_usage(self, answer: object) -> None:
        """Count the tokens that an answer, or a chunk of one, reports."""
        used = (getattr(answer, "usage_metadata", None) or _NO_USAGE)["total_tokens"]
        self._used += max(used, 0)  # less than none would be a refund

    def commit(self) -> None:
        """Correct the estimate, now that the answer is complete; one without a usage stands."""
        if self._used:
            self._settle(self._used)

    def cancel(self, error: Exception) -> None:
        """Return the tokens of a request that failed, where the service has counted none.

        A service that refuses a request at once counts none. Where it asks for a delay, all
        requests wait for so long.
        """
        if not isinstance(error, ModelError):
            return
        passes = is_retryable(error)
        if isinstance(error, RateLimitError) or not passes:
            self._settle(0)
        if passes and error.retry_after and 0 < error.retry_after <= self._max_delay:
            self._limiter.pause(error.retry_after)

    def _settle(self, used: float) -> None:
        self._limiter.settle_after(time.monotonic() - self._went, self._reserved, used)
