"""The jobs of providers that are under way already, and the custom ids of their rows."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runnables.models.batch_service import BatchLine


class KnownJobs:
    """Jobs that were submitted before, some of whose rows may come again.

    A custom id contains the digest of its line, by which a row finds its place in a job, whatever
    other rows there are. No lock is needed: each step is a single one of a list or a dict.

    Args:
        jobs: the custom ids of each job; None where they are not known.
    """

    def __init__(self, jobs: Mapping[str, Sequence[str] | None]) -> None:
        self.unread = [job_id for job_id, ids in jobs.items() if ids is None]
        self._places: dict[str, deque[tuple[str, str]]] = {}
        for job_id, ids in jobs.items():
            self.add(job_id, ids or ())

    def add(self, job_id: str, custom_ids: Iterable[str]) -> None:
        """Add a job with these rows."""
        for custom_id in custom_ids:
            places = self._places.setdefault(_digest_in(custom_id), deque())
            places.append((job_id, custom_id))

    def claim(self, line: BatchLine) -> tuple[str, str] | None:
        """Return the job and the custom id of a line that was submitted; each is claimed once."""
        try:
            return self._places[line.digest].popleft()
        except (KeyError, IndexError):
            return None


def _digest_in(custom_id: str) -> str:
    """Return the digest in a custom id; what is none of ours never equals one."""
    return custom_id.partition("-")[2].partition("-")[0] or custom_id


def new_ids(part: Sequence[tuple[int, BatchLine]]) -> dict[str, int]:
    """Return the custom ids of the lines of a new job, with their rows.

    An id has the row, the digest of the line and a nonce: 48 letters and digits at most, as few as
    every service allows.
    """
    nonce = secrets.token_hex(4)
    return {f"{index}-{line.digest}-{nonce}": index for index, line in part}
