"""What retries and fallbacks share: the failures of a call, and what has left meanwhile."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from runnables.core.error_notes import add_location
from runnables.core.signatures import is_async
from runnables.engine.deltas import MergeableChunk
from runnables.engine.merging import RESET, comes_in_parts
from runnables.errors import (
    BudgetExceeded,
    ConfigError,
    MergeError,
    ModelError,
    SyncAsyncError,
    is_retryable,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runnables.engine import StreamInfo

Restart = Literal["raise", "restart"]

MANY: Final = 64
"""How many chunks are kept one by one: more would cost the collection of garbage more than it
costs to join them."""


class FailureLog:
    """The failures of one call, and what its consumer has got meanwhile."""

    def __init__(self, on_restart: Restart) -> None:
        self.errors: list[Exception] = []
        self._on_restart = on_restart
        self._left: list[Any] = []
        self._joined = 0  # how many of them, from the first, are several that were joined

    def record_chunk(self, chunk: Any, info: StreamInfo) -> Any:
        """A chunk of a stream that adds up as declared leaves for the consumer; returns it."""
        if not self._left or self._on_restart == "raise":  # else it matters only that one has left
            self._left.append(chunk)
            if len(self._left) - self._joined == MANY:
                self._join(info)
        return chunk

    def _join(self, info: StreamInfo) -> None:
        """Join the last of them to one: a long stream would keep every chunk that it ever gave."""
        last = self._left[self._joined :]
        if comes_in_parts(info.merge) and isinstance(last[0], MergeableChunk):
            with contextlib.suppress(Exception):  # told where their sum is asked for
                last = [type(last[0]).merge_chunks(last)]
        self._left[self._joined :] = last
        self._joined = len(self._left)

    def failed(self, error: Exception, where: str | None) -> None:
        """Remember a failure; the same exception raised once more gets no second note."""
        if where is not None and not any(error is known for known in self.errors):
            add_location(error, where)
        self.errors.append(error)

    def already_emitted(self, info: StreamInfo) -> bool:
        """Whether chunks are out and cannot be taken back; then the error carries them.

        So does the first error, which is the one that is raised.
        """
        if not self.has_emitted:
            return False
        produced = self._produced(info)
        for error in (self.errors[0], self.errors[-1]):
            cast("Any", error).produced = produced
        return True

    @property
    def has_emitted(self) -> bool:
        """Whether chunks are out and cannot be taken back."""
        return bool(self._left) and self._on_restart == "raise"

    def _produced(self, info: StreamInfo) -> Any:
        """The value of what is out, or the list of the chunks where they do not add up."""
        parts = info.merge.accumulator()
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
        self._joined = 0
        return (RESET,)

    def error_to_raise(self) -> Exception:
        """The first error; its cause is the group of the others, in order."""
        first = self.errors[0]
        others = [error for error in self.errors if error is not first]
        if others:
            group = ExceptionGroup("the other attempts", others)
            group.__cause__ = first.__cause__
            first.__cause__ = group
        below = first.__traceback__
        return first.with_traceback(None if below is None else below.tb_next)


Errors = type[BaseException] | tuple[type[BaseException], ...] | Callable[[Any], bool]
"""Which errors: a class of them, several, or a function of the error."""


def check_errors(keyword: str, errors: Any) -> None:
    """Refuse what says of no error whether it counts.

    Raises:
        ConfigError: neither a class of exceptions, nor a tuple of them, nor a sync function.
    """
    given: Any = errors
    each: tuple[Any, ...] = given if isinstance(errors, tuple) else (given,)
    if all(isinstance(it, type) and issubclass(it, BaseException) for it in each):
        return
    if isinstance(given, type) or not callable(given) or is_async(given):
        raise ConfigError(
            f"{keyword}={errors!r}: expected a class of exceptions, a tuple of them, or a "
            "function of the exception that says True or False"
        )


def is_one_of(error: Exception, errors: Errors) -> bool:
    """Whether an error is among those; a slip in the call is not, as no other try mends it."""
    if isinstance(error, (SyncAsyncError, ConfigError)):
        return False
    if isinstance(errors, (type, tuple)):
        return isinstance(error, errors)
    return bool(errors(error))


def is_worth_another(error: Exception, errors: Errors) -> bool:
    """Whether an error is among those, and another attempt of the same may mend it.

    Where those are named by classes of errors in general, the faults of the client and used-up
    quotas among a model's errors, and budgets, are not. A class of model errors, or a function,
    says it of just these.
    """
    if not is_one_of(error, errors) or isinstance(error, BudgetExceeded):
        return False
    if not isinstance(error, ModelError) or is_retryable(error):
        return True
    if not isinstance(errors, (type, tuple)):
        return True
    kinds = cast("tuple[Any, ...]", errors if isinstance(errors, tuple) else (errors,))
    return any(issubclass(kind, ModelError) and isinstance(error, kind) for kind in kinds)


def check_restart(on_restart: str) -> None:
    if on_restart not in ("raise", "restart"):
        raise ConfigError(f"on_restart={on_restart!r}: expected 'raise' or 'restart'")
