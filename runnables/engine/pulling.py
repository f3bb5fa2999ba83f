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
        is_whole: whether all items are there; else one may have to be waited for.
        is_over: whether no item is left, or none is wanted any more.
        is_blocking: whether what is done with an item may wait for a disk, so that tasks leave it
            to a thread.
        ahead: how many items a thread may then pull at once from a list, for all threads, as each
            wait for a disk is one for the lock of the interpreter; more where more tasks wait.
    """

    def __init__(self, items: Iterable[Any] | AsyncIterable[Any]) -> None:
        self._given = items
        self.is_whole = isinstance(items, Sized)
        self._items: Iterator[Any] | AsyncIterator[Any] | None = None
        self.is_over = False
        self.is_blocking = False
        self.ahead = 1
        self._lock = threading.Lock()
        self._task_lock: asyncio.Lock | None = None
        self._pulling: asyncio.Event | None = None  # while a thread pulls for tasks
        self._waiting = 0  # how many tasks want an item
        self._pulled: deque[Any] = deque()  # items for them
        self._failure: Exception | None = None  # of an item after those

    def pull(self) -> Any:
        """Return the next item, or NO_ITEM."""
        if not (self.is_blocking and self.is_whole):
            with self._lock:
                return self._next()
        with self._lock:
            if not self._pulled:
                self._pulled.extend(self._next_many(self.ahead))
            return self._pulled.popleft()

    async def apull(self) -> Any:
        """Return the next item, or NO_ITEM."""
        items = self._iterator()
        if not isinstance(items, AsyncIterator):
            if not self.is_blocking:
                return self.pull()
            if self.is_whole:
                return await self._from_list()
        if self._task_lock is None:
            self._task_lock = asyncio.Lock()
        async with self._task_lock:
            if self.is_over:
                return NO_ITEM
            if isinstance(items, AsyncIterator):
                return await self._from_async(items)
            return await to_thread(self.pull)

    async def _from_async(self, items: AsyncIterator[Any]) -> Any:
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

    async def _from_list(self) -> Any:
        """Return the next item, or NO_ITEM.

        A task that finds none has a thread pull them for all tasks that wait at that moment, and
        `ahead` for those that come: a thread for each item would cost more than the item. The
        tasks that wait for it all go on at once, so that what they write is committed together.
        """
        self._waiting += 1
        try:
            while not self._pulled:
                if self._pulling is not None:
                    await self._pulling.wait()
                elif self.is_over and self._failure is None:
                    return NO_ITEM
                else:
                    await self._pull_in_thread()
            return self._pulled.popleft()
        finally:
            self._waiting -= 1

    async def _pull_in_thread(self) -> None:
        pulling = self._pulling = asyncio.Event()
        try:
            count = max(self._waiting, self.ahead)
            self._pulled.extend(await to_thread(self._pull_many, count))
        finally:
            self._pulling = None
            pulling.set()

    def _pull_many(self, count: int) -> list[Any]:
        """Return the next items, at least one of them; NO_ITEM is the last at the end."""
        with self._lock:
            return self._next_many(count)

    def _next_many(self, count: int) -> list[Any]:
        """Do what `_pull_many` does; the lock is held."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        found = [self._next()]
        try:
            while len(found) < count and found[-1] is not NO_ITEM:
                found.append(self._next())
        except Exception as error:
            self._failure = error  # raised once those before it were taken
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
        was_over, self.is_over = self.is_over, True
        if not was_over:  # else no more was wanted, which may be why no more came
            self.finish()

    def prepare(self, item: Any) -> Any:
        """Do what is to be done with an item before the next one is pulled; return what it is."""
        return item

    def finish(self) -> None:
        """Do what is to be done when the last item was pulled."""
