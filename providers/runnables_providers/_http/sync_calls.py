"""Sync calls: a daemon thread runs the exchanges on its own event loop, and callers wait for it.

    caller                           queue          thread with the loop
    Exchange.begin     -- starts the thread -->     _Relay._run: AsyncExchange.begin
    Exchange._next_item   <-- Head, bytes, None --  _Relay puts what comes
    Exchange.next_chunk   -- space is free again -> _Relay resumes after MAX_BUFFERED bytes
    Exchange.close     -- _Relay.cancel -->         the connection is closed

So sync and async calls share one HTTP library. A caller can be interrupted while it waits (Ctrl-C),
and cancelling a call, from any thread, closes its connection at once. Each relay puts its outcome,
None or an error, last.
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

from runnables.core.config import current_scope
from runnables.core.spans import context_of_spans
from runnables.engine.cancellation import on_cancel, raise_if_cancelled
from runnables.errors import ModelConnectionError
from runnables_providers._http.aiohttp_client import aclose_clients, leak_on_purpose
from runnables_providers._http.exchange import AsyncExchange, Head
from runnables_providers._http.lines import BoundedBody
from runnables_providers._http.types import Reply

if TYPE_CHECKING:
    from runnables_providers._http.types import ClientConfig, Request

Item: TypeAlias = Reply | Head | bytes | BaseException | None
"""What the thread puts into the queue of a caller: the whole reply, or the head and the chunks of
the body; and at the end an error, or None."""

MAX_BUFFERED: Final = 2**18
"""Unread bytes above which the relay waits for the caller."""
SHUTDOWN_TIMEOUT: Final = 5.0
"""Seconds to wait for the thread to close something."""


class _LoopThread:
    """Daemon thread that runs an event loop.

    Whenever one thread wakes another, they may pass Python's lock back and forth. So wake-ups are
    combined: one for all calls that start at the same time, and one for all items that are ready.
    """

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._scheduled: deque[Callable[[], object]] = deque()
        self._wake_pending = False
        self._outgoing: list[tuple[queue.SimpleQueue[Item], Item]] = []
        self._thread = threading.Thread(target=self._run, name="runnables-http", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        loop = self.loop
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            self._run_scheduled()
            loop.run_until_complete(self._shut_down())
            loop.run_until_complete(loop.shutdown_default_executor())
            self._put_all()
            loop.close()

    async def _shut_down(self) -> None:
        while tasks := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        await aclose_clients()

    def schedule(self, callback: Callable[[], object]) -> bool:
        """Schedule a callback for the next `wake`; tell whether the caller must call `wake`."""
        self._scheduled.append(callback)
        if self._wake_pending:
            return False
        # Other threads do not rely on the main thread: Ctrl-C may keep it from calling `wake`.
        self._wake_pending = threading.current_thread() is not threading.main_thread()
        return True

    def wake(self) -> None:
        """Wake the thread, so that it runs the scheduled callbacks."""
        self.call_soon(self._run_scheduled)

    def _run_scheduled(self) -> None:
        self._wake_pending = (
            False  # first: a callback that is scheduled from now on needs another wake-up
        )
        while self._scheduled:
            self._scheduled.popleft()()

    def put(self, items: queue.SimpleQueue[Item], item: Item) -> None:
        """Put an item into a queue after all callbacks that are ready now; called in the loop."""
        self._outgoing.append((items, item))
        if len(self._outgoing) == 1:
            self.loop.call_soon(self._put_all)

    def _put_all(self) -> None:
        outgoing, self._outgoing = self._outgoing, []
        for items, item in outgoing:
            items.put(item)

    def is_current(self) -> bool:
        """Tell whether the caller runs in this thread."""
        return threading.current_thread() is self._thread

    def call_soon(self, callback: Callable[[], object]) -> None:
        """Run a callback in the loop, unless the loop was closed meanwhile."""
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(callback, context=_EMPTY_CONTEXT)

    def stop(self) -> None:
        """Close everything; wait `SHUTDOWN_TIMEOUT` for it."""
        self.call_soon(self.loop.stop)
        self._thread.join(SHUTDOWN_TIMEOUT)


_lock = threading.Lock()
_running: _LoopThread | None = None
_EMPTY_CONTEXT: Final = contextvars.Context()
"""The context of callbacks: it has no variables of a caller, since connections outlive the call.
Where the call is traced, the task of its relay has one with its span."""


def _start(relay: _Relay) -> _LoopThread:
    """Start a relay in the thread of this process, which the first call starts."""
    global _running
    with _lock:  # so that it is scheduled before the thread is stopped
        if _running is None:
            _running = _LoopThread()
        thread = _running
        must_wake = thread.schedule(partial(relay.start, thread))
    if must_wake:  # without the lock, which other callers may wait for
        thread.wake()
    return thread


def close() -> None:
    """Close the connections of sync calls and end their thread; the next call starts a new one."""
    global _running
    with _lock:
        stopped, _running = _running, None
    if stopped is not None:
        stopped.stop()


def _after_fork_in_child() -> None:
    global _lock, _running
    if _running is not None:
        leak_on_purpose(_running)  # its loop is the parent's; see Client.abandon_in_child
    _lock = threading.Lock()  # a thread that does not exist here may hold the parent's
    _running = None


atexit.register(close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


class _Relay:
    """Task in the loop that passes the items of an exchange to the waiting caller.

    Attributes:
        items: the queue of the caller.
        finished: whether the outcome was put.
        consumed: the bytes that the caller has taken.
    """

    def __init__(self, exchange: AsyncExchange) -> None:
        self._exchange = exchange
        self.items: queue.SimpleQueue[Item] = queue.SimpleQueue()
        self.finished = False
        self.consumed = 0
        self._produced = 0
        self._thread: _LoopThread
        self._task: asyncio.Task[None] | None = None
        self._space_freed: asyncio.Event | None = None
        self._cancelled = False
        self._context = context_of_spans(current_scope())

    def start(self, thread: _LoopThread) -> None:
        """Start the task in the loop of this thread, unless the call was cancelled."""
        self._thread = thread
        if self._cancelled:
            self._finish(asyncio.CancelledError())
        else:
            self._task = thread.loop.create_task(self._run(), context=self._context)

    def cancel(self) -> None:
        """Cancel the task, which closes the connection; called in the loop."""
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()

    def resume(self) -> None:
        """Continue, since the caller has taken enough bytes; called in the loop."""
        if self._space_freed is not None:
            self._space_freed.set()

    async def _run(self) -> None:
        error: BaseException | None = None
        try:
            head = await self._exchange.begin()
            body = self._exchange.rest_if_received()
            if body is None:
                self._put(head)
                await self._relay_body()
            else:  # one item, since each of them wakes the caller
                self._put(Reply(head.status, head.headers, body))
        except BaseException as raised:
            error = raised
        finally:
            if self._exchange.abort():
                await asyncio.sleep(0)  # the socket is closed in the next iteration
            self._finish(error)

    async def _relay_body(self) -> None:
        while chunk := await self._exchange.next_chunk():
            self._put(chunk)
            self._produced += len(chunk)
            if self._produced - self.consumed > MAX_BUFFERED:
                await self._wait_for_space()

    async def _wait_for_space(self) -> None:
        self._space_freed = asyncio.Event()
        while self._produced - self.consumed > MAX_BUFFERED:
            await self._space_freed.wait()
            self._space_freed.clear()
        self._space_freed = None

    def can_resume(self) -> bool:
        """Tell whether it waits for space that is free now, so that it needs `resume`."""
        return self._space_freed is not None and self._produced - self.consumed <= MAX_BUFFERED

    def _finish(self, error: BaseException | None) -> None:
        self.finished = True
        self._put(error)
        self._put(error)  # one thread may read while another closes

    def _put(self, item: Item) -> None:
        self._thread.put(self.items, item)


class Exchange:
    """Request and its response, for a caller that waits: the sync counterpart of AsyncExchange."""

    def __init__(self, request: Request, config: ClientConfig, provider: str) -> None:
        self._provider = provider
        self._relay = _Relay(AsyncExchange(request, config, provider))
        self._received_body = b""
        self._thread: _LoopThread | None = None
        self._process = os.getpid()

    def begin(self) -> Head:
        """Send the request; wait for the head of the response."""
        self._thread = _start(self._relay)
        first = self._next_item()
        if isinstance(first, Reply):
            self._thread = None
            self._received_body = first.body
            return Head(first.status, first.headers)
        assert isinstance(first, Head)
        return first

    def next_chunk(self) -> bytes:
        """Return the next bytes of the body as they come; b"" at the end."""
        if self._thread is None:
            body, self._received_body = self._received_body, b""
            return body
        chunk = self._next_item()
        if chunk is None:
            self._thread = None
            return b""
        assert isinstance(chunk, bytes)
        self._relay.consumed += len(chunk)
        if self._relay.can_resume():
            self._thread.call_soon(self._relay.resume)
        return chunk

    def read_rest(self) -> bytes:
        """Return the rest of the body.

        Raises:
            InvalidRequestError: it has more than 64 MB.
        """
        rest = BoundedBody(self._provider)
        while chunk := self.next_chunk():
            rest.add(chunk)
        return rest.join()

    @property
    def is_open(self) -> bool:
        """Tell whether there is more to come, so that the exchange must be closed."""
        return self._thread is not None

    def _next_item(self) -> Reply | Head | bytes | None:
        """Wait for the next item; raise it if it is an error, which is the last item."""
        if os.getpid() != self._process:
            raise self._lost_error(
                "the call was started before the process forked, and belongs to the parent process"
            )
        items = self._relay.items
        try:
            item = items.get_nowait()
        except queue.Empty:
            with on_cancel(lambda: items.put(_CANCELLED)):
                item = _wait(items)
        if item is _CANCELLED:
            self.close()
            raise_if_cancelled()
        if not isinstance(item, BaseException):
            return item
        self._thread = None
        if isinstance(item, asyncio.CancelledError):
            raise self._lost_error("closed during the call")
        raise item

    def _lost_error(self, why: str) -> ModelConnectionError:
        return ModelConnectionError(f"{self._provider}: {why}", provider=self._provider)

    def close(self) -> None:
        """Close the connection, unless the whole response was read; wait until it is closed."""
        thread, self._thread = self._thread, None
        if thread is None or self._relay.finished or os.getpid() != self._process:
            return
        thread.call_soon(self._relay.cancel)
        if not thread.is_current():
            with contextlib.suppress(queue.Empty):
                while not self._relay.finished:
                    self._relay.items.get(timeout=SHUTDOWN_TIMEOUT)

    def __del__(self) -> None:
        thread = self._thread
        if thread is not None and not self._relay.finished and os.getpid() == self._process:
            warnings.warn(f"{self!r} was not closed", ResourceWarning, source=self, stacklevel=2)
            thread.call_soon(self._relay.cancel)


class _Cancelled(BaseException):
    """Item that wakes a caller whose call was cancelled."""


_CANCELLED: Final = _Cancelled()

_MAIN_THREAD_WAIT: Final = 0.25
"""Seconds for which the main thread waits at a time. Ctrl-C does not end a wait on Windows, nor
anywhere if it comes just before the wait."""


def _wait(items: queue.SimpleQueue[Item]) -> Item:
    in_main_thread = threading.current_thread() is threading.main_thread()
    while True:
        with contextlib.suppress(queue.Empty):
            return items.get(timeout=_MAIN_THREAD_WAIT if in_main_thread else None)
