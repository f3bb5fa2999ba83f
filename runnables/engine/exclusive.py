"""An object that one thread at a time uses."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Exclusive(Generic[T]):
    """An object that several threads have: one of them at a time is in its `with`, which yields it.

    Args:
        value: the object.

    Example:
        >>> from runnables.engine.exclusive import Exclusive
        >>> with Exclusive([1]) as numbers:
        ...     numbers.append(2)
    """

    __slots__ = ("_lock", "_value")

    def __init__(self, value: T) -> None:
        self._value = value
        self._lock = threading.RLock()

    def __enter__(self) -> T:
        self._lock.acquire()
        return self._value

    def __exit__(self, *error: object) -> None:
        self._lock.release()
