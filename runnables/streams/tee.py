"""One stream for several readers."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.concurrency import check_stop
from runnables.streams.stream import AsyncStream, Declared, Stream, inner
from runnables.streams.whole import ABSENT, AOnce, Once, given

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        AsyncIterable,
        AsyncIterator,
        Generator,
        Iterable,
        Iterator,
    )

_END: Final = object()


class Tee:
    """One stream for several readers, in any threads; each reads all of it at its own pace.

    What the slowest has not read yet is kept: with one slot, the readers come one after another.
    A reader that is closed lets go of its share; the upstream is closed by its owner.

    Args:
        chunks: the stream.
        readers: how many there are.
    """

    def __init__(self, chunks: Iterable[Any], readers: int) -> None:
        self._chunks = chunks
        self._next = iter(chunks)
        self._pulling = threading.Lock()
        self._waiting: list[deque[Any] | None] = [deque() for _ in range(readers)]

    def reader(self, at: int) -> Iterator[Any]:
        """The stream for reader number `at`."""
        if (value := given(self._chunks)) is not ABSENT:
            return Once(value)
        declared = Declared()
        declared.follow(self._chunks)
        return Stream(self._read(at), declared)

    def _read(self, at: int) -> Generator[Any, None, None]:
        waiting = cast("deque[Any]", self._waiting[at])
        try:
            while True:
                if not waiting:
                    check_stop()  # who reads all of an endless stream meets no other check
                    with self._pulling:
                        if not waiting and not self._pull():
                            break
                yield waiting.popleft()
        finally:
            self._waiting[at] = None

    def _pull(self) -> bool:
        chunk = next(self._next, _END)
        if chunk is _END:
            return False
        for waiting in self._waiting:
            if waiting is not None:
                waiting.append(chunk)
        return True


class ATee:
    """`Tee` in the other colour: for readers in several tasks of one loop."""

    def __init__(self, chunks: AsyncIterable[Any], readers: int) -> None:
        self._chunks = chunks
        self._next = inner(chunks)
        self._pulling = asyncio.Lock()
        self._waiting: list[deque[Any] | None] = [deque() for _ in range(readers)]

    def reader(self, at: int) -> AsyncIterator[Any]:
        """The stream for reader number `at`."""
        if (value := given(self._chunks)) is not ABSENT:
            return AOnce(value)
        declared = Declared()
        declared.follow(self._chunks)
        return AsyncStream(self._read(at), declared)

    async def _read(self, at: int) -> AsyncGenerator[Any, None]:
        waiting = cast("deque[Any]", self._waiting[at])
        try:
            while True:
                if not waiting:
                    async with self._pulling:
                        if not waiting and not await self._pull():
                            break
                yield waiting.popleft()
        finally:
            self._waiting[at] = None

    async def _pull(self) -> bool:
        chunk = await anext(self._next, _END)
        if chunk is _END:
            return False
        for waiting in self._waiting:
            if waiting is not None:
                waiting.append(chunk)
        return True
