"""The failures of one call, and what its consumer got meanwhile; which errors count.

Retries and fallbacks share this. A stream that fails can be started anew only until its first
chunk was emitted. After that, with `on_restart="raise"`, its error carries what was emitted; with
"restart", the consumer gets `RESET` and the chunks from the start.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from runnables.core.error_notes import add_location, chain_errors, has_location, set_attribute
from runnables.core.foreign import is_control_flow
from runnables.core.signatures import is_async
from runnables.engine.deltas import ChunkRun, MergeableChunk, run_of, without_runs
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

    from runnables.engine.stream import StreamInfo

Restart = Literal["raise", "restart"]

MANY: Final = 64
"""How many chunks are stored one by one. To join them costs less than what more of them would cost
the garbage collector."""


class FailureLog:
    """The failures of one call, and the chunks that its consumer got meanwhile."""

    def __init__(self, on_restart: Restart) -> None:
        self.errors: list[Exception] = []
        self._locations: list[str | None] = []
        self._on_restart = on_restart
        self._emitted: list[Any] = []  # chunks, and runs of them
        self._run: ChunkRun | None = None  # the last of them, if it is one
        self._joined = 0  # how many of them, from the first, are several chunks in one

    def record_chunk(self, chunk: Any, info: StreamInfo) -> Any:
        """Store a chunk that goes to the consumer now; return it."""
        # with "restart", all that matters is whether there was one
        if (not self._emitted or self._on_restart == "raise") and (
            self._run is None or not self._run.add(chunk)
        ):
            self._store(chunk, info)
        return chunk

    def _store(self, chunk: Any, info: StreamInfo) -> None:
        in_parts = comes_in_parts(info.merge) and isinstance(chunk, MergeableChunk)
        self._run = run_of(chunk) if in_parts else None
        self._emitted.append(chunk if self._run is None else self._run)
        if len(self._emitted) - self._joined == MANY:
            self._join_latest(info)

    def _join_latest(self, info: StreamInfo) -> None:
        """Join the chunks that are stored one by one, or a long stream would keep each of them."""
        self._run = None
        latest = without_runs(self._emitted[self._joined :])
        if comes_in_parts(info.merge) and isinstance(latest[0], MergeableChunk):
            with contextlib.suppress(Exception):  # raised where their sum is needed
                latest = [type(latest[0]).merge_chunks(latest)]
        self._emitted[self._joined :] = latest
        self._joined = len(self._emitted)

    def failed(self, error: Exception, location: str | None) -> None:
        """Record a failure; the same exception raised once more gets no second note."""
        for known, its_location in zip(self.errors, self._locations, strict=True):
            if error is known:
                location = its_location
                break
        if location is not None and not has_location(error, location):
            add_location(error, location)
        self.errors.append(error)
        self._locations.append(location)

    def already_emitted(self, info: StreamInfo) -> bool:
        """Tell whether chunks were emitted that cannot be taken back; the error carries them then.

        The first error carries them too, as it is the one that is raised.
        """
        if not self.has_emitted:
            return False
        produced = self._produced(info)
        for error in (self.errors[0], self.errors[-1]):
            set_attribute(error, "produced", produced)
        return True

    @property
    def has_emitted(self) -> bool:
        """Tell whether chunks were emitted that cannot be taken back."""
        return bool(self._emitted) and self._on_restart == "raise"

    def _produced(self, info: StreamInfo) -> Any:
        """Return the value of what was emitted, or the list of chunks that do not add up."""
        parts, emitted = info.merge.accumulator(), without_runs(self._emitted)
        try:
            for chunk in emitted:
                parts.add(chunk)
            return None if parts.empty else parts.value()
        except MergeError:
            return emitted

    def start_over(self) -> Iterable[Any]:
        """Return what the consumer gets before another attempt: a reset, or nothing."""
        if not self._emitted:
            return ()
        self._emitted.clear()
        self._run, self._joined = None, 0
        return (RESET,)

    def error_to_raise(self) -> Exception:
        """Return the first error; its cause is the group of the others, in order."""
        first = chain_errors(self.errors, "the other attempts")
        traceback = first.__traceback__
        rest = None if traceback is None else traceback.tb_next
        BaseException.with_traceback(first, rest)  # not by a method of its class, which may raise
        return first


Errors = type[BaseException] | tuple[type[BaseException], ...] | Callable[[Any], bool]
"""Which errors count: a class of them, several classes, or a function of the error."""


def check_errors(keyword: str, errors: Any) -> None:
    """Refuse what does not say which errors count.

    Raises:
        ConfigError: neither a class of exceptions, nor a tuple of them, nor a sync function.
    """
    given: Any = errors
    kinds: tuple[Any, ...] = given if isinstance(errors, tuple) else (given,)
    if all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
        return
    if (
        isinstance(given, type)
        or not callable(given)
        or is_async(given)
        or hasattr(given, "run_type")
    ):
        raise ConfigError(
            f"{keyword}={errors!r}: expected a class of exceptions, a tuple of them, or a "
            "function of the exception that says True or False"
        )


def is_one_of(error: Exception, errors: Errors) -> bool:
    """Tell whether an error counts; a mistake in the call never does, as nothing else fixes it."""
    if isinstance(error, (SyncAsyncError, ConfigError)) or is_control_flow(error):
        return False
    if isinstance(errors, (type, tuple)):
        return isinstance(error, errors)
    return bool(errors(error))


def is_worth_another(error: Exception, errors: Errors) -> bool:
    """Tell whether an error counts, and another attempt of the same may fix it.

    Where `errors` are general classes, used-up budgets do not count, nor a model's errors that
    another attempt does not fix (see `is_retryable`): wrong requests, used-up quotas. A class of
    model errors, or a function, decides for such errors by itself.
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
    """Refuse what is neither "raise" nor "restart".

    Raises:
        ConfigError: anything else.
    """
    if on_restart not in ("raise", "restart"):
        raise ConfigError(f"on_restart={on_restart!r}: expected 'raise' or 'restart'")
