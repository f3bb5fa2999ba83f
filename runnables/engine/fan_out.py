"""The items of a fan-out, and the terms of its two sides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SHUTDOWN_GRACE: Final = 0.1
"""Seconds that a failing call gives its threads to notice before it leaves them."""

CLOSE_GRACE: Final = 1.0
"""The same for a stream that is left: its threads may be in the midst of a chunk."""

NO_RESULT: Final = object()
"""A result that stands for none: everything was delivered on the way."""


class Items:
    """The items of one fan-out, numbered, pulled one at a time by whoever has a slot."""

    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items
        self._index = 0
        self.over = False

    def take(self) -> tuple[int, Any] | None:
        """The next index and item; None where there is none left."""
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
        self._index += 1
        return self._index - 1, item


def index_of(outcome: tuple[int, Any]) -> int:
    """The key by which outcomes are put in order."""
    return outcome[0]
