"""What to do when a runnable fails: try again."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Mapping
from dataclasses import fields
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from runnables.compose.coerce import coerce_to_runnable
from runnables.compose.policies.attempts import (
    MAX_RETRY_DELAY,
    NO_BACKOFF,
    Attempts,
    Backoff,
    RetryPolicy,
    acall_with_retries,
    astream_with_retries,
    call_with_retries,
    check_attempts,
    check_delay,
    stream_with_retries,
)
from runnables.compose.policies.failures import (
    Errors,
    Restart,
    check_errors,
    check_restart,
    is_worth_another,
)
from runnables.compose.typevars import Input, Output
from runnables.compose.wrappers import ForwardingWrapper, MethodCall
from runnables.core.values import with_settings
from runnables.engine import StreamInfo, acollect, collect
from runnables.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from runnables.compose.runnable import Runnable
    from runnables.core.config import RunnableConfig, Scope


_BACKOFF = tuple(field.name for field in fields(Backoff))


class RunnableRetry(ForwardingWrapper[Input, Output], internal=True):
    """A runnable that is tried again when it fails; each item of a batch on its own.

    When every attempt has failed, the first error is raised; its cause is an ExceptionGroup of
    the others. A stream is tried again until its first chunk has left; then, with
    `on_restart="raise"`, its error carries what came out as `error.produced`, and with
    "restart" the consumer gets `RESET` and the stream starts over.

    Args:
        bound: the runnable.
        retry_if_exception_type: which errors to try again after: a class, a tuple of them, or
            a function of the error; never KeyboardInterrupt, SystemExit or a cancellation. Of a
            model's errors, its client's faults only where such a class or a function says so.
        wait_exponential_jitter: wait between attempts, longer each time, a bit at random; a
            model's service that says how long (`error.retry_after`) gets at least that.
        exponential_jitter_params: `initial`, `max`, `jitter` (seconds) and `exp_base`.
        stop_after_attempt: how many attempts in all, at least 1.
        max_retry_delay: the longest such delay, in seconds, after which there is another attempt.
        on_restart: "raise" or "restart".

    Raises:
        ConfigError: an unknown parameter, a number below 1, or something that names no errors.
    """

    def __init__(
        self,
        bound: Any,
        *,
        retry_if_exception_type: Errors = (Exception,),
        wait_exponential_jitter: bool = True,
        exponential_jitter_params: Mapping[str, float] | None = None,
        stop_after_attempt: int = 3,
        max_retry_delay: float = MAX_RETRY_DELAY,
        on_restart: Restart = "raise",
    ) -> None:
        check_attempts("stop_after_attempt", stop_after_attempt, 1)
        check_delay("max_retry_delay", max_retry_delay)
        for key in exponential_jitter_params or {}:
            if key not in _BACKOFF:
                raise ConfigError(
                    f"exponential_jitter_params has no {key!r}.{did_you_mean(key, _BACKOFF)} "
                    f"It has: {', '.join(_BACKOFF)}."
                )
        check_restart(on_restart)
        check_errors("retry_if_exception_type", retry_if_exception_type)
        self.bound: Runnable[Input, Output] = coerce_to_runnable(bound)
        self.retry_if_exception_type = retry_if_exception_type
        self.wait_exponential_jitter = wait_exponential_jitter
        self.exponential_jitter_params = exponential_jitter_params
        self.stop_after_attempt = stop_after_attempt
        self.max_retry_delay = max_retry_delay
        self.on_restart: Restart = on_restart

    def __repr__(self) -> str:
        return f"({self.bound!r}).with_retry(stop_after_attempt={self.stop_after_attempt})"

    def _rewrap(self, made: Any, call: MethodCall) -> Runnable[Any, Any]:
        return with_settings(self, {"bound": made})

    def _wrapped(self) -> Runnable[Input, Output]:
        return self.bound

    @property
    def may_restart(self) -> bool:
        """With `on_restart="restart"`, or where a policy inside says so."""
        return self.on_restart == "restart" or super().may_restart

    def _attempts(self) -> Attempts:
        return Attempts(self._rules, self.on_restart)

    @cached_property
    def _rules(self) -> RetryPolicy:
        pace = Backoff(**(self.exponential_jitter_params or {}))
        return RetryPolicy(
            max_attempts=self.stop_after_attempt,
            is_retryable=partial(is_worth_another, errors=self.retry_if_exception_type),
            backoff=pace if self.wait_exponential_jitter else NO_BACKOFF,
            max_delay=self.max_retry_delay,
        )

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        attempts = self._attempts()

        def attempt() -> Any:
            return self.bound.invoke(value, _attempt(scope, attempts.number), **kwargs)

        return call_with_retries(attempts, attempt)

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        attempts = self._attempts()

        async def attempt() -> Any:
            return await self.bound.ainvoke(value, _attempt(scope, attempts.number), **kwargs)

        return await acall_with_retries(attempts, attempt)

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        value = collect(input)

        def attempt(number: int) -> Any:
            return info.delegate_to(self.bound.stream(value, _attempt(scope, number), **kwargs))

        yield from stream_with_retries(attempt, self._attempts(), info)

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        value = await acollect(input)

        def attempt(number: int) -> Any:
            return info.delegate_to(self.bound.astream(value, _attempt(scope, number), **kwargs))

        chunks = astream_with_retries(attempt, self._attempts(), info)
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await chunks.aclose()


def _attempt(scope: Scope | None, number: int) -> RunnableConfig | None:
    if scope is None or number == 1:
        return None if scope is None else scope.config
    return scope.for_step(f"retry:attempt:{number}", f"attempt {number}").config
