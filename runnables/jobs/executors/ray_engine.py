"""Chunks on a Ray cluster, in actors: processes that stay for the job, and run chunks side by side.

Not in tasks, of which a process runs one at a time: it would wait for the slowest row of a chunk
before it begins the next one, and load a model on a GPU for each chunk. Ray restarts and repeats
nothing here. The driver sends again what a dead process had, row by row in the end, so that a row
that kills its process fails alone.

After a job, its processes stay for some seconds, for the next one; then they end by themselves.
"""

from __future__ import annotations

import contextvars
import time
from dataclasses import dataclass
from functools import partial
from itertools import count
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

from runnables.engine.inbox import Inbox
from runnables.engine.thread_calls import to_thread
from runnables.engine.timeouts import async_sleep
from runnables.errors import ConfigError
from runnables.jobs.executors.engines import ChunkEngine, ChunkLost, OnEnd, Place
from runnables.jobs.executors.ray_executor import RayExecutor
from runnables.jobs.executors.worker import run_chunk, stop_job

if TYPE_CHECKING:
    from collections.abc import Iterable

_AT_ONCE: Final = 10_000
"""How many chunks a process runs at once: the limits of the job say how many rows run."""

_START_SECONDS: Final = 10.0
"""How long a job waits for its first process, before it looks again now and then."""

_OTHERS_SECONDS: Final = 1.0
"""How long it waits for the others then."""

_MOST_FAILED_STARTS: Final = 3
"""So many starts may fail, one after another, before the job ends."""

_REST_SECONDS: Final = 5.0
"""How long a process stays after a job."""

_resting: Final[dict[Any, list[Any]]] = {}
"""Actors of jobs that have ended, by the connection to Ray and their options."""


@dataclass(eq=False)
class _Process:
    """An actor.

    Attributes:
        place: where it is, for the driver.
        actor: the handle; the process ends when nothing has it any more.
        is_new: whether this job has made it.
        is_ready: whether it has started.
        chunks: how many chunks it has.
    """

    place: Place
    actor: Any
    is_new: bool
    is_ready: bool = False
    chunks: int = 0


