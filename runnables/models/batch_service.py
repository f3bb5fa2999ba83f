"""Batch jobs of services: many requests in one job, at half the price, within a day.

OpenAI, Anthropic and Google sell the calls of their models in this way. A job goes through

    encode -> submit -> status, again and again -> results
                              '-> cancel

and may end with results for some of its requests only. Its results are known by the custom ids of
the requests: services do not promise their order. `runnables.jobs.provider_batch` runs such jobs.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from runnables.errors import ModelError, ModelTimeoutError, ServerError

if TYPE_CHECKING:
    from runnables.messages.ai import AIMessage
    from runnables.messages.base import BaseMessage

LINE_OVERHEAD: Final = 256
"""The most bytes of a line beside the body of its request: the custom id, the URL, punctuation."""


@dataclass(frozen=True)
class BatchLine:
    """One request of a job, as it is sent.

    Attributes:
        target: what all lines of a job have in common: the model, or the path.
        body: the body of the request, the same that a call of the model itself sends.
        headers: the headers of that call; they hold the key, so no repr shows them.
        call: reads the answer.
    """

    target: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    call: Any = field(repr=False)

    @property
    def size(self) -> int:
        """Return how many bytes of a job it takes, or a few more."""
        return len(self.body) + LINE_OVERHEAD

    @cached_property
    def digest(self) -> str:
        """Return what two lines have in common that ask the same: 32 letters and digits."""
        digest = hashlib.blake2b(self.target.encode(), digest_size=16)
        digest.update(b"\0" + self.body)
        return digest.hexdigest()


@dataclass(frozen=True)
class BatchStatus:
    """The state of a job.

    Attributes:
        job_id: the service's id of the job.
        state: the service's own word for the state.
        ended: whether it will not change any more. A state that is not known has not ended.
        total: how many requests the service has counted; None where it has not yet.
        succeeded: how many of them have an answer.
        failed: how many have failed, expired, or were cancelled.
        error: why the job failed as a whole, where it did.
        raw: what the service sent; it may be large, so the repr leaves it out.

    Example:
        >>> BatchStatus("batch_1", "in_progress", total=100, succeeded=40)
        BatchStatus(job_id='batch_1', state='in_progress', ended=False, total=100, ...)
    """

    job_id: str
    state: str
    ended: bool = False
    total: int | None = None
    succeeded: int = 0
    failed: int = 0
    error: ModelError | None = None
    raw: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False, compare=False)


class BatchResult(NamedTuple):
    """What came of one request of a job: an answer, or an error."""

    custom_id: str
    outcome: AIMessage | Exception


class BatchService(ABC):
    """The batch jobs of one model.

    Attributes:
        name: the service, as its makers write it, for messages.
        provider: the service's name in errors ("openai", ...).
        max_requests: the most requests in a job.
        max_bytes: the most bytes in a job.
    """

    name: str
    provider: str
    max_requests: int
    max_bytes: int

    @abstractmethod
    def encode(self, messages: list[BaseMessage], options: dict[str, Any]) -> BatchLine:
        """Return a request as a line of a job.

        Args:
            messages: the conversation.
            options: the options of the call, checked, as the hooks of the model get them.

        Raises:
            ConfigError: the service does not support an option.
            InvalidRequestError: the model cannot read the conversation.
        """

    @abstractmethod
    def submit(self, lines: Mapping[str, BatchLine]) -> str:
        """Start a job of these lines, by their custom ids; return the id of the job.

        It is sent once: after an error it is unknown whether there is a job, which would be paid.

        Raises:
            ModelError: the service refuses the job, or did not answer.
        """

    @abstractmethod
    async def asubmit(self, lines: Mapping[str, BatchLine]) -> str:
        """Do what `submit` does, async."""

    @abstractmethod
    def status(self, job_id: str) -> BatchStatus:
        """Return the state of a job.

        Raises:
            ModelError: the service does not know the job, or did not answer.
        """

    @abstractmethod
    async def astatus(self, job_id: str) -> BatchStatus:
        """Do what `status` does, async."""

    @abstractmethod
    def results(self, status: BatchStatus, lines: Mapping[str, BatchLine]) -> Iterator[BatchResult]:
        """Yield the results that an ended job has, in any order, as they are downloaded.

        Args:
            status: the status of the job.
            lines: the lines by custom id; results of others have an error as their outcome.

        Raises:
            ModelError: the results cannot be had.
        """

    @abstractmethod
    def aresults(
        self, status: BatchStatus, lines: Mapping[str, BatchLine]
    ) -> AsyncIterator[BatchResult]:
        """Do what `results` does, async."""

    @abstractmethod
    def cancel(self, job_id: str) -> None:
        """Ask the service to end a job. Requests that have been processed are paid.

        Raises:
            ModelError: the service does not know the job, has ended it, or did not answer.
        """

    @abstractmethod
    async def acancel(self, job_id: str) -> None:
        """Do what `cancel` does, async."""


def expired_error(name: str, job_id: str, provider: str) -> ModelTimeoutError:
    """Return the error of a request that a job had no time for. A retry sends it again."""
    return ModelTimeoutError(
        f"{name}: the batch job {job_id} expired before this request was processed.",
        provider=provider,
    )


def cancelled_error(name: str, job_id: str, provider: str) -> ModelError:
    """Return the error of a request whose job was cancelled."""
    return ModelError(
        f"{name}: the batch job {job_id} was cancelled before this request was processed.",
        provider=provider,
    )


def missing_result_error(name: str, provider: str, status: BatchStatus) -> ModelError:
    """Return the error of a request of which an ended job says nothing."""
    if status.error is not None:
        return status.error
    state = status.state.lower()
    if "expired" in state:
        return expired_error(name, status.job_id, provider)
    if "cancel" in state:
        return cancelled_error(name, status.job_id, provider)
    return ServerError(
        f"{name}: the batch job {status.job_id} ended ({status.state}) without a result for this "
        "request.",
        provider=provider,
    )


def split_lines(
    lines: Sequence[tuple[int, BatchLine]], max_requests: int, max_bytes: int
) -> Iterator[list[tuple[int, BatchLine]]]:
    """Yield the lines of each job, as few jobs as the limits allow without reordering them.

    The lines of one job have one target. A line that is larger than a job is yielded alone.

    Args:
        lines: the lines, each with its index.
        max_requests: the most lines in a job.
        max_bytes: the most bytes in a job.
    """
    by_target: dict[str, list[tuple[int, BatchLine]]] = {}
    for index, line in lines:
        by_target.setdefault(line.target, []).append((index, line))
    for group in by_target.values():
        part: list[tuple[int, BatchLine]] = []
        size = 0
        for index, line in group:
            if part and (len(part) == max_requests or size + line.size > max_bytes):
                yield part
                part, size = [], 0
            part.append((index, line))
            size += line.size
        if part:
            yield part
