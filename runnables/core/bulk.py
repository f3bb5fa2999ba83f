"""Micro-batches, for steps that take many inputs in one call, such as an embedding service.

Such a runnable declares a `max_batch_size` above 1, and writes `_invoke_batch` and
`_ainvoke_batch`. A batch of it, or of a sequence with it inside, is cut into micro-batches of that
size, which run at the same time. Within one, the steps before and after it run item by item.

An error belongs to its own item: a micro-batch that fails as a whole runs again item by item. It
does not where the error says that the service is down or busy, which would only get more requests.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from runnables.core.config import resolve_scope
from runnables.core.events import Observed, Run
from runnables.core.stops import without_stop
from runnables.errors import ModelConnectionError, ModelTimeoutError, RateLimitError, ServerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from runnables.core.config import RunnableConfig, Scope

_SERVICE_ERRORS = (ModelConnectionError, ModelTimeoutError, RateLimitError, ServerError)


class BulkStep(Observed, Protocol):
    """A runnable that takes many inputs in one call."""

    def _invoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]: ...

    async def _ainvoke_batch(
        self, values: Sequence[Any], scope: Scope | None, kwargs: dict[str, Any]
    ) -> list[Any]: ...


class Failed:
    """The error of an item that failed, in the place of its output in a micro-batch."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


def in_micro_batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yield lists of up to `size` items, each pulled when it is requested."""
    remaining = iter(items)
    while micro_batch := list(islice(remaining, size)):
        yield micro_batch


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
        if len(values) == 1 or isinstance(error, _SERVICE_ERRORS):
            return [Failed(without_stop(error, runnable))] * len(values)
    return [run_micro_batch(runnable, [value], config, kwargs)[0] for value in values]


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
        if len(values) == 1 or isinstance(error, _SERVICE_ERRORS):
            return [Failed(without_stop(error, runnable))] * len(values)
    return [(await arun_micro_batch(runnable, [value], config, kwargs))[0] for value in values]


def _call(
    runnable: BulkStep,
    values: Sequence[Any],
    scope: Scope | None,
    kwargs: dict[str, Any],
) -> list[Any]:
    """Call `_invoke_batch`, and report it as one run, whose input and output are lists."""
    if scope is None or not scope.observed:
        return runnable._invoke_batch(values, scope, kwargs)
    with Run(runnable, scope, values) as run:
        outputs = runnable._invoke_batch(values, run.scope, kwargs)
        run.end(outputs)
        return outputs


async def _acall(
    runnable: BulkStep,
    values: Sequence[Any],
    scope: Scope | None,
    kwargs: dict[str, Any],
) -> list[Any]:
    """Call `_ainvoke_batch`, and report it as one run, whose input and output are lists."""
    if scope is None or not scope.observed:
        return await runnable._ainvoke_batch(values, scope, kwargs)
    async with Run(runnable, scope, values) as run:
        outputs = await runnable._ainvoke_batch(values, run.scope, kwargs)
        run.end(outputs)
        return outputs
