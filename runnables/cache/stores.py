"""The stores of a cache, which hold strings by their keys."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from typing import Any

from runnables.core.bounds import check_seconds
from runnables.core.signatures import checks_keywords
from runnables.core.values import Value
from runnables.engine.cancellation import lock
from runnables.engine.thread_calls import to_thread
from runnables.errors import ConfigError


class BaseCache(Value, ABC):
    """A store of strings by their keys; write `get`, `set` and `clear`.

    Several threads, and several event loops, use it at the same time. An async call runs `get` and
    `set` in a worker thread, as they may wait for a disk or a server, unless `aget` and `aset` are
    written, too.

    Example:
        >>> class DictCache(BaseCache):
        ...     def __init__(self):
        ...         self.entries = {}
        ...
        ...     def get(self, key):
        ...         return self.entries.get(key)
        ...
        ...     def set(self, key, text):
        ...         self.entries[key] = text
        ...
        ...     def clear(self):
        ...         self.entries.clear()
        >>> cache = DictCache()
        >>> RunnableLambda(len).with_cache(cache).invoke("ahoy")
        4
        >>> list(cache.entries.values())
        ['{"json": 4}']
    """

    @abstractmethod
    def get(self, key: str) -> str | None:
        """Return the string of this key; None where there is none, or it has expired."""

    @abstractmethod
    def set(self, key: str, text: str) -> None:
        """Store a string under this key, in place of an earlier one."""

    @abstractmethod
    def clear(self) -> None:
        """Remove all strings."""

    async def aget(self, key: str) -> str | None:
        """Return the string of this key; None where there is none, or it has expired."""
        return await to_thread(self.get, key)

    async def aset(self, key: str, text: str) -> None:
        """Store a string under this key, in place of an earlier one."""
        await to_thread(self.set, key, text)


class InMemoryCache(BaseCache):
    """A cache in the memory of this process that keeps the entries used most recently.

    A pickled copy is empty.

    Args:
        maxsize: the largest number of entries; None: no limit.
        ttl: seconds after which an entry expires; None: never.

    Raises:
        ConfigError: a number that is not above 0.

    Example:
        >>> cache = InMemoryCache(maxsize=100, ttl=60)
        >>> length = RunnableLambda(len).with_cache(cache)
        >>> length.batch(["ahoy", "ahoy"]), len(cache)
        ([4, 4], 1)
    """

    @checks_keywords
    def __init__(self, *, maxsize: int | None = 10_000, ttl: float | None = None) -> None:
        check_positive("maxsize", maxsize)
        self.maxsize = maxsize
        self.ttl = None if ttl is None else check_seconds("ttl={}", ttl)
        self._entries: OrderedDict[str, tuple[str, float]] = OrderedDict()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._entries = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: str) -> str | None:
        """Return the string of this key; None where there is none, or it has expired."""
        return self._read(key)

    async def aget(self, key: str) -> str | None:
        """Return the string of this key; None where there is none, or it has expired."""
        return self._read(key)

    def set(self, key: str, text: str) -> None:
        """Store a string; beyond `maxsize`, the entry used longest ago is dropped."""
        self._write(key, text)

    async def aset(self, key: str, text: str) -> None:
        """Store a string; beyond `maxsize`, the entry used longest ago is dropped."""
        self._write(key, text)

    def _read(self, key: str) -> str | None:
        with lock:
            if key not in self._entries:
                return None
            text, stored_at = self._entries[key]
            if self.ttl is not None and time.monotonic() - stored_at >= self.ttl:
                del self._entries[key]
                return None
            self._entries.move_to_end(key)
            return text

    def _write(self, key: str, text: str) -> None:
        with lock:
            self._entries[key] = (text, time.monotonic())
            self._entries.move_to_end(key)
            if self.maxsize is not None and len(self._entries) > self.maxsize:
                self._entries.popitem(last=False)

    def clear(self) -> None:
        """Remove all entries."""
        with lock:
            self._entries.clear()


def check_positive(name: str, number: object) -> None:
    """Refuse a setting that is no number above 0, unless it is None."""
    fits = isinstance(number, (int, float)) and not isinstance(number, bool) and number > 0
    if number is not None and not fits:
        raise ConfigError(f"{name}={number!r}: expected a number above 0")


def check_cache(cache: object) -> None:
    """Refuse a `cache` setting that is no cache.

    Raises:
        ConfigError: it is none; the message says what is one.
    """
    if not isinstance(cache, BaseCache):
        way_out = ""
        if cache is True:
            way_out = " There is no cache for all models that `True` could stand for."
        elif isinstance(cache, str):
            way_out = f" For a file write SQLiteCache({cache!r})."
        raise ConfigError(
            f"cache={cache!r}: expected an InMemoryCache, an SQLiteCache, or another subclass of "
            f"BaseCache.{way_out}"
        )
