"""Which rows of a batch are ready, wait, or are split. `rows.py` has the rules."""

from __future__ import annotations

import threading
from heapq import heappush
from typing import TYPE_CHECKING, Any

from runnables.engine.cancellation import current_token
from runnables.engine.rows import Arrival, BulkJob, Failed, Fork, Gather, Group, Join, Strand
from runnables.engine.thread_calls import _loop
from runnables.engine.variables import let_differ

if TYPE_CHECKING:
    from collections.abc import Hashable

    from runnables.engine.slots import Slots

let_differ(current_token)  # each branch has its own
let_differ(_loop)


class RowStates:
    """The states of the rows of one batch. All methods but `__init__` run under the lock.

    Args:
        slots: the slots that the rows run in.
    """

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._lock = threading.RLock()  # a finalizer may release a slot in here, and bring a worker
        self._ready: list[tuple[int, int, Strand | BulkJob]] = []
        self._sequence = 0
        self._gathers: dict[Hashable, Gather] = {}
        self._largest = 0  # the size of the largest
        self._strands: dict[Strand, None] = {}  # the open ones
        self._jobs = 0  # under way
        self._pulled = 0
        self._pulling = self._inputs_over = self._closed = False
        self._open = self._waiting = self._leaving = 0  # rows
        self._active = 0  # strands that are not split

    def _may_pull(self) -> bool:
        return not self._pulling and self._takes_more()

    def _takes_more(self) -> bool:
        """Tell whether another row may be opened."""
        if self._inputs_over or self._closed:
            return False
        elsewhere = 0  # rows that wait, but not where most do
        if len(self._gathers) > 1:
            fullest = max(gather.waiting for gather in self._gathers.values())
            elsewhere = max(0, self._waiting - fullest)
        return self._open - self._leaving < self._ahead() + elsewhere

    def _ahead(self) -> int:
        """Return how many rows may be open: those that the limit lets run, and one batch."""
        return self._slots.limit + self._largest

    def _push(self, index: int, job: Any) -> None:
        self._sequence += 1
        heappush(self._ready, (index, self._sequence, job))

    def _activate(self, strand: Strand) -> None:
        self._strands[strand] = None
        self._active += 1
        for gather in strand.visited:
            gather.visitors += 1

    def _deactivate(self, strand: Strand) -> None:
        self._active -= 1
        for gather in strand.visited:
            gather.visitors -= 1

    def _arrive(self, strand: Strand, arrival: Arrival) -> None:
        bulk = arrival.bulk
        gather = self._gathers.get(bulk.place)
        if gather is None:
            gather = Gather(arrival.last and strand.frames[-1].last)
            self._gathers[bulk.place] = gather
        self._largest = max(self._largest, bulk.size)
        if gather not in strand.visited:
            strand.visited.add(gather)
            gather.visitors += 1
        strand.group = group = self._group_for(strand, arrival, gather)
        group.waiting[strand] = arrival
        strand.row.waiting += 1
        self._waiting += strand.row.waiting == 1
        if len(group.waiting) == bulk.size:
            self._make_due(group)

    def _group_for(self, strand: Strand, arrival: Arrival, gather: Gather) -> Group:
        """Return the group that a row goes along with; a new one, where none takes it."""
        for group in gather.groups:
            if group.takes(arrival.bulk, strand.context):
                return group
        # a copy, as the row may be cancelled, and go on
        group = Group(gather, arrival.bulk, strand.context.copy(), self._pulled)
        gather.groups.append(group)
        return group

    def _leave(self, strand: Strand, group: Group) -> Arrival:
        strand.group = None
        strand.row.waiting -= 1
        self._waiting -= strand.row.waiting == 0
        arrival = group.waiting.pop(strand)
        if not group.waiting:
            group.gather.groups.remove(group)
        return arrival

    def _make_due(self, group: Group) -> None:
        strands = sorted(group.waiting, key=_index)
        rows = [(strand, self._leave(strand, group)) for strand in strands]
        self._push(strands[0].row.index, BulkJob(group.gather, rows))

    def _make_complete_due(self) -> None:
        """Make the bulk calls due that no other row will join, or not soon."""
        for gather in self._gathers.values():
            is_complete = self._inputs_over and gather.visitors >= self._active
            for group in gather.groups.copy():
                if is_complete or self._pulled - group.since >= self._ahead():
                    self._make_due(group)

    def _make_oldest_due(self) -> bool:
        """Make the bulk calls due at the place where the first row waits, if there is one."""
        places = [gather for gather in self._gathers.values() if gather.groups]
        if not places:
            return False
        for group in min(places, key=_oldest).groups.copy():
            self._make_due(group)
        return True

    def _split(self, strand: Strand, fork: Fork) -> None:
        if not fork.routines:
            strand.outcome = []
            self._push(strand.row.index, strand)
            return
        self._deactivate(strand)
        strand.split = join = Join(strand, len(fork.routines))
        frame = strand.frames[-1]
        for place, routine in enumerate(fork.routines):
            context = strand.context.copy()
            context.run(current_token.set, join.token)
            branch = Strand(strand.row, frame._replace(routine=routine), context)
            branch.join, branch.place, branch.visited = join, place, set(strand.visited)
            join.open[branch] = None
            self._activate(branch)
            self._push(branch.row.index, branch)

    def _end_branch(self, branch: Strand, join: Join, outcome: Any) -> bool:
        """Note what came of a branch; return whether it is the first of its fork to fail."""
        if branch not in join.open:  # the row has gone on without it
            return False
        del join.open[branch]
        join.visited = join.visited | branch.visited
        failed = isinstance(outcome, Failed) and join.error is None
        if not isinstance(outcome, Failed):
            join.outputs[branch.place] = outcome
        elif failed:
            join.error = outcome.error
            for other in list(join.open):
                self._cancel(other)
        if not join.open:
            self._rejoin(join)
        return failed

    def _rejoin(self, join: Join) -> None:
        around = join.around
        around.split, around.visited = None, join.visited
        around.outcome = join.outputs if join.error is None else Failed(join.error)
        join.token.detach()
        self._activate(around)
        self._push(around.row.index, around)

    def _cancel(self, strand: Strand) -> None:
        """Cancel a branch, wherever it is. A thread that runs it is not waited for."""
        strand.cancelled = True
        if strand.group is not None:
            self._leave(strand, strand.group)
            self._push(strand.row.index, strand)
        elif strand.split is not None:
            for branch in list(strand.split.open):
                self._cancel(branch)
            if not strand.split.open:  # threads run them all, and none will come back for it
                self._rejoin(strand.split)
        elif strand.task is not None:
            strand.task.cancel()
        elif strand.running and strand.join is not None:
            del strand.join.open[strand]


def _index(strand: Strand) -> int:
    return strand.row.index


def _oldest(gather: Gather) -> int:
    """Return the index of the first row that waits at a place."""
    return min(_index(strand) for group in gather.groups for strand in group.waiting)
