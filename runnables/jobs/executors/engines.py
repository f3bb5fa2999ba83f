"""What brings chunks of rows to worker processes, and their replies back: the protocol.

    open ──> submit ──> on_end(number, reply)    once for each chunk that was submitted ...
               ├──────> on_end(number, error)    ... and this where it has no reply
               └─ cancel                         no on_end afterwards, or one that is ignored
    stop     tells the processes to end what they still do for this job
    close    leaves the user's own client or executor open

A worker process calls `worker.run_chunk(job, chunk)`, which returns the reply as bytes. All three
are bytes that this library has packed, so that an engine never serialises objects of users.

- **The job** (the chain, and what all chunks share) travels once to each process, where the engine
  has a way for that; `run_chunk` keeps it. A process that gets None instead of the job, and does
  not have it, says so in its reply, and the chunk is sent again with it.
- **A chunk** is called at least once. An engine may run it again when its process has died, or
  report it as lost; the driver sends its rows again then. Each chunk has one end.
- **No chunk is equal to another**: its bytes have the id of the job and a number, so that engines
  that merge equal calls merge none.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from typing import ClassVar, NamedTuple, TypeAlias

from runnables.errors import RunnablesError


class Place(NamedTuple):
    """A worker process, or a share of what an engine has of them.

    Attributes:
        id: its name, unique among those of the engine.
        chunks_at_once: how many chunks it runs at the same time.
    """

    id: str
    chunks_at_once: int = 1


class ChunkLost(RunnablesError):
    """The process that ran a chunk has died, so that its rows are to be sent again.

    Attributes:
        deaths: how many processes the engine has tried it in.
    """

    def __init__(self, message: str, deaths: int = 1) -> None:
        super().__init__(message)
        self.deaths = deaths

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (str(self), self.deaths)


OnEnd: TypeAlias = Callable[[int, "bytes | Exception"], None]
"""Takes the number of a chunk and its reply; a `ChunkLost`, or another error, where it has none.
It may be called in any thread, and returns at once."""


class ChunkEngine(ABC):
    """What brings chunks to worker processes, and their replies back.

    One job uses one of them, once. Its methods are called by one thread, or one task, at a time.

    Attributes:
        is_blocking: whether the methods may wait for other processes, so that an async driver calls
            them in a thread.
        needs_loop: whether it works in the event loop of the caller only. Then `places`, `stop`
            and `close` may return something to await.
        keeps_places: whether a chunk runs in the place that `submit` names. If not, places are
            only a count of processes.
        limit: how many rows may run at once in all processes; the driver sets it before `open`.
            More processes than that stay idle.
    """

    limit: int = 1
    is_blocking: bool = True
    needs_loop: bool = False
    keeps_places: ClassVar[bool] = False

    @abstractmethod
    def open(self, job_id: str, job: bytes, on_end: OnEnd) -> None:
        """Begin a job.

        Args:
            job_id: its id.
            job: what `run_chunk` gets as its first argument.
            on_end: receives the end of each chunk.
        """

    @abstractmethod
    def places(self) -> list[Place] | Awaitable[list[Place]]:
        """Return the worker processes that there are now; the driver asks every few seconds."""

    @abstractmethod
    def submit(self, number: int, chunk: bytes, place: Place, *, with_job: bool = False) -> None:
        """Send a chunk; return at once.

        Args:
            number: what its end is reported by; never the same twice.
            chunk: what `run_chunk` gets as its second argument.
            place: where it is to run, if the engine can say that.
            with_job: whether its process has said that it does not have the job. An engine that
                always passes the job ignores this.
        """

    @abstractmethod
    def cancel(self, numbers: Iterable[int]) -> None:
        """Give up chunks: those that have not begun never begin."""

    @abstractmethod
    def stop(self) -> object:
        """Have every process call `worker.stop_job`, as far as that is possible.

        Chunks of this job that still run are cancelled by it, and the job is forgotten there. It is
        called at the end of each job, and does not wait for chunks that ignore it.
        """

    @abstractmethod
    def close(self) -> object:
        """Release what the job has used. What the user has passed stays open."""
