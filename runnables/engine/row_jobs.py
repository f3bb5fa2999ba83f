"""The jobs of the rows of a batch, which a fan-out does. `rows.py` has the rules."""

from __future__ import annotations

import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterator, Sequence
from contextlib import suppress
from heapq import heappop
from typing import TYPE_CHECKING, Any, Final, Protocol

from runnables.engine.cancellation import cancelled_error, current_token, lock
from runnables.engine.fan_out import NO_RESULT, NOTHING_YET
from runnables.engine.row_states import RowStates
from runnables.engine.rows import (
    Arrival,
    BulkJob,
    Call,
    Failed,
    Fork,
    Frame,
    Inner,
    Routine,
    Row,
    Strand,
)
from runnables.engine.tasks import cancel_all

if TYPE_CHECKING:
    import asyncio

    from runnables.engine.slots import Slots
else:
    from runnables.engine import lazy_asyncio as asyncio

_ENDED: Final = object()


class _Pull:
    """The job to pull inputs; `held` until its worker leaves that to another one."""

    held = True


class _Worker(Protocol):
    def on_permit(self) -> None: ...


class Rows(RowStates, Iterator[Any]):
    """The rows of one batch; as an iterator, their jobs, which a fan-out does with `work`.

    Args:
        inputs: pulled one at a time, in one context, whichever worker pulls.
        start: makes the routine of an input; takes its index and the input.
        resolve: turns what a routine yields, and the path to it, into a request of `rows.py`.
        failed: takes the error and the index of a row that has failed; returns what is its output
            then, or raises.
        slots: where the fan-out's workers get their slots.
    """

    def __init__(
        self,
        inputs: Iterator[Any],
        start: Callable[[int, Any], Routine],
        resolve: Callable[[Any, tuple[Hashable, ...]], Any],
        failed: Callable[[Exception, int], Any],
        slots: Slots,
    ) -> None:
        self._inputs = inputs
        self._start = start
        self._resolve = resolve
        self._failed = failed
        super().__init__(slots)
        self._fan_out: Any = None
        self._context: contextvars.Context | None = None  # in which inputs are pulled

    def serve(self, fan_out: _Worker) -> None:
        """Set the fan-out that does the jobs; new jobs bring its workers back."""
        self._fan_out = fan_out

    # -- which job comes next

    def __next__(self) -> Any:
        with self._lock:
            job = self._next_job()
            if job is not NOTHING_YET:
                self._jobs += 1
                return job
            with lock:  # a slot that is released finds us again when there is a job
                self._slots.waiters.pop(self._fan_out, None)
            return job

    def _next_job(self) -> Any:
        if self._closed:
            raise StopIteration
        if self._ready:
            return heappop(self._ready)[2]
        if self._may_pull():
            self._pulling = True
            return _Pull()
        if self._jobs:
            return NOTHING_YET
        if not self._make_oldest_due():
            raise StopIteration
        return heappop(self._ready)[2]

    def _share(self, *, busy: bool) -> None:
        """Call workers for the jobs that there are: all but one, unless this worker is busy."""
        with self._lock:
            wanted = len(self._ready) + self._may_pull() - (not busy)
            if wanted <= 0 or self._closed:
                return
        with lock:  # a slot that is released meanwhile must find us among the waiters
            self._slots.waiters[self._fan_out] = self._slots
        while wanted and self._slots.try_acquire():
            wanted -= 1
            self._fan_out.on_permit()

    # -- doing a job

    def work(self, _: int, job: Any) -> Any:
        """Do a job; return the index and the output of the row that it has finished, if any."""
        try:
            if isinstance(job, BulkJob):
                self._begin_bulk(job)
                outputs = self._bulk_context(job).run(_call_bulk, job)
                self._end_bulk(job, outputs)
            elif isinstance(job, Strand):
                return self._drive(job)
            else:
                while (strand := self._pull(job)) is not None:
                    if (result := self._drive(strand, job)) is not NO_RESULT:
                        return result
            return NO_RESULT
        finally:
            self._end_job(job)

    async def awork(self, _: int, job: Any) -> Any:
        """Do a job; return the index and the output of the row that it has finished, if any."""
        try:
            if isinstance(job, BulkJob):
                self._begin_bulk(job)
                outputs = await _in_task(_acall_bulk(job), self._bulk_context(job))
                if isinstance(outputs, Failed):
                    raise outputs.error
                self._end_bulk(job, outputs)
            elif isinstance(job, Strand):
                return await self._adrive(job)
            else:
                while (strand := self._pull(job)) is not None:
                    if (result := await self._adrive(strand, job)) is not NO_RESULT:
                        return result
            return NO_RESULT
        finally:
            self._end_job(job)

    def _end_job(self, job: Any) -> None:
        if isinstance(job, _Pull) and job.held:
            self._stop_pulling(job)
        with self._lock:
            self._jobs -= 1
            self._make_complete_due()
        self._share(busy=False)

    def _pull(self, pull: _Pull) -> Strand | None:
        """Return the strand of the next input; None where something else comes first."""
        with self._lock:
            if self._ready or not self._takes_more() or (self._pulling and not pull.held):
                return None
            self._pulling = pull.held = True
        self._context = self._context or contextvars.copy_context()
        try:
            value = self._context.run(next, self._inputs)
        except StopIteration:
            self._stop_pulling(pull, over=True)
            return None
        except BaseException:
            self._stop_pulling(pull, over=True)
            raise
        context = self._context.copy()
        with self._lock:
            if self._closed:
                return None
            row = Row(self._pulled)
            strand = Strand(row, Frame(self._start(row.index, value), (), True), context)
            self._pulled += 1
            self._open += 1
            self._activate(strand)
        return strand

    def _drive(self, strand: Strand, pull: _Pull | None = None) -> Any:
        """Run a strand until it waits or ends; return what its row comes to, if it has ended."""
        strand.running = True
        request = strand.context.run(self._advance, strand)
        while isinstance(request, Call):
            self._hand_over(pull)
            strand.outcome = strand.context.run(_outcome_of, request.run)
            request = strand.context.run(self._advance, strand)
        return self._stopped(strand, request)

    async def _adrive(self, strand: Strand, pull: _Pull | None = None) -> Any:
        """Run a strand until it waits or ends; return what its row comes to, if it has ended."""
        strand.running = True
        request = strand.context.run(self._advance, strand)
        while isinstance(request, Call):
            self._hand_over(pull)
            try:
                strand.outcome = await _in_task(_aoutcome_of(request.arun), strand.context, strand)
            except asyncio.CancelledError:
                strand.running = False
                raise
            request = strand.context.run(self._advance, strand)
        return self._stopped(strand, request)

    def _bulk_context(self, job: BulkJob) -> contextvars.Context:
        """Return the context of a bulk call: that of its first row, without the row's own end.

        A row that fails cancels its branches, and the others of the call must not end with it.
        """
        context = job.rows[0][0].context.copy()
        if self._context is not None:
            context.run(current_token.set, self._context.get(current_token))
        return context

    def _begin_bulk(self, job: BulkJob) -> None:
        if job.gather.last:
            with self._lock:
                for strand, _ in job.rows:
                    strand.row.leaving += 1
                    self._leaving += strand.row.leaving == 1
        self._share(busy=True)

    def _end_bulk(self, job: BulkJob, outputs: Sequence[Any]) -> None:
        with self._lock:
            for (strand, _), output in zip(job.rows, outputs, strict=True):
                if job.gather.last:
                    strand.row.leaving -= 1
                    self._leaving -= strand.row.leaving == 0
                if isinstance(output, Failed):  # it may come again: a retry is around it
                    strand.visited.discard(job.gather)
                    job.gather.visitors -= 1
                strand.outcome = output
                self._push(strand.row.index, strand)

    def _hand_over(self, pull: _Pull | None) -> None:
        """Leave pulling, and what else there is to do, to others: this one has a call to make."""
        if pull is not None and pull.held:
            self._stop_pulling(pull)
        self._share(busy=True)

    def _stop_pulling(self, pull: _Pull, *, over: bool = False) -> None:
        with self._lock:
            self._pulling = pull.held = False
            self._inputs_over = self._inputs_over or over

    def _advance(self, strand: Strand) -> Any:
        """Send a strand its outcome; return what it needs next, or `_ENDED`."""
        while strand.frames:
            if strand.cancelled:
                strand.cancelled = False
                strand.outcome = Failed(cancelled_error()("the row was cancelled"))
            outcome, strand.outcome = strand.outcome, None
            frame = strand.frames[-1]
            try:
                if isinstance(outcome, Failed):
                    request = frame.routine.throw(outcome.error)
                else:
                    request = frame.routine.send(outcome)
            except StopIteration as end:
                strand.frames.pop()
                strand.outcome = end.value
                continue
            except BaseException as error:
                strand.frames.pop()
                strand.outcome = Failed(error)
                continue
            try:
                request = self._resolve(request, frame.path)
            except Exception as error:
                strand.outcome = Failed(error)
                continue
            if not isinstance(request, Inner):
                return request
            path = frame.path if request.at is None else (*frame.path, request.at)
            strand.frames.append(Frame(request.routine, path, frame.last and request.last))
        return _ENDED

    # -- where a strand stops

    def _stopped(self, strand: Strand, request: Any) -> Any:
        """Note why a strand has stopped; return the index and output of a row that has ended."""
        with self._lock:
            strand.running = False
            if isinstance(request, Arrival):
                self._arrive(strand, request)
                return NO_RESULT
            if isinstance(request, Fork):
                self._split(strand, request)
                return NO_RESULT
            self._deactivate(strand)
            del self._strands[strand]
            outcome, join, index = strand.outcome, strand.join, strand.row.index
            if join is None:
                self._open -= 1
            failed = join is not None and self._end_branch(strand, join, outcome)
        if join is not None:
            if failed:  # not under the lock, as callbacks of users' code are called
                join.token.cancel()
            return NO_RESULT
        if not isinstance(outcome, Failed):
            return index, outcome
        if not isinstance(outcome.error, Exception):
            raise outcome.error
        return index, self._failed(outcome.error, index)

    # -- the end

    def close(self) -> None:
        """Cancel the rows that are open, so that what they have begun is ended."""
        for strand in self._abandoned():
            with suppress(Exception):
                request = strand.context.run(self._advance, strand)
                while isinstance(request, Call):
                    strand.outcome = strand.context.run(_outcome_of, request.run)
                    request = strand.context.run(self._advance, strand)

    async def aclose(self) -> None:
        """Cancel the rows that are open, so that what they have begun is ended."""
        for strand in self._abandoned():
            with suppress(Exception):
                request = strand.context.run(self._advance, strand)
                while isinstance(request, Call):
                    strand.outcome = await _in_task(_aoutcome_of(request.arun), strand.context)
                    request = strand.context.run(self._advance, strand)

    def _abandoned(self) -> list[Strand]:
        """Return the open strands that no thread runs, the inner ones first.

        Without the lock: the garbage collector may close a stream in a thread that holds it.
        """
        self._closed = True
        strands = list(self._strands)
        for strand in strands:
            strand.cancelled = True
        return [strand for strand in reversed(strands) if not strand.running]


def _call_bulk(job: BulkJob) -> list[Any]:
    return job.rows[0][1].bulk.call([arrival for _, arrival in job.rows])


async def _acall_bulk(job: BulkJob) -> list[Any]:
    return await job.rows[0][1].bulk.acall([arrival for _, arrival in job.rows])


def _outcome_of(run: Callable[[], Any]) -> Any:
    try:
        return run()
    except BaseException as error:
        return Failed(error)


async def _aoutcome_of(run: Callable[[], Awaitable[Any]]) -> Any:
    try:
        return await run()
    except Exception as error:
        return Failed(error)


async def _in_task(
    work: Coroutine[Any, Any, Any], context: contextvars.Context, strand: Strand | None = None
) -> Any:
    """Return what a coroutine returns in a task of its own, or `Failed` where it is cancelled."""
    task = asyncio.get_running_loop().create_task(work, context=context)
    if strand is not None:
        strand.task = task
    try:
        await asyncio.wait((task,))
    except asyncio.CancelledError:
        await cancel_all((task,))
        raise
    finally:
        if strand is not None:
            strand.task = None
    try:
        return task.result()
    except asyncio.CancelledError as error:
        return Failed(error)
