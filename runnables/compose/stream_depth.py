"""How deep the streams of a pipe are: each stage pulls its chunks from the one before it."""

from __future__ import annotations

import sys
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from runnables.errors import RecursionLimitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runnables.compose.runnable import Runnable

MOST_STAGES: Final = 8
"""How many stages are within each other where a later step needs its whole input: that input is
read before the step is set up. Each stage is a few Python frames, of which there may be 1,000."""

_FRAMES: Final = 8
"""The frames of a stage, at most, without the user's own."""


def explain_depth(error: RecursionError, steps: Sequence[Runnable[Any, Any]]) -> None:
    """Raise an error that says so where a stream has too many stages; else do nothing.

    Args:
        error: the error of the stream.
        steps: the steps of the pipe.

    Raises:
        RecursionLimitError: too many steps in a row work on chunks.
    """
    runs = groupby(step.streams_input for step in steps)
    longest = max((len(list(run)) for works_on_chunks, run in runs if works_on_chunks), default=0)
    limit = sys.getrecursionlimit()
    if longest * _FRAMES < limit or isinstance(error, RecursionLimitError):
        return
    raise RecursionLimitError(
        f"{longest} steps in a row work on chunks as they come, and each pulls them from the one "
        f"before it, which is deeper than Python's recursion limit of {limit}. Call `invoke` "
        "instead, put several of the steps into one generator function, put a function that takes "
        "the whole value between them, or raise the limit by sys.setrecursionlimit(...)."
    ) from error
