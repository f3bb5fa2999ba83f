"""The hand-over of work to another thread or loop, and of a thing that one thread at a time uses.

    HandOver              begin()               finish()
                QUEUED ────────────▶ BEGUN ─────────────▶ DONE
                   │                   │
                   │ abandon()         │ abandon()
                   ▼                   ▼
               ABANDONED           ABANDONED
             (never begins)    (outcome dropped)

`HandOver` is one job that waits for a thread, or for an event loop. One side begins it,
and the other may give it up; each way out of a state is taken once, by the side that comes first.
So what was abandoned before it began never begins, whatever thread picks it up later. What has
begun cannot be stopped from here: a thread is asked by its cancel token, a task is cancelled.

    Turn                with lock          leave()
                 FREE ────────────▶ IN USE ─────────────▶ FREE
                   │                   │
                   │ close()           │ close()
                   ▼                   ▼
                CLOSED ◀─────────── CLOSING
                          leave()

`Turn` lets one thread at a time into something, an iterator, say, that has to be closed in the end:
at once where no thread is in it, else by the thread that is. It is closed exactly once.

Both change their state by single operations that Python's own locks make atomic
(`dict.setdefault`, `Lock.acquire(blocking=False)`). None of them ever waits for a thread that is in
the middle of another. So they may be used anywhere: in a finaliser that the garbage collector runs
between any two lines, in a signal handler, in a forked child, at the end of the interpreter.
"""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

State = Literal["queued", "begun", "done", "abandoned"]

QUEUED: Final = "queued"
BEGUN: Final = "begun"
DONE: Final = "done"
ABANDONED: Final = "abandoned"


class HandOver:
    """A job that waits for a thread or a loop: who begins it, or gives it up, and when.

    Example:
        >>> work = HandOver()
        >>> work.begin(), work.abandon(), work.finish()  # given up while it ran
        (True, False, False)
        >>> work = HandOver()
        >>> work.abandon(), work.begin()  # given up before it began
        (True, False)
    """

    __slots__ = ("_ways",)

    def __init__(self) -> None:
        self._ways: dict[str, State] = {}  # the way taken out of "queued", and that out of "begun"

    @property
    def state(self) -> State:
        """Return the state that it is in now."""
        first = self._ways.get(QUEUED, QUEUED)
        return self._ways.get(BEGUN, BEGUN) if first is BEGUN else first

    def begin(self) -> bool:
        """Begin; return False where it was given up, so that it must not begin. Called once."""
        return self._ways.setdefault(QUEUED, BEGUN) is BEGUN

    def finish(self) -> bool:
        """End what has begun; return False where no caller waits for the outcome any more."""
        return self._ways.setdefault(BEGUN, DONE) is DONE

    def abandon(self) -> bool:
        """Give it up, from any thread and at any time; return whether it never begins."""
        if self._ways.setdefault(QUEUED, ABANDONED) is ABANDONED:
            return True
        self._ways.setdefault(BEGUN, ABANDONED)
        return False


class Job(HandOver):
    """A function that a worker thread calls, unless it was given up before.

    Args:
        function: called without arguments.
        report: called in that thread with the result and None, or None and the error; not where
            the job was given up.
    """

    __slots__ = ("_function", "_report")

    def __init__(
        self,
        function: Callable[[], Any],
        report: Callable[[Any, BaseException | None], object],
    ) -> None:
        super().__init__()
        self._function = function
        self._report = report

    def __call__(self) -> None:
        """Call the function, and report how it ended."""
        if not self.begin():
            return
        try:
            result = self._function()
        except BaseException as error:
            if self.finish():
                self._report(None, error)
        else:
            if self.finish():
                self._report(result, None)


class HandOvers:
    """Jobs that are handed to one worker, one after another: each is a hand-over as above.

    The side that gives up first says that there is no further job, and then abandons.

    Attributes:
        begin: begins the next; returns False where it was given up, so that it must not begin.
        finish: ends what has begun.
        abandon: gives up; returns whether none is under way, so that none ever begins.
    """

    __slots__ = ("abandon", "begin", "finish")

    def __init__(self) -> None:
        begun = threading.Lock()  # locked while a job runs, and for ever when given up
        # the lock's own methods: this is called for each item of a batch
        self.begin: Callable[[], bool] = partial(begun.acquire, False)
        self.abandon: Callable[[], bool] = self.begin
        self.finish: Callable[[], None] = begun.release


class Turn:
    """The right of one thread at a time to be in something that is closed when all have left.

    A thread is in it while it has the lock, and calls `leave` afterwards, whatever has happened:

        try:
            with turn.lock:
                if not turn.closing:
                    ...
        finally:
            turn.leave()

    Args:
        close: closes it; called once, by the thread that is the last in it.

    Attributes:
        lock: the thread that has it is in.
        closing: whether it is to be closed, so that no thread may begin anything in it.
    """

    __slots__ = ("_close", "_is_closed", "closing", "lock")

    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close
        self._is_closed = threading.Lock()  # locked once, by the thread that closes
        self.closing = False
        self.lock = threading.Lock()  # `with` on the lock itself: no interrupt comes in between

    def leave(self) -> None:
        """Close it where that was asked for while this thread was in it. Called without the lock.

        A thread that leaves looks at `closing` when it is out, and one that asks looks whether all
        are out when it has asked. So at least one of the two finds both.
        """
        if self.closing:
            self._close_if_empty()

    def close(self) -> bool:
        """Close it now, or have the thread that is in it do so; return whether it is closed now.

        It never waits, so a finaliser may call it, also in the thread that is in it.
        """
        self.closing = True
        return self._close_if_empty()

    def _close_if_empty(self) -> bool:
        if not self.lock.acquire(blocking=False):
            return False
        try:
            if self._is_closed.acquire(blocking=False):
                self._close()
        finally:
            self.lock.release()
        return True
