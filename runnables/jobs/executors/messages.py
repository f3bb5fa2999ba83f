"""What the driver and its workers tell one another, as bytes.

Heads are built-in types, which any Python can read; only then is it known whether both sides have
the same versions. What users' objects are in is packed separately, and unpacked after that.
"""

from __future__ import annotations

import os
import pickle
import platform
import sys
from typing import Any, Final, NamedTuple

PROTOCOL: Final = 1
"""The version of these messages."""

_PICKLE: Final = 4
"""A version that every Python of this library reads."""


class JobHead(NamedTuple):
    """What a worker reads of a job first.

    Attributes:
        protocol: the version of the messages.
        python: the version of Python of the driver, as "3.11".
        library: the version of this library there.
        body: the packed `JobSetup`.
    """

    protocol: int
    python: str
    library: str
    body: bytes


class JobSetup(NamedTuple):
    """What all chunks of a job share.

    Attributes:
        chain: the packed chain and the options of the calls.
        config: the config of all rows.
        retry_for: for how many seconds a row is tried again.
        row_timeout: for how many seconds a row may run; None: as long as it takes.
        is_async: whether rows run in an event loop.
        is_adaptive: whether each process learns how many calls its service takes.
        watched: whether events are sent back, for handlers in the driver, and whether these want
            the chunks of models, too.
        parents: the ids of the runs around the job.
        path: the steps that lead to it.
        withheld: what says where keys that were not sent are to come from.
        has_limiters: whether the chain has a rate limiter, so that it is loaded anew when the
            number of processes changes.
    """

    chain: bytes
    config: dict[str, Any]
    retry_for: float
    row_timeout: float | None
    is_async: bool
    is_adaptive: bool
    watched: tuple[bool, bool]
    parents: tuple[str, ...]
    path: tuple[str, ...]
    withheld: tuple[str, ...]
    has_limiters: bool


class ChunkOrder(NamedTuple):
    """One chunk.

    Attributes:
        job_id: the job.
        number: its number in the job.
        share: how many rows may run at once in its process.
        slots: how many calls may run at once in the rows of this chunk.
        processes: how many processes there are; each takes this part of the rate limits.
        ends_at_error: whether the first row that fails ends it.
        budget: what its models may spend, as the arguments of a `Budget`; None: any amount.
        rows: the packed rows: pairs of an input and its own config, or None.
    """

    job_id: str
    number: int
    share: int
    slots: int
    processes: int
    ends_at_error: bool
    budget: dict[str, Any] | None
    rows: bytes


class RowReport(NamedTuple):
    """What came of one row.

    Attributes:
        row: its index in the chunk.
        output: the output.
        error: the packed error, where it has failed.
        attempts: how many attempts it had; 0 for a row that was interrupted, as the chunk had
            nothing left to spend.
        usage: the model and the usage of each answer.
        seconds: how long it took.
        started_at: when it started.
        events: what happened, for handlers.
    """

    row: int
    output: Any
    error: bytes | None
    attempts: int
    usage: list[Any]
    seconds: float
    started_at: str
    events: list[Any]


class ChunkReply(NamedTuple):
    """What came of a chunk.

    Attributes:
        kind: "done", with all rows or those that had begun; "no job": the process does not have
            it; "refused": it cannot run it; "cancelled".
        text: why it is refused.
        reports: the packed list of `RowReport`; in parts, one for each row, where that was needed.
        limit: how many rows may run at once there.
        latency: how many seconds a row takes there, about, without the wait for its turn.
        worker: the name of the process, for errors.
    """

    kind: str
    text: str = ""
    reports: bytes | list[bytes] = b""
    limit: float = 0.0
    latency: float = 0.0
    worker: str = ""


def to_bytes(message: JobHead | ChunkOrder | ChunkReply) -> bytes:
    """Return a message as bytes."""
    return pickle.dumps(tuple(message), _PICKLE)


def head_of(job: bytes) -> JobHead:
    """Return the head of a job."""
    return JobHead(*pickle.loads(job))


def order_of(chunk: bytes) -> ChunkOrder:
    """Return a chunk."""
    return ChunkOrder(*pickle.loads(chunk))


def reply_of(reply: bytes) -> ChunkReply:
    """Return a reply."""
    return ChunkReply(*pickle.loads(reply))


def job_head(body: bytes) -> JobHead:
    """Return the head for a job of this process."""
    return JobHead(PROTOCOL, python_version(), library_version(), body)


def mismatch(head: JobHead) -> str | None:
    """Return how the versions of a job differ from those of this process; None if they do not."""
    ours = (PROTOCOL, python_version(), library_version())
    if head[:3] == ours:
        return None
    return (
        f"it has Python {ours[1]} and runnables {ours[2]}, and the driver Python {head.python} "
        f"and runnables {head.library}. Install the same on both."
    )


def python_version() -> str:
    """Return the version of Python that pickled functions depend on."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def library_version() -> str:
    """Return the version of this library."""
    return str(sys.modules["runnables"].__version__)


def process_name() -> str:
    """Return the name of this process, for errors."""
    return f"process {os.getpid()} on {platform.node()}"
