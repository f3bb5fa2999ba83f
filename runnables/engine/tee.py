"""One stream for several readers."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.engine.cancellation import raise_if_cancelled
from runnables.engine.collect import MISSING, AsyncSingleValue, SingleValue, single_value
from runnables.engine.stream import AsyncStream, Stream, StreamInfo, aclose, close, raw_iterator
from runnables.engine.task_fan_out import cancel_all
from runnables.engine.worker_threads import copy_back

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
    A reader that is closed lets go of its share. Where the stream fails, every reader does.

    Args:
        chunks: the stream; `close` closes it.
        readers: how many there are.

    Attributes:
        error: how the stream has failed, if it has; that is no fault of the readers.
    """

    def __init__(self, chunks: Iterable[Any], readers: int) -> None:
        self._chunks = chunks
        self._next = iter(chunks)
        self._pulling = threading.Lock()
        self._waiting: list[deque[Any] | None] = [deque() for _ in range(readers)]
        self.error: BaseException | None = None
        self._left = False

    def reader(self, at: int) -> Iterator[Any]:
        """The stream for reader number `at`."""
        if (value := single_value(self._chunks)) is not MISSING:
            return SingleValue(value)
        info = StreamInfo()
        info.delegate_to(self._chunks)
        return Stream(self._read(at), info)

    def close(self) -> None:
        """Close the stream; a thread that is in it, left alone, does so when it comes out."""
        self._left = True
        if self._pulling.acquire(blocking=False):
            try:
                close(self._chunks)
            finally:
                self._pulling.release()

    def _read(self, at: int) -> Generator[Any, None, None]:
        waiting = cast("deque[Any]", self._waiting[at])
        try:
            while True:
                if not waiting:
                    raise_if_cancelled()  # who reads all of an endless stream meets no other check
                    with self._pulling:
                        if not waiting and not self._pull():
                            break
                yield waiting.popleft()
        finally:
            self._waiting[at] = None

    def _pull(self) -> bool:
        if self.error is not None:
            raise self.error
        try:
            chunk = next(self._next, _END)
        except BaseException as error:
            self.error = error
            raise
        finally:
            if self._left:
                close(self._chunks)
        if chunk is _END:
            return False
        for waiting in self._waiting:
            if waiting is not None:
                waiting.append(chunk)
        return True


class AsyncTee:
    """`Tee` in the other colour: for readers in several tasks of one loop.

    The stream is driven in tasks of its own, so that a reader which is cancelled (by a time limit
    of its own, say) does not end it for the others.
    """

    def __init__(self, chunks: AsyncIterable[Any], readers: int) -> None:
        self._chunks = chunks
        self._next = raw_iterator(chunks)
        self._pulling: asyncio.Task[None] | None = None
        self.error: BaseException | None = None
        self._ended = False
        self._waiting: list[deque[Any] | None] = [deque() for _ in range(readers)]

    def reader(self, at: int) -> AsyncIterator[Any]:
        """The stream for reader number `at`."""
        if (value := single_value(self._chunks)) is not MISSING:
            return AsyncSingleValue(value)
        info = StreamInfo()
        info.delegate_to(self._chunks)
        return AsyncStream(self._read(at), info)

    async def aclose(self) -> None:
        """Close the stream, also where it is in the midst of a chunk."""
        try:
            if self._pulling is not None and not self._pulling.done():
                await cancel_all([self._pulling])
        finally:
            await aclose(self._chunks)

    async def _read(self, at: int) -> AsyncGenerator[Any, None]:
        waiting = cast("deque[Any]", self._waiting[at])
        try:
            while True:
                while not waiting:
                    if self.error is not None:
                        raise self.error
                    if self._ended:
                        return
                    await self._pulled()
                yield waiting.popleft()
        finally:
            self._waiting[at] = None

    async def _pulled(self) -> None:
        """Wait for the pull that is under way, or for a new one."""
        if self._pulling is not None and not self._pulling.done():
            await asyncio.wait({self._pulling})
            return
        context = contextvars.copy_context()
        self._pulling = asyncio.create_task(self._pull(), context=context)
        await asyncio.wait({self._pulling})
        copy_back(context)

    async def _pull(self) -> None:
        try:
            chunk = await anext(self._next, _END)
        except BaseException as error:
            self.error = error  # for the readers, who may have left meanwhile
            return
        self._ended = chunk is _END
        for waiting in self._waiting:
            if waiting is not None and not self._ended:
                waiting.append(chunk)
