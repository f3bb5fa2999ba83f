"""Chunks in an executor of `concurrent.futures`: the weaker way, which many libraries offer.

An executor says nothing about its processes, and cannot cancel a call that runs: chunks of a job
that is left end by themselves, within about a second, or with the calls that they are in. A pool is
broken when one of its processes dies. Where the user has passed a function that makes the pool, a
new one goes on; otherwise that ends the job.
"""

from __future__ import annotations

from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.engine.cancellation import lock
from runnables.engine.fan_out import CLOSE_GRACE
from runnables.errors import ConfigError, RunnablesError
from runnables.jobs.executors.engines import ChunkEngine, ChunkLost, OnEnd, Place
from runnables.jobs.executors.worker import run_chunk, stop_job

if TYPE_CHECKING:
    from collections.abc import Iterable

_ASSUMED: Final = 4
"""How many processes are assumed of an executor that does not say it."""


class PoolEngine(ChunkEngine):
    """Chunks in an executor.

    Args:
        executor: the executor, or a function that makes one. One that was made here is shut down
            at the end.
    """

    def __init__(self, executor: Any) -> None:
        self._make = None if isinstance(executor, Executor) else executor
        self._pool: Executor | None = executor if self._make is None else None
        self._futures: dict[int, Future[bytes]] = {}
        self._left: list[Future[bytes]] = []  # given up while they ran
        self._size = _ASSUMED  # of the latest pool, so that places stay as one replaces another
        self._with_job = 0  # how many more chunks bring the job along

    def open(self, job_id: str, job: bytes, on_end: OnEnd) -> None:
        """Begin a job: the first chunks bring its bytes along."""
        self._job_id, self._job, self._on_end = job_id, job, on_end
        self._take_size(self._ready_pool())

    def _ready_pool(self) -> Executor:
        """Return the executor; a new one where the last was broken."""
        if self._pool is None:
            assert self._make is not None, "only a pool that was made here is replaced"
            made: Any = self._make()
            if not isinstance(made, Executor):
                raise ConfigError(
                    f"executor={self._make!r} has made a {type(made).__name__}: expected an "
                    "executor of concurrent.futures"
                )
            self._pool = made
            self._take_size(made)
        return self._pool

    def _take_size(self, pool: Executor) -> None:
        most: Any = getattr(pool, "_max_workers", None)  # private, and in all that have one
        self._size = self._with_job = most if isinstance(most, int) else _ASSUMED

    def places(self) -> list[Place]:
        """Return a place for each process; one for all threads of this process."""
        if isinstance(self._pool, ThreadPoolExecutor):
            return [Place("threads", self._size)]
        return [Place(f"process {number}") for number in range(self._size)]

    def submit(self, number: int, chunk: bytes, place: Place, *, with_job: bool = False) -> None:
        """Send a chunk to whichever process is free."""
        pool = self._ready_pool()
        job = self._job if with_job or self._with_job > 0 else None
        self._with_job -= 1
        try:
            future = pool.submit(run_chunk, job, chunk)
        except BrokenExecutor as error:  # since the last chunk
            self._take_loss(pool)
            self._on_end(number, self._as_loss(error, deaths=0))
            return
        self._futures[number] = future
        future.add_done_callback(partial(self._on_done, number, pool))

    def _on_done(self, number: int, pool: Executor, future: Future[bytes]) -> None:
        if self._futures.pop(number, None) is None or future.cancelled():
            return
        error = future.exception()
        if error is None:
            self._on_end(number, future.result())
        elif isinstance(error, BrokenExecutor):
            self._take_loss(pool)
            self._on_end(number, self._as_loss(error))
        else:
            self._on_end(number, cast("Exception", error))

    def _take_loss(self, pool: Executor) -> None:
        """Leave a pool that is broken, if a new one can be made."""
        if self._make is None:
            return
        with lock:
            is_ours, self._pool = self._pool is pool, None if self._pool is pool else self._pool
        if is_ours:
            pool.shutdown(wait=False)

    def _as_loss(self, error: Exception, deaths: int = 1) -> Exception:
        if self._make is not None:
            return ChunkLost(str(error), deaths)
        broken = RunnablesError(
            f"A process of the executor has died, and the executor is broken: {error} Pass a "
            "function that makes it, executor=lambda: ProcessPoolExecutor(4), and the job goes on "
            "in a new one."
        )
        broken.__cause__ = error
        return broken

    def cancel(self, numbers: Iterable[int]) -> None:
        """Give up chunks."""
        for number in list(numbers):
            future = self._futures.pop(number, None)
            if future is not None and not future.cancel():
                self._left.append(future)

    def stop(self) -> None:
        """Cancel what threads of this process do; no message reaches other processes."""
        if isinstance(self._pool, ThreadPoolExecutor):
            stop_job(self._job_id)
            wait(self._left, CLOSE_GRACE)

    def close(self) -> None:
        """Shut down the executor that was made here."""
        self.cancel(self._futures)
        if self._make is not None and self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
