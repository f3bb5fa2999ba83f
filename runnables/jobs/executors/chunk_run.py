"""A run of the rows of one chunk, in a worker: attempts as on one machine, and a report of each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from runnables.core.config import ensure_scope
from runnables.engine.cancellation import raise_if_cancelled
from runnables.errors import AuthenticationError, BudgetExceeded
from runnables.jobs.ending import is_fatal
from runnables.jobs.executors.errors_sent import pack_error
from runnables.jobs.executors.messages import RowReport
from runnables.jobs.options import JobOptions
from runnables.jobs.run import JobRun
from runnables.models.budget import Budget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runnables.core.handlers import Event
    from runnables.core.rows import Routine
    from runnables.jobs.executors.messages import ChunkOrder
    from runnables.jobs.executors.worker import Part
    from runnables.jobs.gate import Turn
    from runnables.jobs.row_record import RowRecord
    from runnables.jobs.rows import JobRow
    from runnables.models.usage import Usage


class ChunkRun(JobRun):
    """A run of one chunk, which shares its limits with the other chunks of its process.

    Args:
        part: the job, and this process's part of its limits.
        order: the chunk.
        rows: pairs of an input and its own config, or None.
    """

    def __init__(self, part: Part, order: ChunkOrder, rows: Sequence[tuple[Any, Any]]) -> None:
        setup = part.setup
        config: Any = setup.config
        if any(own for _, own in rows):
            config = [{**setup.config, **(own or {})} for _, own in rows]
        budget = None if order.budget is None else Budget(**order.budget)
        options = JobOptions(
            retry_for=setup.retry_for, row_timeout=setup.row_timeout, budget=budget
        )
        values = [value for value, _ in rows]
        super().__init__(part.chain, values, config, order.slots, options, part.kwargs)
        self._setup = setup
        self._ends_at_error = order.ends_at_error
        self._events: dict[int, _Recorder] = {}
        self._shared: _Recorder | None = None
        is_watched, wants_chunks = setup.watched
        if is_watched and self._rows is not None:  # which row an event is of is not known
            self._shared = _Recorder(wants_chunks)
            self._scope = self._scope.merged({"callbacks": [self._shared]})
        self._scope.parents, self._scope.path = setup.parents, setup.path
        self._number = order.number
        if self._gate is not None:
            self._gate = part.gate

    def _turn(self) -> Turn | None:
        # rows of earlier chunks come first, so that those end
        return None if self._gate is None else self._gate.turn(group=self._number + 1)

    def _failed(self, error: Exception, index: int) -> Exception:
        return error  # the driver knows which row of the job it is

    def _config_of(self, row: JobRow, usage: Usage) -> Any:
        config = super()._config_of(row, usage)
        is_watched, wants_chunks = self._setup.watched
        if not is_watched or self._rows is not None:
            return config
        recorder = self._events.setdefault(row.position, _Recorder(wants_chunks))
        return ensure_scope(config).merged({"callbacks": [recorder]}).config

    def succeeded(self, row: JobRow, record: RowRecord, output: Any, attempts: int) -> Routine:
        yield from ()  # a routine, as that of the base class
        self.counter.add("done")
        return row.position, self._report(row, record, attempts, output=output)

    def given_up(self, row: JobRow, record: RowRecord, error: Exception, attempts: int) -> Routine:
        yield from ()  # a routine, as that of the base class
        raise_if_cancelled()  # then its error may come of that
        if isinstance(error, BudgetExceeded):  # it has not begun, or is to begin anew
            self.end_early("budget", error)
            return row.position, self._report(row, record, 0)
        self.counter.add("failed")
        if isinstance(error, AuthenticationError):
            for where in self._setup.withheld:
                error.add_note(f"Keys were not sent to workers: {where}. See send_secrets=.")
        if self._ends_at_error or is_fatal(error):
            self.end_early("fatal", error)
        return row.position, self._report(row, record, attempts, error=error)

    def _report(
        self,
        row: JobRow,
        record: RowRecord,
        attempts: int,
        *,
        output: Any = None,
        error: Exception | None = None,
    ) -> RowReport:
        packed = None if error is None else pack_error(error)
        recorder = self._events.pop(row.position, self._shared)
        events = [] if recorder is None else recorder.take()
        used = record.usage if self._usage is None else self._usage.take()
        usage, seconds, started_at = used.answers, record.seconds, record.started_at
        return RowReport(row.position, output, packed, attempts, usage, seconds, started_at, events)


class _Recorder:
    """A handler that keeps events for the handlers in the driver.

    Attributes:
        wants_chunks: whether one of those handlers asks for the chunks of models.
    """

    def __init__(self, wants_chunks: bool) -> None:
        self._events: list[Event] = []
        self.wants_chunks = wants_chunks

    def on_event(self, event: Event) -> None:
        """Keep an event, without the runnable itself, which may have keys and stays here."""
        self._events.append(replace(event, runnable=None))

    def take(self) -> list[Event]:
        """Return the events since the last call."""
        taken, self._events = self._events, []
        return taken
