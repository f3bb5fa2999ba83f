"""A pool of daemon threads that run jobs, each thread one after another.

- A job starts at once: where no thread is idle, the pool starts a new one. The pool sets no limit
  on their number; the fan-outs, which have one, do.
- A thread ends when it was idle for some seconds. The pool needs no shutdown.
- The pool is not a `ThreadPoolExecutor`. Python joins the threads of one at exit, so a function
  that hangs after its call was cancelled would keep the whole program from ending.
- A forked child starts with an empty pool, because it has none of its parent's threads.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_IDLE_SECONDS: Final = 10.0


class _Worker:
    """A daemon thread that runs one job after another."""

    def __init__(self, job: Callable[[], None]) -> None:
        self._job: Callable[[], None] | None = job
        self._has_job = threading.Lock()
        self._has_job.acquire()
        threading.Thread(target=self._run, name="runnables-worker", daemon=True).start()

    def _run(self) -> None:
        while (job := self._job) is not None:
            self._job = None
            job()
            del job
            _idle.append(self)
            if not self._has_job.acquire(timeout=_IDLE_SECONDS):
                self._retire()

    def _retire(self) -> None:
        """Leave the pool, unless `run_in_worker` has just taken this worker for a job."""
        try:
            _idle.remove(self)
        except ValueError:  # it is taken, and its job is on the way
            self._has_job.acquire()

    def assign(self, job: Callable[[], None]) -> None:
        """Start a job in this idle thread."""
        self._job = job
        self._has_job.release()


_idle: deque[_Worker] = deque()


def run_in_worker(job: Callable[[], None]) -> None:
    """Start `job` in a worker thread, and return at once.

    Args:
        job: a function that does not raise. It does not see the caller's context variables; a job
            that needs them runs in a copy of the context that it brings itself.
    """
    try:
        worker = _idle.pop()
    except IndexError:
        _Worker(job)
    else:
        worker.assign(job)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)
