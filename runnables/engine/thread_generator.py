"""A sync iterator that lives in one thread and one context, which thread or task it serves.

What a user's generator holds across a `yield` may belong to a thread (a lock, a SQLite connection)
or to a context (a token of a context variable). So it is made, advanced and closed by one worker
thread, which does nothing else as long as the iterator is open.

    new ──next──> busy ──a chunk──> held ──next──> busy ...
                   │                  │
                   │ the end, an error│ close, or its consumer is gone
                   v                  v
                 ended <──────────────┘

- **One at a time.** A consumer asks for a chunk, and waits; it may be a task or a thread, another
  one each time.
- **Given up.** A step whose consumer has left before it began never begins. One that has begun goes
  on, as a thread cannot be stopped: its cancel token is set, and the thread closes the iterator
  when it gets there.
- **The thread** is free again as soon as the iterator has ended or is closed. It works only while
  a consumer waits for it, so the threads at work are no more than the consumers.
- **Dropped.** A consumer that never closes (its event loop is gone) drops this object, and that
  closes the iterator, too.
"""

from __future__ import annotations

import contextvars
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from runnables.engine.cancellation import CancelToken, cancelled_error, current_token
from runnables.engine.contexts import Flow, keep_private, own_context
from runnables.engine.fan_out import CLOSE_GRACE
from runnables.engine.stream import close, close_with_sources
from runnables.engine.tasks import outlast
from runnables.engine.thread_calls import _loop, call_soon
from runnables.engine.timeouts import Expired
from runnables.engine.worker_pool import run_in_worker

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

    from runnables.engine.contexts import Receiver
else:
    from runnables.engine import lazy_asyncio as asyncio

T = TypeVar("T")

END: Final = object()
"""What `next` and `anext` return after the last chunk."""

keep_private(current_token)
keep_private(_loop)


class ThreadGenerator(Generic[T]):
    """A sync iterator in a thread of its own, for one consumer at a time, sync or async.

    Args:
        make: makes the iterator, in that thread.
        outer: the iterator whose code has called for it (see `StreamInfo`).
        source: a stream that is closed in that thread, too, and those before it.
    """

    def __init__(
        self, make: Callable[[], Iterator[T]], outer: Receiver | None, source: object = None
    ) -> None:
        self._life = _Life(make, outer, source)

    # -- for a thread

    def next(self, seconds: float | None = None) -> T | Any:
        """Return the next chunk, or END.

        Raises:
            Expired: it took more than so many seconds. The iterator can then only be closed.
        """
        done = threading.Lock()
        done.acquire()
        step = self._life.request(lambda _: done.release(), _loop.get())
        limit = -1 if seconds is None else min(seconds, threading.TIMEOUT_MAX)
        try:
            if not done.acquire(timeout=limit):
                raise Expired
        finally:
            step.leave()
        return self._life.result_of(step)

    def new_flow(self) -> Flow:
        """Return the way for what the iterator sets to one more consumer."""
        assert self._life.flow is not None, "it was not begun"
        return self._life.flow.another()

    def close(self) -> None:
        """Close the iterator, and wait for that, unless its thread is in the middle of a chunk."""
        is_held = self._life.is_held
        closed = threading.Event()
        if self._life.request_end(_loop.get()):
            self._life.ended.add(closed.set)
            if is_held:
                closed.wait()
        self._life.finish()

    # -- for a task

    async def anext(self) -> T | Any:
        """Return the next chunk, or END."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        step = self._life.request(lambda _: call_soon(loop, _resolve, done), loop)
        try:
            await done
        finally:
            step.leave()
        return self._life.result_of(step)

    async def aclose(self) -> None:
        """Close the iterator. Wait for a thread in the middle of a chunk `CLOSE_GRACE` seconds."""
        loop = asyncio.get_running_loop()
        grace = None if self._life.is_held else CLOSE_GRACE
        closed: asyncio.Future[None] = loop.create_future()
        if self._life.request_end(loop):
            self._life.ended.add(lambda: call_soon(loop, _resolve, closed))
            await outlast(closed, grace)
        self._life.finish()

    def __del__(self) -> None:
        life: _Life | None = getattr(self, "_life", None)
        if life is not None:
            life.drop()


def _resolve(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_result(None)


class _Step:
    """A request for a chunk: queued, then begun and done, or given up.

    Args:
        report: called in the iterator's thread when it is done.
        loop: the event loop that waits for it, if one does.
        token: that of the iterator, which is set when the consumer's call is cancelled meanwhile.
    """

    def __init__(self, report: Callable[[_Step], object], loop: Any, token: CancelToken) -> None:
        self.loop = loop
        self._token = token
        self._consumer = current_token.get()
        if self._consumer is not None:
            self._consumer.add(self, token.cancel)
        self.result: Any = None
        self.error: BaseException | None = None
        self.done = False
        self._report = report
        self._queued = [True]

    def claim(self) -> bool:
        """Tell whether it may begin: not where it has begun already, or was given up."""
        try:
            return self._queued.pop()  # one thread gets it, without a lock
        except IndexError:
            return False

    def report(self) -> None:
        """Tell the consumer that it is done."""
        self.done = True
        self._report(self)

    def leave(self) -> None:
        """Stop waiting: where it is not done, it need not begin, or its result is not needed."""
        if not self.done:
            self.claim()
            self._token.cancel()
        if self._consumer is not None:
            self._consumer.discard(self)


class _Ended:
    """The signal that the iterator is closed and its thread free; callbacks run in that thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], object]] | None = []

    def add(self, callback: Callable[[], object]) -> None:
        with self._lock:
            if self._callbacks is not None:
                self._callbacks.append(callback)
                return
        callback()

    def set(self) -> None:
        with self._lock:
            callbacks, self._callbacks = self._callbacks or [], None
        for callback in callbacks:
            callback()


