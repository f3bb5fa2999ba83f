"""A cache for facts about users' functions and classes, which it does not keep alive.

`functools.lru_cache` holds its keys: a function that was made within a request would live on, with
all that it captured, until thousands of others have pushed it out.
"""

from __future__ import annotations

import functools
import weakref
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Fact = TypeVar("Fact")


class weak_cache(Generic[Fact]):
    """A decorator for a function of one object: each object has its result as long as it lives.

    Objects are distinguished by identity, so they need be neither hashable nor comparable. One
    that takes no weak references has its result computed each time. A result must not refer to
    its object.

    Example:
        >>> @weak_cache
        ... def width(function):
        ...     print("counts")
        ...     return function.__code__.co_argcount
        >>> def add(a, b):
        ...     return a + b
        >>> width(add), width(add)
        counts
        (2, 2)
    """

    def __init__(self, compute: Callable[[Any], Fact]) -> None:
        functools.update_wrapper(self, compute)
        self._compute = compute
        self._entries: dict[int, tuple[weakref.ref[Any], Fact]] = {}

    def __call__(self, subject: object) -> Fact:
        key = id(subject)
        entry = self._entries.get(key)
        if entry is not None and entry[0]() is subject:
            return entry[1]
        fact = self._compute(subject)
        try:
            # the callback runs before the id can be another object's
            reference = weakref.ref(subject, functools.partial(_drop, self._entries, key))
        except TypeError:
            return fact
        self._entries[key] = reference, fact
        return fact

    def __len__(self) -> int:
        return len(self._entries)


def _drop(entries: dict[int, Any], key: int, _: object) -> None:
    entries.pop(key, None)
