"""Micro-batches, for steps that take many inputs in one call, such as an embedding service.

Such a runnable declares a `max_batch_size` above 1, and writes `_invoke_batch` and
`_ainvoke_batch`. In a batch, rows that come to it wait for others, and go together; before and
after it each row runs by itself (see `engine/rows.py`).

Rows go together that would find the same: the step, its options, the config, and all context
variables. So a call for one user is never made with what was set for another one.

An error belongs to its own item: a micro-batch that fails as a whole runs again in eighths, and an
eighth that fails again in eighths of it, down to the items. So one bad item in a hundred costs some
twenty calls, and not a hundred. Nothing runs again where the error would be that of each item: a
service that is down or busy, or knows no such key, would only get more requests.
A step that knows which items failed returns `Failed` in their places, and is not run again.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

from runnables.core.config import CURRENT_SCOPE, resolve_scope
from runnables.core.events import Observed, Run
from runnables.core.stops import without_stop
from runnables.engine.rows import Failed
from runnables.engine.variables import is_same_value, let_differ
from runnables.errors import (
    AuthenticationError,
    BudgetExceeded,
    MissingExtra,
    ModelConnectionError,
    ModelTimeoutError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    WeightsError,
)

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from runnables.core.config import RunnableConfig, Scope
    from runnables.engine.rows import Arrival

let_differ(CURRENT_SCOPE)  # `BulkCall.takes` compares the scopes themselves

_OF_ALL_ITEMS: Final = (
    *(ModelConnectionError, ModelTimeoutError, RateLimitError, ServerError),
    *(AuthenticationError, PermissionDeniedError, BudgetExceeded),
    *(MissingExtra, WeightsError),
)
"""Errors that say nothing about one item."""

_PARTS: Final = 8
"""Into how many parts a large micro-batch is divided that failed."""

_SMALL: Final = 16
"""Up to how many items run one by one: parts of a few would be more calls where all are bad."""


class BulkStep(Observed, Protocol):
    """A runnable that takes many inputs in one call."""

    _has_own_run: ClassVar[bool]

    @property
    def max_batch_size(self) -> int:
        """Return how many it takes at most."""
        ...

    def _invoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]: ...

    async def _ainvoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]: ...


class BulkCall:
    """The call that a row of a batch comes to: a step that takes many rows at once.

    Rows go together where step, config and options are the same.

    Args:
        runnable: the step.
        scope: the scope of the row.
        kwargs: the options of the call.
        place: where in the chain the step is.
    """

    __slots__ = ("_kwargs", "_runnable", "_scope", "place", "size")

    def __init__(
        self, runnable: BulkStep, scope: Scope, kwargs: Mapping[str, Any], place: Hashable
    ) -> None:
        self.size = runnable.max_batch_size
        self.place = place
        self._runnable = runnable
        self._scope = scope
        self._kwargs = dict(kwargs)

    def takes(self, other: Any) -> bool:
        """Tell whether a row that has come to another call at this place may go along."""
        try:
            return (
                (other._runnable is self._runnable or other._runnable == self._runnable)
                and _agree(self._scope, other._scope)
                and (other._kwargs == self._kwargs)
            )
        except Exception:  # options or fields that cannot be compared, such as arrays
            return False

    def call(self, arrivals: Sequence[Arrival]) -> list[Any]:
        """Return the outputs for these rows, in order, with `Failed` where there is none."""
        values = [arrival.value for arrival in arrivals]
        return run_micro_batch(self._runnable, values, arrivals[0].config, self._kwargs)

    async def acall(self, arrivals: Sequence[Arrival]) -> list[Any]:
        """Return the outputs for these rows, in order, with `Failed` where there is none."""
        values = [arrival.value for arrival in arrivals]
        return await arun_micro_batch(self._runnable, values, arrivals[0].config, self._kwargs)


def _agree(one: Scope, other: Scope) -> bool:
    """Tell whether a call finds the same in two scopes; their runs are those of their rows."""
    if one is other:
        return True
    return (
        _is_same_config(_settings(one), _settings(other))
        and one.handlers == other.handlers
        and one.own_handlers == other.own_handlers
        and one.recursion_depth == other.recursion_depth
        and (not one.observed or _is_same_run(one, other))
    )


def _settings(scope: Scope) -> dict[str, Any]:
    """Return a config without its handlers: equal ones may be other objects in each row."""
    return {key: value for key, value in scope.items() if key != "callbacks"}


def _is_same_run(one: Scope, other: Scope) -> bool:
    """Tell whether one run can be that of both. A config for all rows has an id for the first."""
    return one.next_name == other.next_name and (one.next_id is None or other.next_id is None)


def _is_same_config(one: Any, other: Any) -> bool:
    """Tell whether two configs, or values in them, are the same, and stay so.

    Lists and dicts in a config are data, which nothing adds to.
    """
    if is_same_value(one, other):
        return True
    if _are_both(dict, one, other):
        return one.keys() == other.keys() and all(
            _is_same_config(value, other[key]) for key, value in one.items()
        )
    if _are_both(list, one, other):
        return len(one) == len(other) and all(map(_is_same_config, one, other))
    return False


def _are_both(kind: type, one: Any, other: Any) -> bool:
    return isinstance(one, kind) and isinstance(other, kind)


def run_micro_batch(
    runnable: BulkStep,
    values: Sequence[Any],
    config: RunnableConfig | None,
    kwargs: dict[str, Any],
) -> list[Any]:
    """Return the outputs for one micro-batch, in order, with `Failed` where there is none."""
    scope = resolve_scope(config)
    try:
        return _call(runnable, values, scope, kwargs)
    except Exception as error:
        if len(values) == 1 or isinstance(error, _OF_ALL_ITEMS):
            return failed_rows(without_stop(error, runnable), len(values))
    parts = [run_micro_batch(runnable, part, config, kwargs) for part in _parts(values)]
    return list(chain.from_iterable(parts))


async def arun_micro_batch(
    runnable: BulkStep,
    values: Sequence[Any],
    config: RunnableConfig | None,
    kwargs: dict[str, Any],
) -> list[Any]:
    """Return the outputs for one micro-batch, in order, with `Failed` where there is none."""
    scope = resolve_scope(config)
    try:
        return await _acall(runnable, values, scope, kwargs)
    except Exception as error:
        if len(values) == 1 or isinstance(error, _OF_ALL_ITEMS):
            return failed_rows(without_stop(error, runnable), len(values))
    parts = [await arun_micro_batch(runnable, part, config, kwargs) for part in _parts(values)]
    return list(chain.from_iterable(parts))


def _parts(values: Sequence[Any]) -> list[Sequence[Any]]:
    """Return parts of a micro-batch of several values, in order."""
    size = 1 if len(values) <= _SMALL else -(-len(values) // _PARTS)
    return [values[start : start + size] for start in range(0, len(values), size)]


def _call(
    runnable: BulkStep,
    values: Sequence[Any],
    scope: Scope | None,
    kwargs: dict[str, Any],
) -> list[Any]:
    """Call `_invoke_batch`, and report it as one run, whose input and output are lists."""
    if scope is None or not (scope.observed and runnable._has_own_run):
        return runnable._invoke_batch(values, scope, kwargs)
    with Run(runnable, scope, values, kwargs) as run:
        outputs = runnable._invoke_batch(values, run.scope, kwargs)
        run.end(_shown(outputs))
        return outputs


async def _acall(
    runnable: BulkStep,
    values: Sequence[Any],
    scope: Scope | None,
    kwargs: dict[str, Any],
) -> list[Any]:
    """Call `_ainvoke_batch`, and report it as one run, whose input and output are lists."""
    if scope is None or not (scope.observed and runnable._has_own_run):
        return await runnable._ainvoke_batch(values, scope, kwargs)
    async with Run(runnable, scope, values, kwargs) as run:
        outputs = await runnable._ainvoke_batch(values, run.scope, kwargs)
        run.end(_shown(outputs))
        return outputs


def _shown(outputs: list[Any]) -> list[Any]:
    """Return the outputs for an event: those of a step that fails by row have its errors."""
    return [output.error if isinstance(output, Failed) else output for output in outputs]


def failed_rows(error: Exception, count: int) -> list[Failed]:
    """Return an error for each item: copies, as each gets a note that says where it happened."""
    return [Failed(error), *(Failed(_copied(error)) for _ in range(1, count))]


def _copied(error: Exception) -> Exception:
    """Return a copy of an error; itself, where its class cannot be copied in this way."""
    try:
        copy = type(error).__new__(type(error), *error.args)
    except Exception:
        return error
    copy.__dict__.update(error.__dict__)
    copy.__cause__, copy.__suppress_context__ = error.__cause__, error.__suppress_context__
    if hasattr(error, "__notes__"):
        copy.__notes__ = list(error.__notes__)
    return copy.with_traceback(error.__traceback__)
