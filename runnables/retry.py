"""What to do when a runnable fails: try again."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from tenacity import (
    RetryCallState,
    Retrying,
    stop_after_attempt as stop_after,
    wait_exponential,
    wait_random,
)

from runnables.concurrency import anap, nap
from runnables.errors import ConfigError, near
from runnables.forwarding import Call, Forwarding
from runnables.functions import coerce_to_runnable
from runnables.streams import Declared, aclose, acollect, close, collect, inner
from runnables.tries import Errors, Restart, Tries, check_errors, check_restart, is_one_of
from runnables.typevars import Input, Output
from runnables.values import with_settings

if TYPE_CHECKING:
    from runnables.config import RunnableConfig, Scope
    from runnables.runnable import Runnable


_JITTER: Final = {"initial": 1.0, "max": 1e9, "exp_base": 2.0, "jitter": 1.0}
"""How long to wait where nobody says: what tenacity's `wait_exponential_jitter` does. It is put
together here because tenacity calls `initial` by two names, and warns of the older one. The
longest wait is the most that a thread can sleep, nearly."""


class _Attempts(Tries):
    """The tries of a retry: tenacity says whether there is another, and when."""

    def __init__(self, retry: RunnableRetry[Any, Any]) -> None:
        super().__init__(retry.on_restart)
        self._retry = retry
        self._state = RetryCallState(Retrying(), None, (), {})

    @property
    def number(self) -> int:
        """The number of the attempt under way, from 1."""
        return self._state.attempt_number

    def wait(self, error: Exception) -> float | None:
        """Seconds until the next attempt; None: there is none."""
        self.failed(error, f"attempt {self.number}")
        self._state.set_exception((type(error), error, error.__traceback__))
        retry = self._retry
        if not is_one_of(error, retry.retry_if_exception_type):
            return None
        if stop_after(retry.stop_after_attempt)(self._state):
            return None
        seconds = float(self._waiting(self._state))
        self._state.prepare_for_next_attempt()
        return seconds

    def _waiting(self, state: RetryCallState) -> float:
        if not self._retry.wait_exponential_jitter:
            return 0.0
        pace = {**_JITTER, **(self._retry.exponential_jitter_params or {})}
        growing = wait_exponential(pace["initial"], pace["max"], pace["exp_base"])
        return min(growing(state) + wait_random(0, pace["jitter"])(state), pace["max"])


class RunnableRetry(Forwarding[Input, Output], reports=True):
    """A runnable that is tried again when it fails; each item of a batch on its own.

    When every attempt has failed, the first error is raised; its cause is an ExceptionGroup of
    the others. A stream is tried again until its first chunk has left; then, with
    `on_restart="raise"`, its error carries what came out as `error.produced`, and with
    "restart" the consumer gets `RESET` and the stream starts over.

    Args:
        bound: the runnable.
        retry_if_exception_type: which errors to try again after: a class, a tuple of them, or
            a function of the error; never KeyboardInterrupt, SystemExit or a cancellation.
        wait_exponential_jitter: wait between attempts, longer each time, a bit at random.
        exponential_jitter_params: `initial`, `max`, `jitter` (seconds) and `exp_base`.
        stop_after_attempt: how many attempts in all, at least 1.
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
        on_restart: Restart = "raise",
    ) -> None:
        given: Any = stop_after_attempt
        if not isinstance(given, int) or given < 1:
            raise ConfigError(f"stop_after_attempt={given!r}: expected a whole number from 1")
        for key in exponential_jitter_params or {}:
            if key not in _JITTER:
                raise ConfigError(
                    f"exponential_jitter_params has no {key!r}.{near(key, _JITTER)} "
                    f"It has: {', '.join(_JITTER)}."
                )
        check_restart(on_restart)
        check_errors("retry_if_exception_type", retry_if_exception_type)
        self.bound: Runnable[Input, Output] = coerce_to_runnable(bound)
        self.retry_if_exception_type = retry_if_exception_type
        self.wait_exponential_jitter = wait_exponential_jitter
        self.exponential_jitter_params = exponential_jitter_params
        self.stop_after_attempt = stop_after_attempt
        self.on_restart: Restart = on_restart

    def __repr__(self) -> str:
        return f"({self.bound!r}).with_retry(stop_after_attempt={self.stop_after_attempt})"

    def _around(self, made: Any, call: Call) -> Runnable[Any, Any]:
        return with_settings(self, {"bound": made})

    def _like(self) -> Runnable[Input, Output]:
        return self.bound

    @property
    def restarts(self) -> bool:
        """With `on_restart="restart"`, or where a policy inside says so."""
        return self.on_restart == "restart" or super().restarts

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        tries = _Attempts(self)
        while True:
            try:
                return self.bound.invoke(value, _attempt(scope, tries.number), **kwargs)
            except Exception as error:
                seconds = tries.wait(error)
            if seconds is None:
                raise tries.verdict()
            nap(seconds)

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        tries = _Attempts(self)
        while True:
            try:
                return await self.bound.ainvoke(value, _attempt(scope, tries.number), **kwargs)
            except Exception as error:
                seconds = tries.wait(error)
            if seconds is None:
                raise tries.verdict()
            await anap(seconds)

    def _transform(
        self, input: Iterable[Any], scope: Scope | None, kwargs: dict[str, Any], declared: Declared
    ) -> Generator[Any, None, None]:
        value = collect(input)
        tries = _Attempts(self)
        while True:
            chunks = self.bound.stream(value, _attempt(scope, tries.number), **kwargs)
            declared.follow(chunks)
            try:
                for chunk in chunks:
                    yield tries.took(chunk)
                return
            except Exception as error:
                seconds = tries.wait(error)
            finally:
                close(chunks)
            if tries.is_too_late(declared) or seconds is None:
                raise tries.verdict()
            nap(seconds)
            yield from tries.start_over()

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        declared: Declared,
    ) -> AsyncGenerator[Any, None]:
        value = await acollect(input)
        tries = _Attempts(self)
        while True:
            chunks = self.bound.astream(value, _attempt(scope, tries.number), **kwargs)
            declared.follow(chunks)
            try:
                async for chunk in inner(chunks):
                    yield tries.took(chunk)
                return
            except Exception as error:
                seconds = tries.wait(error)
            finally:
                await aclose(chunks)
            if tries.is_too_late(declared) or seconds is None:
                raise tries.verdict()
            await anap(seconds)
            for chunk in tries.start_over():
                yield chunk


def _attempt(scope: Scope | None, number: int) -> RunnableConfig | None:
    if scope is None or number == 1:
        return None if scope is None else scope.config
    return scope.step(f"retry:attempt:{number}", f"attempt {number}").config
