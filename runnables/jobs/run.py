"""One run of a batch job: each row with its attempts, its place in the checkpoint, its numbers."""

from __future__ import annotations

from collections.abc import AsyncIterable, Sized
from contextlib import nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from runnables.core.batching import is_many
from runnables.core.config import ensure_scope
from runnables.core.description import walk
from runnables.core.rows import Call, Routine, Step
from runnables.engine.cancellation import lock, raise_if_cancelled
from runnables.engine.fan_out import NO_RESULT
from runnables.engine.pulling import NO_ITEM
from runnables.engine.stream import owned
from runnables.engine.thread_calls import to_thread
from runnables.engine.timeouts import async_sleep, sleep
from runnables.errors import BatchStopped, BudgetExceeded, ConfigError, EarlierFailure
from runnables.jobs.attempting import MOST_ADAPTIVE, RowAttempts, attempt, gate_for
from runnables.jobs.checkpoint import Checkpoint
from runnables.jobs.ending import Ended, is_fatal, is_too_many, stopped
from runnables.jobs.failed_rows import FailedRows
from runnables.jobs.fingerprint import fingerprint
from runnables.jobs.job_calls import arun_calls, run_calls
from runnables.jobs.progress import Counter, Reporter
from runnables.jobs.provider_batch import ProviderBatch, via_flex, via_provider
from runnables.jobs.results import JobResults
from runnables.jobs.row_record import RowRecord, SharedUsage
from runnables.jobs.rows import JobRow, RowSource, Tickets
from runnables.jobs.value_format import OutputFormat, Written
from runnables.models.prices import checked_prices

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator, Iterable, Sequence

    from runnables.core.batching import Configs
    from runnables.core.rows import RowOrder
    from runnables.jobs.gate import Gate, Turn
    from runnables.jobs.options import JobOptions
    from runnables.models.usage import Usage


