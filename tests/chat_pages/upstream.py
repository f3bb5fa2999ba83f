"""An upstream that a test holds back, and that says when it was closed."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from runnables import RunnableGenerator

PATIENCE = 20.0
"""For how many seconds a test waits for what must happen at once."""


class Upstream:
    """A model that writes one part, and then is silent, or writes on and on, until it may end.

    Args:
        is_silent: whether it is silent.

    Attributes:
        may_end: set it, and the last part comes.
        closed: set when the request is closed.
    """

    def __init__(self, *, is_silent: bool = True) -> None:
        self._is_silent = is_silent
        self.may_end = threading.Event()
        self.closed = threading.Event()

    def chain(self) -> Any:
        """Return the chain that takes its place."""

        async def answer(inputs: Any) -> AsyncIterator[str]:
            try:
                yield "The tide comes"
                while not self.may_end.is_set():
                    await asyncio.sleep(0.01)
                    if not self._is_silent:
                        yield ", and comes"
                yield " and goes."
            finally:
                self.closed.set()

        return RunnableGenerator(answer)

    def expect_closed_by(self, leave: Callable[[], Any]) -> None:
        """Check that the request is open, and that leaving the page closes it; print how soon."""
        assert not self.closed.is_set()
        began = time.perf_counter()
        leave()
        assert self.closed.wait(PATIENCE), "the request of the model is still open"
        print(f"closed within {(time.perf_counter() - began) * 1000:.0f} ms of the click")
