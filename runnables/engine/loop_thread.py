"""An event loop in a thread of its own: of a worker in another process, or of a client.

One loop serves many calls from other threads, so that clients and their connections are kept from
one call to the next. Its end cancels what still runs, and waits for that, in its own thread.
"""

from __future__ import annotations

import threading
from concurrent import futures
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from runnables.engine.thread_calls import call_soon

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Coroutine
else:
    from runnables.engine import lazy_asyncio as asyncio

T = TypeVar("T")


class LoopThread:
    """A loop that starts with the first coroutine."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self._is_closed = False
        self._why = "the call was cancelled"
        self._calls: set[futures.Future[Any]] = set()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the loop, and wait for it; cancel it if the wait ends early.

        Raises:
            CancelledError: the loop was closed before, or meanwhile.
        """
        with self._lock:
            if self._is_closed:
                work.close()
                raise asyncio.CancelledError(self._why)
            future = asyncio.run_coroutine_threadsafe(work, self._started())
            self._calls.add(future)
        try:
            return future.result()
        except futures.CancelledError as error:  # another class than that of asyncio
            raise asyncio.CancelledError(self._why) from error
        except BaseException:
            future.cancel()
            raise
        finally:
            self._calls.discard(future)

    def loop(self) -> asyncio.AbstractEventLoop:
        """Return the loop, for `run_in_loop`; it starts where it is new.

        Raises:
            CancelledError: it was closed.
        """
        with self._lock:
            if self._is_closed:
                raise asyncio.CancelledError(self._why)
            return self._started()

    def _started(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:  # made here, so that a task that starts it waits for no thread
            self._over = asyncio.Event()
            self._loop = loop = asyncio.new_event_loop()
            serve = partial(self._serve, loop, self._over)
            name = "runnables-worker-loop"
            threading.Thread(target=serve, name=name, daemon=True).start()
        return self._loop

    def _serve(self, loop: asyncio.AbstractEventLoop, over: asyncio.Event) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: loop) as runner:
                try:
                    runner.run(over.wait())
                except BaseException as error:  # SystemExit of a coroutine, which ends any loop
                    self._end(f"a {type(error).__name__} has ended its loop: {error}")
        finally:
            for call in list(self._calls):
                call.cancel()

    def close(self) -> None:
        """End the loop, from any thread, and return at once."""
        self._end("the loop of this worker has ended")

    def _end(self, why: str) -> None:
        with self._lock:
            self._is_closed, self._why = True, why
            if self._loop is not None and self._over is not None:
                call_soon(self._loop, self._over.set)
