"""Cancel tokens: signals that tell running code that its result is not needed any more.

A task can be cancelled, a thread cannot. So every call that may be cancelled has a `CancelToken` in
its context. Code in threads asks it (`is_cancelled`), or has a callback end what it waits for
(`on_cancel`).

- A token is set once, and stays set.
- Setting a token sets those below it: a call's token has the token of the call around it as its
  parent.
- Each callback is called once, in the thread that sets the token, or at once where the token is
  set already.
- A token has no lock. Its operations are single ones of a dict, so that finalisers and signal
  handlers may set tokens, whatever they have interrupted.
"""

from __future__ import annotations

import contextvars
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Generator
else:
    from runnables.engine import lazy_asyncio as asyncio


def cancelled_error() -> type[asyncio.CancelledError]:
    """Return the class of what a cancelled call raises, sync and async: asyncio's own.

    A BaseException, which is never kept as a value. It is a function because asyncio is loaded
    when another call asks; `except cancelled_error()` asks only where something was raised.
    """
    return asyncio.CancelledError


def is_interrupt(error: BaseException) -> bool:
    """Tell whether this is neither an error nor a cancellation: KeyboardInterrupt, SystemExit."""
    return not isinstance(error, Exception) and not isinstance(error, cancelled_error())


lock: Final = threading.RLock()
"""A lock for what models share: budgets, caches, rate limits."""

if hasattr(os, "register_at_fork"):  # a thread that the child lacks may hold the parent's lock
    # private, but what threading itself calls; a new lock would leave the old one in use elsewhere
    unlock: Any = cast("Any", lock)._at_fork_reinit
    os.register_at_fork(after_in_child=unlock)


class CancelToken:
    """A signal that a call is cancelled: set once, for the call and for all calls below it.

    Args:
        parent: the token of the call around it. `detach` ends the tie, when the call has ended.

    Attributes:
        is_set: whether the call is cancelled.
    """

    __slots__ = ("__weakref__", "_callbacks", "_parent", "is_set")

    def __init__(self, parent: CancelToken | None = None) -> None:
        self.is_set = False
        self._callbacks: dict[object, Callable[[], None]] = {}
        self._parent = parent
        if parent is not None:
            parent.add(self, self.cancel)

    def add(self, key: object, callback: Callable[[], None]) -> None:
        """Call `callback` when the token is set: at once, where it already is."""
        self._callbacks[key] = callback
        if self.is_set:  # looked at afterwards: so either this thread sees it, or `cancel` the key
            self._call(key)

    def discard(self, key: object) -> None:
        """Forget the callback that was added under this key."""
        self._callbacks.pop(key, None)

    def cancel(self) -> None:
        """Set the token, and call the callbacks. Calling it again does nothing.

        Raises:
            Exception: the first one of a callback, after all were called.
        """
        self.is_set = True
        failure: Exception | None = None
        for key in list(self._callbacks):
            try:
                self._call(key)
            except Exception as error:
                failure = error if failure is None else failure
        if failure is not None:
            raise failure

    def _call(self, key: object) -> None:
        callback = self._callbacks.pop(key, None)  # the thread that gets it calls it
        if callback is not None:
            callback()

    def detach(self) -> None:
        """Leave the parent, as the call has ended."""
        if self._parent is not None:
            self._parent.discard(self)


current_token: contextvars.ContextVar[CancelToken | None] = contextvars.ContextVar(
    "runnables_cancel_token", default=None
)
"""The token of the call around the running code; None where nothing can cancel it."""


def is_cancelled() -> bool:
    """Tell whether the call around this code was cancelled, so that its result is not needed.

    A thread cannot be stopped from outside. A sync function that takes long asks now and then,
    and returns early. It is True after a failure of another item of the batch, a timeout, an
    interrupt, or when the consumer of a stream has left it.

    Example:
        >>> def count_words(lines: list[str]) -> int:
        ...     total = 0
        ...     for line in lines:
        ...         if is_cancelled():
        ...             break
        ...         total += len(line.split())
        ...     return total
        >>> RunnableLambda(count_words).with_timeout(10).invoke(["a fox", "a lantern"])
        4
    """
    token = current_token.get()
    return token is not None and token.is_set


def raise_if_cancelled() -> None:
    """Raise a `CancelledError` where the call around this code was cancelled."""
    token = current_token.get()
    if token is not None and token.is_set:
        raise cancelled_error()("the call around this one was cancelled")


@contextmanager
def on_cancel(callback: Callable[[], None]) -> Generator[None, None, None]:
    """Call `callback`, from any thread, when the call around the block is cancelled meanwhile.

    For providers: the callback can end what blocks inside the block, by closing a socket, say.
    """
    token = current_token.get()
    if token is None:
        yield
        return
    key = object()
    token.add(key, callback)
    try:
        yield
    finally:
        token.discard(key)
