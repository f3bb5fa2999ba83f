"""Runs that outlive their readers: each has a task of its own, and its frames stay for a while.

    start --> open ------------------------------> ended --keep seconds--> forgotten
              |  no reader for `grace` seconds,      ^
              |  a stop, a newer run, a limit        |
              +--> cancelled: each `finally` runs ---+

A run is in the memory of its process alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from runnables.core.bounds import check_seconds
from runnables.engine.tasks import wait_all
from runnables.errors import ConfigError
from runnables.serving.failures import CANCELLED, LATE, REPLACED, STOPPED, logger
from runnables.serving.frame_buffer import FrameBuffer, Position
from runnables.serving.guard import KEY
from runnables.serving.parts import Failure, Part
from runnables.serving.sse import split_frames
from runnables.serving.tasks import TURN_WITHOUT_READER, Turns

if TYPE_CHECKING:
    from starlette.requests import Request

    from runnables.serving.response import AnswerFormat
    from runnables.serving.service import Service

SHUTDOWN_SECONDS: Final = 5.0
"""For how long a server that shuts down waits for the `finally` of runs without readers."""

RunKey: TypeAlias = tuple[str, ...]
"""What a run is found by: who has started it, then its names."""


@dataclass(frozen=True, kw_only=True)
class Resume:
    """How long runs go on without their readers, and what is kept of them.

    The frames of all runs take `max_runs * max_bytes` bytes at most, and one batch of frames more
    for each run whose reader is slow.

    Attributes:
        grace: for how many seconds a run goes on without a reader.
        keep: for how many seconds an answer that has ended can be read again.
        max_runs: how many runs are kept, open and ended; the others stop when their reader leaves.
        max_bytes: how many bytes of one answer are kept; the oldest are dropped first.
        owner: returns whose run it is for a request of Starlette, beside the key that it came
            with; only the owner reads or stops a run. For applications with logins of their own.

    Example:
        >>> from runnables.serving import Resume
        >>> Resume(grace=120).max_runs
        64
    """

    grace: float = 30.0
    keep: float = 60.0
    max_runs: int = 64
    max_bytes: int = 1_000_000
    owner: Callable[[Any], str] | None = None

    def __post_init__(self) -> None:
        check_seconds("Resume(grace={})", self.grace)
        check_seconds("Resume(keep={})", self.keep, or_zero=True)
        for name in ("max_runs", "max_bytes"):
            if getattr(self, name) < 1:
                raise ConfigError(f"Resume({name}={getattr(self, name)!r}): expected 1 or more")


@dataclass(frozen=True)
class KeptCounts:
    """Plain counts of the runs that are kept.

    Attributes:
        kept: how many there are, open and ended.
        open: how many of them are open.
        detached: how many of the open ones have no reader.
        readers: how many readers they have.
    """

    kept: int = 0
    open: int = 0
    detached: int = 0
    readers: int = 0


class KeptRun:
    """A run that goes on without its reader.

    Args:
        key: what it is found by.
        parts: the parts of the answer; the run closes them.
        answer_format: the protocol.
        kept: the runs to which it belongs.
        snapshot: the answer so far, which the encoder changes; None where it has none.

    Attributes:
        key: what it is found by.
        frames: the frames of the answer.
        snapshot: the answer so far; None where there is none, and after the end.
        refusal: why the answer has failed, where it did so before its first frame.
        skips: how many of the first frames those do not read who come later.
    """

    def __init__(
        self,
        key: RunKey,
        parts: AsyncGenerator[Part, None],
        answer_format: AnswerFormat,
        kept: KeptRuns,
        snapshot: Mapping[str, Any] | None = None,
    ) -> None:
        self.key = key
        self.frames = FrameBuffer(kept.options.max_bytes)
        self.snapshot = snapshot
        self.refusal: Failure | None = None
        self.skips = 0
        self._parts = parts
        self._format = answer_format
        self._kept = kept
        self._stopped: Failure | None = None
        self._abandoned: asyncio.TimerHandle | None = None
        self._late: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin the run; from now on it waits for a reader."""
        self._work = asyncio.create_task(self._produce())
        self._task = asyncio.create_task(self._see_through())
        limit = self._kept.service.max_seconds
        if limit is not None:
            self._late = asyncio.get_running_loop().call_later(limit, self.stop, LATE)
        self.touch()

    def stop(self, failure: Failure) -> None:
        """End the run; its readers read this failure as the end."""
        if self._stopped is None:  # cancelled twice, each `await` of a `finally` would be cut
            self._stopped = failure
            self._work.cancel()

    async def ended(self) -> None:
        """Wait until the run has ended, with each `finally` in it."""
        await asyncio.wait({self._task})

    async def _produce(self) -> Failure | None:
        """Add the frames of all parts; return why the answer has failed."""
        turns = Turns(TURN_WITHOUT_READER)
        async for part in self._parts:
            encoded = part if isinstance(part, Failure) else self._format.encoded(part)
            if isinstance(encoded, Failure):
                return encoded
            await self.frames.put(split_frames(encoded))
            await turns.give()
        return None

    async def _see_through(self) -> None:
        """Wait for the run, close it, and end the frames, however it ends."""
        try:
            await wait_all({self._work})
            await wait_all({asyncio.ensure_future(self._parts.aclose())})
        finally:
            self._end()

    def _end(self) -> None:
        for timer in (self._abandoned, self._late):
            if timer is not None:
                timer.cancel()
        failure = self._failure()
        try:
            if failure is not None:
                if self.frames.end == 0:
                    self.refusal = failure
                self.frames.add(split_frames(self._format.encode(failure)))
        finally:
            self.frames.finish()
            self.snapshot = None  # it holds the whole answer: the last frame has it, too
            del self._format, self._parts
            self._kept.end(self, failure)

    def _failure(self) -> Failure | None:
        if self._work.cancelled():
            return self._stopped or CANCELLED
        if (error := self._work.exception()) is not None:
            logger.error("a run has failed", exc_info=error)
            return Failure("The chain has failed.")
        return self._work.result()

    # -- readers

    def enter(self, position: Position) -> None:
        """Add a reader: the run has all the time that it needs."""
        self.frames.enter(position)
        if self._abandoned is not None:
            self._abandoned.cancel()
            self._abandoned = None

    def leave(self, position: Position) -> None:
        """Remove a reader; after the last one the time runs."""
        self.frames.leave(position)
        self.touch()

    def touch(self) -> None:
        """Begin the time without a reader anew."""
        if self.frames.is_ended or self.frames.positions:
            return
        if self._abandoned is not None:
            self._abandoned.cancel()
        grace = self._kept.options.grace
        why = Failure(f"The answer had no reader for {grace:g} seconds.", 410, "abandoned")
        self._abandoned = asyncio.get_running_loop().call_later(grace, self.stop, why)


