"""The side of the workers: what an engine calls in each process.

A process keeps the jobs that it has had chunks of: the chain, loaded once, the gate where all rows
of a job wait, and its part of the limits. When the number of processes changes, so does that part:
a chain with a rate limiter is then loaded anew, and chunks that run go on as they began.
"""

from __future__ import annotations

import contextvars
import os
import threading
import time
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from runnables.engine.cancellation import CancelToken, cancelled_error, current_token
from runnables.engine.loop_thread import LoopThread
from runnables.engine.stream import owned
from runnables.engine.thread_calls import call_soon
from runnables.errors import ConfigError
from runnables.jobs.executors.chunk_run import ChunkRun
from runnables.jobs.executors.errors_sent import pack_error
from runnables.jobs.executors.messages import (
    ChunkOrder,
    ChunkReply,
    JobHead,
    JobSetup,
    RowReport,
    head_of,
    mismatch,
    order_of,
    process_name,
    to_bytes,
)
from runnables.jobs.executors.packing import pack_plainly, unpack
from runnables.jobs.executors.timed_limits import timed_limit
from runnables.jobs.gate import Gate

if TYPE_CHECKING:
    import asyncio
else:
    from runnables.engine import lazy_asyncio as asyncio

_MOST_JOBS: Final = 64
"""How many jobs a process keeps; the one that was used longest ago is forgotten."""

_jobs: OrderedDict[str, _WorkerJob] = OrderedDict()
_stopped: OrderedDict[str, None] = OrderedDict()
_lock = threading.Lock()


def run_chunk(job: bytes | None, chunk: bytes) -> bytes:
    """Run the rows of a chunk, and return what came of them.

    Engines call this in their processes, in any thread.

    Args:
        job: the packed job; None where the process may have it.
        chunk: the packed chunk.

    Returns:
        The packed `ChunkReply`. What rows raise is in it.
    """
    order = order_of(chunk)
    known = _job_of(order, job)
    if known is None:
        return to_bytes(ChunkReply("no job"))
    try:
        return to_bytes(known.run(order))
    except _Refused as refused:
        reason = str(refused)
    except Exception:
        raise
    except BaseException as error:  # such as SystemExit, which engines lose, or end processes by
        reason = f"a row has raised {type(error).__name__}: {error}"
    return to_bytes(ChunkReply("refused", reason, worker=process_name()))


def stop_job(job_id: str) -> None:
    """Cancel what this process does for a job, and forget the job; in any thread."""
    with _lock:
        job = _jobs.pop(job_id, None)
        _stopped[job_id] = None
        while len(_stopped) > _MOST_JOBS:
            _stopped.popitem(last=False)
    if job is not None:
        job.stop()


class _Refused(Exception):
    """The reason why this process cannot run a job."""


def _job_of(order: ChunkOrder, packed: bytes | None) -> _WorkerJob | None:
    """Return the job of a chunk, loaded where it is new; None where this process lacks it."""
    with _lock:
        job = _jobs.get(order.job_id)
        if job is None:
            if packed is None:
                return None
            job = _WorkerJob(head_of(packed))
            if order.job_id in _stopped:  # a late chunk, for which its bytes are not kept
                job.stop()
                return job
            _jobs[order.job_id] = job
        _jobs.move_to_end(order.job_id)
        while len(_jobs) > _MOST_JOBS:
            _jobs.popitem(last=False)[1].stop()  # its driver has probably died
        return job


