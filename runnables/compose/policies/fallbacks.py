"""Fallbacks: a runnable with others that are tried when it fails."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runnables.compose.coerce import coerce_part, coerce_to_runnable
from runnables.compose.policies.failures import (
    Errors,
    FailureLog,
    Restart,
    check_errors,
    check_restart,
    is_one_of,
)
from runnables.compose.typevars import Input, Output
from runnables.compose.wrappers import ForwardingWrapper, MethodCall
from runnables.core.rows import Routine, Step
from runnables.core.values import with_settings
from runnables.engine.collect import acollect, collect
from runnables.engine.stream import StreamInfo, aclose, close, owned
from runnables.errors import ConfigError

if TYPE_CHECKING:
    from runnables.compose.runnable import Runnable
    from runnables.core.config import RunnableConfig, Scope


class RunnableWithFallbacks(ForwardingWrapper[Input, Output], internal=True):
    """A runnable with others that are tried, in order, when it fails.

    When all have failed, the first error is raised; its cause is an ExceptionGroup of the
    others. A stream falls back until its first chunk was emitted; after that, `on_restart` decides
    as in `RunnableRetry`. KeyboardInterrupt, SystemExit and cancellation always end the call.

    `with_fallbacks` makes one.

    Args:
        runnable: the first to try, or what `|` takes for one.
        fallbacks: the others, in order.
        exceptions_to_handle: the errors after which to try the next: a class, a tuple of them, or
            a function of the error.
        exception_key: the key under which the next one finds the error in its input, which must
            be a dict then.
        on_restart: "raise" or "restart".

    Raises:
        ConfigError: something that does not say which errors count, or `fallbacks` that are no
            list, or empty.

    Example:
        >>> number = RunnableWithFallbacks(float, [lambda text: f"no number: {text}"])
        >>> number.batch(["1.5", "one"])
        [1.5, 'no number: one']
    """

    def __init__(
        self,
        runnable: Any,
        fallbacks: Sequence[Any],
        *,
        exceptions_to_handle: Errors = (Exception,),
        exception_key: str | None = None,
        on_restart: Restart = "raise",
    ) -> None:
        check_restart(on_restart)
        check_errors("exceptions_to_handle", exceptions_to_handle)
        given: Any = fallbacks
        if not isinstance(given, Iterable) or isinstance(given, (str, Mapping)):
            raise ConfigError(f"fallbacks={given!r}: expected a list of runnables")
        self.runnable: Runnable[Input, Output] = coerce_to_runnable(runnable)
        self.fallbacks = tuple(
            coerce_part(fallback, f"fallback {number}")
            for number, fallback in enumerate(fallbacks, 1)
        )
        if not self.fallbacks:
            raise ConfigError("fallbacks=[]: expected at least one runnable to fall back to")
        self.exceptions_to_handle = exceptions_to_handle
        self.exception_key = exception_key
        self.on_restart: Restart = on_restart

    def __repr__(self) -> str:
        return f"({self.runnable!r}).with_fallbacks({list(self.fallbacks)!r})"

    @property
    def runnables(self) -> tuple[Runnable[Any, Any], ...]:
        """Return all that may be tried, in order."""
        return (self.runnable, *self.fallbacks)

    def _rewrap(self, made: Any, call: MethodCall) -> Runnable[Any, Any]:
        others = tuple(call.apply_to(fallback) for fallback in self.fallbacks)
        return with_settings(self, {"runnable": made, "fallbacks": others})

    def _wrapped(self) -> Runnable[Input, Output]:
        return self.runnable

    @property
    def may_restart(self) -> bool:
        """Tell whether its stream may start over: `on_restart="restart"`, here or inside."""
        return self.on_restart == "restart" or super().may_restart

    def _children(self) -> Iterable[Runnable[Any, Any]]:
        return self.runnables

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        self._check(value)
        failures = FailureLog(self.on_restart)
        for index, runnable in enumerate(self.runnables):
            try:
                return runnable.invoke(
                    self._input(value, failures), _child_config(scope, index), **kwargs
                )
            except Exception as error:
                failures.failed(error, _location(index))
            if not self._handles(failures):
                break
        raise failures.error_to_raise()

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        self._check(value)
        failures = FailureLog(self.on_restart)
        for index, runnable in enumerate(self.runnables):
            try:
                return await runnable.ainvoke(
                    self._input(value, failures), _child_config(scope, index), **kwargs
                )
            except Exception as error:
                failures.failed(error, _location(index))
            if not self._handles(failures):
                break
        raise failures.error_to_raise()

    def _row(self, value: Any, scope: Scope, kwargs: dict[str, Any]) -> Routine:
        self._check(value)
        failures = FailureLog(self.on_restart)
        for index, runnable in enumerate(self.runnables):
            try:
                config = _child_config(scope, index)
                given = self._input(value, failures)
                return (yield Step(runnable, given, config, kwargs, at=index))
            except Exception as error:
                failures.failed(error, _location(index))
            if not self._handles(failures):
                break
        raise failures.error_to_raise()

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        value = collect(input)
        self._check(value)
        failures = FailureLog(self.on_restart)
        for index, runnable in enumerate(self.runnables):
            yield from failures.start_over()
            chunks = runnable.stream(
                self._input(value, failures), _child_config(scope, index), **kwargs
            )
            info.delegate_to(chunks)
            try:
                for chunk in chunks:
                    yield failures.record_chunk(chunk, info)
                return
            except Exception as error:
                failures.failed(error, _location(index))
            finally:
                close(chunks)
            if failures.already_emitted(info) or not self._handles(failures):
                break
        raise failures.error_to_raise()

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        value = await acollect(input)
        self._check(value)
        failures = FailureLog(self.on_restart)
        for index, runnable in enumerate(self.runnables):
            for chunk in failures.start_over():
                yield chunk
            chunks = runnable.astream(
                self._input(value, failures), _child_config(scope, index), **kwargs
            )
            info.delegate_to(chunks)
            try:
                async for chunk in owned(chunks):
                    yield failures.record_chunk(chunk, info)
                return
            except Exception as error:
                failures.failed(error, _location(index))
            finally:
                await aclose(chunks)
            if failures.already_emitted(info) or not self._handles(failures):
                break
        raise failures.error_to_raise()

    def _check(self, value: object) -> None:
        if self.exception_key is not None and not isinstance(value, Mapping):
            raise TypeError(
                f"exception_key={self.exception_key!r} needs a dict as input, "
                f"got a {type(value).__name__}"
            )

    def _input(self, value: Any, failures: FailureLog) -> Any:
        if self.exception_key is None or not failures.errors:
            return value
        return {**value, self.exception_key: failures.errors[-1]}

    def _handles(self, failures: FailureLog) -> bool:
        return is_one_of(failures.errors[-1], self.exceptions_to_handle)


def _child_config(scope: Scope | None, index: int) -> RunnableConfig | None:
    if scope is None or index == 0:
        return None if scope is None else scope.config
    return scope.for_step(f"fallback:{index}", _location(index)).config


def _location(index: int) -> str:
    return f"fallback {index}" if index else "attempt before the fallbacks"
