"""Checks for what a test, or a call within it, leaves behind: tasks, streams, threads, sockets."""

from __future__ import annotations

import asyncio
import concurrent.futures.thread
import dis
import gc
import inspect
import os
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from types import AsyncGeneratorType, FrameType, GeneratorType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OURS = (str(ROOT / "runnables"), str(ROOT / "providers" / "runnables_providers"))
ENGINE = str(ROOT / "runnables" / "engine")
FDS = Path("/proc/self/fd")

HTTP_GUARD = "Client._close_with_loop"
"""A generator that stays open on purpose: its loop closes it at the end, and it the HTTP client."""

RETURN_SECONDS = 2.0
"""Seconds for a thread that has delivered its result to become idle."""


_frames_lock = threading.Lock()


def _frames() -> dict[int, FrameType]:
    """Return the innermost frame of every thread, by the thread's id.

    The garbage collector is off meanwhile: a finaliser could let another thread run, which then
    waits for ever for the interpreter's lock over its threads (CPython 3.11, gh-106883).
    """
    with _frames_lock:
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            return sys._current_frames()
        finally:
            if was_enabled:
                gc.enable()


OF_OTHERS = ("mermaidx-", "quickjs-worker", "Dask-Offload", "Dask-Callback-Thread")
"""The beginnings of the names of threads that other libraries keep for the whole process."""


def busy_threads() -> set[threading.Thread]:
    """Return the threads at work: all but the main one, idle workers, and those of others."""
    frames = _frames()
    return {
        thread
        for thread in threading.enumerate()
        if thread is not threading.main_thread()
        and not thread.name.startswith(OF_OTHERS)
        and not _is_idle(thread, frames)
    }


def lasting_threads() -> set[threading.Thread]:
    """Return the threads at work that are no workers: of servers that a module's tests share."""
    return {thread for thread in busy_threads() if thread.name != "runnables-worker"}


def _is_idle(thread: threading.Thread, frames: dict[int, FrameType]) -> bool:
    """Tell whether this is a worker of the library that waits for a job in its own loop.

    Or one of asyncio's default executor, which LangChain uses: it ends with the loop, and that of
    an async test is open until all fixtures are done.
    """
    if thread.name != "runnables-worker" and not thread.name.startswith("asyncio_"):
        return False
    frame = frames.get(thread.ident or 0)
    while frame is not None and "blockbuster" in frame.f_code.co_filename:
        frame = frame.f_back  # it wraps the lock on which the worker waits
    if frame is None:
        return True
    name, file = frame.f_code.co_name, frame.f_code.co_filename
    return (name == "_run" and file.startswith(ENGINE)) or (
        name == "_worker" and file == concurrent.futures.thread.__file__
    )


def open_sockets() -> set[str]:
    """Return the sockets of this process, by their inodes; none on systems other than Linux."""
    return {target for target in map(_target, _descriptors()) if target.startswith("socket:")}


def _descriptors() -> list[Path]:
    return [FDS / name for name in os.listdir(FDS)] if FDS.is_dir() else []


def _target(descriptor: Path) -> str:
    try:
        return os.readlink(descriptor)
    except OSError:  # the one that listed the folder is closed by now
        return ""


def pooled_sockets() -> set[str]:
    """Return the connections that the HTTP clients of event loops keep for the next call.

    They are closed with their loop. `calls_under_way` counts those that a call is using.
    """
    clients = sys.modules.get("runnables_providers._http.aiohttp_client")
    if clients is None:
        return set()
    pools = [pool for of_loop in list(clients._clients.values()) for pool in of_loop.values()]
    sockets = [socket for pool in pools for socket in list(pool._sockets)]
    return {_target(FDS / str(socket.fileno())) for socket in sockets}


def calls_under_way() -> int:
    """Return how many HTTP calls are neither answered in full nor closed."""
    http = sys.modules.get("runnables_providers._http")
    return http.open_calls() if http is not None else 0


def close_http() -> None:
    """End the thread that makes the HTTP calls of sync code; it would wait for the next call."""
    http = sys.modules.get("runnables_providers._http")
    if http is not None:
        http.close()


def open_generators() -> list[str]:
    """Return the library's sync generators that were started and neither finished nor closed.

    Slow (it walks every object of the process): for tests about leaving streams, not for all.
    """
    return [
        f"{item.__qualname__} ({Path(item.gi_code.co_filename).name}:{item.gi_frame.f_lineno})"
        for item in gc.get_objects()
        if isinstance(item, GeneratorType) and _is_suspended(item)
    ]


def _is_suspended(generator: GeneratorType[Any, Any, Any]) -> bool:
    started = generator.gi_frame is not None and generator.gi_suspended
    return started and generator.gi_code.co_filename.startswith(OURS)


@contextmanager
def nothing_left(seconds: float = RETURN_SECONDS) -> Iterator[None]:
    """Fail if the block leaves a busy thread, a socket or an HTTP call, after so many seconds."""
    threads, sockets, calls = busy_threads(), open_sockets(), calls_under_way()
    yield
    wait_for(lambda: calls_under_way() <= calls, seconds)
    assert calls_under_way() <= calls, "HTTP calls left open"
    close_http()
    wait_for(lambda: not busy_threads() - threads, seconds)
    working = [thread.name for thread in busy_threads() - threads]
    assert not working, f"threads left at work: {working}"
    wait_for(lambda: not _new_sockets(sockets), seconds)
    assert not _new_sockets(sockets), f"sockets left open: {_new_sockets(sockets)}"


def _new_sockets(before: set[str]) -> set[str]:
    return open_sockets() - before - pooled_sockets()


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition is true, for `seconds` at most; return whether it is."""
    until = time.monotonic() + seconds
    while not (is_true := condition()) and time.monotonic() < until:
        time.sleep(0.002)
    return is_true


@asynccontextmanager
async def nothing_left_in_loop() -> AsyncIterator[None]:
    """Fail if the block leaves a task or an async generator open on the running loop."""
    tasks_before, streams_before = asyncio.all_tasks(), open_async_generators()
    yield
    streams = {stream.__qualname__ for stream in open_async_generators() - streams_before}
    streams.discard(HTTP_GUARD)
    assert not streams, f"async generators left open: {streams}"
    current = asyncio.current_task()  # a fixture ends in another task than it began in
    left = asyncio.all_tasks() - tasks_before - {current}
    tasks = [task.get_name() for task in left if not task.done()]
    assert not tasks, f"tasks left running: {tasks}"


def open_async_generators() -> set[Any]:
    """Return the async generators that were started and not finished or closed.

    It walks every object that is not frozen; `conftest.py` freezes those of earlier modules.
    """
    found: list[Any] = [thing for thing in gc.get_objects() if type(thing) is AsyncGeneratorType]
    return {generator for generator in found if _has_begun(generator)}


def _has_begun(generator: Any) -> bool:
    frame: FrameType | None = generator.ag_frame
    if frame is None:
        return False
    if sys.version_info >= (3, 12):
        return inspect.getasyncgenstate(generator) != inspect.AGEN_CREATED
    return frame.f_code.co_code[frame.f_lasti] != dis.opmap["RETURN_GENERATOR"]