class KeptRuns:
    """The runs of a server that outlive their readers.

    Args:
        options: how long, and how many.
        service: the server, which counts them among its runs.

    Attributes:
        options: how long, and how many.
        service: the server.
    """

    def __init__(self, options: Resume, service: Service) -> None:
        self.options = options
        self.service = service
        self._runs: dict[RunKey, KeptRun] = {}
        self._ended: dict[KeptRun, asyncio.TimerHandle] = {}  # the first to end is the first

    def key(self, request: Request, *names: str) -> RunKey:
        """Return the key of a run, which has its owner in it."""
        owner = self.options.owner
        return (request.scope.get(KEY, ""), "" if owner is None else owner(request), *names)

    def find(self, key: RunKey) -> KeptRun | None:
        """Return the run of a key; None where there is none, or none any more."""
        return self._runs.get(key)

    async def start(
        self,
        key: RunKey,
        parts: AsyncGenerator[Part, None],
        answer_format: AnswerFormat,
        snapshot: Mapping[str, Any] | None = None,
    ) -> KeptRun | Failure | None:
        """Start a run; one that has the same key is stopped before, and waited for.

        Args:
            key: what it is found by.
            parts: the parts of the answer; the run closes them.
            answer_format: the protocol.
            snapshot: the answer so far, which the encoder changes; None where it has none.

        Returns:
            The run; why it must not begin; or None where there are too many to keep it.
        """
        while (old := self.find(key)) is not None:
            await self.stop(old, REPLACED)
            self.forget(old)
        if len(self._runs) >= self.options.max_runs:
            if not self._ended:
                return None
            self.forget(next(iter(self._ended)))
        run = KeptRun(key, parts, answer_format, self, snapshot)
        if (failure := self.service.begin(run)) is not None:
            return failure
        self._runs[key] = run
        run.start()
        return run

    async def stop(self, run: KeptRun, failure: Failure = STOPPED) -> None:
        """End a run, and wait until each `finally` in it has run."""
        run.stop(failure)
        await run.ended()

    def end(self, run: KeptRun, failure: Failure | None) -> None:
        """Count a run that has ended, and forget it after a while."""
        was_left = failure is not None and failure.code in ("stopped", "abandoned")
        self.service.end(run, was_left=was_left)
        if failure is not None and not was_left:
            self.service.count_failure()
        loop = asyncio.get_running_loop()
        self._ended[run] = loop.call_later(self.options.keep, self.forget, run)

    def forget(self, run: KeptRun) -> None:
        """Forget a run that has ended; readers that it has read on."""
        if (timer := self._ended.pop(run, None)) is not None:
            timer.cancel()
            del self._runs[run.key]

    async def ended(self) -> None:
        """Wait until all runs have ended, but not for ever."""
        ends = {asyncio.ensure_future(run.ended()) for run in self._runs.values()}
        if ends:
            await asyncio.wait(ends, timeout=SHUTDOWN_SECONDS)

    def counts(self) -> KeptCounts:
        """Return the counts."""
        opened = [run for run in self._runs.values() if run not in self._ended]
        return KeptCounts(
            kept=len(self._runs),
            open=len(opened),
            detached=sum(not run.frames.positions for run in opened),
            readers=sum(len(run.frames.positions) for run in self._runs.values()),
        )
