"""Sync calls: a thread with an event loop of its own makes the exchanges, and callers wait.

So both colours have one HTTP library; a caller can be interrupted while it waits, and whoever
gives a call up, from whatever thread, ends its connection at once.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import contextvars
import os
import queue
import threading
import warnings
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from runnables.engine.cancellation import on_cancel, raise_if_cancelled
from runnables.errors import ModelConnectionError
from runnables_providers._http.aiohttp_client import aclose_clients, leak_on_purpose
from runnables_providers._http.exchange import AsyncExchange, Head
from runnables_providers._http.lines import Whole
from runnables_providers._http.types import Reply

if TYPE_CHECKING:
    from runnables_providers._http.types import ClientConfig, Request

Item: TypeAlias = Reply | Head | bytes | BaseException | None
"""What the thread hands over: the whole answer, or its head and pieces of its body; last what went
wrong, or None."""

MAX_BUFFERED: Final = 2**18
"""Bytes that may lie about before the thread waits for its caller."""
SHUTDOWN_TIMEOUT: Final = 5.0
"""Seconds to wait for the thread where it only has to close something."""


class _LoopThread:
    """A daemon thread in which an event loop runs.

    Every time that one of two threads wakes the other, they may hand Python's lock to and fro. So
    what comes together is told together: calls that begin, and what is handed to callers.
    """

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._beginning: deque[Callable[[], object]] = deque()
        self._is_told = False
        self._handed: list[tuple[queue.SimpleQueue[Item], Item]] = []
        self._thread = threading.Thread(target=self._run, name="runnables-http", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        loop = self.loop
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            self._begin_all()
            loop.run_until_complete(self._leave())
            loop.run_until_complete(loop.shutdown_default_executor())
            self._hand_all()
            loop.close()

    async def _leave(self) -> None:
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        await aclose_clients()

    def add(self, callback: Callable[[], object]) -> bool:
        """Have a callback run there, once `tell_of_added` is called; whether that is needed."""
        self._beginning.append(callback)
        if self._is_told:
            return False
        # Nobody relies on the main thread: Ctrl-C may keep it from telling.
        self._is_told = threading.current_thread() is not threading.main_thread()
        return True

    def tell_of_added(self) -> None:
        """Wake the thread for the callbacks that were added."""
        self.tell(self._begin_all)

    def _begin_all(self) -> None:
        self._is_told = False  # first: what is added from now on is told of anew
        while self._beginning:
            self._beginning.popleft()()

    def hand(self, items: queue.SimpleQueue[Item], item: Item) -> None:
        """In the loop: put an item into a queue, when all that is ready now has been looked at."""
        self._handed.append((items, item))
        if len(self._handed) == 1:
            self.loop.call_soon(self._hand_all)

    def _hand_all(self) -> None:
        handed, self._handed = self._handed, []
        for items, item in handed:
            items.put(item)

    def is_current(self) -> bool:
        """Whether the caller is this thread."""
        return threading.current_thread() is self._thread

    def tell(self, callback: Callable[[], object]) -> None:
        """Have a callback run there, unless the loop was closed meanwhile."""
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(callback, context=_nowhere)

    def stop(self) -> None:
        """Close everything; wait for that a moment."""
        self.tell(self.loop.stop)
        self._thread.join(SHUTDOWN_TIMEOUT)


_lock = threading.Lock()
_running: _LoopThread | None = None
_nowhere: Final = contextvars.Context()
"""What runs in the thread has none of a caller's variables: connections outlive the call."""


def _begin(pump: _Relay) -> _LoopThread:
    """Have a pump start in the thread of this process, which the first call starts."""
    global _running
    with _lock:  # so that it comes before what closes the thread
        if _running is None:
            _running = _LoopThread()
        thread = _running
        has_to_be_told = thread.add(partial(pump.start, thread))
    if has_to_be_told:  # not within: others would wait for the lock while the thread is woken
        thread.tell_of_added()
    return thread


def close() -> None:
    """Close the connections of sync calls and end their thread; the next call starts it anew."""
    global _running
    with _lock:
        ended, _running = _running, None
    if ended is not None:
        ended.stop()


def _enter_child() -> None:
    global _lock, _running
    if _running is not None:
        leak_on_purpose(_running)  # its loop is the parent's; see Client.orphan
    _lock = threading.Lock()  # the parent's may be held by a thread that is not here
    _running = None


atexit.register(close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_enter_child)


