"""Chunks on a Dask cluster, through the client that the user has made.

- Tasks secede: a worker then runs as many chunks at once as the driver sends it, whatever its
  number of threads, and the limits of the job say how many rows run.
- A chunk is bound to its worker. When that is gone, it is reported as lost, and the driver sends
  its rows elsewhere. The scheduler would run it again as a whole, and give up all its rows after
  some deaths; and where the only worker has died, it would never run it, also if others would do.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from runnables.engine.thread_calls import call_soon
from runnables.jobs.executors.engines import ChunkEngine, ChunkLost, OnEnd, Place
from runnables.jobs.executors.worker import run_chunk, stop_job

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Iterable, Mapping
else:
    from runnables.engine import lazy_asyncio as asyncio

_LOSSES: Final = frozenset({"KilledWorker", "FutureCancelledError", "CancelledError"})
"""Errors that say nothing of the rows of a chunk: its task was cancelled, or its workers died."""

_AT_ONCE: Final = 1_000_000
"""Tasks that secede are not counted, so a worker runs any number at once."""


class DaskEngine(ChunkEngine):
    """Chunks on a Dask cluster.

    Args:
        client: a `distributed.Client`, or the executor that one has made.
    """

    keeps_places = True

    def __init__(self, client: Any) -> None:
        self._client: Any = getattr(client, "_client", client)  # of a `ClientExecutor`
        self.needs_loop = bool(self._client.asynchronous)
        self.is_blocking = not self.needs_loop
        self._futures: dict[int, tuple[Any, str]] = {}
        self._fetches: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self, job_id: str, job: bytes, on_end: OnEnd) -> None:
        """Begin a job: the scheduler keeps its bytes, and each worker gets them once."""
        self._job_id, self._packed, self._on_end = job_id, job, on_end
        if self.needs_loop:
            self._loop = asyncio.get_running_loop()
        self._job: Any = self._sent_job(0)

    def _sent_job(self, number: int) -> Any:
        key = f"runnables-job-{self._job_id}-{number}"
        return self._client.submit(_same, self._packed, key=key, pure=False)

    def places(self) -> list[Place] | Awaitable[list[Place]]:
        """Return the workers; report the chunks of those that are gone."""
        # not `scheduler_info`, which knows of no worker at times
        workers = self._client.nthreads()
        return self._await_places(workers) if self.needs_loop else self._places(workers)

    async def _await_places(self, workers: Awaitable[Mapping[str, int]]) -> list[Place]:
        return self._places(await workers)

    def _places(self, workers: Mapping[str, int]) -> list[Place]:
        for number, (future, address) in list(self._futures.items()):
            if address not in workers:
                self._give_up(number, f"the worker at {address} is gone")
            elif self._is_forgotten(future):
                self._give_up(number, "the client has forgotten its task")
        return [Place(address, _AT_ONCE) for address in workers]

    def _give_up(self, number: int, reason: str) -> None:
        future, _ = self._futures.pop(number, (None, ""))
        if future is not None:
            future.release()
            self._on_end(number, ChunkLost(reason))

    def _is_forgotten(self, future: Any) -> bool:
        """Tell whether a future will never end.

        `Client.restart` cancels all futures that there are, and then forgets all, also one that
        another thread has made meanwhile.
        """
        return future.key not in self._client.futures

    def submit(self, number: int, chunk: bytes, place: Place, *, with_job: bool = False) -> None:
        """Send a chunk to a worker; the job, too, where `Client.restart` has cancelled it."""
        if self._job.cancelled() or self._is_forgotten(self._job):
            self._job = self._sent_job(number)
        future = self._client.submit(
            _run,
            self._job,
            chunk,
            key=f"runnables-chunk-{self._job_id}-{number}",
            pure=False,
            workers=[place.id],
        )
        self._futures[number] = future, place.id
        future.add_done_callback(partial(self._on_done, number))

    def _on_done(self, number: int, future: Any) -> None:
        """Fetch a reply; in a thread of the client."""
        if number not in self._futures:
            return
        if future.cancelled():  # by others: `cancel` and `_places` have forgotten it before
            self._report(number, ChunkLost("its task was cancelled"))
            return
        if self._loop is not None:
            call_soon(self._loop, self._start_fetch, number, future)
            return
        try:
            self._report(number, future.result())
        except Exception as error:
            self._report(number, self._failure_of(future, error))

    def _start_fetch(self, number: int, future: Any) -> None:
        fetch = asyncio.ensure_future(self._fetch(number, future))
        self._fetches.add(fetch)
        fetch.add_done_callback(self._fetches.discard)

    async def _fetch(self, number: int, future: Any) -> None:
        try:
            self._report(number, await future)
        except Exception as error:
            self._report(number, self._failure_of(future, error))

    def _failure_of(self, future: Any, error: Exception) -> Exception:
        """Return what an error in the fetching of a reply is: a lost chunk, or itself.

        A reply that is forgotten before it is fetched is an error within Dask.
        """
        is_lost = self._is_forgotten(future) or type(error).__name__ in _LOSSES
        return ChunkLost(str(error)) if is_lost else error

    def _report(self, number: int, reply: bytes | Exception) -> None:
        if self._futures.pop(number, None) is not None:
            self._on_end(number, reply)

    def cancel(self, numbers: Iterable[int]) -> None:
        """Give up chunks: without its future, the scheduler forgets a task."""
        for number in list(numbers):
            future, _ = self._futures.pop(number, (None, ""))
            if future is not None:
                future.release()

    def stop(self) -> Any:
        """Tell all workers to cancel what they do for this job."""
        return self._client.run(_stop, self._job_id, wait=False, on_error="ignore")

    def close(self) -> Any:
        """Let the scheduler forget the job."""
        self.cancel(self._futures)
        self._job = None
        return asyncio.gather(*self._fetches) if self._fetches else None


def _same(job: bytes) -> bytes:
    return job


def _run(job: bytes, chunk: bytes) -> bytes:
    distributed: Any = import_module("distributed")
    distributed.secede()
    return run_chunk(job, chunk)


async def _stop(job_id: str) -> None:
    """Stop a job; a coroutine, as Dask refuses functions that it is not to wait for."""
    stop_job(job_id)
