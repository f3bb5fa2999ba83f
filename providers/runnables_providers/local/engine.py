"""Loaded models, shared by everything in the process that asks for the same one.

An engine takes jobs and tells each, from whatever thread it runs in, what happens:

    start -> waiting -> running -> told what the model says, piece by piece -> End

`start` never blocks: fetching, loading and generating happen in worker threads.

A job waits here, not in the runtime, until there is room: so it can be cancelled meanwhile.
"""

from __future__ import annotations

import atexit
import copy
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

from runnables.engine.cancellation import cancelled_error
from runnables.engine.worker_pool import run_in_worker
from runnables.errors import ServerError
from runnables_providers.local.fetching import fetch
from runnables_providers.local.forks import enter_child, spare
from runnables_providers.local.runtime import Abilities, ModelSetup, Server, load
from runnables_providers.local.runtime_errors import as_model_error, refusal

Emit: TypeAlias = Callable[[Any], bool]
"""Passes on a piece of an answer. True asks the runtime to stop."""

Work: TypeAlias = Callable[[Server, Abilities, Emit], None]
"""What a job does once there is room; it calls `emit` with what the model says."""

_LEAVING_SECONDS: Final = 60.0
"""How long unloading waits for a step of the runtime, which nothing can interrupt."""

_POLL_SECONDS: Final = 0.002


@dataclass(frozen=True)
class End:
    """The last thing that a job tells.

    Attributes:
        error: why it did not come to its natural end.
    """

    error: BaseException | None = None


class Job:
    """One piece of work for an engine.

    Args:
        work: what it does.
        tell: called with each piece, and at last with an `End`, from any thread; must not block.
        alone: whether nothing else may run beside it. Together, the same numbers are added in
            another order, so that answers can come out slightly different.
    """

    def __init__(self, work: Work, tell: Callable[[Any], None], *, alone: bool = False) -> None:
        self.work = work
        self._tell = tell
        self.alone = alone
        self.stopped: BaseException | None = None
        """Why it is to stop, where it is."""

    def run(self, server: Server, abilities: Abilities) -> End:
        """Work until the end, or until it is stopped."""
        try:
            if self.stopped is None:
                self.work(server, abilities, self._emit)
        except BaseException as error:
            return End(self.stopped or as_model_error(error))
        return End(self.stopped)

    def _emit(self, piece: Any) -> bool:
        # The runtime swallows what is raised here, so nothing may be.
        if (error := refusal(piece)) is not None:
            self.stopped = self.stopped or error  # never back to None: see `Engine.cancel`
        return self.stopped is not None or not self.tell(piece)

    def tell(self, letter: Any) -> bool:
        """Tell a piece or the `End`; whether there is anybody left to be told."""
        try:
            self._tell(letter)
        except RuntimeError as error:  # the event loop of the listener is closed
            self.stopped = self.stopped or error
            return False
        return True


