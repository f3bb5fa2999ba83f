"""Where answers are kept: by a key, as text."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import Any

from runnables.core.signatures import checks_keywords
from runnables.core.values import Value
from runnables.engine.cancellation import lock
from runnables.engine.thread_calls import to_thread
from runnables.errors import ConfigError


class BaseCache(Value, ABC):
    """Keeps texts by their keys; write `get` and `set`, and `clear`.

    It is asked by several threads, and by several event loops, at the same time. What waits (for
    a disk, a server) is done in a worker thread where the call is async, unless `aget` and `aset`
    are written, too.
    """

    @abstractmethod
    def get(self, key: str) -> str | None:
        """The text of this key; None where there is none, or no longer."""

    @abstractmethod
    def set(self, key: str, text: str) -> None:
        """Keep this text, in place of what was there."""

    @abstractmethod
    def clear(self) -> None:
        """Forget everything."""

    async def aget(self, key: str) -> str | None:
        """The text of this key; None where there is none, or no longer."""
        return await to_thread(self.get, key)

    async def aset(self, key: str, text: str) -> None:
        """Keep this text, in place of what was there."""
        await to_thread(self.set, key, text)


class InMemoryCache(BaseCache):
    """Keeps texts in this process, those that were used last. A pickled copy is empty.

    Args:
        maxsize: how many texts; None: all.
        ttl: seconds after which a text is forgotten; None: never.

    Raises:
        ConfigError: a number that is not above 0.
    """

    @checks_keywords
    def __init__(self, *, maxsize: int | None = 10_000, ttl: float | None = None) -> None:
        check_positive("maxsize", maxsize)
        check_positive("ttl", ttl)
        self.maxsize = maxsize
        self.ttl = ttl
        self._kept: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._kept = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: str) -> str | None:
        """The text of this key; None where there is none, or no longer."""
        return self._take(key)

    async def aget(self, key: str) -> str | None:
        """The text of this key; None where there is none, or no longer."""
        return self._take(key)

    def set(self, key: str, text: str) -> None:
        """Keep this text; the one that was used longest ago goes where there are too many."""
        self._put(key, text)

    async def aset(self, key: str, text: str) -> None:
        """Keep this text; the one that was used longest ago goes where there are too many."""
        self._put(key, text)

    def _take(self, key: str) -> str | None:
        with lock:
            if key not in self._kept:
                return None
            text, since = self._kept[key]
            if self.ttl is not None and time.monotonic() - since >= self.ttl:
                del self._kept[key]
                return None
            self._kept.move_to_end(key)
            return text

    def _put(self, key: str, text: str) -> None:
        with lock:
            self._kept[key] = (text, time.monotonic())
            self._kept.move_to_end(key)
            if self.maxsize is not None and len(self._kept) > self.maxsize:
                self._kept.popitem(last=False)

    def clear(self) -> None:
        """Forget everything."""
        with lock:
            self._kept.clear()


def check_positive(name: str, number: object) -> None:
    """Refuse what is no number above 0, unless it is None."""
    fits = isinstance(number, (int, float)) and not isinstance(number, bool) and number > 0
    if number is not None and not fits:
        raise ConfigError(f"{name}={number!r}: expected a number above 0")


def check_cache(cache: object) -> None:
    """Refuse what is no cache.

    Raises:
        ConfigError: says what is one.
    """
    if not isinstance(cache, BaseCache):
        raise ConfigError(
            f"cache={cache!r}: expected an InMemoryCache, an SQLiteCache, or another subclass of "
            "BaseCache. There is no cache for all models that `True` could stand for."
        )
