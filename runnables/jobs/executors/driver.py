"""The driver of a job whose rows run in other processes.

    rows ──pull──> chunk ──submit──> engine ══> worker
      ▲                                            ║
      ├── sent again: its process died, or it      ║
      │   had not begun                            ║
      └──────────────── settle <──inbox── reply <══╝
                          │
                          ▼ the checkpoint, the numbers, the consumer

- **Once**: a row is in one chunk at a time, and each chunk has one end, so each row has one result,
  though it may have been called more than once.
- **Window**: each process has what keeps it busy, and no more, so that memory stays flat and few
  rows are called again when a process dies.
- **Losses**: rows of a process that died are sent again; from the second time on each by itself, at
  the end of the job, so that only a row that kills its process is given up.
"""

from __future__ import annotations

import contextvars
import inspect
import math
import time
import uuid
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from runnables.core.events import aemit, emit
from runnables.core.rows import Call
from runnables.engine.cancellation import current_token
from runnables.engine.inbox import Inbox
from runnables.engine.thread_calls import to_thread
from runnables.errors import BudgetExceeded, ConfigError, RunnablesError, WorkerLostError
from runnables.jobs.executors.budget_parts import BudgetParts
from runnables.jobs.executors.chunk_size import ChunkSizes
from runnables.jobs.executors.engines import ChunkLost
from runnables.jobs.executors.errors_sent import unpack_error
from runnables.jobs.executors.fleet import Fleet, SentChunk, SentRow
from runnables.jobs.executors.messages import ChunkOrder, RowReport, reply_of, to_bytes
from runnables.jobs.executors.packing import pack_plainly, unpack
from runnables.jobs.executors.pulling_ahead import PATIENCE, RowsAhead
from runnables.jobs.row_record import RowRecord

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from runnables.core.rows import Routine
    from runnables.jobs.executors.engines import ChunkEngine
    from runnables.jobs.executors.fleet import Worker
    from runnables.jobs.executors.messages import ChunkReply
    from runnables.jobs.executors.run import ExecutorRun
    from runnables.jobs.rows import JobRow
else:
    from runnables.engine import lazy_asyncio as asyncio

MOST_LOSSES: Final = 3
"""How often the process of a row may die before the row is given up."""

_LOOK_SECONDS: Final = 0.5
"""How often the driver looks which processes there are."""

_MOST_SECONDS_WITHOUT: Final = 300.0
"""For how long it waits where there is none."""

_MOST_READY: Final = 256
"""How many finished rows are passed to the consumer at once."""


