"""Threads and tasks: slots, worker threads, bounded fan-out. (The other file that knows: streams.)

**Theory of operation.** A limit of n means n *controls* below one call: each runs one leaf call
at a time, so at most n leaf calls are in flight, however deep the nesting. A control that fans
out borrows spare slots for helpers. Where none is spare, it does the work itself, one item after
another, in the slot that it stands in. Nobody waits for a slot, so nothing can deadlock. Who
gives a slot back offers it to those who still have work.

A task that fans out only waits, so its own slot goes to its first item. A thread that fans out
works in its own slot, or threads would outnumber slots. One exception: the call that opens
the limit, in a thread of the user's, waits and lends its slot to a worker thread, so that it can
fail, time out or be interrupted at once.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import os
import threading
import time
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

from runnables.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Iterator

T = TypeVar("T")
R = TypeVar("R")

Cancelled = asyncio.CancelledError
"""What a cancelled call raises, in both colours; a BaseException, never a value."""

DEFAULT_LIMIT: Final = 32
"""Slots below a call that says nothing of `max_concurrency`."""

GRACE: Final = 0.1
"""Seconds that a failing or closing call gives its threads to notice before it leaves them."""

CLOSING_GRACE: Final = 1.0
"""The same for a stream that is left: its threads may be in the midst of a chunk."""

DONE: Final = object()
"""A result that stands for none: everything was delivered on the way."""

_IDLE_SECONDS: Final = 10.0


# --- stopping ---------------------------------------------------------------------------------


class Stop:
    """A cooperative signal: set once, seen by everything below, callbacks called at once."""

    __slots__ = ("__weakref__", "_callbacks", "_parent", "is_set")

    def __init__(self, parent: Stop | None = None) -> None:
        self.is_set = False
        self._callbacks: dict[object, Callable[[], None]] = {}
        self._parent = parent
        if parent is not None:
            parent.add(self, self.set)

    def add(self, key: object, callback: Callable[[], None]) -> None:
        """Call `callback` when the signal is set: now, where it already is."""
        with _lock:
            if not self.is_set:
                self._callbacks[key] = callback
                return
        callback()

    def discard(self, key: object) -> None:
        """Forget the callback that was added under this key."""
        with _lock:
            self._callbacks.pop(key, None)

    def set(self) -> None:
        """Give the signal; the second time does nothing."""
        with _lock:
            callbacks = [] if self.is_set else list(self._callbacks.values())
            self.is_set = True
            self._callbacks.clear()
        for callback in callbacks:
            callback()

    def release(self) -> None:
        """Let go of the parent: the call is over."""
        if self._parent is not None:
            self._parent.discard(self)


_lock = threading.RLock()  # one for all slots and signals: chains of them change together
_stop: contextvars.ContextVar[Stop | None] = contextvars.ContextVar("runnables_stop", default=None)
_home: contextvars.ContextVar[asyncio.AbstractEventLoop | None] = contextvars.ContextVar(
    "runnables_home", default=None
)  # in a worker thread: the loop that waits for it


def cancelled() -> bool:
    """Whether the call around this code was given up, so that its result is of no use.

    For long sync functions: a thread cannot be stopped from outside, but it can ask.
    """
    stop = _stop.get()
    return stop is not None and stop.is_set


def check_stop() -> None:
    """Raise `Cancelled` where the call around this code was given up."""
    stop = _stop.get()
    if stop is not None and stop.is_set:
        raise Cancelled("the call around this one was given up")


@contextmanager
def on_stop(callback: Callable[[], None]) -> Generator[None, None, None]:
    """While in this block, call `callback` (from any thread) when the call is given up.

    For providers: a blocking wait inside the block can be ended from the callback.
    """
    stop = _stop.get()
    if stop is None:
        yield
        return
    key = object()
    stop.add(key, callback)
    try:
        yield
    finally:
        stop.discard(key)


# --- slots ------------------------------------------------------------------------------------


class _Hungry(Protocol):
    def grow(self) -> None: ...


class Slots:
    """How many controls may run at once below one call; its opener stands in the first.

    Args:
        limit: at least 1.
        parent: the slots of the call around it, which a borrowed slot also counts against.
    """

    def __init__(self, limit: int, parent: Slots | None = None) -> None:
        if type(limit) is not int or limit < 1:
            raise ConfigError(f"max_concurrency={limit!r}: expected a whole number of at least 1")
        self.limit = limit
        self.parent = parent
        self.hungry: dict[_Hungry, Slots] = {} if parent is None else parent.hungry
        self._spare = limit - 1

    def borrow(self) -> bool:
        """Take a spare slot here and in every call around; False where one has none."""
        with _lock:
            chain = list(self._chain())
            if any(slots._spare < 1 for slots in chain):
                return False
            for slots in chain:
                slots._spare -= 1
            return True

    def give_back(self) -> None:
        """Return a borrowed slot, and offer it to those who still have work."""
        with _lock:
            for slots in self._chain():
                slots._spare += 1
            eager = [it for it, slots in list(self.hungry.items()) if slots.borrow()]
        for fan_out in eager:
            fan_out.grow()

    def _chain(self) -> Iterator[Slots]:
        slots: Slots | None = self
        while slots is not None:
            yield slots
            slots = slots.parent


# --- worker threads ---------------------------------------------------------------------------


class _Worker:
    """A daemon thread that runs one job after another, and ends when it was idle for a while.

    Daemon, and not of a ThreadPoolExecutor, whose threads are joined at exit: a function that
    hangs after its call was given up would keep the whole program from ending.
    """

    def __init__(self, job: Callable[[], None]) -> None:
        self._job: Callable[[], None] | None = job
        self._ready = threading.Lock()
        self._ready.acquire()
        threading.Thread(target=self._run, name="runnables-worker", daemon=True).start()

    def _run(self) -> None:
        while (job := self._job) is not None:
            self._job = None
            job()
            del job
            _idle.append(self)
            if not self._ready.acquire(timeout=_IDLE_SECONDS):
                self._leave()

    def _leave(self) -> None:
        try:
            _idle.remove(self)
        except ValueError:  # somebody took this worker just now: its job is on the way
            self._ready.acquire()

    def give(self, job: Callable[[], None]) -> None:
        self._job = job
        self._ready.release()


_idle: deque[_Worker] = deque()


def in_worker(job: Callable[[], None]) -> None:
    """Run `job`, which must not raise, in a worker thread, in the context it brings itself."""
    try:
        worker = _idle.pop()
    except IndexError:
        _Worker(job)
    else:
        worker.give(job)


def _after_fork() -> None:
    """A forked child has none of its parent's threads, and maybe a lock that nobody will free."""
    global _lock
    _lock = threading.RLock()
    _idle.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


