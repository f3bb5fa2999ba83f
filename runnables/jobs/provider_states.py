"""The states of the jobs of one bulk call, and the progress that is reported of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from runnables.models.batch_service import BatchStatus


@dataclass(frozen=True)
class BatchProgress:
    """The progress of one bulk call that goes through a provider's batch jobs.

    Attributes:
        rows: how many rows it has.
        done: how many of them have an output or an error. Services report these when a job ends;
            until then `jobs` has what they count.
        failed: how many of those that are done have an error.
        jobs: the states of its jobs, as they were last reported.

    Example:
        >>> BatchProgress(rows=100, done=60, failed=1)
        BatchProgress(rows=100, done=60, failed=1, jobs=())
    """

    rows: int
    done: int
    failed: int
    jobs: tuple[BatchStatus, ...] = ()


class JobSettings(Protocol):
    """The part of a `ProviderBatch` that its jobs read."""

    first_poll: float
    longest_poll: float
    max_wait: float
    cancel_on_leave: bool
    on_progress: Any
    on_submitted: Any


@dataclass
class OpenJob:
    """A job whose results are not here.

    Attributes:
        rows: the rows by custom id.
        known: whether it was submitted before, so that what it failed is sent again.
        status: its state, as it was last reported.
        failed: the errors of rows, before it is known what becomes of these.
        is_silent: whether the last poll failed.
    """

    rows: dict[str, int]
    known: bool
    status: BatchStatus
    is_silent: bool = False
    failed: dict[int, Exception] = field(default_factory=dict[int, Exception])
