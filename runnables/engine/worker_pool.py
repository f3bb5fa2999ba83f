"""A pool of daemon threads that run jobs, each thread one after another.

- A job starts at once: where no thread is idle, the pool starts a new one. The pool sets no limit
  on their number; the fan-outs, which have one, do.
- Where no thread can be had, the caller does the job itself: the system refuses more threads, or
  the interpreter ends and runs no thread but one.
- A thread ends when it was idle for some seconds. The pool needs no shutdown.
- The pool is not a `ThreadPoolExecutor`. Python joins the threads of one at exit, so a function
  that hangs after its call was cancelled would keep the whole program from ending.
- A forked child starts with an empty pool, because it has none of its parent's threads.
- Nothing here waits for a lock, so finalisers and signal handlers may start jobs.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable

_IDLE_SECONDS: Final = 10.0


class _Worker:
    """A daemon thread that runs one job after another.

    Raises:
        RuntimeError: the system, or a Python that is ending, starts no more threads.
    """

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
        """Leave the pool, unless `try_in_worker` has just taken this worker for a job."""
        try:
            _idle.remove(self)
        except ValueError:  # it is taken, and its job is on the way
            self._has_job.acquire()

    def assign(self, job: Callable[[], None]) -> None:
        """Start a job in this idle thread."""
        self._job = job
        self._has_job.release()


_idle: deque[_Worker] = deque()


def try_in_worker(job: Callable[[], None]) -> bool:
    """Start `job` in a worker thread and return at once; return False where no thread can be had.

    Args:
        job: a function that does not raise. It does not see the caller's context variables; a job
            that needs them runs in a copy of the context that it brings itself.
    """
    if sys.is_finalizing() or _is_starting_a_thread():
        return False
    try:
        worker = _idle.pop()
    except IndexError:
        try:
            _Worker(job)
        except RuntimeError:
            return False
    else:
        worker.assign(job)
    return True


def run_in_worker(job: Callable[[], None]) -> None:
    """Start `job` in a worker thread and return at once; do it here where no thread can be had."""
    if not try_in_worker(job):
        job()


def _is_starting_a_thread() -> bool:
    """Tell whether this is a signal handler or a finaliser within the start of another thread.

    It is in a lock of `threading` without which no thread starts, so who waits for one would hang.
    """
    registry_lock: Any = getattr(threading, "_active_limbo_lock", None)  # private: may be missing
    return registry_lock is not None and cast("bool", registry_lock._is_owned())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)
