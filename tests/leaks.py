"""Counts what a test, or a call within it, leaves behind: tasks, streams, threads, sockets."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import FrameType, GeneratorType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OURS = (str(ROOT / "runnables"), str(ROOT / "providers" / "runnables_providers"))
CONCURRENCY = str(ROOT / "runnables" / "engine")
FDS = Path("/proc/self/fd")

HTTP_GUARD = "Client._close_with_loop"
"""A generator that stays open on purpose: a loop that ends closes it, and it the HTTP client."""

PATIENCE = 2.0
"""Seconds for a thread that has delivered its result to find its way back to its queue."""


_looking = threading.Lock()


def _frames() -> dict[int, FrameType]:
    """The innermost frame of every thread.

    No garbage may be collected meanwhile: a finaliser could let another thread run, which then
    waits for the interpreter's lock over its threads, for ever (CPython 3.11, gh-106883).
    """
    with _looking:
        collecting = gc.isenabled()
        gc.disable()
        try:
            return sys._current_frames()
        finally:
            if collecting:
                gc.enable()


def busy_threads() -> set[threading.Thread]:
    """Threads at work: all but the main one and the library's workers that wait for a job."""
    frames = _frames()
    return {
        thread
        for thread in threading.enumerate()
        if thread is not threading.main_thread() and not _is_idle(thread, frames)
    }


def _is_idle(thread: threading.Thread, frames: dict[int, FrameType]) -> bool:
    """A worker of the library whose innermost frame is its own loop has nothing to do."""
    if not thread.name.startswith("runnables-worker"):
        return False
    frame = frames.get(thread.ident or 0)
    while frame is not None and "blockbuster" in frame.f_code.co_filename:
        frame = frame.f_back  # it wraps the lock on which the worker waits
    return frame is None or (
        frame.f_code.co_name == "_run" and frame.f_code.co_filename.startswith(CONCURRENCY)
    )


def open_sockets() -> set[str]:
    """The sockets of this process, by the inode that the kernel calls them; Linux only."""
    return {link for link in map(_link_of, _descriptors()) if link.startswith("socket:")}


def _descriptors() -> list[Path]:
    return [FDS / name for name in os.listdir(FDS)] if FDS.is_dir() else []


def _link_of(descriptor: Path) -> str:
    try:
        return os.readlink(descriptor)
    except OSError:  # the one that listed the folder is closed by now
        return ""


def pooled_sockets() -> set[str]:
    """The connections that the HTTP clients of event loops keep for the next call.

    They are closed with their loop. Those that a call is using are told by `calls_under_way`.
    """
    clients = sys.modules.get("runnables_providers._http.aiohttp_client")
    if clients is None:
        return set()
    pools = [client for each in list(clients._clients.values()) for client in each.values()]
    return {_link_of(FDS / str(it.fileno())) for pool in pools for it in list(pool._sockets)}


def calls_under_way() -> int:
    """How many HTTP calls are neither answered in full nor closed."""
    http = sys.modules.get("runnables_providers._http")
    return http.open_calls() if http is not None else 0


def close_http() -> None:
    """End the thread that makes the HTTP calls of sync code; it would stay, for the next call."""
    http = sys.modules.get("runnables_providers._http")
    if http is not None:
        http.close()


def open_generators() -> list[str]:
    """Sync generators of the library that were started and neither finished nor closed.

    Slow (it walks every object of the process): for tests about leaving streams, not for all.
    """
    return [
        f"{it.__qualname__} ({Path(it.gi_code.co_filename).name}:{it.gi_frame.f_lineno})"
        for it in gc.get_objects()
        if isinstance(it, GeneratorType) and _is_suspended(it)
    ]


def _is_suspended(it: GeneratorType[Any, Any, Any]) -> bool:
    started = it.gi_frame is not None and it.gi_suspended
    return started and it.gi_code.co_filename.startswith(OURS)


@contextmanager
def nothing_left(patience: float = PATIENCE) -> Iterator[None]:
    """Fails where the block leaves a busy thread, a socket or an HTTP call that was not there."""
    threads, sockets, calls = busy_threads(), open_sockets(), calls_under_way()
    yield
    wait_for(lambda: calls_under_way() <= calls, patience)
    assert calls_under_way() <= calls, "HTTP calls left open"
    close_http()
    wait_for(lambda: not busy_threads() - threads, patience)
    working = [thread.name for thread in busy_threads() - threads]
    assert not working, f"threads left at work: {working}"
    wait_for(lambda: not _new_sockets(sockets), patience)
    assert not _new_sockets(sockets), f"sockets left open: {_new_sockets(sockets)}"


def _new_sockets(before: set[str]) -> set[str]:
    return open_sockets() - before - pooled_sockets()


def wait_for(done: Callable[[], bool], patience: float) -> bool:
    """Look until it is done, or patience is over; whether it is done."""
    until = time.monotonic() + patience
    while not (over := done()) and time.monotonic() < until:
        time.sleep(0.002)
    return over


@asynccontextmanager
async def nothing_left_in_loop() -> AsyncIterator[None]:
    """Fails where the block leaves a task or an async generator open on the running loop."""
    tasks_before, streams_before = asyncio.all_tasks(), open_async_generators()
    yield
    open_now = {it for it in open_async_generators() if it.__qualname__ != HTTP_GUARD}
    streams = [it.__qualname__ for it in open_now - streams_before]
    assert not streams, f"async generators left open: {streams}"
    mine = asyncio.current_task()  # a fixture ends in another task than it began in
    left = asyncio.all_tasks() - tasks_before - {mine}
    tasks = [task.get_name() for task in left if not task.done()]
    assert not tasks, f"tasks left running: {tasks}"


def open_async_generators() -> set[AsyncGenerator[Any, Any]]:
    """Async generators that were started on the running loop and neither finished nor closed.

    The loop keeps this set itself, to close them at its end; there is no public way to see it.
    """
    started = asyncio.get_running_loop()._asyncgens  # type: ignore[attr-defined]
    return {it for it in started if it.ag_frame is not None}