class Driver:
    """The driver of one job.

    Args:
        run: the job.
        engine: what brings chunks to processes.
        limit: how many rows may run at once in all of them.
    """

    def __init__(self, run: ExecutorRun, engine: ChunkEngine, limit: int) -> None:
        self._run = run
        self._engine = engine
        engine.limit = limit
        self._fleet = Fleet(limit, engine.keeps_places)
        self._sizes = ChunkSizes()
        self._budget = None if run.budget is None else BudgetParts(run.budget)
        self._inbox: Inbox[tuple[int, bytes | Exception] | None] = Inbox()
        self._rows = RowsAhead(run.source, partial(self._inbox.put, None))
        self._id = uuid.uuid4().hex
        self._flight: dict[int, SentChunk] = {}
        self._sent = 0
        self._again: deque[SentRow] = deque()
        self._suspects: deque[SentRow] = deque()
        self._ready: list[tuple[int, Any]] = []
        self._next_look = 0.0
        self._last_seen = time.monotonic()

    # -- its life

    def open(self) -> Routine:
        """Begin the job.

        Raises:
            ConfigError: a part of the chain cannot travel, or a sync call with an engine that works
                in an event loop.
        """
        pack = partial(to_thread, partial(self._run.packed, is_async=True))
        job = yield Call(self._pack_for_threads, pack)
        yield self._call(partial(self._engine.open, self._id, job, self._on_end))

    def _pack_for_threads(self) -> bytes:
        if self._engine.needs_loop:
            raise ConfigError(
                "executor= is an asynchronous client, which works in its event loop only. Use "
                "abatch, abatch_as_completed or astart_batch, or a client that is not."
            )
        return self._run.packed(is_async=False)

    def close(self) -> Routine:
        """End it: chunks in flight are cancelled."""
        yield Call(self._rows.close, self._rows.end)
        try:
            if self._flight:
                self._engine.cancel(self._flight)
                self._flight.clear()
            if self._sent:
                yield self._call(self._engine.stop)
        finally:
            yield self._call(self._engine.close)

    def _on_end(self, number: int, reply: bytes | Exception) -> None:
        self._inbox.put((number, reply))

    def _call(self, function: Any) -> Call:
        """Return the call of a method of the engine, in a thread where it may wait."""
        if not self._engine.is_blocking:
            return Call(function, partial(_at_once, function))
        return Call(function, partial(_in_thread, function))

    # -- its loop

    def next_pairs(self) -> Routine:
        """Return the next pairs of position and output, or error; none at the end."""
        while True:
            yield from self._look()
            if not self._run.is_over():
                yield from self._send()
            if self._ready:
                ready, self._ready = self._ready, []
                return ready
            if self._is_done():
                return []
            inbox = self._inbox
            seconds = PATIENCE if self._rows.count else _LOOK_SECONDS
            messages = yield Call(partial(inbox.wait, seconds), partial(inbox.await_, seconds))
            for message in messages:
                if message is not None:
                    yield from self._take(*message)

    def _is_done(self) -> bool:
        if self._flight:
            return False
        return self._run.is_over() or not (self._suspects or self._has_rows())

    # -- rows to workers

    def _send(self) -> Routine:
        """Send chunks as far as workers need them."""
        for worker in self._fleet.by_need():
            while len(self._ready) < _MOST_READY:
                count = worker.wants(self._size_for(worker))
                if not count or not (rows := (yield from self._next_rows(count))):
                    break
                if not (yield from self._submit(rows, worker)):
                    return
        if self._suspects and not self._flight and not self._has_rows():
            for worker in self._fleet.by_need():
                yield from self._submit([self._suspects.popleft()], worker, alone=True)
                return

    def _has_rows(self) -> bool:
        """Tell whether there are, or may be, rows to send, besides those under suspicion."""
        return bool(self._again or self._rows.count or not self._rows.over)

    def _look(self) -> Routine:
        """Look which processes there are, now and then."""
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + _LOOK_SECONDS
            places = yield self._call(self._engine.places)
            self._fleet.update(places)
            if places:
                self._last_seen = now
            elif now - self._last_seen > _MOST_SECONDS_WITHOUT:
                raise RunnablesError(
                    f"There has been no worker for {_MOST_SECONDS_WITHOUT:.0f} s. Start some, and "
                    "call it again."
                )

    def _size_for(self, worker: Worker) -> int:
        left = self._left(self._run.source.count)
        at_once = worker.place.chunks_at_once
        return self._sizes.rows(worker.share, at_once, self._fleet.limit, left)

    def _slots_for(self, rows: int, worker: Worker) -> int:
        """Return how many calls the rows of a chunk may make at once: all together the share.

        Where there are fewer rows than the share, each may make several.
        """
        left = self._left(self._run.counter.progress.finished)
        return max(1, min(worker.share, int(rows * max(1.0, worker.share / max(left, 1)))))

    def _left(self, count: int) -> float:
        """Return how many rows there are for each process, beyond so many."""
        total = self._run.counter.progress.total
        return math.inf if total is None else (total - count) / max(len(self._fleet.workers), 1)

    def _next_rows(self, most: int) -> Routine:
        """Return rows that are to be sent, up to so many; those of earlier runs are finished."""
        if self._again:
            return [self._again.popleft() for _ in range(min(most, len(self._again)))]
        found: list[SentRow] = []
        rows: list[JobRow] = yield from self._rows.take(most)
        for row in rows:
            if self._run.is_stored(row):
                pair = yield from self._run.resumed(row)
                self._ready.append(pair)
            else:
                found.append(SentRow(row))
        return found

    def _submit(self, rows: list[SentRow], worker: Worker, *, alone: bool = False) -> Routine:
        """Send a chunk; return False where the budget has nothing left for it now."""
        part, limits = None, None
        if self._budget is not None:
            part = None if self._is_spent() else self._budget.take(len(rows))
            if part is None:
                self._again.extendleft(reversed(rows))
                return False
            limits = self._budget.settings(part)
        packed = self._packed(rows)
        self._sizes.learn_bytes(len(rows), len(packed))
        order = ChunkOrder(
            self._id, self._sent, worker.share, self._slots_for(len(rows), worker),
            len(self._fleet.workers), self._run.ends_at_error, limits, packed,
        )  # fmt: skip
        chunk = SentChunk(rows, worker.place.id, order, part, alone)
        yield from self._post(chunk, worker)
        self._run.counter.add("running", len(rows))
        return True

    def _is_spent(self) -> bool:
        """Tell whether the budget is spent, and end the job then: interrupted rows spend, too."""
        budget = self._run.budget
        if budget is None or not budget.is_spent:
            return False
        self._run.end_early("budget", BudgetExceeded("the budget is spent"))
        return True

    def _post(self, chunk: SentChunk, worker: Worker, *, with_job: bool = False) -> Routine:
        number = self._sent
        self._sent += 1
        self._flight[number] = chunk
        self._fleet.sent(chunk)
        order = chunk.order._replace(number=number)
        submit = self._engine.submit
        yield self._call(partial(submit, number, to_bytes(order), worker.place, with_job=with_job))

    def _packed(self, rows: list[SentRow]) -> bytes:
        configs = self._run.own_config
        try:
            return pack_plainly([(sent.row.value, configs(sent.row.position)) for sent in rows])
        except Exception as error:
            positions = [sent.row.position for sent in rows]
            raise ConfigError(
                f"Rows {positions[0]} to {positions[-1]} cannot be sent to workers: "
                f"{type(error).__name__}: {error}."
            ) from error

    # -- replies

    def _take(self, number: int, reply: bytes | Exception) -> Routine:
        """Take the end of a chunk."""
        chunk = self._flight.pop(number, None)
        if chunk is None:
            return
        self._fleet.ended(chunk)
        found = reply_of(reply) if isinstance(reply, bytes) else None
        if found is not None and found.kind == "no job":
            worker = self._fleet.workers.get(chunk.place) or next(self._fleet.by_need())
            yield from self._post(chunk, worker, with_job=True)
            return
        self._run.counter.add("running", -len(chunk.rows))
        if chunk.part is not None and self._budget is not None:
            self._budget.release(chunk.part, len(chunk.rows))
        if isinstance(reply, ChunkLost):
            yield from self._lost(chunk, reply)
        elif isinstance(reply, Exception):
            raise _broken(reply)
        elif found is not None:
            if found.kind == "refused":
                raise ConfigError(f"The worker in {found.worker} cannot run this job: {found.text}")
            yield from self._done(chunk, found)

    def _done(self, chunk: SentChunk, reply: ChunkReply) -> Routine:
        """Settle the rows of a chunk, and send those again that had not begun."""
        self._sizes.learn(reply.latency)
        left = dict(enumerate(chunk.rows))
        for report in _reports_in(reply):
            row = chunk.rows[report.row].row
            record = RowRecord.of_report(row, report.usage, report.started_at, report.seconds)
            yield from self._count(record, report)
            if report.attempts:
                del left[report.row]
                yield from self._settle(row, record, report)
        self._again.extendleft(reversed(left.values()))

    def _count(self, record: RowRecord, report: RowReport) -> Routine:
        """Count what a row has used, and pass its events to the handlers of the call."""
        self._run.spend(record, is_settled=report.attempts > 0)
        if report.attempts > 1:
            self._run.counter.add("retried", report.attempts - 1)
        handlers = self._run.handlers
        for event in report.events:
            try:
                yield Call(partial(emit, handlers, event), partial(aemit, handlers, event))
            except BudgetExceeded as error:  # of a budget around the call
                self._run.end_early("budget", error)

    def _settle(self, row: JobRow, record: RowRecord, report: RowReport) -> Routine:
        if report.error is None:
            pair = yield from self._run.succeeded(row, record, report.output, report.attempts)
        else:
            error = unpack_error(report.error)
            pair = yield from self._run.given_up(row, record, error, report.attempts)
        self._ready.append(pair)

    def _lost(self, chunk: SentChunk, loss: ChunkLost) -> Routine:
        """Send the rows of a process that has died again, or give up one that was alone there."""
        self._next_look = 0.0  # another process may be there, or be started
        for sent in chunk.rows:
            sent.losses += loss.deaths
            if sent.losses >= MOST_LOSSES and chunk.alone:
                error = WorkerLostError(
                    f"The process that ran this row has died {sent.losses} times, at last when it "
                    f"ran no other row: {loss}"
                )
                record = RowRecord(sent.row)
                self._ready.append(
                    (yield from self._run.given_up(sent.row, record, error, sent.losses))
                )
            elif sent.losses >= MOST_LOSSES - 1:
                self._suspects.append(sent)
            else:
                self._again.append(sent)


def _reports_in(reply: ChunkReply) -> list[RowReport]:
    if isinstance(reply.reports, list):
        return [RowReport(*unpack(report)) for report in reply.reports]
    return [RowReport(*report) for report in unpack(reply.reports)] if reply.reports else []


def _broken(error: Exception) -> Exception:
    """Return the error of a job whose chunk could not be run at all."""
    if isinstance(error, ImportError):
        return ConfigError(
            f"A worker cannot run this job: {error}. Install runnables, and what the chain "
            "imports, in the environment of the workers."
        )
    return error


async def _at_once(function: Callable[[], Any]) -> Any:
    found = function()
    return await found if inspect.isawaitable(found) else found


async def _in_thread(function: Callable[[], Any]) -> Any:
    """Call a function in a thread, also where the call around this one was cancelled."""
    context = contextvars.copy_context()
    context.run(current_token.set, None)
    return await asyncio.create_task(to_thread(function), context=context)
