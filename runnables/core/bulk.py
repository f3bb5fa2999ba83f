"""Steps that do better with many inputs at once, such as an embedder with a bulk endpoint.

Such a runnable declares a `max_batch_size` above 1 and writes `_invoke_batch` (and its twin). A
batch of it, or of a sequence with it inside, then goes in groups of that size: the steps before
and after it run item by item within a group, and groups run side by side. What fails, fails for
its own item: a group that fails as a whole is run again item by item, unless the error says
that the service is to blame, and would only be asked more often.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from runnables.core.config import resolve_scope
from runnables.core.events import Run
from runnables.errors import ModelConnectionError, ModelTimeoutError, RateLimitError, ServerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from runnables.core.config import RunnableConfig, Scope
    from runnables.core.contract import BaseRunnable

_SERVICE = (ModelConnectionError, ModelTimeoutError, RateLimitError, ServerError)


class Failed:
    """Stands for the output of an item that failed, among the outputs of its group."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


def in_micro_batches(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of up to `size` items, pulled as they are asked for."""
    left = iter(items)
    while group := list(islice(left, size)):
        yield group


def run_micro_batch(
    runnable: BaseRunnable[Any, Any],
    values: Sequence[Any],
    config: RunnableConfig | None,
    kwargs: dict[str, Any],
) -> list[Any]:
    """The outputs for one group, in order, with `Failed` for those that have none."""
    scope = resolve_scope(config)
    try:
        return _called(runnable, values, scope, kwargs)
    except Exception as error:
        if len(values) == 1 or isinstance(error, _SERVICE):
            return [Failed(error)] * len(values)
    return [run_micro_batch(runnable, [value], config, kwargs)[0] for value in values]


async def arun_micro_batch(
    runnable: BaseRunnable[Any, Any],
    values: Sequence[Any],
    config: RunnableConfig | None,
    kwargs: dict[str, Any],
) -> list[Any]:
    """The outputs for one group, in order, with `Failed` for those that have none."""
    scope = resolve_scope(config)
    try:
        return await _acalled(runnable, values, scope, kwargs)
    except Exception as error:
        if len(values) == 1 or isinstance(error, _SERVICE):
            return [Failed(error)] * len(values)
    return [(await arun_micro_batch(runnable, [value], config, kwargs))[0] for value in values]


def _called(
    runnable: BaseRunnable[Any, Any],
    values: Sequence[Any],
    scope: Scope | None,
    kwargs: dict[str, Any],
) -> list[Any]:
    """Call it, and report it as one run, whose input and output are lists."""
    if scope is None or not scope.observed:
        return runnable._invoke_batch(values, scope, kwargs)
    with Run(runnable, scope, values) as run:
        outputs = runnable._invoke_batch(values, run.scope, kwargs)
        run.end(outputs)
        return outputs


async def _acalled(
    runnable: BaseRunnable[Any, Any],
    values: Sequence[Any],
    scope: Scope | None,
    kwargs: dict[str, Any],
) -> list[Any]:
    """Call it, and report it as one run, whose input and output are lists."""
    if scope is None or not scope.observed:
        return await runnable._ainvoke_batch(values, scope, kwargs)
    async with Run(runnable, scope, values) as run:
        outputs = await runnable._ainvoke_batch(values, run.scope, kwargs)
        run.end(outputs)
        return outputs
