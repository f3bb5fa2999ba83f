"""The provider's jobs of one bulk call: submitted, polled, collected, and left.

Written once for sync and async: a generator yields each `Call` that waits for something, and is
sent what comes of it. `job_calls.py` makes the calls.

    lines --claim--> lines of jobs that are under way already --\\
       '--submit--> new jobs ----------------------------------- poll --> outcomes
                                     ^                            |
                                     '-- what such a job failed --'
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from runnables.core.bulk import failed_rows
from runnables.engine.rows import Call
from runnables.engine.stream import owned
from runnables.errors import (
    InvalidRequestError,
    ModelError,
    ModelTimeoutError,
    is_retryable,
)
from runnables.jobs.job_calls import Calls, poll_delays, though_cancelled, waiting
from runnables.jobs.known_jobs import KnownJobs, new_ids
from runnables.jobs.provider_states import BatchProgress, JobSettings, OpenJob
from runnables.models.batch_service import (
    BatchLine,
    BatchResult,
    BatchService,
    BatchStatus,
    missing_result_error,
    split_lines,
)

if TYPE_CHECKING:
    from runnables.messages.ai import AIMessage

_log: Final = logging.getLogger("runnables")


class JobRun:
    """The jobs of one bulk call.

    Args:
        service: the batch jobs of the model.
        settings: how often to poll, and what to report.
        lines: the lines by row; rows without one are done.
        done: how many rows are done already, and how many of these have failed.
        known: the jobs that were submitted before.

    Attributes:
        outcomes: what came of each line, by row.
    """

    def __init__(
        self,
        service: BatchService,
        settings: JobSettings,
        lines: Mapping[int, BatchLine],
        done: tuple[int, int],
        known: KnownJobs,
    ) -> None:
        self.outcomes: dict[int, AIMessage | Exception] = {}
        self._service = service
        self._settings = settings
        self._lines = lines
        self._done, self._failed = done
        self._known = known
        self._open: dict[str, OpenJob] = {}
        self._ended: dict[str, OpenJob] = {}
        self._submitting = False
        self._pause = 0.0  # that the service asks for

    def run(self) -> Calls[None]:
        """Bring all lines to an outcome."""
        try:
            yield from self._read_known()
            new: list[int] = []
            for row, line in self._lines.items():
                if (place := self._known.claim(line)) is None:
                    new.append(row)
                else:
                    self._reopen(row, *place)
            yield from self._submit(new)
            yield from self._wait()
        except GeneratorExit:
            raise
        except BaseException as error:
            yield from self._leave(error)
            raise

    # -- jobs that were submitted before

    def _read_known(self) -> Calls[None]:
        """Wait for jobs of which no more is known than the id; their results have the custom ids.

        Until then it is not known which rows they have, and a row that is sent again is paid again.
        """
        while self._known.unread:
            job_id = self._known.unread.pop()
            self._open[job_id] = OpenJob({}, True, BatchStatus(job_id, "unknown"))
            try:
                status = yield from self._ended_status(job_id)
                found: list[str] = []
                take, atake = partial(self._ids, status, found), partial(self._aids, status, found)
                yield Call(take, atake)
            except BaseException as error:
                self._known.unread.append(job_id)
                if isinstance(error, Exception):
                    del self._open[job_id]
                raise
            self._known.add(job_id, found)
            del self._open[job_id]

    def _ended_status(self, job_id: str) -> Calls[BatchStatus]:
        until = time.monotonic() + self._settings.max_wait
        for delay in poll_delays(self._settings.first_poll, self._settings.longest_poll):
            try:
                status: BatchStatus = yield self._asked(job_id)
                self._open[job_id].status = status
                self._report()
                if status.ended:
                    return status
            except ModelError as error:
                if not is_retryable(error):
                    raise
            if time.monotonic() > until:
                raise self._too_late(self._open[job_id].status)
            yield waiting(delay)
        raise AssertionError("unreachable")

    def _ids(self, status: BatchStatus, found: list[str]) -> None:
        results = self._service.results(status, {})
        found.extend([result.custom_id for result in results])

    async def _aids(self, status: BatchStatus, found: list[str]) -> None:
        results = owned(self._service.aresults(status, {}))
        found.extend([result.custom_id async for result in results])

    def _reopen(self, row: int, job_id: str, custom_id: str) -> None:
        if job_id not in self._open:
            self._open[job_id] = OpenJob({}, True, BatchStatus(job_id, "unknown"))
        self._open[job_id].rows[custom_id] = row

    # -- new jobs

    def _submit(self, rows: Sequence[int]) -> Calls[None]:
        """Submit jobs of these rows, as few as the limits allow; those refused fail their rows."""
        service = self._service
        lines = [(row, self._lines[row]) for row in rows]
        for part in split_lines(lines, service.max_requests, service.max_bytes):
            part_rows = [row for row, _ in part]
            if len(part) == 1 and part[0][1].size > service.max_bytes:
                self._fail(part_rows, self._too_large(part[0][1]))
                continue
            ids = new_ids(part)
            sent = {custom_id: self._lines[row] for custom_id, row in ids.items()}
            self._submitting = True  # and stays so where an interrupt ends the call
            try:
                job_id = yield Call(partial(service.submit, sent), partial(service.asubmit, sent))
            except Exception as error:
                self._submitting = False
                self._fail(part_rows, error)
                continue
            self._submitting = False
            self._open[job_id] = OpenJob(ids, False, BatchStatus(job_id, "submitted"))
            yield from self._tell_submitted(job_id, ids)
        self._report()

    def _tell_submitted(self, job_id: str, ids: dict[str, int]) -> Calls[None]:
        """Report a job before it is polled; one that cannot be noted down does not go on."""
        if self._settings.on_submitted is None:
            return
        try:
            self._settings.on_submitted(job_id, tuple(ids))
        except Exception as error:
            del self._open[job_id]
            words = yield from self._cancelled(job_id)
            error.add_note(f"{self._service.name}: the batch job {job_id} {words}")
            self._fail(list(ids.values()), error)

    # -- polling

    def _wait(self) -> Calls[None]:
        until = time.monotonic() + self._settings.max_wait
        delays = poll_delays(self._settings.first_poll, self._settings.longest_poll)
        if not any(job.known for job in self._open.values()):
            yield waiting(next(delays))  # a new job has not ended yet
        while self._open:
            self._pause = 0.0
            for job_id in list(self._open):
                yield from self._poll(job_id)
            self._report()
            if self._open and time.monotonic() > until:
                for job_id, job in list(self._open.items()):
                    self._put_back(job_id, self._too_late(job.status))
            if self._open:
                yield waiting(max(next(delays), self._pause))

    def _poll(self, job_id: str) -> Calls[None]:
        job = self._open[job_id]
        try:
            job.status = yield self._asked(job_id)
            if job.status.ended:
                take, atake = partial(self._take, job), partial(self._atake, job)
                yield Call(take, atake)
        except Exception as error:
            if not is_retryable(error):
                self._put_back(job_id, error)
                return
            if not job.is_silent:
                _log.warning("the batch job %s is asked for again after: %s", job_id, error)
            job.is_silent = True
            if isinstance(error, ModelError) and error.retry_after:
                self._pause = min(error.retry_after, self._settings.longest_poll)
            return
        job.is_silent = False
        if job.status.ended:
            yield from self._close(job_id)

    def _asked(self, job_id: str) -> Call:
        service = self._service
        return Call(partial(service.status, job_id), partial(service.astatus, job_id))

    # -- results

    def _take(self, job: OpenJob) -> None:
        for result in self._service.results(job.status, self._missing(job)):
            self._store(job, result)

    async def _atake(self, job: OpenJob) -> None:
        async for result in owned(self._service.aresults(job.status, self._missing(job))):
            self._store(job, result)

    def _missing(self, job: OpenJob) -> dict[str, BatchLine]:
        """Return the lines without an outcome: a download that broke off has left some."""
        return {
            custom_id: self._lines[row]
            for custom_id, row in job.rows.items()
            if row not in self.outcomes and row not in job.failed
        }

    def _store(self, job: OpenJob, result: BatchResult) -> None:
        row = job.rows.get(result.custom_id)
        if row is None or row in self.outcomes or row in job.failed:
            return
        if isinstance(result.outcome, Exception):
            job.failed[row] = result.outcome
        else:
            self.outcomes[row] = result.outcome

    def _close(self, job_id: str) -> Calls[None]:
        """End a job. What it failed is sent again where it was submitted by an earlier call."""
        job = self._ended[job_id] = self._open.pop(job_id)
        rest = [
            row for row in job.rows.values() if row not in self.outcomes and row not in job.failed
        ]
        if job.known:
            yield from self._submit([*rest, *job.failed])
            return
        self.outcomes.update(job.failed)
        name, provider = self._service.name, self._service.provider
        self._fail(rest, missing_result_error(name, provider, job.status))

    # -- ends before the end

    def _put_back(self, job_id: str, error: Exception) -> None:
        """Fail the rows of a job that may go on; if they come again, they wait for it again."""
        job = self._open.pop(job_id)
        self._known.add(job_id, job.rows)
        self._fail([row for row in job.rows.values() if row not in self.outcomes], error)

    def _leave(self, error: BaseException) -> Calls[None]:
        """Say what becomes of the jobs when the call around this one ends."""
        name = self._service.name
        if self._submitting:
            _say(error, f"{name}: a batch job was being sent, and may have begun: see its list.")
        for job_id, job in self._ended.items():  # their results are lost with this call
            self._known.add(job_id, job.rows)
            _say(error, f"{name}: the batch job {job_id} has ended: attach={job_id!r} reads it.")
        for job_id, job in list(self._open.items()):
            if self._settings.cancel_on_leave:
                words = yield from self._cancelled(job_id)
            else:
                self._known.add(job_id, job.rows)
                words = (
                    "goes on, and what it processes is paid. The same rows wait for it again: in "
                    f"this process, or with attach={job_id!r}. cancel_provider_job(model, "
                    f"{job_id!r}) ends it."
                )
            _say(error, f"{name}: the batch job {job_id} ({len(job.rows)} rows) {words}")

    def _cancelled(self, job_id: str) -> Calls[str]:
        """Cancel a job; return what became of it, in words."""
        service = self._service
        cancel = partial(though_cancelled, partial(service.cancel, job_id))
        try:
            yield Call(cancel, partial(service.acancel, job_id))
        except Exception as error:
            return f"could not be cancelled, and may go on: {error}"
        return "is cancelled; what it has processed is paid."

    def _too_late(self, status: BatchStatus) -> ModelTimeoutError:
        return ModelTimeoutError(
            f"{self._service.name}: the batch job {status.job_id} has not ended within "
            f"{self._settings.max_wait:g} s (max_wait); its state is {status.state!r}. It goes on, "
            "and a retry of its rows waits for it again.",
            provider=self._service.provider,
        )

    def _too_large(self, line: BatchLine) -> InvalidRequestError:
        return InvalidRequestError(
            f"{self._service.name}: a request of {len(line.body):,} bytes is larger than a whole "
            f"batch job may be ({self._service.max_bytes:,} bytes).",
            provider=self._service.provider,
        )

    def _fail(self, rows: Sequence[int], error: Exception) -> None:
        if rows:
            copies = failed_rows(error, len(rows))
            for row, copy in zip(rows, copies, strict=True):
                assert isinstance(copy.error, Exception)
                self.outcomes[row] = copy.error

    def _report(self) -> None:
        if self._settings.on_progress is None:
            return
        failed = sum(isinstance(outcome, Exception) for outcome in self.outcomes.values())
        progress = BatchProgress(
            rows=len(self._lines) + self._done,
            done=len(self.outcomes) + self._done,
            failed=failed + self._failed,
            jobs=tuple(job.status for jobs in (self._ended, self._open) for job in jobs.values()),
        )
        try:
            self._settings.on_progress(progress)
        except Exception:  # a job that is paid does not end for it
            _log.warning("on_progress failed", exc_info=True)


def _say(error: BaseException, words: str) -> None:
    """Put words into the log and onto the error, which may be lost on its way."""
    error.add_note(words)
    _log.warning(words)
