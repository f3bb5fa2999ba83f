"""The frames of one answer, which any number of readers read, at once or later.

One producer adds frames at the end. Each reader has a position, and moves on when what it has read
was sent. When the frames become too many, the oldest go, but none that a reader has yet to read:
for that the producer waits. Without readers it never waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

FRAME_COST: Final = 41
"""The bytes that a frame takes in memory beside its own: its object, and its place in the list."""


class Position:
    """The place of one reader.

    Attributes:
        next: the number of the frame that it reads next.
    """

    __slots__ = ("next",)

    def __init__(self, start: int) -> None:
        self.next = start


class FrameBuffer:
    """The frames of one answer, numbered from 0, of which the oldest may have been dropped.

    Args:
        max_bytes: how much memory they may take; while a reader is slow, one batch more.

    Attributes:
        first: the number of the oldest frame that is still here.
        size: the memory that the frames take, in bytes.
        is_ended: whether all frames were added.
        positions: the places of the readers.
    """

    def __init__(self, max_bytes: int) -> None:
        self.first = 0
        self.size = 0
        self.is_ended = False
        self.positions: set[Position] = set()
        self._max_bytes = max_bytes
        self._frames: list[bytes] = []
        self._grown, self._read = asyncio.Event(), asyncio.Event()

    @property
    def end(self) -> int:
        """The number that the next frame will have."""
        return self.first + len(self._frames)

    # -- the producer

    async def put(self, frames: Iterable[bytes]) -> None:
        """Add frames; then wait while there are too many for a reader that is behind."""
        self.add(frames)
        while self._drop_oldest():
            self._read.clear()
            await self._read.wait()

    def add(self, frames: Iterable[bytes]) -> None:
        """Add frames, however many there are."""
        before = len(self._frames)
        self._frames += frames
        self.size += sum(len(frame) + FRAME_COST for frame in self._frames[before:])
        self._wake_readers()

    def finish(self) -> None:
        """End the frames: readers that have read all of them stop waiting."""
        self.is_ended = True
        self._drop_oldest()
        self._wake_readers()

    def _wake_readers(self) -> None:
        grown, self._grown = self._grown, asyncio.Event()
        grown.set()

    def _drop_oldest(self) -> bool:
        """Drop the oldest frames until the others fit; return whether readers forbid that."""
        unread = min((position.next for position in self.positions), default=self.end)
        count = 0
        while self.size > self._max_bytes and self.first + count < unread:
            self.size -= len(self._frames[count]) + FRAME_COST
            count += 1
        del self._frames[:count]
        self.first += count
        return self.size > self._max_bytes

    # -- readers

    def enter(self, position: Position) -> None:
        """Add a reader, whose next frame must not have been dropped."""
        self.positions.add(position)

    def leave(self, position: Position) -> None:
        """Remove a reader."""
        self.positions.discard(position)
        self._drop_oldest()
        self._read.set()

    async def wait(self, position: Position) -> bool:
        """Wait until there is a frame for a reader; return False when there will be none."""
        while position.next >= self.end:
            if self.is_ended:
                return False
            await self._grown.wait()
        return True

    def unread(self, position: Position) -> list[bytes]:
        """Return all frames that a reader has yet to read."""
        return self._frames[position.next - self.first :]

    def move(self, position: Position, count: int) -> None:
        """Move a reader on, as it has read so many frames."""
        position.next += count
        self._read.set()

    def last(self) -> bytes | None:
        """Return the last frame; None where it was dropped."""
        return self._frames[-1] if self._frames else None
