"""The rows of a job: pulled one at a time, each with its key, and with what an earlier run has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from runnables.engine.pulling import Puller
from runnables.jobs.row_keys import KeyOf, key_of
from runnables.jobs.value_format import input_text

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable

    from runnables.jobs.checkpoint import Checkpoint, StoredRow


class JobRow(NamedTuple):
    """One row.

    Attributes:
        position: its number among the rows, from 0.
        value: the input.
        key: by which a checkpoint knows it; "" without one.
        occurrence: how many rows before it have the same key.
        text: the input as JSON; "" without a checkpoint.
        stored: what an earlier run has of it.
    """

    position: int
    value: Any
    key: str = ""
    occurrence: int = 0
    text: str = ""
    stored: StoredRow | None = None


class RowSource(Puller):
    """The rows of a job.

    Args:
        rows: the inputs.
        key: what says the key of a row.

    Attributes:
        checkpoint: what earlier runs have done, if anything.
        count: how many rows were pulled.
        all_pulled: whether none is left.
        hold: holds a place for the row at this position.
    """

    def __init__(
        self,
        rows: Iterable[Any] | AsyncIterable[Any],
        key: KeyOf,
    ) -> None:
        super().__init__(rows)
        self.checkpoint: Checkpoint | None = None
        self._key: KeyOf = key
        self.count = 0
        self.all_pulled = False
        self.hold: Callable[[int], object] | None = None

    def prepare(self, item: Any) -> JobRow:
        """Return the row of an input."""
        row = self._row(self.count, item)
        if self.hold is not None:
            self.hold(row.position)
        return row

    def _row(self, position: int, item: Any) -> JobRow:
        self.count += 1
        if self.checkpoint is None:
            return JobRow(position, item)
        text = input_text(item, position)
        key = key_of(item, text, self._key, position)
        occurrence, stored = self.checkpoint.find(key, position)
        if stored is not None and stored.input != text:  # the same key, and another content
            stored = None
        return JobRow(position, item, key, occurrence, text, stored)

    def finish(self) -> None:
        """Note that the last row was pulled."""
        self.all_pulled = True


class Tickets(Iterator[None]):
    """A ticket for each row that may be pulled, where their number is not known."""

    def __init__(self, source: RowSource) -> None:
        self._source = source

    def __next__(self) -> None:
        if self._source.is_over:
            raise StopIteration