class _WorkerJob:
    """A job in this process."""

    def __init__(self, head: JobHead) -> None:
        self._head = head
        self._lock = threading.Lock()
        self._part: Part | None = None
        self._latest = -1
        self._token = CancelToken()
        self._loop = LoopThread()
        self._why_refused = mismatch(head)

    def stop(self) -> None:
        """Cancel the chunks that run; those that come later are cancelled at once."""
        self._token.cancel()
        self._loop.close()

    def _is_stopped(self) -> bool:
        return self._token.is_set

    def run(self, order: ChunkOrder) -> ChunkReply:
        """Run a chunk."""
        if self._is_stopped():
            return ChunkReply("cancelled")
        part = self._part_for(order)
        try:
            began = time.monotonic()
            reports = part.run(order, self._token, self._loop)
            seconds = (time.monotonic() - began) / max(len(reports), 1)
        except cancelled_error():
            if not self._is_stopped():  # a row has raised it, or has ended the loop
                raise
            return ChunkReply("cancelled")
        limit: Any = part.gate.limit
        latency = limit.latency or seconds * order.share
        return ChunkReply("done", "", _pack(reports), limit.limit, latency, process_name())

    def _part_for(self, order: ChunkOrder) -> Part:
        """Return this process's part of the limits, with the chain that keeps to it."""
        with self._lock:
            if self._why_refused is not None:
                raise _Refused(self._why_refused)
            part = self._part
            if part is not None and order.number < self._latest:  # it says what was before
                return part
            self._latest = order.number
            if part is None or part.is_outdated(order):
                try:
                    part = self._part = Part(unpack(self._head.body), order, part)
                except Exception as error:
                    self._why_refused = f"it cannot load it: {type(error).__name__}: {error}"
                    raise _Refused(self._why_refused) from error
            if part.share != order.share:
                part.resize(order.share)
            return part


class Part:
    """A job in one process: its chain, and this process's part of its limits.

    Args:
        setup: the job.
        order: the first chunk.
        before: what was before the number of processes changed; its rows count on.

    Attributes:
        setup: the job.
        chain: what runs on each row.
        kwargs: the options of the calls.
        share: how many rows may run at once.
        processes: how many processes there are.
        gate: where all rows of the job wait in this process.
    """

    def __init__(self, setup: JobSetup, order: ChunkOrder, before: Part | None) -> None:
        self.setup = setup
        self.chain, self.kwargs = unpack(setup.chain, order.processes)
        self.share = order.share
        self.processes = order.processes
        if before is None:
            self.gate = Gate(timed_limit(order.share, is_adaptive=setup.is_adaptive))
        else:
            self.gate = before.gate
            self.resize(order.share)

    def is_outdated(self, order: ChunkOrder) -> bool:
        """Tell whether the chain has parts of limits that are others by now."""
        return self.setup.has_limiters and self.processes != order.processes

    def resize(self, share: int) -> None:
        """Take another share; rows that run go on."""
        self.share = share
        self.gate.change(lambda limit: limit.resize(share))

    def run(self, order: ChunkOrder, token: CancelToken, loop: LoopThread) -> list[RowReport]:
        """Run the rows of a chunk; return what came of those that had begun."""
        try:
            rows = unpack(order.rows)
        except Exception as error:
            raise _Refused(f"it cannot load rows: {type(error).__name__}: {error}") from error
        run = ChunkRun(self, order, rows)
        if self.setup.is_async:
            return loop.run(_in_task(run, token))
        return contextvars.copy_context().run(_in_threads, run, token)


def _in_threads(run: ChunkRun, around: CancelToken) -> list[RowReport]:
    token = CancelToken(around)
    current_token.set(token)
    try:
        return [report for _, report in run.completed()]
    finally:
        token.detach()


async def _in_task(run: ChunkRun, around: CancelToken) -> list[RowReport]:
    task: Any = asyncio.current_task()
    loop = asyncio.get_running_loop()
    around.add(task, partial(call_soon, loop, task.cancel))
    try:
        return [report async for _, report in owned(run.acompleted())]
    finally:
        around.discard(task)


def _pack(reports: list[RowReport]) -> bytes | list[bytes]:
    """Return reports as bytes: together, or one by one where one of them cannot be packed."""
    try:
        return pack_plainly([tuple(report) for report in reports])
    except Exception:
        return [_pack_one(report) for report in reports]


def _pack_one(report: RowReport) -> bytes:
    try:
        return pack_plainly(tuple(report))
    except Exception as error:
        failure = ConfigError(
            f"The output of a row, a {type(report.output).__name__}, cannot be sent back: "
            f"{type(error).__name__}: {error}."
        )
        changed = report._replace(output=None, error=pack_error(failure), events=[])
        return pack_plainly(tuple(changed))


def _forget() -> None:
    """Start anew in a forked child, which has none of the threads of its parent."""
    global _lock
    _lock = threading.Lock()
    _jobs.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