class Engine:
    """A model that is loaded when the first job comes.

    Args:
        setup: which model, and how it is loaded.
        opener: loads it, given a question that says whether nobody wants it any more.
    """

    def __init__(
        self, setup: ModelSetup, opener: Callable[[Callable[[], bool]], tuple[Server, Abilities]]
    ) -> None:
        self.setup = setup
        self._opener = opener
        self._reset()

    def _reset(self) -> None:
        self._changed = threading.Condition()  # guards everything below
        self._waiting: deque[Job] = deque()
        self._running: set[Job] = set()
        self._settling: set[Job] = set()
        self._loaded: tuple[Server, Abilities] | None = None
        self._loading = False
        self._given_up = False  # whether loading ended because nobody waited for it
        self._closed = False

    # -- jobs

    def start(self, job: Job) -> None:
        """Take a job, and begin it as soon as there is room; first come, first served."""
        with self._changed:
            closed = self._closed
            if not closed:
                self._waiting.append(job)
        if closed:
            job.tell(End(_unloaded()))
        else:
            self._advance()

    def cancel(self, job: Job, reason: BaseException | None = None) -> None:
        """Stop a job: at once where it waits, else after the step that the runtime is in.

        Its `End` carries the reason.
        """
        why = reason or cancelled_error()("the call was given up")
        with self._changed:
            job.stopped = job.stopped or why
            waits = job in self._waiting
            if waits:
                self._waiting.remove(job)
        if waits:
            job.tell(End(why))
            self._advance()  # it may have stood in the way of others

    def _advance(self) -> None:
        """Begin what can be begun."""
        with self._changed:
            if self._loaded is None:
                if self._waiting and not self._loading:
                    self._loading = True
                    run_in_worker(self._load)
                return
            while self._waiting and self._has_room(self._waiting[0]):
                job = self._waiting.popleft()
                self._running.add(job)
                run_in_worker(partial(self._run, job))

    def _has_room(self, job: Job) -> bool:
        if not self._running:
            return True
        if job.alone or any(other.alone for other in self._running):
            return False
        return len(self._running) < self.setup.parallel

    def _run(self, job: Job) -> None:
        assert self._loaded is not None
        end = job.run(*self._loaded)
        if end.error is not None:
            self._settle(job)
        with self._changed:
            self._running.discard(job)
            self._changed.notify_all()
        self._advance()
        job.tell(end)

    def _settle(self, job: Job) -> None:
        """Wait until the runtime has left a job that was stopped: it ends the step that it is in.

        Otherwise that step would run on after the call, and beside a job that must be alone.
        """
        self._settling.add(job)
        until = time.monotonic() + _LEAVING_SECONDS
        while self._in_runtime() > len(self._running - self._settling):
            if time.monotonic() > until:
                break
            time.sleep(_POLL_SECONDS)
        self._settling.discard(job)

    def _in_runtime(self) -> float:
        return self.metrics().get("requests_processing", 0)

    # -- loading and unloading

    def _load(self) -> None:
        error: BaseException | None = None
        try:
            # Straight into its place: no other reference may outlive `close`.
            self._loaded = self._opener(self._nobody_waits)
        except BaseException as raised:
            error = raised
        with self._changed:
            self._loading = False
            # After giving up, who came meanwhile has it loaded again.
            failed = list(self._waiting) if error and not self._given_up else []
            self._waiting = deque() if failed else self._waiting
            self._changed.notify_all()
        for job in failed:
            job.tell(End(_again(error)))
        self._advance()

    def _nobody_waits(self) -> bool:
        self._given_up = not self._waiting
        return self._given_up

    def close(self, reason: BaseException | None = None) -> None:
        """Stop all jobs, wait until they are over, and give the memory back."""
        with self._changed:
            self._closed = True
            jobs = [*self._waiting, *self._running]
        for job in jobs:
            self.cancel(job, reason or _unloaded())
        with self._changed:
            self._changed.wait_for(
                lambda: not self._running and not self._loading, _LEAVING_SECONDS
            )
            self._drop()

    def _drop(self) -> None:
        if self._loaded is not None:
            spare(self._loaded[0])
        self._loaded = None  # which, where nobody is to be spared, ends the threads of the runtime

    def abandon(self) -> None:
        """In a child process, forget what only the parent has: threads, and jobs of threads."""
        jobs = [*self._waiting, *self._running]
        self._drop()
        self._reset()
        for job in jobs:
            job.tell(End(_forked()))

    # -- looking inside

    @property
    def is_loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._loaded is not None

    def calls(self) -> int:
        """How many jobs are at work."""
        return len(self._running)

    def metrics(self) -> Mapping[str, float]:
        """The counters of the runtime, such as `requests_processing`; none before it is loaded."""
        if self._loaded is None:
            return {}
        text = self._loaded[0].handle_metrics()
        return {name: float(value) for name, value in _METRIC.findall(text)}


_METRIC: Final = re.compile(r"^llamacpp:(\w+) (\S+)$", re.MULTILINE)


def _unloaded() -> ServerError:
    return ServerError("The model was unloaded while it was at work.", provider="local")


def _forked() -> ServerError:
    return ServerError(
        "This call belongs to the parent process. In a forked child, call the model again.",
        provider="local",
    )


def _again(error: BaseException | None) -> BaseException | None:
    """A copy for each who is told, because each adds notes of their own."""
    if error is None:
        return None
    copied = copy.copy(error)
    copied.__cause__ = error.__cause__
    return copied.with_traceback(error.__traceback__)


# -- one engine for each setup


_engines: Final[dict[ModelSetup, Engine]] = {}
_guard = threading.Lock()


def engine(setup: ModelSetup) -> Engine:
    """The engine of this process for a setup; it stays until `unload`, or the exit."""
    with _guard:
        if setup not in _engines:
            _engines[setup] = Engine(setup, partial(_open, setup))
        return _engines[setup]


def _open(setup: ModelSetup, given_up: Callable[[], bool]) -> tuple[Server, Abilities]:
    path = fetch(given_up=given_up) if setup.path is None else Path(setup.path).expanduser()
    return load(setup, path)


def unload() -> None:
    """Give back the memory of all loaded models. The next call of a model loads it again.

    Calls that are at work end with a ServerError.
    """
    _close_all()


def _close_all(reason: BaseException | None = None) -> None:
    with _guard:
        engines = list(_engines.values())
        _engines.clear()
    for it in engines:
        it.close(reason)


# Left to itself, a generation under way at the exit crashes the process: its thread would come
# back from the runtime into an interpreter that is gone. Threads that wait for it end with
# SystemExit, of which nothing is printed.
atexit.register(_close_all, SystemExit("the process ends"))


def _forget_parent() -> None:
    global _guard
    _guard = threading.Lock()
    enter_child()
    for it in _engines.values():
        it.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)
