"""What to do when a runnable fails: try another."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runnables.compose.coerce import coerce_to_runnable
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
from runnables.core.values import with_settings
from runnables.engine import StreamInfo, aclose, acollect, close, collect, raw_iterator
from runnables.errors import ConfigError

if TYPE_CHECKING:
    from runnables.compose.runnable import Runnable
    from runnables.core.config import RunnableConfig, Scope


class RunnableWithFallbacks(ForwardingWrapper[Input, Output], internal=True):
    """A runnable with others to try, in order, when it fails.

    When all have failed, the first error is raised; its cause is an ExceptionGroup of the
    others. A stream falls back until its first chunk has left; then as `RunnableRetry`.

    Args:
        runnable: the first to try.
        fallbacks: the others, runnables or what `|` takes for one.
        exceptions_to_handle: after which errors: a class, a tuple of them, or a function of the
            error; never KeyboardInterrupt, SystemExit or a cancellation.
        exception_key: where to put the error into the input, which then must be a dict.
        on_restart: "raise" or "restart".

    Raises:
        ConfigError: something that names no errors, or `fallbacks` that are no list, or empty.
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
        self.fallbacks = tuple(coerce_to_runnable(it) for it in fallbacks)
        if not self.fallbacks:
            raise ConfigError("fallbacks=[]: expected at least one runnable to fall back to")
        self.exceptions_to_handle = exceptions_to_handle
        self.exception_key = exception_key
        self.on_restart: Restart = on_restart

    def __repr__(self) -> str:
        return f"({self.runnable!r}).with_fallbacks({list(self.fallbacks)!r})"

    @property
    def runnables(self) -> tuple[Runnable[Any, Any], ...]:
        """All that may be tried, in order."""
        return (self.runnable, *self.fallbacks)

    def _rewrap(self, made: Any, call: MethodCall) -> Runnable[Any, Any]:
        others = tuple(call.apply_to(it) for it in self.fallbacks)
        return with_settings(self, {"runnable": made, "fallbacks": others})

    def _wrapped(self) -> Runnable[Input, Output]:
        return self.runnable

    @property
    def may_restart(self) -> bool:
        """With `on_restart="restart"`, or where a policy inside says so."""
        return self.on_restart == "restart" or super().may_restart

    def _children(self) -> Iterable[Runnable[Any, Any]]:
        return self.runnables

    def _invoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        self._check(value)
        tries = FailureLog(self.on_restart)
        for at, runnable in enumerate(self.runnables):
            try:
                return runnable.invoke(self._input(value, tries), _fallback(scope, at), **kwargs)
            except Exception as error:
                tries.failed(error, _which(at))
            if not self._handles(tries):
                break
        raise tries.error_to_raise()

    async def _ainvoke(self, value: Any, scope: Scope | None, kwargs: dict[str, Any]) -> Any:
        self._check(value)
        tries = FailureLog(self.on_restart)
        for at, runnable in enumerate(self.runnables):
            try:
                return await runnable.ainvoke(
                    self._input(value, tries), _fallback(scope, at), **kwargs
                )
            except Exception as error:
                tries.failed(error, _which(at))
            if not self._handles(tries):
                break
        raise tries.error_to_raise()

    def _transform(
        self,
        input: Iterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> Generator[Any, None, None]:
        value = collect(input)
        self._check(value)
        tries = FailureLog(self.on_restart)
        for at, runnable in enumerate(self.runnables):
            yield from tries.start_over()
            chunks = runnable.stream(self._input(value, tries), _fallback(scope, at), **kwargs)
            info.delegate_to(chunks)
            try:
                for chunk in chunks:
                    yield tries.record_chunk(chunk, info)
                return
            except Exception as error:
                tries.failed(error, _which(at))
            finally:
                close(chunks)
            if tries.already_emitted(info) or not self._handles(tries):
                break
        raise tries.error_to_raise()

    async def _atransform(
        self,
        input: AsyncIterable[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
        info: StreamInfo,
    ) -> AsyncGenerator[Any, None]:
        value = await acollect(input)
        self._check(value)
        tries = FailureLog(self.on_restart)
        for at, runnable in enumerate(self.runnables):
            for chunk in tries.start_over():
                yield chunk
            chunks = runnable.astream(self._input(value, tries), _fallback(scope, at), **kwargs)
            info.delegate_to(chunks)
            try:
                async for chunk in raw_iterator(chunks):
                    yield tries.record_chunk(chunk, info)
                return
            except Exception as error:
                tries.failed(error, _which(at))
            finally:
                await aclose(chunks)
            if tries.already_emitted(info) or not self._handles(tries):
                break
        raise tries.error_to_raise()

    def _check(self, value: object) -> None:
        if self.exception_key is not None and not isinstance(value, Mapping):
            raise TypeError(
                f"exception_key={self.exception_key!r} needs a dict as input, "
                f"got a {type(value).__name__}"
            )

    def _input(self, value: Any, tries: FailureLog) -> Any:
        if self.exception_key is None or not tries.errors:
            return value
        return {**value, self.exception_key: tries.errors[-1]}

    def _handles(self, tries: FailureLog) -> bool:
        return is_one_of(tries.errors[-1], self.exceptions_to_handle)


def _fallback(scope: Scope | None, index: int) -> RunnableConfig | None:
    if scope is None or index == 0:
        return None if scope is None else scope.config
    return scope.for_step(f"fallback:{index}", _which(index)).config


def _which(at: int) -> str:
    return f"fallback {at}" if at else "attempt before the fallbacks"
