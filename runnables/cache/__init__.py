"""Outputs that were given before, kept for the same input. (One that keeps files: sqlite.py.)"""

from runnables.cache.keys import digest
from runnables.cache.runnable import RunnableCache
from runnables.cache.stores import BaseCache, InMemoryCache, check_cache
from runnables.cache.values import MISSING, Form, Kept

__all__ = [
    "MISSING",
    "BaseCache",
    "Form",
    "InMemoryCache",
    "Kept",
    "RunnableCache",
    "check_cache",
    "digest",
]
