"""Caches for the outputs of runnables. (The one in a file is in `sqlite.py`.)"""

from typing import TYPE_CHECKING

from runnables.lazy_names import lazy_names

if TYPE_CHECKING:
    from runnables.cache.keys import digest
    from runnables.cache.runnable import RunnableCache
    from runnables.cache.stores import BaseCache, InMemoryCache, check_cache
    from runnables.cache.values import NOT_CACHED, CacheEntry, Codec
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "runnables.cache.keys": "digest",
            "runnables.cache.runnable": "RunnableCache",
            "runnables.cache.stores": "BaseCache InMemoryCache check_cache",
            "runnables.cache.values": "NOT_CACHED CacheEntry Codec",
        },
    )

__all__ = [
    "NOT_CACHED",
    "BaseCache",
    "Codec",
    "InMemoryCache",
    "CacheEntry",
    "RunnableCache",
    "check_cache",
    "digest",
]
