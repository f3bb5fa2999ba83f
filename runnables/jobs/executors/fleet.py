"""The worker processes of a job: their shares of its limit, and what each has in flight."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from runnables.jobs.executors.budget_parts import Part
    from runnables.jobs.executors.engines import Place
    from runnables.jobs.executors.messages import ChunkOrder
    from runnables.jobs.rows import JobRow


@dataclass(slots=True, eq=False)
class SentRow:
    """A row on its way.

    Attributes:
        row: the row.
        losses: how often the process that ran it has died.
    """

    row: JobRow
    losses: int = 0


class SentChunk(NamedTuple):
    """A chunk in flight.

    Attributes:
        rows: its rows.
        place: the id of the place that it was sent to.
        order: what its worker gets.
        part: what its models may spend, where the job has a budget.
        alone: whether nothing else is in flight.
    """

    rows: list[SentRow]
    place: str
    order: ChunkOrder
    part: Part | None = None
    alone: bool = False


@dataclass(slots=True)
class Worker:
    """A process, or a share of what an engine has of them.

    Attributes:
        place: where it is.
        share: how many rows may run at once in it.
        rows: how many rows it has in flight.
        chunks: in how many chunks.
    """

    place: Place
    share: int = 0
    rows: int = 0
    chunks: int = 0

    def wants(self, size: int) -> int:
        """Return how many rows of a chunk of this size may be sent now; 0 where it has enough.

        With chunks of many rows, one more than it needs is on the way, so that it never waits.
        """
        reserve = size if size > 1 else 0
        if not self.share or self.chunks > self.place.chunks_at_once:
            return 0
        has_reserve = self.chunks > 1 and self.rows >= self.share + reserve
        return 0 if has_reserve or (not reserve and self.rows >= self.share) else size


@dataclass
class Fleet:
    """All worker processes.

    Attributes:
        limit: how many rows may run at once in all of them.
        keeps_places: whether a chunk runs where it is sent to.
        workers: by the ids of their places.
    """

    limit: int
    keeps_places: bool
    workers: dict[str, Worker] = field(default_factory=dict[str, Worker])

    def update(self, places: Sequence[Place]) -> None:
        """Take the processes that there are now, and divide the limit among them.

        Each gets the same share; the first ones get one more where it does not divide, if the
        engine can say where a chunk runs. With more processes than the limit, some stay idle.
        """
        places = places[: self.limit]
        workers = {place.id: self.workers.get(place.id) or Worker(place) for place in places}
        self.workers = workers
        if not workers:
            return
        share, rest = divmod(self.limit, len(workers))
        for number, worker in enumerate(workers.values()):
            worker.share = share + (self.keeps_places and number < rest)

    def by_need(self) -> Iterator[Worker]:
        """Yield the processes, those with the least to do first."""
        yield from sorted(self.workers.values(), key=_load)

    def sent(self, chunk: SentChunk) -> None:
        """Count a chunk that was sent."""
        if (worker := self.workers.get(chunk.place)) is not None:
            worker.rows += len(chunk.rows)
            worker.chunks += 1

    def ended(self, chunk: SentChunk) -> None:
        """Count a chunk that has ended."""
        if (worker := self.workers.get(chunk.place)) is not None:
            worker.rows -= len(chunk.rows)
            worker.chunks -= 1


def _load(worker: Worker) -> float:
    return worker.rows / worker.share if worker.share else float("inf")
