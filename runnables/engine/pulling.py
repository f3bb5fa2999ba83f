"""One iterator that many threads, or many tasks, pull items from, one at a time."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

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
    """

    def __init__(self, items: Iterable[Any] | AsyncIterable[Any]) -> None:
        self._given = items
        self._items: Iterator[Any] | AsyncIterator[Any] | None = None
        self.is_over = False
        self._lock = threading.Lock()
        self._task_lock: asyncio.Lock | None = None

    def pull(self) -> Any:
        """Return the next item, or NO_ITEM."""
        with self._lock:
            return self._next()

    async def apull(self) -> Any:
        """Return the next item, or NO_ITEM."""
        items = self._iterator()
        if not isinstance(items, AsyncIterator):
            return self.pull()
        if self._task_lock is None:
            self._task_lock = asyncio.Lock()
        async with self._task_lock:
            if self.is_over:
                return NO_ITEM
            try:
                return self.prepare(await anext(items))
            except StopAsyncIteration:
                self._finish()
                return NO_ITEM
            except BaseException:
                self.is_over = True
                raise

    def _iterator(self) -> Iterator[Any] | AsyncIterator[Any]:
        if self._items is None:
            given = self._given
            self._items = aiter(given) if isinstance(given, AsyncIterable) else iter(given)
        return self._items

    def _next(self) -> Any:
        if self.is_over:
            return NO_ITEM
        items = self._iterator()
        assert isinstance(items, Iterator), "async items are pulled with apull"
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
