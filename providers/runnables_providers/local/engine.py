"""Loaded models, shared by all models of the process with the same setup.

An engine takes jobs, and sends the events of each to its consumer, from any thread:

    start -> waiting -> running: events of the runtime, in order -> End, exactly once
                ^          |
                +- paused <+   where the consumer does not read; others run meanwhile

- `start` never blocks: fetching, loading and generating happen in worker threads.
- Jobs start in the order in which they came, at most `parallel` at a time.
- A job waits here, not in the runtime, until it can start: so it can be cancelled meanwhile.
- A running job that is cancelled ends after the step that the runtime is in; its `End` comes only
  when the runtime has left the job.
- `_changed` guards the state. No event is sent while it is held.
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
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

from runnables.engine.cancellation import cancelled_error
from runnables.engine.worker_pool import run_in_worker
from runnables.errors import ServerError
from runnables_providers.local.embedding_models import find_model, forget
from runnables_providers.local.fetching import fetch
from runnables_providers.local.forks import enter_child, spare
from runnables_providers.local.runtime import Abilities, ModelSetup, Server, load
from runnables_providers.local.runtime_errors import as_model_error, error_in

Emit: TypeAlias = Callable[[Any], bool]
"""Passes on an event of the runtime. True asks the runtime to stop."""

Work: TypeAlias = Callable[[Server, Abilities, Emit], None]
"""What a job does once it starts; it calls `emit` with the events of the runtime."""

_SHUTDOWN_SECONDS: Final = 60.0
"""How long unloading waits for a step of the runtime, which nothing can interrupt."""

_POLL_SECONDS: Final = 0.002


@dataclass(frozen=True)
class End:
    """The last event of a job.

    Attributes:
        error: why the job ended early; None where it ended by itself.
    """

    error: BaseException | None = None


class Job:
    """A job for an engine.

    Args:
        work: what it does.
        on_event: called with each event, and at last with an `End`, from any thread; must not
            block. A RuntimeError of it means that the event loop of the consumer is closed.
        exclusive: whether no other job may run at the same time. With others, the same numbers are
            added in another order, so that answers can differ slightly.
        pauses_after: receives each event that was sent; if it returns True, the job pauses, and its
            work is called again later.
        has_reader: tells whether a paused job can go on, since the consumer has read.
    """

    def __init__(
        self,
        work: Work,
        on_event: Callable[[Any], None],
        *,
        exclusive: bool = False,
        pauses_after: Callable[[Any], bool] | None = None,
        has_reader: Callable[[], bool] | None = None,
    ) -> None:
        self.work = work
        self._on_event = on_event
        self.exclusive = exclusive
        self._pauses_after = pauses_after
        self.has_reader = has_reader or (lambda: True)
        self.ended = False
        """Whether its `End` was sent."""
        self.paused = False
        """Whether it stops, or has stopped, until the consumer reads on."""
        self.stopped: BaseException | None = None
        """Why the job has to stop; None while it has not."""

    def run(self, server: Server, abilities: Abilities) -> End | None:
        """Work until the end, or until the job is stopped; None where it paused."""
        self.paused = False
        try:
            if self.stopped is None:
                self.work(server, abilities, self._emit)
        except BaseException as error:
            return End(self.stopped or as_model_error(error))
        return None if self.paused and self.stopped is None else End(self.stopped)

    def _emit(self, event: Any) -> bool:
        # The runtime swallows errors of this method, so it must not raise.
        if (error := error_in(event)) is not None:
            self.stopped = self.stopped or error  # never back to None: see `Engine.cancel`
        if self.stopped is not None or not self.send(event):
            return True
        self.paused = self._pauses_after is not None and self._pauses_after(event)
        return self.paused

    def send(self, event: Any) -> bool:
        """Send an event, or the `End`; tell whether the consumer could receive it."""
        self.ended = isinstance(event, End)
        try:
            self._on_event(event)
        except RuntimeError as error:  # the event loop of the consumer is closed
            self.stopped = self.stopped or error
            return False
        return True


class Engine:
    """A model that is loaded when the first job comes.

    Args:
        setup: which model, and how it is loaded.
        opener: loads it; its argument is a function that tells whether no job waits any more.
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
        self._paused: set[Job] = set()
        self._loaded: tuple[Server, Abilities] | None = None
        self._loading = False
        self._given_up = False  # whether loading ended because no job waited for it
        self._closed = False

    # -- jobs

    def start(self, job: Job) -> None:
        """Take a job, and start it as soon as it can run; first come, first served."""
        with self._changed:
            closed = self._closed
            if not closed:
                self._waiting.append(job)
        if closed:
            job.send(End(_unloaded()))
        else:
            self._advance()

    def cancel(self, job: Job, reason: BaseException | None = None) -> None:
        """Stop a job: at once where it waits, else after the step that the runtime is in.

        Its `End` has the reason.
        """
        error = reason or cancelled_error()("the call was given up")
        with self._changed:
            job.stopped = job.stopped or error
            is_waiting = job in self._waiting or job in self._paused
            if job in self._waiting:
                self._waiting.remove(job)
            self._paused.discard(job)
        if is_waiting:
            job.send(End(error))
            self._advance()  # others may have waited for it

    def resume(self, job: Job) -> None:
        """Let a paused job go on as soon as it can run, after those that wait already.

        One that is about to pause asks by itself whether the consumer has read.
        """
        with self._changed:
            is_paused = job in self._paused
            if is_paused:
                self._paused.remove(job)
                self._waiting.append(job)
        if is_paused:
            self._advance()

    def _advance(self) -> None:
        """Start the jobs that can run, or load the model."""
        with self._changed:
            if self._loaded is None:
                if self._waiting and not self._loading:
                    self._loading = True
                    run_in_worker(self._load)
                return
            while self._waiting and self._can_run(self._waiting[0]):
                job = self._waiting.popleft()
                self._running.add(job)
                run_in_worker(partial(self._run, job))

    def _can_run(self, job: Job) -> bool:
        if not self._running:
            return True
        if job.exclusive or any(other.exclusive for other in self._running):
            return False
        return len(self._running) < self.setup.parallel

    def _run(self, job: Job) -> None:
        assert self._loaded is not None
        end = job.run(*self._loaded)
        if end is None or end.error is not None:
            self._settle(job)
        with self._changed:
            self._running.discard(job)
            if end is None and job.stopped is not None:  # while it settled
                end = End(job.stopped)
            if end is None:
                self._paused.add(job)
            self._changed.notify_all()
        if end is None and job.has_reader():
            self.resume(job)
        self._advance()
        if end is not None:
            job.send(end)

    def _settle(self, job: Job) -> None:
        """Wait until the runtime has left a job that was stopped: it finishes its step first.

        Otherwise that step would run on after the call, and beside an exclusive job.
        """
        self._settling.add(job)
        deadline = time.monotonic() + _SHUTDOWN_SECONDS
        while self._in_runtime() > len(self._running - self._settling):
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL_SECONDS)
        self._settling.discard(job)

    def _in_runtime(self) -> float:
        return self.metrics().get("requests_processing", 0)

    # -- loading and unloading

    def _load(self) -> None:
        error: BaseException | None = None
        try:
            # Directly into the attribute: no other reference may outlive `close`.
            self._loaded = self._opener(self._no_job_waits)
        except BaseException as raised:
            error = raised
        with self._changed:
            self._loading = False
            # After giving up, the jobs that came meanwhile load it again.
            failed = list(self._waiting) if error and not self._given_up else []
            self._waiting = deque() if failed else self._waiting
            self._changed.notify_all()
        for job in failed:
            job.send(End(_copy_of(error)))
        self._advance()

    def _no_job_waits(self) -> bool:
        self._given_up = not self._waiting
        return self._given_up

    def close(self, reason: BaseException | None = None) -> None:
        """Stop all jobs, wait until they have ended, and free the memory."""
        with self._changed:
            self._closed = True
            jobs = [*self._waiting, *self._running, *self._paused]
        for job in jobs:
            self.cancel(job, reason or _unloaded())
        with self._changed:
            self._changed.wait_for(
                lambda: not self._running and not self._loading, _SHUTDOWN_SECONDS
            )
            self._drop()

    def _drop(self) -> None:
        if self._loaded is not None:
            spare(self._loaded[0])
        self._loaded = None  # unless it was spared, this ends the threads of the runtime

    def abandon(self) -> None:
        """Forget, in a child process, what only the parent has: threads, and their jobs.

        The jobs' consumers notice by themselves in which process they are; see `bridge`.
        """
        self._drop()
        self._reset()

    # -- state

    @property
    def is_loaded(self) -> bool:
        """Tell whether the model is in memory."""
        return self._loaded is not None

    def calls(self) -> int:
        """Count the running jobs."""
        return len(self._running)

    def metrics(self) -> Mapping[str, float]:
        """Return the runtime's counters, such as `requests_processing`; none before loading."""
        if self._loaded is None:
            return {}
        text = self._loaded[0].handle_metrics()
        return {name: float(value) for name, value in _METRIC.findall(text)}