class _Life:
    """What the thread and its consumers share. The thread refers to this only, so that a consumer
    that drops the `ThreadGenerator` is noticed.

    Attributes:
        is_held: whether the iterator is between two chunks, so that closing it can begin at once.
        ended: set when the thread is free again.
    """

    def __init__(
        self, make: Callable[[], Iterator[Any]], outer: Receiver | None, source: object
    ) -> None:
        self._make = make
        self._source = source
        self._outer = outer
        self._chunks: Iterator[Any] | None = None
        self._context: contextvars.Context | None = None
        self.flow: Flow | None = None
        # `put` of this queue is safe in finalizers and signal handlers
        self._inbox: SimpleQueue[_Step | None] = SimpleQueue()
        self._closing_error: BaseException | None = None
        self._over = False
        self._token = CancelToken()  # one for all steps: calls inside go on from step to step
        self._starter = 0
        self._is_here = False
        self.is_held = True
        self.ended = _Ended()

    # -- the consumer's side

    def request(self, report: Callable[[_Step], object], loop: Any) -> _Step:
        """Ask for a chunk, in the consumer's context; the first time, start the thread."""
        step = _Step(report, loop, self._token)
        if self._over:
            step.result = END
            step.report()
            return step
        if self._context is None:
            self._start()
        if self._is_here:
            self._do(step)
        else:
            self.is_held = False
            self._inbox.put(step)
        return step

    def _start(self) -> None:
        """Start the thread; where none can be had, all is done in that of the consumer."""
        self._starter = threading.get_ident()
        try:
            run_in_worker(self._live)
        except RuntimeError:
            self._is_here = True
        self._context, self.flow = own_context(self._outer)

    def result_of(self, step: _Step) -> Any:
        """Return what a step has brought, or raise its error, in the consumer's context."""
        if self.flow is not None:
            if step.error is None:
                self.flow.take(ended=step.result is END)
            else:
                self.flow.withdraw()
        if step.error is not None:
            try:
                raise step.error
            finally:
                step.error = None  # its traceback refers to this frame: a cycle
        return step.result

    def request_end(self, loop: Any) -> bool:
        """Ask the thread to close the iterator; return False where there is nothing to close."""
        if self._context is None or self._over:
            self._over = True
            return False
        self._over = True
        if self.flow is not None:
            # at once, as a consumer that leaves by `break` is in this context only until it waits
            self.flow.withdraw()
        if self.is_held:  # the thread waits, and nothing runs in this context
            self._context.run(_loop.set, loop)
            self._context.run(current_token.set, CancelToken(current_token.get()))
        if self._is_here:
            self._end()
        else:
            self._inbox.put(None)
        return True

    def finish(self) -> None:
        """Raise the error of closing."""
        error, self._closing_error = self._closing_error, None
        if error is not None:
            raise error

    def drop(self) -> None:
        """Have the iterator closed by its thread. Called by a finalizer, so it takes no lock."""
        self._over = True
        self._inbox.put(None)

    # -- the thread's side

    def _live(self) -> None:
        if threading.get_ident() == self._starter:
            self._is_here = True
            return
        while (step := self._inbox.get()) is not None:
            has_ended = self._do(step)
            del step  # it would keep the chunk, and the error with its frames, until the next one
            if has_ended:
                return
        self._end()

    def _do(self, step: _Step) -> bool:
        """Do a step; return whether the iterator has ended."""
        has_ended = False
        if step.claim():
            if self._token.is_set:  # the consumer's call has ended, though it has not left yet
                step.error = cancelled_error()("the call around this one was cancelled")
            else:
                cast("contextvars.Context", self._context).run(self._advance, step)
            has_ended = step.error is not None or step.result is END
            if has_ended:
                self._over = True
                self._end()
                if step.error is None:  # not by `or`: the class of an error may refuse `bool`
                    step.error = self._closing_error
                self._closing_error = None
        self.is_held = True
        step.report()
        return has_ended

    def _end(self) -> None:
        self._close()
        self.is_held = True
        self.ended.set()

    def _advance(self, step: _Step) -> None:
        current_token.set(self._token)
        _loop.set(step.loop)
        try:
            if self._chunks is None:
                self._chunks = iter(self._make())
            step.result = next(self._chunks, END)
        except BaseException as error:
            step.error = error

    def _close(self) -> None:
        chunks, self._chunks = self._chunks, None
        if chunks is None:
            return
        try:
            context = cast("contextvars.Context", self._context)
            try:
                context.run(close, chunks)
            finally:
                context.run(close_with_sources, self._source)
        except BaseException as error:
            self._closing_error = error
