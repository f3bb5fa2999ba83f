"""The rows of a bulk call that goes through the batch jobs of a provider."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from runnables.cache.values import NOT_CACHED
from runnables.core.events import Run
from runnables.engine.rows import Call, Failed
from runnables.jobs.job_calls import Calls, waiting
from runnables.jobs.provider_jobs import JobRun
from runnables.models.cached_calls import cache_entry, mark_cached
from runnables.models.calls import checked_answer

if TYPE_CHECKING:
    from runnables.cache.values import CacheEntry
    from runnables.core.config import Scope
    from runnables.jobs.provider_batch import ProviderBatch
    from runnables.messages.ai import AIMessage
    from runnables.messages.base import BaseMessage
    from runnables.models.batch_service import BatchLine, BatchService

_ROWS_AT_ONCE: Final = 200
"""How many rows are prepared before other tasks of the loop get their turn."""


@dataclass(eq=False)
class _Row:
    """One row of a bulk call.

    Attributes:
        value: its input.
        messages: the conversation that the input stands for.
        run: the run of the model that handlers see, where there are any.
        entry: its entry in the model's cache, where there is one.
        line: its line in a job; None where it needs none.
        outcome: its answer or its error.
    """

    value: Any
    messages: list[BaseMessage] | None = None
    run: Run | None = None
    entry: CacheEntry | None = None
    line: BatchLine | None = None
    outcome: AIMessage | Exception | None = None


class BulkRows:
    """One bulk call: for each row what a call of the model does, but that all are sent at once.

    Args:
        step: the step that makes it.
        values: the inputs of the rows.
        scope: the scope of the call.
        kwargs: the options of the call.
    """

    def __init__(
        self,
        step: ProviderBatch,
        values: Sequence[Any],
        scope: Scope | None,
        kwargs: dict[str, Any],
    ) -> None:
        self._step = step
        self._model = step.model
        self._service: BatchService = step.model._batch_service()
        self._scope = scope if scope is not None and scope.observed else None
        self._options = step.model._options(kwargs)
        self._rows = [_Row(value) for value in values]

    def run(self) -> Calls[list[Any]]:
        """Return the outputs in order, with `Failed` where there is none."""
        try:
            for number, row in enumerate(self._rows, 1):
                if number % _ROWS_AT_ONCE == 0:
                    yield waiting(0)
                yield from self._begin(row)
            yield from self._ask()
        except GeneratorExit:
            raise
        except BaseException as error:
            for row in self._rows:
                yield from _end_run(row, error)
            raise
        outputs: list[Any] = [None] * len(self._rows)
        for index, row in enumerate(self._rows):
            outputs[index] = yield from self._end(row)
        return outputs

    def _begin(self, row: _Row) -> Calls[None]:
        """Start the run of a row; look into the cache; encode its request."""
        model = self._model
        try:
            if self._scope is not None:
                run = Run(model, self._scope, row.value, self._options)
                yield Call(run.__enter__, run.__aenter__)  # a budget may raise here
                row.run = run
            messages = row.messages = model._messages(row.value)
            if model.cache is not None:
                entry = cache_entry(model, messages, self._options)
                answer = yield Call(entry.get, entry.aget)
                if answer is not NOT_CACHED:
                    row.outcome = mark_cached(answer)
                    return
                row.entry = entry
            row.line = self._service.encode(messages, self._options)
        except Exception as error:
            row.outcome = error

    def _ask(self) -> Calls[None]:
        lines = {index: row.line for index, row in enumerate(self._rows) if row.line is not None}
        if not lines:
            return
        done = [row.outcome for row in self._rows if row.outcome is not None]
        failed = sum(isinstance(outcome, Exception) for outcome in done)
        jobs = JobRun(self._service, self._step, lines, (len(done), failed), self._step._jobs)
        yield from jobs.run()
        for index, outcome in jobs.outcomes.items():
            self._rows[index].outcome = outcome

    def _end(self, row: _Row) -> Calls[Any]:
        """Check the answer of a row, cache it, end its run; return its output."""
        try:
            if isinstance(row.outcome, Exception):
                raise row.outcome
            assert row.messages is not None
            answer = checked_answer(self._model, row.outcome, row.messages)
            if row.entry is not None:
                yield Call(partial(row.entry.set, answer), partial(row.entry.aset, answer))
            if row.run is not None:
                row.run.end(answer)
            yield from _end_run(row, None)
        except Exception as error:
            yield from _end_run(row, error)
            return Failed(error)
        return answer


def _end_run(row: _Row, error: BaseException | None) -> Calls[None]:
    """End the run of a row, if it has one that has not ended."""
    run, row.run = row.run, None
    if run is not None:
        failure = (None, None, None) if error is None else (type(error), error, error.__traceback__)
        yield Call(partial(run.__exit__, *failure), partial(run.__aexit__, *failure))