_METRIC: Final = re.compile(r"^llamacpp:(\w+) (\S+)$", re.MULTILINE)


def _unloaded() -> ServerError:
    return ServerError("The model was unloaded while it was at work.", provider="local")


def _copy_of(error: BaseException | None) -> BaseException | None:
    """Return a copy of an error: each consumer adds notes of its own."""
    if error is None:
        return None
    copied = copy.copy(error)
    copied.__cause__ = error.__cause__
    return copied.with_traceback(error.__traceback__)


# -- one engine for each setup


_engines: Final[dict[ModelSetup, Engine]] = {}
_guard = threading.Lock()


def engine(setup: ModelSetup) -> Engine:
    """Return the engine of this process for a setup; it stays until `unload`, or the exit."""
    with _guard:
        if setup not in _engines:
            _engines[setup] = Engine(setup, partial(_open, setup))
        return _engines[setup]


def _open(setup: ModelSetup, given_up: Callable[[], bool]) -> tuple[Server, Abilities]:
    if setup.embeds:
        return _open_embeddings(setup, given_up)
    path = fetch(given_up=given_up) if setup.path is None else Path(setup.path).expanduser()
    return load(setup, path)


def _open_embeddings(setup: ModelSetup, given_up: Callable[[], bool]) -> tuple[Server, Abilities]:
    found = find_model(setup.path, given_up)
    server, abilities = load(replace(setup, pooling=setup.pooling or found.pooling), found.path)
    return server, replace(abilities, prompt=found.prompt, name=found.name)


def unload() -> None:
    """Free the memory of all loaded models. The next call of a model loads it again.

    Running calls end with a ServerError.

    Example:
        >>> from runnables_providers.local import unload
        >>> unload()
    """
    _close_all()
    forget()


def _close_all(reason: BaseException | None = None) -> None:
    with _guard:
        engines = list(_engines.values())
        _engines.clear()
    for loaded in engines:
        loaded.close(reason)


# Without this, a generation that runs at the exit crashes the process: its thread would return
# from the runtime into an interpreter that is gone. Threads that wait for it end with SystemExit,
# which prints nothing.
atexit.register(_close_all, SystemExit("the process ends"))


def _forget_parent() -> None:
    global _guard
    _guard = threading.Lock()
    enter_child()
    for inherited in _engines.values():
        inherited.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)
