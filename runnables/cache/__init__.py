"""Caches for the outputs of runnables. (The one in a file is in `sqlite.py`.)"""

from runnables.cache.keys import digest
from runnables.cache.runnable import RunnableCache
from runnables.cache.stores import BaseCache, InMemoryCache, check_cache
from runnables.cache.values import NOT_CACHED, CacheEntry, Codec

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
