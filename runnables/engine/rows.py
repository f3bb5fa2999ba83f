"""Rows: the items of a batch some of whose steps take many items in one call.

A row runs as a *routine*: a generator that yields what it needs, and is sent what came of it. So a
row that waits for others is only an object: it holds neither a thread nor a task nor a slot.

    pulled -> ready -> running --Call--> running ... -> finished
                ^         |--Arrival--> waiting --(bulk call)--> ready
                |         '--Fork-----> split: its branches are ready, and it is when they end
                '----------------------- each with its outcome

`Rows` hands out *jobs* to a fan-out, one for each slot. A job runs one row until it waits or ends,
or makes one bulk call, or pulls an input. Where there is no job, the worker ends, and its slot is
free for others; new jobs bring workers back.

- **The oldest first.** Of the rows that are ready and the bulk calls that are due, a free worker
  takes the one with the lowest index. It pulls an input only where there is neither. So rows leave
  a bulk call one by one, their later steps wait for no batch, and one worker completes in order.
- **Rows go together** where they wait at one place for the same call, and agree on all context
  variables: the call runs in the context of its first row, so it must find there what it would find
  in that of any other.
- **A bulk call is due** when as many rows wait for it as it takes, when no other row can get to its
  place before, or when one waits while a whole batch of others passes by.
- **Inputs** are pulled at most one batch ahead: beyond the limit, no more rows are open than the
  largest batch has, and those that wait for another bulk step. Rows in a bulk call that no blocking
  step follows do not count, so such calls run side by side.
- **End.** `close` cancels the rows that are open, so that what they have begun is ended.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Hashable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from runnables.engine.cancellation import CancelToken, current_token
from runnables.engine.variables import agree

if TYPE_CHECKING:
    import asyncio
    import contextvars

Routine = Generator[Any, Any, Any]
"""A row, or a part of one: yields a Call, an Arrival, an Inner or a Fork; returns its output."""


class Failed:
    """The error of an item that failed, in the place of its output."""

    __slots__ = ("error",)

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Call(NamedTuple):
    """Something to run in a slot, sync or async; its result is sent to the routine."""

    run: Callable[[], Any]
    arun: Callable[[], Awaitable[Any]]


class Bulk(Protocol):
    """A call that takes many rows at once.

    Attributes:
        size: how many it takes at most.
        place: where in the chain it is.
    """

    size: int
    place: Hashable

    def takes(self, other: Any) -> bool:
        """Tell whether a row that has come to another call at this place may go along."""
        ...

    def call(self, arrivals: Sequence[Arrival]) -> list[Any]:
        """Return the outputs in order, with `Failed` where there is none."""
        ...

    async def acall(self, arrivals: Sequence[Arrival]) -> list[Any]:
        """Return the outputs in order, with `Failed` where there is none."""
        ...


class Arrival(NamedTuple):
    """A row that has come to a bulk call, which it waits for; its output is sent to the routine.

    Attributes:
        last: whether nothing that blocks follows it in the routine.
    """

    bulk: Bulk
    value: Any
    config: Any
    last: bool = True


class Inner(NamedTuple):
    """A routine to run inside of this one, which gets what it returns or raises.

    Attributes:
        routine: the inner routine.
        at: its position in this one; None where it takes this one's place.
        last: whether nothing that blocks follows it in this one.
    """

    routine: Routine
    at: Hashable = None
    last: bool = True


class Fork(NamedTuple):
    """Routines that run at once; the list of what they return is sent to the one around them.

    The first that fails cancels the others, and its error is raised in the one around them.
    """

    routines: Sequence[Routine]


class Row:
    """One input: how many of its parts wait for a bulk call, and are in one that ends it."""

    __slots__ = ("index", "leaving", "waiting")

    def __init__(self, index: int) -> None:
        self.index = index
        self.waiting = self.leaving = 0


class Frame(NamedTuple):
    """A routine, the path to it, and whether nothing that blocks follows it."""

    routine: Routine
    path: tuple[Hashable, ...]
    last: bool


class Strand:
    """A row, or one branch of it: a stack of routines, and what the innermost is sent next."""

    __slots__ = (
        *("cancelled", "context", "frames", "group", "join", "outcome", "place", "row"),
        *("running", "split", "task", "visited"),
    )

    def __init__(self, row: Row, frame: Frame, context: contextvars.Context) -> None:
        self.row = row
        self.frames = [frame]
        self.context = context
        self.outcome: Any = None
        self.join: Join | None = None  # of which it is a branch ...
        self.place = 0  # ... at this place
        self.split: Join | None = None  # into which it is split
        self.group: Group | None = None  # in which it waits
        self.visited: set[Gather] = set()
        self.running = False
        self.cancelled = False  # it is to end with a cancellation
        self.task: asyncio.Task[Any] | None = None


class Join:
    """The branches of a row that are under way, and what came of the others."""

    __slots__ = ("around", "error", "open", "outputs", "token", "visited")

    def __init__(self, around: Strand, count: int) -> None:
        self.around = around
        self.outputs: list[Any] = [None] * count
        self.open: dict[Strand, None] = {}
        self.error: BaseException | None = None
        self.token = CancelToken(around.context.get(current_token))
        self.visited = around.visited


class Group:
    """The rows that wait for one bulk call.

    Attributes:
        gather: the place.
        bulk: the call.
        context: the context variables that all of its rows agree on.
        since: how many inputs had been pulled when the first of them came.
    """

    __slots__ = ("bulk", "context", "gather", "since", "waiting")

    def __init__(
        self, gather: Gather, bulk: Bulk, context: contextvars.Context, since: int
    ) -> None:
        self.gather = gather
        self.bulk = bulk
        self.context = context
        self.since = since
        self.waiting: dict[Strand, Arrival] = {}

    def takes(self, bulk: Bulk, context: contextvars.Context) -> bool:
        """Tell whether a row that has come to this call, with these variables, may go along."""
        return self.bulk.takes(bulk) and agree(self.context, context)


class Gather:
    """A place where rows wait for bulk calls.

    Attributes:
        last: whether nothing that blocks follows it.
        groups: those that have rows.
        visitors: how many of the open strands have been here.
    """

    __slots__ = ("groups", "last", "visitors")

    def __init__(self, last: bool) -> None:
        self.last = last
        self.groups: list[Group] = []
        self.visitors = 0

    @property
    def waiting(self) -> int:
        """Return how many rows wait here."""
        return sum(len(group.waiting) for group in self.groups)


class BulkJob(NamedTuple):
    """A bulk call that is due."""

    gather: Gather
    rows: list[tuple[Strand, Arrival]]
