"""What to do when a runnable fails: try again, or try another."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar, cast

from tenacity import (
    RetryCallState,
    Retrying,
    stop_after_attempt as stop_after,
    wait_exponential_jitter as wait_exponential,
    wait_none,
)

from runnables.around import Around
from runnables.chunks import RESET
from runnables.concurrency import anap, nap
from runnables.errors import ConfigError, MergeError, near
from runnables.functions import coerce_to_runnable
from runnables.streams import Declared, aclose, acollect, close, collect, inner
from runnables.where import note

if TYPE_CHECKING:
    from runnables.config import RunnableConfig, Scope
    from runnables.runnable import Runnable

Input = TypeVar("Input", contravariant=True)
Output = TypeVar("Output", covariant=True)
Restart = Literal["raise", "restart"]

_JITTER: Final = ("initial", "max", "exp_base", "jitter")


class _Tries:
    """The failures of one call, and what its consumer has got meanwhile."""

    def __init__(self, on_restart: Restart) -> None:
        self.errors: list[Exception] = []
        self._on_restart = on_restart
        self._left: list[Any] = []

    def took(self, chunk: Any) -> Any:
        """A chunk leaves for the consumer; returns it."""
        self._left.append(chunk)
        return chunk

    def failed(self, error: Exception, where: str) -> None:
        """Remember a failure; the same exception raised once more gets no second note."""
        if not any(error is known for known in self.errors):
            note(error, where)
        self.errors.append(error)

    def is_too_late(self, declared: Declared) -> bool:
        """Whether chunks are out and cannot be taken back; then the error carries them."""
        if not self._left or self._on_restart == "restart":
            return False
        cast("Any", self.errors[-1]).produced = self._produced(declared)
        return True

    def _produced(self, declared: Declared) -> Any:
        """The value of what is out, or the list of the chunks where they do not add up."""
        parts = declared.merge.accumulator()
        try:
            for chunk in self._left:
                parts.add(chunk)
            return None if parts.empty else parts.value()
        except MergeError:
            return self._left

    def start_over(self) -> Iterable[Any]:
        """What the consumer is told before the chunks of another try."""
        if not self._left:
            return ()
        self._left.clear()
        return (RESET,)

    def verdict(self) -> Exception:
        """The first error; its cause is the group of the others, in order."""
        first = self.errors[0]
        others = [error for error in self.errors if error is not first]
        if others:
            group = ExceptionGroup("the other attempts", others)
            group.__cause__ = first.__cause__
            first.__cause__ = group
        below = first.__traceback__
        return first.with_traceback(None if below is None else below.tb_next)


class _Attempts(_Tries):
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
        if not isinstance(error, retry.retry_if_exception_type):
            return None
        if stop_after(retry.stop_after_attempt)(self._state):
            return None
        seconds = float(self._waiting(self._state))
        self._state.prepare_for_next_attempt()
        return seconds

    def _waiting(self, state: RetryCallState) -> float:
        if not self._retry.wait_exponential_jitter:
            return wait_none()(state)
        return wait_exponential(**(self._retry.exponential_jitter_params or {}))(state)


class RunnableRetry(Around[Input, Output], reports=True):
    """A runnable that is tried again when it fails; each item of a batch on its own.

    When every attempt has failed, the first error is raised; its cause is an ExceptionGroup of
    the others. A stream is tried again until its first chunk has left; then, with
    `on_restart="raise"`, its error carries what came out as `error.produced`, and with
    "restart" the consumer gets `RESET` and the stream starts over.

    Args:
        bound: the runnable.
        retry_if_exception_type: which errors to try again after; never KeyboardInterrupt,
            SystemExit or a cancellation.
        wait_exponential_jitter: wait between attempts, longer each time, a bit at random.
        exponential_jitter_params: `initial`, `max`, `jitter` (seconds) and `exp_base`.
        stop_after_attempt: how many attempts in all, at least 1.
        on_restart: "raise" or "restart".

    Raises:
        ConfigError: an unknown parameter, or a number below 1.
    """

    def __init__(
        self,
        bound: Any,
        *,
        retry_if_exception_type: tuple[type[BaseException], ...] = (Exception,),
        wait_exponential_jitter: bool = True,
        exponential_jitter_params: Mapping[str, float] | None = None,
        stop_after_attempt: int = 3,
        on_restart: Restart = "raise",
    ) -> None:
        if stop_after_attempt < 1:
            raise ConfigError(f"stop_after_attempt={stop_after_attempt}: expected at least 1")
        for key in exponential_jitter_params or {}:
            if key not in _JITTER:
                raise ConfigError(
                    f"exponential_jitter_params has no {key!r}.{near(key, _JITTER)} "
                    f"It has: {', '.join(_JITTER)}."
                )
        _check_restart(on_restart)
        self.bound: Runnable[Input, Output] = coerce_to_runnable(bound)
        self.retry_if_exception_type = retry_if_exception_type
        self.wait_exponential_jitter = wait_exponential_jitter
        self.exponential_jitter_params = exponential_jitter_params
        self.stop_after_attempt = stop_after_attempt
        self.on_restart: Restart = on_restart

    def __repr__(self) -> str:
        return f"({self.bound!r}).with_retry(stop_after_attempt={self.stop_after_attempt})"

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
            if seconds is None or tries.is_too_late(declared):
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
            if seconds is None or tries.is_too_late(declared):
                raise tries.verdict()
            await anap(seconds)
            for chunk in tries.start_over():
                yield chunk


class RunnableWithFallbacks(Around[Input, Output], reports=True):
    """A runnable with others to try, in order, when it fails.

    When all have failed, the first error is raised; its cause is an ExceptionGroup of the
    others. A stream falls back until its first chunk has left; then as `RunnableRetry`.

    Args:
        runnable: the first to try.
        fallbacks: the others, runnables or what `|` takes for one.
        exceptions_to_handle: after which errors; never KeyboardInterrupt, SystemExit or a
            cancellation.
        exception_key: where to put the error into the input, which then must be a dict.
        on_restart: "raise" or "restart".
    """

    def __init__(
        self,
        runnable: Any,
        fallbacks: Sequence[Any],
        *,
        exceptions_to_handle: tuple[type[BaseException], ...] = (Exception,),
        exception_key: str | None = None,
        on_restart: Restart = "raise",
    ) -> None:
        _check_restart(on_restart)
        self.runnable: Runnable[Input, Output] = coerce_to_runnable(runnable)
        self.fallbacks = tuple(coerce_to_runnable(it) for it in fallbacks)
        self.exceptions_to_handle = exceptions_to_handle
        self.exception_key = exception_key
        self.on_restart: Restart = on_restart

    def __repr__(self) -> str:
        return f"({self.runnable!r}).with_fallbacks({list(self.fallbacks)!r})"

    @property
    def runnables(self) -> tuple[Runnable[Any, Any], ...]:
        """All that may be tried, in order."""
        return (self.runnable, *self.fallbacks)

    def _like(self) -> Runnable[Input, Output]:
        return self.runnable

    @property
    def restarts(self) -> bool:
        """With `on_restart="restart"`, or where a policy inside says so."""
        return self.on_restart == "restart" or super().restarts

    def _inner(self) -> Iterable[Runnable[Any, Any]]:
        return self.runnables

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        self._check(value)
        tries = _Tries(self.on_restart)
        for at, runnable in enumerate(self.runnables):
            try:
                return runnable.invoke(self._input(value, tries), _fallback(scope, at), **kwargs)
            except Exception as error:
                tries.failed(error, _which(at))
            if not self._handles(tries):
                break
        raise tries.verdict()

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        self._check(value)
        tries = _Tries(self.on_restart)
        for at, runnable in enumerate(self.runnables):
            try:
                return await runnable.ainvoke(
                    self._input(value, tries), _fallback(scope, at), **kwargs
                )
            except Exception as error:
                tries.failed(error, _which(at))
            if not self._handles(tries):
                break
        raise tries.verdict()

    def _transform(
        self, input: Iterable[Any], scope: Scope | None, kwargs: dict[str, Any], declared: Declared
    ) -> Generator[Any, None, None]:
        value = collect(input)
        self._check(value)
        tries = _Tries(self.on_restart)
        for at, runnable in enumerate(self.runnables):
            yield from tries.start_over()
            chunks = runnable.stream(self._input(value, tries), _fallback(scope, at), **kwargs)
            declared.follow(chunks)
            try:
                for chunk in chunks:
                    yield tries.took(chunk)
                return
            except Exception as error:
                tries.failed(error, _which(at))
            finally:
                close(chunks)
            if not self._handles(tries) or tries.is_too_late(declared):
                break
        raise tries.verdict()

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        declared: Declared,
    ) -> AsyncGenerator[Any, None]:
        value = await acollect(input)
        self._check(value)
        tries = _Tries(self.on_restart)
        for at, runnable in enumerate(self.runnables):
            for chunk in tries.start_over():
                yield chunk
            chunks = runnable.astream(self._input(value, tries), _fallback(scope, at), **kwargs)
            declared.follow(chunks)
            try:
                async for chunk in inner(chunks):
                    yield tries.took(chunk)
                return
            except Exception as error:
                tries.failed(error, _which(at))
            finally:
                await aclose(chunks)
            if not self._handles(tries) or tries.is_too_late(declared):
                break
        raise tries.verdict()

    def _check(self, value: object) -> None:
        if self.exception_key is not None and not isinstance(value, Mapping):
            raise TypeError(
                f"exception_key={self.exception_key!r} needs a dict as input, "
                f"got a {type(value).__name__}"
            )

    def _input(self, value: Any, tries: _Tries) -> Any:
        if self.exception_key is None or not tries.errors:
            return value
        return {**value, self.exception_key: tries.errors[-1]}

    def _handles(self, tries: _Tries) -> bool:
        return isinstance(tries.errors[-1], self.exceptions_to_handle)


def _check_restart(on_restart: str) -> None:
    if on_restart not in ("raise", "restart"):
        raise ConfigError(f"on_restart={on_restart!r}: expected 'raise' or 'restart'")


def _attempt(scope: Scope | None, number: int) -> RunnableConfig | None:
    if scope is None or number == 1:
        return None if scope is None else scope.config
    return scope.step(f"retry:attempt:{number}", f"attempt {number}").config


def _fallback(scope: Scope | None, at: int) -> RunnableConfig | None:
    if scope is None or at == 0:
        return None if scope is None else scope.config
    return scope.step(f"fallback:{at}", _which(at)).config


def _which(at: int) -> str:
    return f"fallback {at}" if at else "attempt before the fallbacks"
