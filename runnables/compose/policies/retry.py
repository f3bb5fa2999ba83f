"""Retries: a runnable that is tried again when it fails.

How long to wait before the next attempt is in `backoff.py`, the loop over attempts in
`attempts.py`.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

from runnables.compose.coerce import coerce_to_runnable
from runnables.compose.policies.attempts import (
    Attempts,
    RetryPolicy,
    acall_with_retries,
    astream_with_retries,
    call_with_retries,
    check_attempts,
    stream_with_retries,
)
from runnables.compose.policies.backoff import MAX_RETRY_DELAY, NO_BACKOFF, Backoff
from runnables.compose.policies.failures import (
    Errors,
    Restart,
    check_errors,
    check_restart,
    is_worth_another,
)
from runnables.compose.typevars import Input, Output
from runnables.compose.wrappers import ForwardingWrapper, MethodCall
from runnables.core.bounds import check_seconds
from runnables.core.rows import Call, Routine, Step
from runnables.core.values import with_settings
from runnables.engine.collect import acollect, collect
from runnables.engine.stream import owned
from runnables.engine.timeouts import async_sleep, sleep
from runnables.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Mapping

    from runnables.compose.runnable import Runnable
    from runnables.core.config import RunnableConfig, Scope
    from runnables.engine.stream import StreamInfo


_ATTEMPTS: Final = 3
_ANY_ERROR: Final = (Exception,)
_BACKOFF = tuple(field.name for field in fields(Backoff))


class RunnableRetry(ForwardingWrapper[Input, Output], internal=True):
    """A runnable that is tried again when it fails; each item of a batch by itself.

    When every attempt has failed, the first error is raised; its cause is an ExceptionGroup of
    the others. A stream is tried again until its first chunk was emitted. After that, with
    `on_restart="raise"`, its error carries what was emitted as `error.produced`; with "restart",
    the consumer gets `RESET` and the stream starts over. KeyboardInterrupt, SystemExit and
    cancellation always end the call.

    `with_retry` makes one.

    Args:
        bound: the runnable, or what `|` takes for one.
        retry_if_exception_type: the errors after which to try again: a class, a tuple of them, or
            a function of the error. Of a model's errors, those that another attempt does not fix
            count only where a class of model errors, or a function, says so.
        wait_exponential_jitter: whether to wait between attempts, longer each time and a bit at
            random. A model's service that says how long (`error.retry_after`) gets at least that.
        exponential_jitter_params: `initial`, `max`, `jitter` (in seconds) and `exp_base`.
        stop_after_attempt: the number of attempts in all, at least 1.
        max_retry_delay: the longest delay, in seconds, that a service may ask for; after an error
            that asks for more there is no other attempt.
        on_restart: "raise" or "restart".
        max_attempt_number: another name for `stop_after_attempt`.
        retry_exception_types: another name for `retry_if_exception_type`.
        kwargs: options that every call gets, as with `bind`.
        config: config that every call gets, as with `with_config`.

    Raises:
        ConfigError: an unknown parameter, a number that is too low, something that does not say
            which errors count, or both names of one setting.

    Example:
        >>> answers = iter(["none", "7"])
        >>> step = RunnableLambda(lambda _: int(next(answers)))
        >>> RunnableRetry(step, wait_exponential_jitter=False).invoke("?")
        7
    """

    def __init__(
        self,
        bound: Any,
        *,
        retry_if_exception_type: Errors = _ANY_ERROR,
        wait_exponential_jitter: bool = True,
        exponential_jitter_params: Mapping[str, float] | None = None,
        stop_after_attempt: int = _ATTEMPTS,
        max_retry_delay: float = MAX_RETRY_DELAY,
        on_restart: Restart = "raise",
        max_attempt_number: int | None = None,
        retry_exception_types: Errors | None = None,
        kwargs: Mapping[str, Any] | None = None,
        config: RunnableConfig | None = None,
    ) -> None:
        if max_attempt_number is not None:
            _refuse_both(stop_after_attempt, _ATTEMPTS, "stop_after_attempt, max_attempt_number")
            stop_after_attempt = max_attempt_number
        if retry_exception_types is not None:
            names = "retry_if_exception_type, retry_exception_types"
            _refuse_both(retry_if_exception_type, _ANY_ERROR, names)
            retry_if_exception_type = retry_exception_types
        check_attempts("stop_after_attempt", stop_after_attempt, 1)
        max_retry_delay = check_seconds("max_retry_delay={}", max_retry_delay, or_zero=True)
        for key in exponential_jitter_params or {}:
            if key not in _BACKOFF:
                raise ConfigError(
                    f"exponential_jitter_params has no {key!r}.{did_you_mean(key, _BACKOFF)} "
                    f"It has: {', '.join(_BACKOFF)}."
                )
        for key, value in (exponential_jitter_params or {}).items():
            setting = f"exponential_jitter_params={{{{{key!r}: {{}}}}}}"
            check_seconds(setting, value, or_zero=True)  # `exp_base`, too, is a number from 0
        check_restart(on_restart)
        check_errors("retry_if_exception_type", retry_if_exception_type)
        bound = coerce_to_runnable(bound)
        if kwargs:
            bound = bound.bind(**kwargs)
        self.bound: Runnable[Input, Output] = bound.with_config(config) if config else bound
        self.retry_if_exception_type = retry_if_exception_type
        self.wait_exponential_jitter = wait_exponential_jitter
        self.exponential_jitter_params = exponential_jitter_params
        self.stop_after_attempt = stop_after_attempt
        self.max_retry_delay = max_retry_delay
        self.on_restart: Restart = on_restart

    def __repr__(self) -> str:
        return f"({self.bound!r}).with_retry(stop_after_attempt={self.stop_after_attempt})"

    @property
    def max_attempt_number(self) -> int:
        """Return `stop_after_attempt`, by its name in LangChain."""
        return self.stop_after_attempt

    @property
    def retry_exception_types(self) -> Errors:
        """Return `retry_if_exception_type`, by its name in LangChain."""
        return self.retry_if_exception_type

    def _rewrap(self, made: Any, call: MethodCall) -> Runnable[Any, Any]:
        return with_settings(self, {"bound": made})

    def _wrapped(self) -> Runnable[Input, Output]:
        return self.bound

    @property
    def may_restart(self) -> bool:
        """Tell whether its stream may start over: `on_restart="restart"`, here or inside."""
        return self.on_restart == "restart" or super().may_restart

    def _attempts(self) -> Attempts:
        return Attempts(self._policy, self.on_restart)

    @cached_property
    def _policy(self) -> RetryPolicy:
        backoff = Backoff(**(self.exponential_jitter_params or {}))
        return RetryPolicy(
            max_attempts=self.stop_after_attempt,
            is_retryable=partial(is_worth_another, errors=self.retry_if_exception_type),
            backoff=backoff if self.wait_exponential_jitter else NO_BACKOFF,
            max_delay=self.max_retry_delay,
        )

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        attempts = self._attempts()

        def attempt() -> Any:
            return self.bound.invoke(value, _child_config(scope, attempts.number), **kwargs)

        return call_with_retries(attempts, attempt)

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        attempts = self._attempts()

        async def attempt() -> Any:
            return await self.bound.ainvoke(value, _child_config(scope, attempts.number), **kwargs)

        return await acall_with_retries(attempts, attempt)

    def _row(self, value: Any, scope: Scope, kwargs: dict[str, Any]) -> Routine:
        attempts = self._attempts()
        while True:
            try:
                with attempts:
                    config = _child_config(scope, attempts.number)
                    return (yield Step(self.bound, value, config, kwargs))
            except Exception as error:
                seconds = attempts.wait(error)
            if seconds is None:
                raise attempts.error_to_raise()
            yield Call(partial(sleep, seconds), partial(async_sleep, seconds))

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        value = collect(input)

        def attempt(number: int) -> Any:
            return info.delegate_to(
                self.bound.stream(value, _child_config(scope, number), **kwargs)
            )

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
            return info.delegate_to(
                self.bound.astream(value, _child_config(scope, number), **kwargs)
            )

        chunks = astream_with_retries(attempt, self._attempts(), info)
        try:
            async for chunk in owned(chunks):
                yield chunk
        finally:
            await chunks.aclose()


def _child_config(scope: Scope | None, number: int) -> RunnableConfig | None:
    if scope is None or number == 1:
        return None if scope is None else scope.config
    return scope.for_step(f"retry:attempt:{number}", f"attempt {number}").config


def _refuse_both(value: object, default: object, names: str) -> None:
    """Refuse a setting that was passed under both of its names.

    Raises:
        ConfigError: it was.
    """
    if value != default:
        raise ConfigError(f"RunnableRetry: {names} are one setting. Pass one of them.")
