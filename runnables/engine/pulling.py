"""One iterator that many threads, or many tasks, pull items from, one at a time."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Any, Final

from runnables.engine.thread_calls import to_thread
from runnables.errors import ConfigError

if TYPE_CHECKING:
    import asyncio
else:
    from runnables.engine import lazy_asyncio as asyncio

NO_ITEM: Final = object()
"""Stands for the end."""


class Puller:
    """The items of an iterable, sync or async, and what is done with each before the next one.

    Args:
        items: an iterable; an async one where `apull` is used.

    Attributes:
        is_over: whether no item is left, or none is wanted any more.
        is_blocking: whether what is done with an item may wait for a disk, so that tasks leave it
            to a thread.
    """

    def __init__(self, items: Iterable[Any] | AsyncIterable[Any]) -> None:
        self._given = items
        self._is_whole = isinstance(items, Sized)  # else an item may have to be waited for
        self._items: Iterator[Any] | AsyncIterator[Any] | None = None
        self.is_over = False
        self.is_blocking = False
        self._lock = threading.Lock()
        self._task_lock: asyncio.Lock | None = None
        self._waiting = 0  # how many tasks want an item
        self._ahead: deque[Any] = deque()  # items that were pulled for them

    def pull(self) -> Any:
        """Return the next item, or NO_ITEM."""
        with self._lock:
            return self._next()

    async def apull(self) -> Any:
        """Return the next item, or NO_ITEM.

        A thread, where one is needed, pulls from a list for all tasks that wait at that moment.
        """
        items = self._iterator()
        if not self.is_blocking and not isinstance(items, AsyncIterator):
            return self.pull()
        if self._task_lock is None:
            self._task_lock = asyncio.Lock()
        self._waiting += 1
        try:
            async with self._task_lock:
                if self._ahead:
                    return self._ahead.popleft()
                if isinstance(items, AsyncIterator):
                    return await self._from_async(items)
                count = self._waiting if self._is_whole else 1
                self._ahead.extend(await to_thread(self._pull_many, count))
                return self._ahead.popleft()
        finally:
            self._waiting -= 1

    async def _from_async(self, items: AsyncIterator[Any]) -> Any:
        if self.is_over:
            return NO_ITEM
        try:
            item = await anext(items)
            if self.is_blocking:
                return await to_thread(self.prepare, item)
            return self.prepare(item)
        except StopAsyncIteration:
            self._finish()
            return NO_ITEM
        except BaseException:
            self.is_over = True
            raise

    def _pull_many(self, count: int) -> list[Any]:
        """Return the next items, at least one of them; NO_ITEM is the last at the end."""
        with self._lock:
            found = [self._next()]
            while len(found) < count and found[-1] is not NO_ITEM:
                found.append(self._next())
            return found

    def _iterator(self) -> Iterator[Any] | AsyncIterator[Any]:
        if self._items is None:
            given = self._given
            self._items = aiter(given) if isinstance(given, AsyncIterable) else iter(given)
        return self._items

    def _next(self) -> Any:
        if self.is_over:
            return NO_ITEM
        items = self._iterator()
        if not isinstance(items, Iterator):
            raise ConfigError(
                f"{type(self._given).__name__} is an async iterable, and this call is sync. Use "
                "the async method: abatch, abatch_as_completed or astart_batch."
            )
        try:
            return self.prepare(next(items))
        except StopIteration:
            self._finish()
            return NO_ITEM
        except BaseException:
            self.is_over = True
            raise

    def _finish(self) -> None:
        self.is_over = True
        self.finish()

    def prepare(self, item: Any) -> Any:
        """Do what is to be done with an item before the next one is pulled; return what it is."""
        return item

    def finish(self) -> None:
        """Do what is to be done when the last item was pulled."""