class _Relay:
    """The side of the loop: carries the pieces of an exchange to whoever waits for them."""

    def __init__(self, exchange: AsyncExchange) -> None:
        self._exchange = exchange
        self.items: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self.over = False
        self.taken = 0
        self._given = 0
        self._thread: _LoopThread
        self._task: asyncio.Task[None] | None = None
        self._room: asyncio.Event | None = None
        self._given_up = False

    def start(self, thread: _LoopThread) -> None:
        """In the loop of this thread: begin, unless nobody wants it any more."""
        self._thread = thread
        if self._given_up:
            self._finish(asyncio.CancelledError())
        else:
            self._task = thread.loop.create_task(self._run())

    def give_up(self) -> None:
        """In the loop: close the connection."""
        self._given_up = True
        if self._task is not None:
            self._task.cancel()

    def has_room(self) -> None:
        """In the loop: the caller has taken what lay about."""
        if self._room is not None:
            self._room.set()

    async def _run(self) -> None:
        error: BaseException | None = None
        try:
            head = await self._exchange.begin()
            body = self._exchange.arrived()
            if body is None:
                self._hand(head)
                await self._carry()
            else:  # as one item: each of them wakes the caller
                self._hand(Reply(head.status, head.headers, body))
        except BaseException as it:
            error = it
        finally:
            if self._exchange.cut():
                await asyncio.sleep(0)  # the round in which the socket is closed
            self._finish(error)

    async def _carry(self) -> None:
        while piece := await self._exchange.piece():
            self._hand(piece)
            self._given += len(piece)
            if self._given - self.taken > MAX_BUFFERED:
                await self._drained()

    async def _drained(self) -> None:
        self._room = asyncio.Event()
        while self._given - self.taken > MAX_BUFFERED:
            await self._room.wait()
            self._room.clear()
        self._room = None

    def waits(self) -> bool:
        """Whether it waits for room (to be told by `has_room`)."""
        return self._room is not None and self._given - self.taken <= MAX_BUFFERED

    def _finish(self, error: BaseException | None) -> None:
        self.over = True
        self._hand(error)
        self._hand(error)  # one thread may read while another closes

    def _hand(self, item: Item) -> None:
        self._thread.hand(self.items, item)


class Exchange:
    """A request under way, for a caller that waits; as AsyncExchange."""

    def __init__(self, request: Request, setup: ClientConfig, provider: str) -> None:
        self._provider = provider
        self._pump = _Relay(AsyncExchange(request, setup, provider))
        self._arrived = b""
        self._thread: _LoopThread | None = None
        self._process = os.getpid()

    def begin(self) -> Head:
        """Send the request; wait for the head of the answer."""
        self._thread = _begin(self._pump)
        first = self._next()
        if isinstance(first, Reply):
            self._thread = None
            self._arrived = first.body
            return Head(first.status, first.headers)
        assert isinstance(first, Head)
        return first

    def piece(self) -> bytes:
        """The next bytes of the body, as they come; none at its end."""
        if self._thread is None:
            arrived, self._arrived = self._arrived, b""
            return arrived
        piece = self._next()
        if piece is None:
            self._thread = None
            return b""
        assert isinstance(piece, bytes)
        self._pump.taken += len(piece)
        if self._pump.waits():
            self._thread.tell(self._pump.has_room)
        return piece

    def rest(self) -> bytes:
        """All that is still to come of the body.

        Raises:
            InvalidRequestError: more than 64 MB.
        """
        whole = Whole(self._provider)
        while piece := self.piece():
            whole.add(piece)
        return whole.join()

    @property
    def is_open(self) -> bool:
        """Whether there is more to come, so that it has to be closed."""
        return self._thread is not None

    def _next(self) -> Reply | Head | bytes | None:
        """What comes next; raises what went wrong, which is the last thing to come."""
        if os.getpid() != self._process:
            raise self._lost("the call was begun before the process forked; its parent goes on")
        items = self._pump.items
        try:
            item = items.get_nowait()
        except queue.Empty:
            with on_cancel(lambda: items.put(_GIVEN_UP)):
                item = _wait(items)
        if item is _GIVEN_UP:
            self.close()
            raise_if_cancelled()
        if not isinstance(item, BaseException):
            return item
        self._thread = None
        if isinstance(item, asyncio.CancelledError):
            raise self._lost("closed during the call")
        raise item

    def _lost(self, why: str) -> ModelConnectionError:
        return ModelConnectionError(f"{self._provider}: {why}", provider=self._provider)

    def close(self) -> None:
        """Close the connection, unless the answer is there as a whole; wait until it is closed."""
        thread, self._thread = self._thread, None
        if thread is None or self._pump.over or os.getpid() != self._process:
            return
        thread.tell(self._pump.give_up)
        if not thread.is_current():
            with contextlib.suppress(queue.Empty):
                while not self._pump.over:
                    self._pump.items.get(timeout=SHUTDOWN_TIMEOUT)

    def __del__(self) -> None:
        thread = self._thread
        if thread is not None and not self._pump.over and os.getpid() == self._process:
            warnings.warn(f"{self!r} was not closed", ResourceWarning, source=self, stacklevel=2)
            thread.tell(self._pump.give_up)


class _GivenUp(BaseException):
    """Wakes a caller whose call was given up."""


_GIVEN_UP: Final = _GivenUp()

_SLICE: Final = 0.25
"""Seconds for which the main thread waits at a time. On Windows Ctrl-C does not end a wait, and
elsewhere one that comes just before a wait does not."""


def _wait(items: queue.SimpleQueue[Item]) -> Item:
    may_be_interrupted = threading.current_thread() is threading.main_thread()
    while True:
        with contextlib.suppress(queue.Empty):
            return items.get(timeout=_SLICE if may_be_interrupted else None)
