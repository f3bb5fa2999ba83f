"""How many rows go into a chunk, and how many chunks to a process: by time.

A chunk costs some milliseconds, whatever is in it, so quick rows travel together: about half a
second of work. Rows that take a second travel alone: the results come as they are done, and a
process that dies loses little.
"""

from __future__ import annotations

import math
from typing import Final

CHUNK_SECONDS: Final = 0.6
"""How long the work on one chunk takes, about."""

ALONE_SECONDS: Final = 0.8
"""Rows that take so long travel alone, unless there are very many at once."""

_CHUNKS_A_SECOND: Final = 100
"""How many chunks a second all processes together end at most; the driver's part of each, and that
of Dask's scheduler, takes about 3 ms."""

_MOST_ROWS: Final = 1_000
"""How many rows a chunk has at most: quick ones cost the driver more than the chunk does, and a
process has several chunks ahead."""

_MOST_BYTES: Final = 8_000_000
"""How large a chunk is at most, unless a single row is larger."""

_WEIGHT: Final = 0.3


class ChunkSizes:
    """The sizes of the chunks of one job, by what is known of its rows so far."""

    def __init__(self) -> None:
        self.latency = 0.0
        self._row_bytes = 0.0

    def learn(self, latency: float) -> None:
        """Take how many seconds a row takes in a process, about."""
        if latency > 0:
            weight = _WEIGHT if self.latency else 1.0
            self.latency += (latency - self.latency) * weight

    def learn_bytes(self, rows: int, size: int) -> None:
        """Take how large a chunk was."""
        self._row_bytes += (size / rows - self._row_bytes) * (_WEIGHT if self._row_bytes else 1.0)

    def rows(self, share: int, at_once: int, total: int, left: float) -> int:
        """Return how many rows the next chunk has.

        Args:
            share: how many rows run at once in its process.
            at_once: how many chunks do.
            total: how many rows run at once in all processes.
            left: how many rows there are still, for each process; infinity where that is unknown.
        """
        least = math.ceil(share / at_once)
        if not self.latency:
            return least
        by_time = 1 if self.latency >= ALONE_SECONDS else int(share * CHUNK_SECONDS / self.latency)
        by_cost = math.ceil(total / (_CHUNKS_A_SECOND * self.latency))
        by_bytes = _MOST_BYTES / self._row_bytes if self._row_bytes else math.inf
        # towards the end chunks become smaller, so that all processes end at the same time
        most = max(least, int(min(_MOST_ROWS, by_bytes, max(left / 2, share / 2))))
        return max(1, min(most, max(least, by_time, by_cost)))
