"""The readers of runs that outlive them: what a response sends of such a run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import TYPE_CHECKING, Any

from runnables.serving.frame_buffer import Position
from runnables.serving.response import AnswerFormat, RunResponse
from runnables.serving.sse import COMMENT

if TYPE_CHECKING:
    from starlette.responses import Response

    from runnables.serving.kept_runs import KeptRun
    from runnables.serving.parts import Failure


class RunReader:
    """One reader of a run: what a `RunResponse` sends, and its host.

    Args:
        run: the run.
        start: the number of the first frame to read, which must not have been dropped.
    """

    max_seconds = None

    def __init__(self, run: KeptRun, start: int) -> None:
        self._run = run
        self._position = Position(start)

    def begin(self, response: RunResponse) -> Failure | None:
        """Begin to read."""
        self._run.enter(self._position)
        return None

    def end(self, response: RunResponse, *, was_left: bool) -> None:
        """End reading; the run goes on."""
        self._run.leave(self._position)

    def count_failure(self) -> None:
        """Count nothing: the run does."""

    async def parts(self) -> AsyncGenerator[Any, None]:
        """Yield the frames, all at once that are there; or why the answer has none."""
        frames, position = self._run.frames, self._position
        start = position.next
        while await frames.wait(position):
            if self._run.refusal is not None:
                yield self._run.refusal  # a status, where no byte was sent yet
                return
            unread = frames.unread(position)
            yield b"".join(unread)
            frames.move(position, len(unread))
        if position.next == start:
            yield COMMENT  # there was nothing more to read, and a response needs a body

    def encode(self, part: Any) -> bytes:
        """Return frames as they are, and those of a failure, which the run has encoded."""
        if isinstance(part, bytes):
            return part
        return b"".join(self._run.frames.unread(self._position))


def reading(
    run: KeptRun, start: int, refuse: Callable[[Failure], Response], headers: Mapping[str, str]
) -> RunResponse:
    """Return a response that reads a run.

    Args:
        run: the run.
        start: the number of the first frame to read, which must not have been dropped.
        refuse: makes the response of a failure before the first frame.
        headers: those of the protocol.
    """
    reader = RunReader(run, start)
    return RunResponse(reader.parts(), AnswerFormat(reader.encode, refuse, headers=headers), reader)