class RayEngine(ChunkEngine):
    """Chunks on a Ray cluster.

    Args:
        executor: the module ray, or a `RayExecutor`.
    """

    keeps_places = True

    def __init__(self, executor: ModuleType | RayExecutor) -> None:
        self._executor = executor if isinstance(executor, RayExecutor) else RayExecutor()
        self._ray: Any = executor if isinstance(executor, ModuleType) else _import_ray()
        self._processes: dict[str, _Process] = {}
        self._numbers = count()
        self._changes: Inbox[None] = Inbox()
        self._failed_starts: list[Exception] = []
        self._calls: dict[int, tuple[_Process, Any]] = {}
        self._is_cut = False

    # -- processes

    def open(self, job_id: str, job: bytes, on_end: OnEnd) -> None:
        """Begin a job: Ray's store keeps its bytes, each process gets them once."""
        self._job_id, self._on_end = job_id, on_end
        self._job = self._ray.put(job)
        ours = {"max_restarts": 0, "max_task_retries": 0, "max_concurrency": _AT_ONCE}
        self._actors: Any = self._ray.remote(**self._executor.options, **ours)(ChunkActor)
        context = self._ray.get_runtime_context()
        self._key = context.get_session_name(), context.get_job_id(), repr(self._executor)
        for actor in _resting.pop(self._key, [])[: self._wanted()]:
            self._add(actor, is_new=False)
        first = time.monotonic() + _START_SECONDS
        while not self.places() and (left := first - time.monotonic()) > 0:
            self._changes.wait(left)
        others = time.monotonic() + _OTHERS_SECONDS
        while self._starting() and (left := others - time.monotonic()) > 0:
            self._changes.wait(left)

    def places(self) -> list[Place]:
        """Return the processes that have started, and start those that are missing."""
        ready = [process.place for process in self._processes.values() if process.is_ready]
        if not ready and len(self._failed_starts) >= _MOST_FAILED_STARTS:
            raise ConfigError(
                "Ray starts no process for this job: see the error above. Workers need runnables, "
                "and what the chain imports."
            ) from self._failed_starts[-1]
        for _ in range(self._wanted() - len(self._processes)):
            self._start()
        return ready

    def _wanted(self) -> int:
        """Return how many processes the nodes can have; one where they cannot have any yet.

        The one asks a cluster that grows to do so.
        """
        needs = self._executor.needs
        most = min(self.limit, self._executor.processes or self.limit)
        if needs:
            nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
            most = min(most, sum(_fitting(resources, needs) for resources in nodes))
        return max(1, most)

    def _start(self) -> None:
        self._add(self._actors.remote(self._job), is_new=True)

    def _add(self, actor: Any, *, is_new: bool) -> None:
        process = _Process(Place(f"ray-{next(self._numbers)}", _AT_ONCE), actor, is_new)
        self._processes[process.place.id] = process
        answer = actor.start.remote().future()
        answer.add_done_callback(partial(self._on_start, process))

    def _on_start(self, process: _Process, answer: Any) -> None:
        error = answer.exception()
        if error is None:
            process.is_ready = True
            self._failed_starts.clear()
        else:
            self._processes.pop(process.place.id, None)
            if process.is_new:
                self._failed_starts.append(error)
        self._changes.put(None)

    def _starting(self) -> bool:
        return any(not process.is_ready for process in list(self._processes.values()))

    # -- chunks

    def submit(self, number: int, chunk: bytes, place: Place, *, with_job: bool = False) -> None:
        """Send a chunk to a process; to another one where that has died meanwhile."""
        process = self._processes.get(place.id) or self._least_busy()
        process.chunks += 1
        reply = process.actor.run.remote(chunk, self._job if with_job else None)
        self._calls[number] = process, reply
        reply.future().add_done_callback(partial(self._on_reply, number))

    def _least_busy(self) -> _Process:
        if not self._processes:
            self._start()
        processes = list(self._processes.values())
        return min(processes, key=lambda process: (not process.is_ready, process.chunks))

    def _on_reply(self, number: int, answer: Any) -> None:
        process, _ = self._calls.pop(number, (None, None))
        if process is None:
            return
        process.chunks -= 1
        error = answer.exception()
        if error is None:
            self._on_end(number, answer.result())
        elif _is_loss(error):
            self._processes.pop(process.place.id, None)
            self._on_end(number, ChunkLost(str(error)))
        else:
            self._on_end(number, error)

    def cancel(self, numbers: Iterable[int]) -> None:
        """Forget chunks; `stop` ends them."""
        for number in numbers:
            self._is_cut |= self._calls.pop(number, None) is not None

    def stop(self) -> None:
        """Tell all processes to cancel what they do, and to forget the job."""
        for process in list(self._processes.values()):
            process.actor.stop.remote(self._job_id)

    def close(self) -> None:
        """Let the processes rest; or end, if chunks were given up, which may still run there."""
        actors = [each.actor for each in list(self._processes.values()) if each.is_ready]
        if actors and not self._is_cut:
            for actor in actors:
                actor.rest.remote()
            _resting.clear()  # what another connection had is gone, what other options had ends
            _resting[self._key] = actors
        self._calls.clear()
        self._processes.clear()
        self._job = None


class ChunkActor:
    """A process of a job.

    Args:
        job: the job.
    """

    def __init__(self, job: bytes) -> None:
        self._job: bytes | None = job
        self._jobs = 0

    async def start(self) -> None:
        """Begin a job; its return says that the process has started."""
        self._jobs += 1

    async def rest(self) -> None:
        """End this process, unless it gets another job within some seconds."""
        self._job = None
        jobs = self._jobs
        await async_sleep(_REST_SECONDS)
        if jobs == self._jobs:
            _import_ray().actor.exit_actor()

    async def run(self, chunk: bytes, job: bytes | None) -> bytes:
        """Run a chunk, in a thread without the context of this loop."""
        run = partial(run_chunk, job or self._job, chunk)
        return await to_thread(partial(contextvars.Context().run, run))

    async def stop(self, job_id: str) -> None:
        """Cancel the chunks that run."""
        stop_job(job_id)


def _import_ray() -> Any:
    try:
        import ray
    except ImportError:
        from runnables.core.installation import missing_extra

        raise missing_extra("RayExecutor", "ray", "ray") from None
    return ray


def _fitting(resources: dict[str, float], needs: dict[str, float]) -> int:
    """Return for how many processes a node has what they need."""
    return min(int(resources.get(name, 0) / amount + 1e-9) for name, amount in needs.items())


def _is_loss(error: BaseException) -> bool:
    """Tell whether an error of Ray says that a process has died."""
    lost = {"RayActorError", "NodeDiedError", "ObjectLostError"}
    return any(kind.__name__ in lost for kind in type(error).__mro__)
