"""The rows of a batch: what a runnable's steps do for one input, and where bulk calls are.

A runnable that is made of others writes `_row`, a generator that yields a `Step` where `_invoke`
would call the runnable inside. It is written once, for sync and async, and only batches with a bulk
step inside use it: all others call `invoke`. `engine/rows.py` says how rows run.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeAlias

from runnables.core.bulk import BulkCall
from runnables.core.config import RunnableConfig, Scope, ensure_scope
from runnables.core.events import Run
from runnables.engine.cancellation import raise_if_cancelled
from runnables.engine.rows import Arrival, Call, Fork, Inner, Routine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runnables.engine.slots import Slots

__all__ = ["Call", "Fork", "Routine", "RowSteps", "Step", "as_call", "has_bulk_steps"]


class RowPlace(AbstractContextManager[None], Protocol):
    """The place of one row among those that go in order; `close` gives it up, also unused."""

    def close(self) -> None:
        """Give up the place."""
        ...


RowOrder: TypeAlias = Callable[[RunnableConfig], RowPlace]
"""Holds a place for a row with this config, when its input is pulled."""

_NONE: Final[Mapping[str, Any]] = MappingProxyType({})


class Step(NamedTuple):
    """A runnable to run, as `runnable.invoke(value, config, **kwargs)` would.

    Attributes:
        at: its position in the runnable around it; None where it takes that one's place.
        last: whether nothing that blocks follows it there.
    """

    runnable: Any
    value: Any
    config: RunnableConfig | None
    kwargs: Mapping[str, Any] = _NONE
    at: Hashable = None
    last: bool = True


def as_call(step: Step) -> Call:
    """Return the call of a step that runs as a whole."""
    runnable, value, config, kwargs = step[:4]
    return Call(
        partial(runnable.invoke, value, config, **kwargs),
        partial(runnable.ainvoke, value, config, **kwargs),
    )


def has_bulk_steps(runnable: Any) -> bool:
    """Tell whether a runnable takes many inputs in one call, or one inside of it does."""
    if runnable._takes_many():
        return True
    return any(has_bulk_steps(step) for step in runnable._row_steps())


class RowScope(Scope):
    """The scope of one row of a batch whose rows differ in the runs around them, and in no setting.

    An adapter opens a run for each row, and runs them all as one batch.
    """

    __slots__ = ()


class RowSteps:
    """The steps of the rows of one batch: which wait for a bulk call, and which run at once.

    Args:
        runnable: what the batch runs.
        slots: the limit of the batch.
    """

    def __init__(self, runnable: Any, slots: Slots) -> None:
        self._slots = slots
        self._known = {id(inside): (inside, found) for inside, found in _walk(runnable)}

    def resolve(self, request: Any, path: tuple[Hashable, ...]) -> Any:
        """Return what a step comes to: a wait for a bulk call, a row inside of this, or a call."""
        if not isinstance(request, Step):
            return request
        runnable, value, config, kwargs, at, last = request
        scope = ensure_scope(config)
        if runnable._takes_many():
            place = path if at is None else (*path, at)
            return Arrival(BulkCall(runnable, scope, kwargs, place), value, scope.config, last)
        if self._has_row(runnable) and not self._is_limited(scope):
            return Inner(_run_row(runnable, value, scope, kwargs), at, last)
        return as_call(request._replace(config=scope.config))

    def _has_row(self, runnable: Any) -> bool:
        known, found = self._known.get(id(runnable), (None, False))
        return (found if known is runnable else has_bulk_steps(runnable)) and runnable._has_row()

    def _is_limited(self, scope: Scope) -> bool:
        """Tell whether a limit inside is lower than that of the batch: its part runs as a whole."""
        slots = scope.slots
        while slots is not None and slots is not self._slots:
            if slots.limit < self._slots.limit:
                return True
            slots = slots.parent
        return False


def _walk(runnable: Any) -> Iterator[tuple[Any, bool]]:
    """Yield a runnable and those inside of it, each with whether it has bulk steps."""
    yield runnable, has_bulk_steps(runnable)
    for step in runnable._row_steps():
        yield from _walk(step)


def _run_row(runnable: Any, value: Any, scope: Scope, kwargs: Mapping[str, Any]) -> Routine:
    """Do for one row what `invoke` does: report the run, where it has one of its own."""
    options = dict(kwargs)
    routine: Routine
    if not runnable._has_own_run:
        routine = runnable._row(value, scope, options)
        return (yield from routine)
    raise_if_cancelled()
    if not scope.observed:
        routine = runnable._row(value, scope.without_run_settings(), options)
        return (yield from routine)
    run = Run(runnable, scope, value, options)
    yield Call(run.__enter__, run.__aenter__)
    try:
        routine = runnable._row(value, run.scope, options)
        output = run.end((yield from routine))
    except GeneratorExit:
        raise
    except BaseException as error:
        yield _leave(run, error)
        raise
    yield _leave(run, None)
    return output


def _leave(run: Run, error: BaseException | None) -> Call:
    failure = (None, None, None) if error is None else (type(error), error, error.__traceback__)
    return Call(partial(run.__exit__, *failure), partial(run.__aexit__, *failure))
