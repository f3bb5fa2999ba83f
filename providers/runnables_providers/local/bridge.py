"""A channel from the engine's threads to the consumer, sync or async.

The job never waits for the consumer, so the mailbox has no limit; `max_tokens` bounds the events of
an answer. Closing the stream stops the job after the current step of the runtime, and waits for it.
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncGenerator, Generator
from typing import Any

from runnables.engine.cancellation import on_cancel
from runnables_providers.local.engine import End, Engine, Job, Work


class Mailbox:
    """A queue of events from one thread to another."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.ended = False

    def put(self, event: Any) -> None:
        """Add an event, from any thread."""
        self._events.put(event)

    def get(self) -> Any:
        """Wait for the next event, and return it."""
        event = self._events.get()
        self.ended = isinstance(event, End)
        return event

    def drain(self) -> None:
        """Discard events until the end."""
        while not self.ended:
            self.get()


class AMailbox:
    """A queue of events from any thread to a task."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Any] = asyncio.Queue()
        self.ended = False

    def put(self, event: Any) -> None:
        """Add an event, from any thread. Raises RuntimeError once the loop is closed."""
        self._loop.call_soon_threadsafe(self._events.put_nowait, event)

    async def get(self) -> Any:
        """Wait for the next event, and return it."""
        event = await self._events.get()
        self.ended = isinstance(event, End)
        return event

    async def drain(self) -> None:
        """Discard events until the end, also where the task is cancelled."""
        if not self.ended and not self._loop.is_closed():
            await asyncio.shield(self._drain())

    async def _drain(self) -> None:
        while not self.ended:
            await self.get()


def events(engine: Engine, work: Work, exclusive: bool = False) -> Generator[Any, None, None]:
    """Yield the events of a job, as they come. Closing the generator stops the job.

    Args:
        engine: the loaded model.
        work: what the job does.
        exclusive: whether no other job may run at the same time.

    Raises:
        ModelError: the model did not answer.
        WeightsError: the model could not be loaded.
    """
    mailbox = Mailbox()
    job = Job(work, mailbox.put, exclusive=exclusive)
    engine.start(job)
    try:
        with on_cancel(lambda: engine.cancel(job)):
            while not isinstance(event := mailbox.get(), End):
                yield event
            if event.error is not None:
                raise event.error
    finally:
        if not mailbox.ended:
            engine.cancel(job)
        mailbox.drain()


async def aevents(engine: Engine, work: Work, exclusive: bool = False) -> AsyncGenerator[Any, None]:
    """Yield the events of a job, as `events` does."""
    mailbox = AMailbox()
    job = Job(work, mailbox.put, exclusive=exclusive)
    engine.start(job)
    try:
        with on_cancel(lambda: engine.cancel(job)):
            while not isinstance(event := await mailbox.get(), End):
                yield event
            if event.error is not None:
                raise event.error
    finally:
        if not mailbox.ended:
            engine.cancel(job)
        await mailbox.drain()
