"""The cooperative signal: what was given up is told so, and what waits for it is woken."""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

Cancelled = asyncio.CancelledError
"""What a cancelled call raises, in both colours; a BaseException, never a value."""


lock: Final = threading.RLock()
"""One lock for all signals and slots, whose chains change together."""

if hasattr(os, "register_at_fork"):  # the parent's may be held by a thread that a child lacks
    # private, but what threading itself calls; a new lock would leave the old one in use elsewhere
    unlock: Any = cast("Any", lock)._at_fork_reinit
    os.register_at_fork(after_in_child=unlock)


class CancelToken:
    """A cooperative signal: set once, seen by everything below, callbacks called at once."""

    __slots__ = ("__weakref__", "_callbacks", "_parent", "is_set")

    def __init__(self, parent: CancelToken | None = None) -> None:
        self.is_set = False
        self._callbacks: dict[object, Callable[[], None]] = {}
        self._parent = parent
        if parent is not None:
            parent.add(self, self.cancel)

    def add(self, key: object, callback: Callable[[], None]) -> None:
        """Call `callback` when the signal is set: now, where it already is."""
        with lock:
            if not self.is_set:
                self._callbacks[key] = callback
                return
        callback()

    def discard(self, key: object) -> None:
        """Forget the callback that was added under this key."""
        with lock:
            self._callbacks.pop(key, None)

    def cancel(self) -> None:
        """Give the signal; the second time does nothing."""
        with lock:
            callbacks = [] if self.is_set else list(self._callbacks.values())
            self.is_set = True
            self._callbacks.clear()
        for callback in callbacks:
            callback()

    def detach(self) -> None:
        """Let go of the parent: the call is over."""
        if self._parent is not None:
            self._parent.discard(self)


current_token: contextvars.ContextVar[CancelToken | None] = contextvars.ContextVar(
    "runnables_stop", default=None
)


def is_cancelled() -> bool:
    """Whether the call around this code was given up, so that its result is of no use.

    For long sync functions: a thread cannot be stopped from outside, but it can ask.
    """
    stop = current_token.get()
    return stop is not None and stop.is_set


def raise_if_cancelled() -> None:
    """Raise `Cancelled` where the call around this code was given up."""
    stop = current_token.get()
    if stop is not None and stop.is_set:
        raise Cancelled("the call around this one was given up")


@contextmanager
def on_cancel(callback: Callable[[], None]) -> Generator[None, None, None]:
    """While in this block, call `callback` (from any thread) when the call is given up.

    For providers: a blocking wait inside the block can be ended from the callback.
    """
    stop = current_token.get()
    if stop is None:
        yield
        return
    key = object()
    stop.add(key, callback)
    try:
        yield
    finally:
        stop.discard(key)
