"""Turns: calls that use one thing one after another, in the order in which they came.

Those that use one thing have one key, and wait in one queue; its head is the call that has its
turn. Threads and the tasks of several event loops may wait in one queue. Guarantees:

- Queues change only under the lock, which no call holds while it waits.
- A call that is cancelled while it waits leaves the queue.
- A call inside a turn, in whatever thread or task, that asks for a turn of the same key takes it
  within that turn, instead of waiting for its end. Several such calls take turns themselves.
- A turn whose event loop was closed counts as ended.
- A stream has its turn from its first chunk to its end, also while its consumer does other things.
  A consumer that meanwhile waits, in the same thread or task, for another turn of this key would
  wait for itself. It gets an error, when nothing has moved for some seconds.
"""

from __future__ import annotations

import contextvars
import os
import threading
import weakref
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from runnables.engine.cancellation import lock
from runnables.engine.contexts import keep_private
from runnables.engine.timeouts import AsyncWakeup, Wakeup

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Generator, Hashable
else:
    from runnables.engine import lazy_asyncio as asyncio

STUCK_SECONDS: Final = 10.0
"""How long a call waits for a stream that its own thread or task reads, until it gets an error."""


class _Queue:
    """The turns of one key: that of the head has begun, the others wait."""

    def __init__(self) -> None:
        self.turns: deque[Turn] = deque()

    def add(self, turn: Turn) -> None:
        with lock:
            self.drop_dead()
            self.turns.append(turn)

    def remove(self, turn: Turn) -> None:
        with lock:
            if turn in self.turns:
                self.turns.remove(turn)
                self._wake_head()

    def head(self) -> Turn | None:
        with lock:
            self.drop_dead()
            return self.turns[0] if self.turns else None

    def drop_dead(self) -> None:
        """Remove heads whose event loops were closed: they cannot do so themselves."""
        while self.turns and self.turns[0].is_dead:
            self.turns.popleft()
            self._wake_head()

    def _wake_head(self) -> None:
        wakeup = self.turns[0].wakeup if self.turns else None
        if wakeup is not None:
            wakeup.set()


_queues: Final[weakref.WeakValueDictionary[Hashable, _Queue]] = weakref.WeakValueDictionary()
_held: contextvars.ContextVar[tuple[Turn, ...]] = contextvars.ContextVar(
    "runnables_turns", default=()
)
keep_private(_held)  # a turn is for the calls inside it, not for the consumers of its chunks


class Turn:
    """A turn of a key, from its place in the queue to its end.

    Args:
        key: what turns are taken of.

    Attributes:
        key: the same.
        wakeup: wakes the thread or the task that waits for it; None as long as none does.
    """

    __slots__ = ("_in_turn", "_paused_in", "_queue", "_steps", "key", "wakeup")

    def __init__(self, key: Hashable) -> None:
        self.key = key
        self.wakeup: Wakeup | AsyncWakeup | None = None
        self._in_turn = _Queue()
        self._paused_in: object = None
        self._steps = 0
        self._queue = self._find_queue()
        self._queue.add(self)

    def _find_queue(self) -> _Queue:
        for around in reversed(_held.get()):
            if around.key == self.key and around.is_first:
                return around._in_turn
        with lock:
            return _queues.setdefault(self.key, _Queue())

    @property
    def is_dead(self) -> bool:
        """Tell whether its event loop was closed."""
        return self.wakeup is not None and self.wakeup.is_dead

    @property
    def is_first(self) -> bool:
        """Tell whether it has begun, and has not ended."""
        return self._queue.head() is self

    def end(self) -> None:
        """End it, or leave the queue. A second call does nothing."""
        self._queue.remove(self)

    @contextmanager
    def active(self) -> Generator[None]:
        """Let the calls inside the block be inside this turn."""
        token = _held.set((*_held.get(), self))
        try:
            yield
        finally:
            _held.reset(token)

    def pause(self, consumer: object) -> None:
        """Note that the code which reads a stream goes on, in this thread or task."""
        self._paused_in = consumer

    def resume(self) -> None:
        """Note that the stream goes on."""
        self._paused_in = None
        self._steps += 1

    def blocked_by(self, consumer: object) -> object:
        """Return what it waits for in vain, as it stands now; None where it does not."""
        head = self._queue.head()
        if head is None or head is self or head._paused_in is None or head._paused_in != consumer:
            return None
        return head, head._steps


def wait_turn(turn: Turn) -> None:
    """Wait in this thread until a turn begins. Its caller ends it, also where this fails.

    Raises:
        CancelledError: the call around this one was cancelled meanwhile.
        RuntimeError: it would wait for a stream that this very thread reads.
    """
    turn.wakeup = wakeup = Wakeup()  # before the first look, so that no wake-up is missed
    blocked: object = None
    while not turn.is_first:
        wakeup.wait(STUCK_SECONDS)
        blocked = _check_progress(turn, current_reader(), blocked)


async def await_turn(turn: Turn) -> None:
    """Wait in this task until a turn begins, as `wait_turn` does in a thread."""
    turn.wakeup = wakeup = AsyncWakeup()
    blocked: object = None
    while not turn.is_first:
        await wakeup.wait(STUCK_SECONDS)
        blocked = _check_progress(turn, acurrent_reader(), blocked)


def _check_progress(turn: Turn, consumer: object, before: object) -> object:
    blocked = turn.blocked_by(consumer)
    if blocked is not None and blocked == before:
        raise RuntimeError(
            "This call would wait forever: the code that makes it reads a stream of the same "
            "conversation, which has not ended. Read that stream to its end, or close it, first."
        )
    return blocked


def current_reader() -> object:
    """Return what stands for this thread."""
    return threading.get_ident()


def acurrent_reader() -> object:
    """Return what stands for this task."""
    return id(asyncio.current_task())


def _forget_all() -> None:
    """Empty all queues in a forked child: the calls of its parent do not run here."""
    for queue in list(_queues.values()):
        queue.turns.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