class JobRun(JobResults):
    """One run of a job.

    Use it once: `completed` or `acompleted`.

    Args:
        runnable: what runs on each row.
        rows: the inputs; an async iterable for `acompleted` only.
        config: one config for all rows, or a list with one for each.
        limit: how many calls may run at once; "auto": as many as the service takes.
        options: what makes it a job.
        kwargs: options of the calls.
        raise_first: whether the first row that fails ends the job with its error.

    Attributes:
        counter: the numbers.
        ended: why it has ended; "cancelled" until it has.
        fatal: the error that ended it, where one did.
    """

    def __init__(
        self,
        runnable: Any,
        rows: Iterable[Any] | AsyncIterable[Any],
        config: Configs,
        limit: int | Literal["auto"] | None,
        options: JobOptions,
        kwargs: dict[str, Any],
        *,
        raise_first: bool = False,
    ) -> None:
        self._options = options
        self._chain = runnable  # as it is without `via`
        runnable = self._sent_via(runnable)
        self._raise_first = raise_first
        self._source = RowSource(rows, options.key)
        total = len(rows) if isinstance(rows, Sized) else None
        tickets: Any = rows
        if isinstance(rows, AsyncIterable) or is_many(rows):
            tickets = Tickets(self._source) if total is None else range(total)
        self._is_adaptive = limit == "auto"
        most = MOST_ADAPTIVE if limit == "auto" else limit
        super().__init__(runnable, tickets, config, most, True, kwargs, label="row")
        self.counter = Counter(total, checked_prices(options.prices))
        self.ended: Ended = "cancelled"
        self.fatal: Exception | None = None
        self._is_stopped = False
        if self._rows is not None and options.row_timeout is not None:
            raise ConfigError(
                f"row_timeout={options.row_timeout!r}: a step of {runnable!r} takes several rows "
                "in one call, so none has a time of its own. Set a timeout of that step: "
                "with_timeout(...), or that of its model."
            )
        own_calls = self._rows is None  # else rows go through one call
        self._gate: Gate | None = gate_for(limit, self.slots.limit) if own_calls else None
        self._budget = options.limit
        self._usage = self._with_handlers()
        if self._order is not None:  # a row is pulled by its worker, so its place is held then
            self._source.hold = partial(self._hold, self._order)
            self.items = iter(tickets)
            self._order = None
        else:
            self._source.ahead = self.slots.limit
        self._output_format = OutputFormat(runnable)
        self._reporter = Reporter(options.progress, self.counter)
        self._checkpoint: Checkpoint | None = None
        self._failed_rows: FailedRows | None = None

    def _call(self) -> dict[str, Any]:
        """Return what the call itself says of its rows: options, and what is configured."""
        given: Any = {} if self._each is not None else self._scope.get("configurable", {})
        return {**self._kwargs, **given}

    def _sent_via(self, runnable: Any) -> Any:
        """Return the chain with its models asked as `via` says."""
        if self._options.via == "flex":
            return via_flex(runnable)
        if self._options.via == "provider":
            return via_provider(runnable, on_submitted=self._on_submitted)
        return runnable

    def _on_submitted(self, job_id: str, custom_ids: Sequence[str]) -> None:
        if self._checkpoint is not None:
            self._checkpoint.put_provider_job(job_id, custom_ids)

    def _with_handlers(self) -> SharedUsage | None:
        """Add the handlers that all rows share; return the usage of rows in one call, if any."""
        handlers: list[Any] = []
        if self._budget is not None:
            handlers.append(self._budget)
        usage = None
        if self._rows is not None:  # rows that go through one call have one config
            usage = SharedUsage()
            handlers.append(usage)
        if handlers:
            self._scope = self._scope.merged({"callbacks": handlers})
        return usage

    def open(self) -> None:
        """Open the checkpoint, if there is one; the run itself does so otherwise.

        Raises:
            CheckpointError: it cannot be used, or has the outputs of another chain.
        """
        path = self._options.checkpoint
        if path is None or self._checkpoint is not None:
            return
        checkpoint = Checkpoint(path, self._options.durability)
        try:
            key = self._options.key
            name = "content" if key is None else key if isinstance(key, str) else "a function"
            accept = self._options.accept_change
            checkpoint.start_run(fingerprint(self._chain, self._call()), name, accept_change=accept)
        except BaseException:
            checkpoint.close()
            raise
        for step in walk(self._runnable) if self._options.via == "provider" else ():
            if isinstance(step, ProviderBatch):
                for job_id, custom_ids in checkpoint.provider_jobs().items():
                    step.attach_job(job_id, custom_ids)
        self._checkpoint = self._source.checkpoint = checkpoint
        self._source.is_blocking = True

    def _hold(self, order: RowOrder, position: int) -> None:
        with suppress(ConfigError):  # the row itself raises it, with its location
            self._places[position] = order(self._config(position))

    # -- one row

    def work(self, index: int, item: Any) -> Any:
        """Run one row."""
        return run_calls(self._row(index, item))

    async def awork(self, index: int, item: Any) -> Any:
        """Run one row."""
        return await arun_calls(self._row(index, item))

    def _row(self, index: int, item: Any) -> Routine:
        """Pull a row, run it, and store what came of it; return its position and that."""
        if self.is_over():
            return NO_RESULT
        row: JobRow = yield Call(self._source.pull, self._source.apull)
        if row is NO_ITEM:
            return NO_RESULT
        with self._places.pop(row.position, None) or nullcontext():
            if self.is_over():
                return NO_RESULT
            if self.is_stored(row):
                return (yield from self.resumed(row))
            self.counter.add("running")
            try:
                return (yield from self._attempted(row))
            finally:
                self.counter.add("running", -1)

    def is_stored(self, row: JobRow) -> bool:
        """Tell whether an earlier run has finished a row, so that it is not run again."""
        stored = row.stored
        return stored is not None and (stored.status == "done" or not self._options.retry_failed)

    def resumed(self, row: JobRow) -> Routine:
        """Return what an earlier run has of a row."""
        stored = row.stored
        assert stored is not None, "nothing is resumed without it"
        if stored.status == "failed":
            self.counter.add("resumed")
            self.counter.add("failed")
            if self._failed_rows is not None:
                yield self._failed_rows.adding({**stored._asdict(), **row._asdict()}, row.value)
            return row.position, EarlierFailure(stored.error or "", stored.error_type or "")
        self.counter.add("resumed")
        self.counter.add("done")
        return row.position, self._output_format.read(
            Written(stored.output or "null", stored.output_format or "")
        )

    def _attempted(self, row: JobRow) -> Routine:
        attempts, record = RowAttempts(self._options), RowRecord(row)
        turn = self._turn()
        while True:
            try:
                config = self._config_of(row, record.usage)
                step = Step(self._runnable, row.value, config, self._kwargs)
                request = attempts.deadline.limited(step) if self._rows is None else step
                output = yield from attempt(request, attempts, turn)
            except Exception as error:
                seconds = attempts.seconds_to_wait(error, record, turn)
            else:
                break
            if seconds is None or self.fatal is not None or self._is_stopped:
                reason = attempts.reason()
                return (yield from self.given_up(row, record, reason, attempts.number))
            self.counter.add("retried")
            yield Call(partial(sleep, seconds), partial(async_sleep, seconds))
            turn = None if turn is None else turn.again()
        return (yield from self.succeeded(row, record, output, attempts.number))

    def _turn(self) -> Turn | None:
        """Return the turn of a row; None where rows go through one call."""
        return None if self._gate is None else self._gate.turn()

    def succeeded(self, row: JobRow, record: RowRecord, output: Any, attempts: int) -> Routine:
        """Store the output of a row; return its position and that."""
        record.count(self.counter, self._usage)
        if self._checkpoint is not None:
            written = self._output_format.write(output)
            yield self._put(record.done(written, attempts))
        self.counter.add("done")
        if (budget := self._budget) is not None and budget.is_spent:
            self.end_early("budget", BudgetExceeded("the budget is spent"))
        return row.position, output

    def given_up(self, row: JobRow, record: RowRecord, error: Exception, attempts: int) -> Routine:
        """Note that a row has failed, and whether that ends the job."""
        raise_if_cancelled()  # then its error may come of that
        record.count(self.counter, self._usage)
        if isinstance(error, BudgetExceeded):  # it has not begun, so it is not a failure
            self.end_early("budget", error)
            return NO_RESULT
        error = self._failed(error, row.position)
        self.counter.add("failed")
        failed = record.failed(error, attempts)
        if self._failed_rows is not None:
            yield self._failed_rows.adding(failed, row.value)
        if self._checkpoint is not None:
            yield self._put(failed)
        if is_fatal(error):
            self.end_early("fatal", error)
        elif is_too_many(self._options.max_errors, self.counter.progress):
            self.end_early("max_errors", error)
        return row.position, error

    def _put(self, record: dict[str, Any]) -> Call:
        checkpoint = self._checkpoint
        assert checkpoint is not None, "nothing is put without one"
        return Call(partial(checkpoint.put, record), partial(checkpoint.aput, record))

    def _config_of(self, row: JobRow, usage: Usage) -> Any:
        config = self._config(row.position)
        if self._usage is not None:
            return config
        return ensure_scope(config).merged({"callbacks": [usage]}).config

    # -- the end

    def is_over(self) -> bool:
        """Tell whether no row may begin any more."""
        return self.fatal is not None or self._is_stopped

    def end_early(self, reason: Ended, error: Exception) -> None:
        """Let no row begin any more; those under way go on."""
        with lock:
            if self.fatal is None:
                self.ended, self.fatal = reason, error
        self._source.is_over = True

    def read_in_threads(self) -> None:
        """Let `acompleted` pull rows in threads, where a row may have to be waited for."""
        self._source.is_blocking = True

    def stop(self) -> None:
        """Let no row begin any more, and those under way go on: the job ends as "cancelled"."""
        self._source.is_over = True
        self._is_stopped = True

    def completed(self) -> Generator[Any, None, None]:
        """Yield pairs of position and output, or error, as they are done."""
        if self._options.checkpoint is not None:
            self.open()
        outcomes = self._outcomes()
        try:
            if self._options.failed_rows is not None:
                self._failed_rows = FailedRows(self._options.failed_rows)
            self._reporter.start()
            for outcome in outcomes:
                if outcome is not NO_RESULT:
                    yield self._reported(outcome)
            self._finish()
        except Exception:
            self.ended = "error"
            raise
        finally:
            try:
                outcomes.close()
            finally:
                self._close()

    async def acompleted(self) -> AsyncGenerator[Any, None]:
        """Yield pairs of position and output, or error, as they are done."""
        if self._options.checkpoint is not None:
            await to_thread(self.open)
        outcomes = self._aoutcomes()
        try:
            if self._options.failed_rows is not None:
                self._failed_rows = await to_thread(FailedRows, self._options.failed_rows)
            self._reporter.astart()
            async for outcome in owned(outcomes):
                if outcome is not NO_RESULT:
                    yield self._reported(outcome)
            self._finish()
        except Exception:
            self.ended = "error"
            raise
        finally:
            try:
                await outcomes.aclose()
            finally:
                await self._aclose()

    def _reported(self, outcome: Any) -> Any:
        """Return a pair for the consumer, after reporting how far the job has come."""
        if isinstance(outcome, BaseException):  # not of the row itself: the checkpoint's
            raise outcome
        self._reporter.update()
        if self._raise_first and self.fatal is None and isinstance(outcome[1], Exception):
            raise outcome[1]
        return outcome

    def _finish(self) -> None:
        progress = self.counter.progress
        if self.ended == "budget" and progress.finished == progress.total:
            self.fatal = None  # it was spent by the last row
        if self.fatal is None and not self._is_stopped:
            self.ended = "done"
        if self._source.all_pulled or self.counter.progress.total == self._source.count:
            self._source.all_pulled = True
            self.counter.set_total(self._source.count)

    def _close(self) -> None:
        checkpoint, self._checkpoint = self._checkpoint, None
        try:
            if self._failed_rows is not None:
                self._failed_rows.close()
            self._reporter.close()
        finally:
            if checkpoint is not None:
                source = self._source
                checkpoint.end_run(self.ended, source.count, source.all_pulled)

    async def _aclose(self) -> None:
        checkpoint, self._checkpoint = self._checkpoint, None
        try:
            if self._failed_rows is not None:
                await to_thread(self._failed_rows.close)
            await self._reporter.aclose()
        finally:
            if checkpoint is not None:
                source = self._source
                await to_thread(checkpoint.end_run, self.ended, source.count, source.all_pulled)

    def error(self) -> BatchStopped | None:
        """Return the error of a job that ended early; None of one that did not."""
        if self.ended == "done":
            return None
        return stopped(self.ended, self.counter.progress, self.fatal, self._options)
