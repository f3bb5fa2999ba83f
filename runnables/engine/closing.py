"""The closing of an async stream that was left by `break`, which cannot await it.

It runs up to the first point where it has to wait, at once, and the rest in a task of its own.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Any

from runnables.engine.contexts import Steps

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


class ResumedClosing:
    """An `aclose` that goes on while the task that has left the stream goes on, in one context.

    What it sets in context variables meanwhile, that task does not see.
    """

    def __init__(self, closing: Any) -> None:
        self.closing = closing
        self.awaited: Any = None  # what it waits for
        self.is_done = False
        self._steps = Steps(None)

    def __call__(self, resume: Callable[[Any], Any], argument: Any) -> Any:
        """Resume it; return what it waits for, or raise StopIteration or its error."""
        self._steps.enter()
        self.is_done = True
        try:
            self.awaited = resume(argument)
            self.is_done = False
        finally:
            self._steps.leave(ended=self.is_done)
        return self.awaited


@types.coroutine
def _await_rest(resumed: ResumedClosing) -> Generator[Any, Any, None]:
    """Resume an `aclose` that waits, as `await` would."""
    awaited, closing = resumed.awaited, resumed.closing
    while True:
        try:
            sent = yield awaited
        except BaseException as error:
            resume, argument = closing.throw, error
        else:
            resume, argument = closing.send, sent
        try:
            awaited = resumed(resume, argument)
        except StopIteration:
            return


async def finish(resumed: ResumedClosing) -> None:
    """Await the rest of an `aclose` that has begun."""
    if not resumed.is_done:
        await _await_rest(resumed)
