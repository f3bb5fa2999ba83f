"""What the two fan-outs share: their numbered items, and how long threads may take to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SHUTDOWN_GRACE: Final = 0.1
"""Seconds that a failed call waits for its threads to stop, before it returns without them."""

CLOSE_GRACE: Final = 1.0
"""The same for a stream that is closed: its threads may be in the middle of a chunk."""

NO_RESULT: Final = object()
"""What an item's work returns where it has no result, as it delivered everything by itself."""


NOTHING_YET: Final = object()
"""What items that depend on the work return where they have none now. The worker that pulled it
ends; `on_permit` of the fan-out starts another. While no worker is busy, there must be an item, or
the end."""


class Items:
    """The items of one fan-out, with their indexes; each `take` pulls the next one."""

    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items
        self._index = 0
        self.over = False

    def take(self) -> tuple[int, Any] | None:
        """Return the next index and item, or None where none is left, or none is there yet."""
        if self.over:
            return None
        try:
            item = next(self._items)
        except StopIteration:
            self.over = True
            return None
        except BaseException:
            self.over = True
            raise
        if item is NOTHING_YET:
            return None
        self._index += 1
        return self._index - 1, item


def index_of(outcome: tuple[int, Any]) -> int:
    """Return the index of an outcome, by which outcomes are sorted."""
    return outcome[0]
