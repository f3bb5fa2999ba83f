"""What a model does around its provider's hooks: it waits for its turn, and asks again after a
failure that may pass.

A model without any of these settings pays for none of them: what serves a setting is loaded where
the setting is given.
"""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, cast

from runnables.compose.policies.backoff import MAX_RETRY_DELAY, Backoff, check_delay
from runnables.errors import ModelError, RateLimitError, is_retryable

if TYPE_CHECKING:
    from collections.abc import (
        Awaitable,
        Callable,
    )

    from runnables.cache.stores import BaseCache
    from runnables.compose.policies.attempts import Attempts, RetryPolicy
    from runnables.compose.policies.failures import Restart
    from runnables.models.rate_limits import BaseRateLimiter

R = TypeVar("R")

BACKOFF: Final = Backoff(initial=0.5, max=8.0, jitter=0.5)
"""As the services' own clients wait where the service says nothing."""


_NOT_ITS_OWN: Final = frozenset(
    "name max_retries max_retry_delay rate_limiter cache api_key timeout".split()
)


class RequestPolicy:
    """The settings of a model that say how its service is asked; a base of models.

    Attributes:
        max_retries: how often a request is made again after an error that may pass (see
            `is_retryable`); None: never. Under a `with_retry` that covers the error, never.
            Unless it is None, the error of a stream carries what came out as `error.produced`.
        max_retry_delay: the longest delay that the service may ask for, in seconds, and be
            asked again; None: 60.
        rate_limiter: lets requests go, those of all models that share it; each attempt is one.
        cache: where answers are kept, and looked for first; see `RunnableCache`. One that is
            found has `response_metadata["from_cache"]`, and its usage is counted nowhere.
    """

    # on the class, too: a subclass with an __init__ of its own need not call ours
    max_retries: int | None = None
    max_retry_delay: float | None = None
    rate_limiter: BaseRateLimiter | None = None
    cache: BaseCache | None = None
    _backoff: ClassVar[Backoff] = BACKOFF

    def _guard(
        self,
        max_retries: int | None,
        max_retry_delay: float | None,
        rate_limiter: BaseRateLimiter | None,
        cache: BaseCache | None = None,
    ) -> None:
        """Set them.

        Raises:
            ConfigError: a number below 0, or a limiter or a cache that is none.
        """
        if max_retries is not None:
            from runnables.compose.policies.attempts import check_attempts

            check_attempts("max_retries", max_retries, 0)
        if max_retry_delay is not None:
            check_delay("max_retry_delay", max_retry_delay)
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
    def _is_tried(self) -> bool:
        """Whether an error of a stream says what had left: one more try, or none, is asked for."""
        settings = self.max_retries, self.rate_limiter, self.cache
        return any(it is not None for it in settings)

    def _identity(self) -> dict[str, Any]:
        """The settings that decide what the model gives: not how, or by whom, it is asked."""
        settings: dict[str, Any] = cast("Any", super())._identity()
        return {name: it for name, it in settings.items() if name not in _NOT_ITS_OWN}

    @property
    def _longest_delay(self) -> float:
        return MAX_RETRY_DELAY if self.max_retry_delay is None else self.max_retry_delay

    def _attempts(self, on_restart: Restart = "raise") -> Attempts:
        from runnables.compose.policies.attempts import Attempts

        return Attempts(self._rules, on_restart)

    @cached_property
    def _rules(self) -> RetryPolicy:
        from runnables.compose.policies.attempts import RetryPolicy

        return RetryPolicy(
            max_attempts=1 + (self.max_retries or 0),
            is_retryable=is_retryable,
            backoff=self._backoff,
            max_delay=self._longest_delay,
            defers_to_outer=True,
        )

    def _requested(self, send: Callable[[], R], tokens: Callable[[], float]) -> R:
        """What a request gives, in its turn, and made again after errors that may pass.

        Args:
            send: makes the request.
            tokens: about how many tokens it takes; asked for only where somebody counts.
        """
        ask = send if self.rate_limiter is None else partial(self._permitted, send, tokens)
        if not self.max_retries:
            return ask()
        from runnables.compose.policies.attempts import call_with_retries

        return call_with_retries(self._attempts(), ask)

    def _arequested(
        self, send: Callable[[], Awaitable[R]], tokens: Callable[[], float]
    ) -> Awaitable[R]:
        """What a request gives, in its turn, and made again after errors that may pass.

        Args:
            send: makes the request.
            tokens: about how many tokens it takes; asked for only where somebody counts.
        """
        ask = send if self.rate_limiter is None else partial(self._apermitted, send, tokens)
        if not self.max_retries:
            return ask()
        from runnables.compose.policies.attempts import acall_with_retries

        return acall_with_retries(self._attempts(), ask)

    def _permitted(self, send: Callable[[], R], tokens: Callable[[], float]) -> R:
        """What a request gives, once the limiter lets it go."""
        permit = Reservation(self, tokens)
        permit.acquire()
        try:
            given = send()
        except Exception as error:
            permit.cancel(error)
            raise
        permit.record_usage(given)
        permit.commit()
        return given

    async def _apermitted(self, send: Callable[[], Awaitable[R]], tokens: Callable[[], float]) -> R:
        """What a request gives, once the limiter lets it go."""
        permit = Reservation(self, tokens)
        await permit.aacquire()
        try:
            given = await send()
        except Exception as error:
            permit.cancel(error)
            raise
        permit.record_usage(given)
        permit.commit()
        return given


_NONE: Final = {"total_tokens": 0}


class Reservation:
    """What a limiter has let go for one request, and what became of it.

    Args:
        model: whose request it is; it has a limiter.
        tokens: how many tokens it will take; asked for only where somebody counts.
    """

    def __init__(self, model: RequestPolicy, tokens: Callable[[], float]) -> None:
        assert model.rate_limiter is not None
        self._limiter = model.rate_limiter
        self._longest = model._longest_delay
        self._reserved = tokens() if self._limiter.counts_tokens else 0.0
        self._used = 0.0

    def acquire(self) -> None:
        """Wait for it."""
        self._limiter.reserve(self._reserved)

    async def aacquire(self) -> None:
        """Wait for it."""
        await self._limiter.areserve(self._reserved)

    def record_usage(self, answer: object) -> None:
        """An answer, or a piece of it, has come: count the tokens that it reports."""
        self._used += (getattr(answer, "usage_metadata", None) or _NONE)["total_tokens"]

    def commit(self) -> None:
        """The answer is whole. One without a usage has taken what was reserved."""
        if self._used:
            self._limiter.settle(self._reserved, self._used)

    def cancel(self, error: Exception) -> None:
        """The request has failed: what a service refuses at once takes no tokens."""
        if not isinstance(error, ModelError):
            return
        passes = is_retryable(error)
        if isinstance(error, RateLimitError) or not passes:
            self._limiter.settle(self._reserved, 0)
        if passes and error.retry_after and 0 < error.retry_after <= self._longest:
            self._limiter.pause(error.retry_after)
