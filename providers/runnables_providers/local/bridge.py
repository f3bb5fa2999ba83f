"""A channel from the engine's threads to the consumer, sync or async.

A job that can be paused is at most `MAX_AHEAD` events ahead of the consumer. Others never wait for
it, so their mailboxes have no limit. Closing the stream stops the job after the current step of the
runtime, and waits for it. In a forked child, which has no such thread, it ends with an error at
once, whatever was sent before the fork.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any, Final, TypeAlias

from runnables.engine.cancellation import on_cancel
from runnables.errors import ServerError
from runnables_providers.local.engine import End, Engine, Job, Work

MAX_AHEAD: Final = 2
"""How many events of a job that can be paused wait for the consumer."""

_PATIENCE: Final = 0.05
"""How many seconds a job waits for the consumer, of which it writes a few tokens, before it pauses:
to go on costs as much as one token, and the place in the runtime."""


CanPause: TypeAlias = Callable[[Any], bool]
"""Tells whether a job can be paused after an event."""


class _Lead:
    """How many events a job is ahead of the consumer."""

    def __init__(self) -> None:
        self._put = 0
        self._taken = 0
        self._was_taken = threading.Event()

    def add(self) -> None:
        """Count an event that the job sent; only one thread at a time sends."""
        self._put += 1

    def take(self) -> None:
        """Count an event that the consumer took."""
        self._taken += 1
        self._was_taken.set()

    def is_too_long(self, seconds: float = 0) -> bool:
        """Tell whether too many events wait, also after these seconds."""
        self._was_taken.clear()
        if self._put - self._taken >= MAX_AHEAD and seconds:
            self._was_taken.wait(seconds)
        return self._put - self._taken >= MAX_AHEAD


def _end_in_child(process: int) -> End | None:
    """Return the `End` of a job that another process has begun; None in that process.

    A child touches nothing else of the job: a thread of the parent may have held its locks.
    """
    if process == os.getpid():
        return None
    return End(
        ServerError(
            "This call belongs to the parent process. In a forked child, call the model again.",
            provider="local",
        )
    )


class Mailbox:
    """A queue of events from one thread to another."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.lead = _Lead()
        self.ended = False

    def put(self, event: Any) -> None:
        """Add an event, from any thread."""
        self.lead.add()
        self._events.put(event)

    def get(self) -> Any:
        """Wait for the next event, and return it."""
        if (event := _end_in_child(self._process)) is None:
            event = self._events.get()
            self.lead.take()
        self.ended = isinstance(event, End)
        return event

    def drain(self) -> None:
        """Discard events until the end."""
        while not self.ended:
            self.get()


class AMailbox:
    """A queue of events from any thread to a task."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Any] = asyncio.Queue()
        self.lead = _Lead()
        self.ended = False

    def put(self, event: Any) -> None:
        """Add an event, from any thread. Raises RuntimeError once the loop is closed."""
        self.lead.add()
        self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    async def get(self) -> Any:
        """Wait for the next event, and return it."""
        if (event := _end_in_child(self._process)) is None:
            event = await self._events.get()
            self.lead.take()
        self.ended = isinstance(event, End)
        return event

    async def drain(self) -> None:
        """Discard events until the end, also where the task is cancelled."""
        if not self.ended and not self._loop.is_closed():
            await asyncio.shield(self._drain())

    async def _drain(self) -> None:
        while not self.ended:
            await self.get()


def _job(
    work: Work, mailbox: Mailbox | AMailbox, exclusive: bool, can_pause: CanPause | None
) -> Job:
    """Return the job that fills a mailbox."""
    lead = mailbox.lead
    has_reader = None if can_pause is None else lambda: not lead.is_too_long()

    def lags(event: Any) -> bool:
        return can_pause is not None and can_pause(event) and lead.is_too_long(_PATIENCE)

    return Job(work, mailbox.put, exclusive=exclusive, pauses_after=lags, has_reader=has_reader)


def events(
    engine: Engine, work: Work, exclusive: bool = False, can_pause: CanPause | None = None
) -> Generator[Any, None, None]:
    """Yield the events of a job, as they come. Closing the generator stops the job.

    Args:
        engine: the loaded model.
        work: what the job does.
        exclusive: whether no other job may run at the same time.
        can_pause: tells whether the job can be paused after an event; its work is then called
            again, and does the rest.

    Raises:
        ModelError: the model did not answer.
        WeightsError: the model could not be loaded.
    """
    mailbox = Mailbox()
    job = _job(work, mailbox, exclusive, can_pause)
    engine.start(job)
    try:
        with on_cancel(lambda: engine.cancel(job)):
            while not isinstance(event := mailbox.get(), End):
                if job.paused:
                    engine.resume(job)
                yield event
            if event.error is not None:
                raise event.error
    finally:
        if not job.ended:
            engine.cancel(job)
        mailbox.drain()


async def aevents(
    engine: Engine, work: Work, exclusive: bool = False, can_pause: CanPause | None = None
) -> AsyncGenerator[Any, None]:
    """Yield the events of a job, as `events` does."""
    mailbox = AMailbox()
    job = _job(work, mailbox, exclusive, can_pause)
    engine.start(job)
    try:
        with on_cancel(lambda: engine.cancel(job)):
            while not isinstance(event := await mailbox.get(), End):
                if job.paused:
                    engine.resume(job)
                yield event
            if event.error is not None:
                raise event.error
    finally:
        if not job.ended:
            engine.cancel(job)
        await mailbox.drain()