async def hop(function: Callable[..., R], *args: Any) -> R:
    """Run a blocking function in a worker thread, with the caller's context variables.

    What the function sets in context variables is seen by the caller afterwards, as if it had
    run in place. When the caller is cancelled, the thread gets the signal and is left alone.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[R] = loop.create_future()
    context = contextvars.copy_context()
    stop = Stop(_stop.get())
    context.run(_stop.set, stop)
    context.run(_home.set, loop)

    def job() -> None:
        try:
            result = context.run(function, *args)
        except BaseException as error:
            _tell(loop, _settle, done, None, error)
        else:
            _tell(loop, _settle, done, result, None)

    in_worker(job)
    try:
        return await done
    except asyncio.CancelledError:
        stop.set()
        raise
    finally:
        stop.release()
        if done.done():
            _adopt(context)


def _tell(loop: asyncio.AbstractEventLoop, function: Callable[..., object], *args: Any) -> None:
    try:
        loop.call_soon_threadsafe(function, *args)
    except RuntimeError:  # the loop was closed meanwhile: nobody is left to be told
        if not loop.is_closed():
            raise


def _settle(done: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(result)
    elif isinstance(error, StopIteration):  # a future refuses it
        done.set_exception(RuntimeError(f"a function raised StopIteration: {error}"))
    else:
        done.set_exception(error)


def _adopt(context: contextvars.Context) -> None:
    """Take over what a function set in its copy of our context."""
    for variable, value in context.items():
        if variable is not _stop and variable is not _home and variable.get(_MISSING) is not value:
            variable.set(value)


_MISSING: Final = object()


def _cancel(future: concurrent.futures.Future[Any]) -> None:
    future.cancel()


def has_home() -> bool:
    """Whether this is a worker thread in which `at_home` can be called."""
    return _home.get() is not None and asyncio._get_running_loop() is None


def at_home(work: Coroutine[Any, Any, R]) -> R:
    """From a worker thread: have the loop that waits for this thread run a coroutine.

    Raises:
        Cancelled: the call was given up meanwhile.
    """
    loop = _home.get()
    assert loop is not None, "at_home outside of a worker thread"
    done = asyncio.run_coroutine_threadsafe(work, loop)
    with on_stop(lambda: _cancel(done)):
        try:
            return done.result()
        except concurrent.futures.CancelledError:
            raise Cancelled("the call around this one was given up") from None


class Expired(Exception):
    """The time that a piece of work was given is over. (A TimeoutError may be the work's own.)"""


def run_with_timeout(function: Callable[[], R], seconds: float) -> R:
    """Run a function in a worker thread, wait for it at most so long.

    The thread gets the signal when the wait is over, for whatever reason, and is left alone.

    Raises:
        Expired: it took longer.
    """
    done = threading.Event()
    stop = Stop(_stop.get())
    context = contextvars.copy_context()
    context.run(_stop.set, stop)
    outcome: list[R] = []
    failure: list[BaseException] = []

    def job() -> None:
        try:
            outcome.append(context.run(function))
        except BaseException as error:
            failure.append(error)
        finally:
            done.set()

    in_worker(job)
    try:
        if not done.wait(seconds):
            raise Expired
    finally:
        if not done.is_set():
            stop.set()
        stop.release()
    if failure:
        raise failure[0]
    _adopt(context)
    return outcome[0]


async def arun_with_timeout(function: Callable[[], Awaitable[R]], seconds: float) -> R:
    """Await what a function gives, at most so long; Expired afterwards."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await function()
    except TimeoutError:
        if limit.expired():
            raise Expired from None
        raise


def nap(seconds: float) -> None:
    """Sleep, unless the call around this one is given up meanwhile; then raise `Cancelled`."""
    given_up = threading.Event()
    with on_stop(given_up.set):
        given_up.wait(seconds)
    check_stop()


async def anap(seconds: float) -> None:
    """Sleep, without blocking the loop."""
    await asyncio.sleep(seconds)


# --- fan-out ----------------------------------------------------------------------------------


class _Items:
    """The items of one fan-out, numbered, pulled one at a time by whoever has a slot."""

    def __init__(self, items: Iterator[Any]) -> None:
        self._items = items
        self._index = 0
        self.over = False

    def take(self) -> tuple[int, Any] | None:
        if self.over:
            return None
        try:
            item = next(self._items)
        except StopIteration:
            self.over = True
            return None
        except BaseException:
            self.over = True
            raise
        self._index += 1
        return self._index - 1, item


class ThreadFanOut:
    """Runs `work(index, item)` for every item, in threads, within the slots.

    Every item runs in its own copy of the context. The first failure stops the rest.

    Args:
        work: what to do with an item.
        items: pulled as slots get free, never ahead of them.
        slots: where helpers come from.
        lend: whether the caller only waits, so that its own slot goes to a worker.
        room: how many outcomes may lie about before workers wait for the consumer; None: all.
        run_here: how the consumer does an item itself, outcome by outcome, where no worker is to
            be had; without it, it calls `work`.
        grace: seconds that threads get to notice that nobody wants them any more.
        apart: whether the work must not be done in the consumer's own thread.
    """

    def __init__(
        self,
        work: Callable[[int, Any], Any],
        items: Iterator[Any],
        slots: Slots,
        *,
        lend: bool,
        room: int | None = None,
        run_here: Callable[[int, Any], Iterator[tuple[Any, Any]]] | None = None,
        grace: float = GRACE,
        apart: bool = False,
    ) -> None:
        self._work = work
        self._run_here = run_here or self._work_here
        self._grace = grace
        self._apart = apart
        self._items = _Items(items)
        self._slots = slots
        self._lend = lend
        self._room = room
        self._changed = threading.Condition(threading.Lock())
        self._pulling = threading.Lock()
        self._outcomes: deque[tuple[Any, Any]] = deque()
        self._workers = 0
        self._failure: BaseException | None = None
        self._over = False
        self._stop = Stop(_stop.get())
        self._context = contextvars.copy_context()
        self._context.run(_stop.set, self._stop)

    # -- the caller's side

    def run(self, most: int | None) -> list[Any]:
        """Do all the work; the results in the order of the items."""
        try:
            self._hire(most)
            if not (self._lend and self._workers):
                self._labour()
            self._wait_for_workers()
        finally:
            self._leave()
        if self._failure is not None:
            raise self._failure
        return [result for _, result in sorted(self._outcomes, key=_index_of)]

    def as_completed(self, most: int | None) -> Iterator[tuple[Any, Any]]:
        """Do the work as the consumer asks for results; pairs of index and result."""
        try:
            self._hire(most)
            while True:
                ready, alone = self._ready()
                if ready:
                    yield from ready
                elif alone:
                    taken = self._take()
                    if taken is None:
                        break
                    yield from _in_context(self._context.copy(), self._run_here(*taken))
                elif self._finished():
                    break
            if self._failure is not None:
                raise self._failure
        finally:
            self._leave()

    def _hire(self, most: int | None) -> None:
        wanted = self._slots.limit if most is None else min(most, self._slots.limit)
        if wanted <= 1 and not self._apart:
            return
        if self._lend:
            self._spawn(lent=True)
        hired = 1
        while hired < wanted and self._slots.borrow():
            self._spawn()
            hired += 1
        if most is None or hired < most:
            with _lock:
                self._slots.hungry[self] = self._slots

    def _work_here(self, index: int, item: Any) -> Iterator[tuple[Any, Any]]:
        yield index, self._work(index, item)

    def _ready(self) -> tuple[list[tuple[Any, Any]], bool]:
        """What is there to hand out, having waited for it, and whether there are no workers."""
        with self._changed:
            while not self._outcomes and self._workers and self._failure is None:
                self._changed.wait()
            ready = list(self._outcomes)
            self._outcomes.clear()
            if ready and self._room is not None:
                self._changed.notify_all()
            return ready, not self._workers and self._failure is None

    def _finished(self) -> bool:
        with self._changed:
            return self._failure is not None or not (self._workers or self._outcomes)

    def _wait_for_workers(self) -> None:
        with self._changed:
            while self._workers and self._failure is None:
                self._changed.wait()

    def _leave(self) -> None:
        """Nothing new starts; whoever works is told to stop and given a moment to do so."""
        with _lock:
            self._slots.hungry.pop(self, None)
        with self._changed:
            self._over = True
            self._changed.notify_all()
            running = self._workers > 0
        if running:
            self._stop.set()
            until = time.monotonic() + self._grace
            with self._changed:
                while self._workers and (left := until - time.monotonic()) > 0:
                    self._changed.wait(left)
        self._stop.release()

    # -- the workers' side

    def grow(self) -> None:
        """Another slot was borrowed for us: put a worker into it, or give it back."""
        if self._over or self._items.over:
            with _lock:
                self._slots.hungry.pop(self, None)
            self._slots.give_back()
        else:
            self._spawn()

    def _spawn(self, lent: bool = False) -> None:
        with self._changed:
            self._workers += 1
        in_worker(self._work_lent if lent else self._work_borrowed)

    def _work_lent(self) -> None:
        self._labour()
        self._clock_out()

    def _work_borrowed(self) -> None:
        self._labour()
        self._slots.give_back()
        self._clock_out()

    def _clock_out(self) -> None:
        with self._changed:
            self._workers -= 1
            self._changed.notify_all()

    def _labour(self) -> None:
        while self._one():
            pass

    def _one(self) -> bool:
        """Do one item; False where there is none left, or nobody wants it any more."""
        try:
            taken = self._take()
            if taken is None:
                return False
            result = self._context.copy().run(self._work, *taken)
            if result is not DONE:
                self.deliver(taken[0], result)
        except BaseException as error:
            self._fail(error)
            return False
        return True

    def _take(self) -> tuple[int, Any] | None:
        with self._pulling:
            return None if self._over or self._failure else self._items.take()

    def deliver(self, key: Any, outcome: Any) -> None:
        """Hand an outcome to the consumer, once there is room; Cancelled where it has left."""
        with self._changed:
            while self._room is not None and len(self._outcomes) >= self._room and not self._over:
                self._changed.wait()
            if self._over and self._room is not None:
                raise Cancelled("the consumer has left")
            self._outcomes.append((key, outcome))
            if len(self._outcomes) == 1 and self._room is not None:
                self._changed.notify_all()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            if self._failure is None and not self._over:
                self._failure = error
            self._changed.notify_all()


def _in_context(context: contextvars.Context, chunks: Iterator[T]) -> Iterator[T]:
    """Drive a generator inside a context of its own."""
    try:
        while (chunk := context.run(next, chunks, _MISSING)) is not _MISSING:
            yield cast("T", chunk)
    finally:
        closer = getattr(chunks, "close", None)
        if closer is not None:
            context.run(closer)


class TaskFanOut:
    """Runs `await work(index, item)` for every item, in tasks, within the slots.

    As `ThreadFanOut`, but the caller's task only waits, so its own slot is always lent, and
    every task is cancelled and awaited before a call returns.
    """

    def __init__(
        self,
        work: Callable[[int, Any], Coroutine[Any, Any, Any]],
        items: Iterator[Any],
        slots: Slots,
        *,
        room: int | None = None,
    ) -> None:
        self._work = work
        self._items = _Items(items)
        self._slots = slots
        self._room = room
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._wake: asyncio.Future[None] | None = None
        self._outcomes: deque[tuple[Any, Any]] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()  # who has an outcome and no room
        self._tasks: dict[asyncio.Task[Any], int] = {}
        self._parked = 0  # slots that wait for the consumer to take outcomes
        self._borrowed = 0  # slots besides our own
        self._failure: BaseException | None = None
        self._over = False
        self._stop = Stop(_stop.get())
        self._context = contextvars.copy_context()
        self._context.run(_stop.set, self._stop)

    # -- the caller's side

    async def run(self, most: int | None) -> list[Any]:
        """Do all the work; the results in the order of the items."""
        try:
            self._hire(most)
            while self._tasks and self._failure is None:
                await self._sleep()
        finally:
            await self._leave()
        if self._failure is not None:
            raise self._failure
        return [result for _, result in sorted(self._outcomes, key=_index_of)]

    async def as_completed(self, most: int | None) -> AsyncGenerator[tuple[Any, Any], None]:
        """Do the work as the consumer asks for results; pairs of index and result."""
        try:
            self._hire(most)
            while self._failure is None:
                while self._outcomes:
                    outcome = self._outcomes.popleft()
                    self._unpark()
                    yield outcome
                if not (self._tasks or self._parked):
                    break
                if not self._has_news():
                    await self._sleep()
            if self._failure is not None:
                raise self._failure
        finally:
            await self._leave()

    def _has_news(self) -> bool:
        return self._failure is not None or bool(self._outcomes)

    def _hire(self, most: int | None) -> None:
        wanted = self._slots.limit if most is None else min(most, self._slots.limit)
        if not self._start():
            return
        hired = 1
        while hired < wanted and self._slots.borrow():
            hired += 1
            self._borrowed += 1
            if not self._start():
                self._free()
                return
        if most is None or hired < most:
            with _lock:
                self._slots.hungry[self] = self._slots

    async def _sleep(self) -> None:
        self._wake = self._loop.create_future()
        try:
            await self._wake
        finally:
            self._wake = None

    async def _leave(self) -> None:
        """Cancel what still runs, and wait for it, whatever happens meanwhile."""
        self._over = True
        with _lock:
            self._slots.hungry.pop(self, None)
        while self._parked:
            self._parked -= 1
            self._free()
        if self._tasks:
            self._stop.set()
            await cancel_all(self._tasks)
        self._stop.release()

    # -- the workers' side

    def grow(self) -> None:
        """Another slot was borrowed for us, maybe in another thread."""
        if threading.get_ident() == self._thread:
            self._loop.call_soon(self._grow)
        else:
            try:
                self._loop.call_soon_threadsafe(self._grow)
            except RuntimeError:
                self._slots.give_back()

    def _grow(self) -> None:
        self._borrowed += 1
        if not self._start():
            self._free()

    def _start(self) -> bool:
        """Put a task for the next item into a slot that we hold; False where there is none."""
        if self._over or self._failure is not None:
            return False
        try:
            taken = self._items.take()
        except BaseException as error:
            self._fail(error)
            return False
        if taken is None:
            with _lock:
                self._slots.hungry.pop(self, None)
            return False
        context = self._context.copy()
        task = self._loop.create_task(self._work(*taken), context=context)
        self._tasks[task] = taken[0]
        task.add_done_callback(self._done)
        return True

    def _done(self, task: asyncio.Task[Any]) -> None:
        index = self._tasks.pop(task)
        if task.cancelled():
            self._fail(asyncio.CancelledError("an item was cancelled"))
        elif (error := task.exception()) is not None:
            self._fail(error)
        elif (result := task.result()) is not DONE:
            self._outcomes.append((index, result))
        if self._room is not None and len(self._outcomes) >= self._room and not self._over:
            self._parked += 1
        elif not self._start():
            self._free()
        self._rouse(always=self._room is not None)

    async def deliver(self, key: Any, outcome: Any) -> None:
        """Hand an outcome to the consumer, once there is room."""
        while self._room is not None and len(self._outcomes) >= self._room:
            room = self._loop.create_future()
            self._waiting.append(room)
            await room
        self._outcomes.append((key, outcome))
        self._rouse(always=True)

    def _unpark(self) -> None:
        while self._waiting:
            room = self._waiting.popleft()
            if not room.done():
                room.set_result(None)
                break
        if self._parked:
            self._parked -= 1
            if not self._start():
                self._free()

    def _free(self) -> None:
        """We have no work for one of our slots: it goes back, unless it is our own."""
        if self._borrowed:
            self._borrowed -= 1
            self._slots.give_back()

    def _fail(self, error: BaseException) -> None:
        if self._failure is None and not self._over:
            self._failure = error
            self._rouse(always=True)

    def _rouse(self, always: bool) -> None:
        wake = self._wake
        if wake is not None and not wake.done() and (always or not self._tasks):
            wake.set_result(None)


def _index_of(outcome: tuple[int, Any]) -> int:
    return outcome[0]


async def cancel_all(tasks: dict[asyncio.Task[Any], int]) -> None:
    """Cancel tasks and wait until they are gone; a cancellation meanwhile is passed on after."""
    interrupted: asyncio.CancelledError | None = None
    waiting = set(tasks)
    for task in waiting:
        task.cancel()
    while waiting:
        try:
            _, waiting = await asyncio.wait(waiting)
        except asyncio.CancelledError as error:
            interrupted = error
    if interrupted is not None:
        raise interrupted
