"""The exit codes of the command; 0 where every row has an output."""

from __future__ import annotations

from typing import Final

SOME_FAILED: Final = 1
"""Some rows failed, or the chain raised an error."""

BAD_CALL: Final = 2
"""The call is wrong: nothing was run, or not further."""

STOPPED: Final = 3
"""The job ended early."""


def of_signal(number: int) -> int:
    """Return the code of a process that a signal has ended, as shells count: 130, 143.

    Example:
        >>> of_signal(2)
        130
    """
    return 128 + number
