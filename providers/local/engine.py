"""Loaded models, shared by everything in this process, and calls to them in both colours.

The runtime calls back with each piece of an answer, from the thread that asked; what the
callback returns says whether to go on. A whole answer is asked for in the caller's own thread.
A stream has a thread of its own that feeds a queue; closing the stream sets a flag that the next
callback sees, so at most one more token is computed. A stream that nobody reads goes on until
`max_tokens`: the runtime cannot wait for a reader.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import queue
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from providers.local.fetching import fetch
from providers.local.runtime import Abilities, Server, Setup, load, require_runtime
from runnables.concurrency import Cancelled, cancelled, check_stop, on_stop

Request = Mapping[str, Any]

_EXIT_PATIENCE: Final = 5.0
_END: Final = object()


class Call:
    """One call under way: takes the runtime's events, and can be given up from any thread."""

    def __init__(self, put: Callable[[Any], object]) -> None:
        self._put = put
        self.given_up = False

    def give_up(self) -> None:
        """End the generation at its next token."""
        self.given_up = True

    def on_event(self, event: Any) -> bool:
        """Take an event from the runtime; whether it shall stop."""
        if not self.given_up:
            self._put(event)
        return self.given_up


class Engine:
    """A loaded model; loads it at the first call. Never pickled: models name their setup.

    Args:
        setup: the file, and how it is run.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._loading = threading.Lock()
        self._loaded: tuple[Server, Abilities] | None = None
        self._calls: set[Call] = set()

    def loaded(self) -> tuple[Server, Abilities]:
        """The server and what it can do; fetches the weights and loads them where needed.

        Raises:
            MissingExtra: the runtime is not installed.
            WeightsError: there is no such model file, or none can be had.
        """
        with self._loading:
            if self._loaded is None:
                require_runtime()
                named = self._setup.path
                path = fetch(given_up=cancelled) if named is None else Path(named).expanduser()
                self._loaded = load(self._setup, path)
            return self._loaded

    def calls(self) -> int:
        """How many calls are under way."""
        return len(self._calls)

    def give_up_all(self) -> None:
        """End every call under way."""
        for call in list(self._calls):
            call.give_up()

    def run(self, request: Request) -> list[Any]:
        """All events of one call, made in this thread; ends early where the call is given up.

        Raises:
            Cancelled: it was given up.
        """
        events: list[Any] = []
        call = Call(events.append)
        with on_stop(call.give_up):
            self._serve(request, call)
        check_stop()
        return events

    def embed(self, texts: list[str]) -> dict[str, Any]:
        """The runtime's answer to a request for vectors."""
        return self.loaded()[0].handle_embeddings({"input": texts})

    def stream(self, request: Request) -> Generator[Any, None, None]:
        """The events of one call as they come; closing it ends the generation."""
        events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        call = Call(events.put)
        thread = self._start(request, call, events.put)
        try:
            with on_stop(lambda: _wake(call, events.put)):
                while (event := events.get()) is not _END:
                    yield _checked(event)
            check_stop()
        finally:
            call.give_up()
            thread.join()

    async def astream(self, request: Request) -> AsyncGenerator[Any, None]:
        """The events of one call as they come; closing it ends the generation."""
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[Any] = asyncio.Queue()

        def put(event: Any) -> None:
            try:
                loop.call_soon_threadsafe(events.put_nowait, event)
            except RuntimeError:  # the loop was closed: nobody listens
                call.give_up()

        call = Call(put)
        self._start(request, call, put)
        ended = False
        try:
            while (event := await events.get()) is not _END:
                yield _checked(event)
            ended = True
        finally:
            call.give_up()
            while not ended:
                ended = await asyncio.shield(events.get()) is _END

    def _start(
        self, request: Request, call: Call, put: Callable[[Any], object]
    ) -> threading.Thread:
        def work() -> None:
            try:
                self._serve(request, call)
            except BaseException as error:
                put(error)
            finally:
                put(_END)

        thread = threading.Thread(target=work, name="runnables-local", daemon=True)
        thread.start()
        return thread

    def _serve(self, request: Request, call: Call) -> None:
        server = self.loaded()[0]
        self._calls.add(call)
        try:
            server.handle_chat_completions(dict(request), call.on_event)
        finally:
            self._calls.discard(call)


def _checked(event: Any) -> Any:
    if isinstance(event, BaseException):
        raise event
    return event


def _wake(call: Call, put: Callable[[Any], object]) -> None:
    call.give_up()
    put(Cancelled("the call around this one was given up"))


# --- one engine for each setup and process ------------------------------------------------------


@cache
def _engine(setup: Setup, process: int) -> Engine:
    return Engine(setup)


def engine(setup: Setup) -> Engine:
    """The engine for a setup, the same for all who ask in this process.

    A forked child has its own: threads, which the runtime lives on, do not cross a fork.
    """
    with _making:
        made = _engine(setup, os.getpid())
        _engines.add(made)
        return made


_making = threading.Lock()
_engines: set[Engine] = set()


def _renew_lock() -> None:
    global _making
    _making = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_lock)


@atexit.register
def _end_calls() -> None:
    """End what still runs: a thread inside the runtime must not outlive the interpreter."""
    until = time.monotonic() + _EXIT_PATIENCE
    for it in _engines:
        it.give_up_all()
    while any(it.calls() for it in _engines) and time.monotonic() < until:
        time.sleep(0.01)


@contextmanager
def translated() -> Generator[None, None, None]:
    """Turn what the runtime raises into the errors of models."""
    from providers.local.wire import model_error

    try:
        yield
    except (RuntimeError, ValueError) as error:
        if (known := model_error(error)) is None:
            raise
        raise known from error
