"""From the threads of an engine to those who wait, in both colours.

What a job tells is put into a mailbox as it comes. Whoever reads it may be slow, or never come
back: the mailbox holds what was said until then, which `max_tokens` bounds. Leaving a stream
stops the job, and waits until it has stopped, which takes a step of the runtime.
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncGenerator, Generator
from typing import Any

from runnables.engine.cancellation import on_cancel
from runnables_providers.local.engine import End, Engine, Job, Work


class Mailbox:
    """Between two threads."""

    def __init__(self) -> None:
        self._letters: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.ended = False

    def put(self, letter: Any) -> None:
        """From any thread."""
        self._letters.put(letter)

    def get(self) -> Any:
        """The next letter."""
        letter = self._letters.get()
        self.ended = isinstance(letter, End)
        return letter

    def empty(self) -> None:
        """Throw away what comes until the end."""
        while not self.ended:
            self.get()


class AMailbox:
    """From any thread to a task."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._letters: asyncio.Queue[Any] = asyncio.Queue()
        self.ended = False

    def put(self, letter: Any) -> None:
        """From any thread. Raises RuntimeError once the loop is closed."""
        self._loop.call_soon_threadsafe(self._letters.put_nowait, letter)

    async def get(self) -> Any:
        """The next letter."""
        letter = await self._letters.get()
        self.ended = isinstance(letter, End)
        return letter

    async def empty(self) -> None:
        """Throw away what comes until the end, also where the task is cancelled."""
        if not self.ended and not self._loop.is_closed():
            await asyncio.shield(self._empty())

    async def _empty(self) -> None:
        while not self.ended:
            await self.get()


def events(engine: Engine, work: Work, alone: bool = False) -> Generator[Any, None, None]:
    """What a job says, piece by piece. Closing the generator stops the job.

    Raises:
        ModelError: the model did not answer.
        WeightsError: the model could not be loaded.
    """
    mailbox = Mailbox()
    job = Job(work, mailbox.put, alone=alone)
    engine.start(job)
    try:
        with on_cancel(lambda: engine.cancel(job)):
            while not isinstance(letter := mailbox.get(), End):
                yield letter
            if letter.error is not None:
                raise letter.error
    finally:
        if not mailbox.ended:
            engine.cancel(job)
        mailbox.empty()


async def aevents(engine: Engine, work: Work, alone: bool = False) -> AsyncGenerator[Any, None]:
    """`events` in the other colour."""
    mailbox = AMailbox()
    job = Job(work, mailbox.put, alone=alone)
    engine.start(job)
    try:
        with on_cancel(lambda: engine.cancel(job)):
            while not isinstance(letter := await mailbox.get(), End):
                yield letter
            if letter.error is not None:
                raise letter.error
    finally:
        if not mailbox.ended:
            engine.cancel(job)
        await mailbox.empty()
