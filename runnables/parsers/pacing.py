"""How often a parser may show what it has, so that streams cost what their text is long."""

from __future__ import annotations

from typing import Final

_COPIES_PER_CHARACTER: Final = 128


class Pace:
    """Lets a snapshot pass when the text read since the last one has paid for it.

    A snapshot copies every reference in the containers that are open. In a list of a hundred
    thousand items that is far more work than reading the next four characters, and doing it each
    time would make the whole stream quadratic. Documents of the usual size (up to about 500
    entries open at once, at four characters a chunk) show every change; longer ones show one
    again as soon as it costs no more than the reading did.
    """

    def __init__(self) -> None:
        self._credit = 0

    def allows(self, characters: int, cost: int) -> bool:
        """Whether to show a snapshot of this cost, after so many more characters."""
        self._credit += characters * _COPIES_PER_CHARACTER
        if cost > self._credit:
            return False
        self._credit = 0
        return True
