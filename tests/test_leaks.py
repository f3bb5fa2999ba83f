"""The checks for leaks find leaks."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator

import pytest

from tests.both_modes import run_clean
from tests.leaks import OURS, busy_threads, lasting_threads, nothing_left

SOON = 0.01


def test_a_thread_at_work_is_a_leak() -> None:
    """A thread that still runs when the block ends fails it, with the thread's name."""
    ends = threading.Event()
    thread = threading.Thread(target=ends.wait, name="straggler")
    with pytest.raises(AssertionError, match="straggler"), nothing_left(SOON):
        thread.start()
    ends.set()
    thread.join()


async def test_a_thread_of_the_loops_executor_is_a_leak_while_it_works() -> None:
    """And none when it waits for the next job: it ends with the loop."""
    ends = threading.Event()
    with pytest.raises(AssertionError, match="asyncio_0"), nothing_left(SOON):
        work = asyncio.create_task(asyncio.to_thread(ends.wait))
        await asyncio.sleep(0)
    ends.set()
    with nothing_left():
        await work


def test_an_open_socket_is_a_leak() -> None:
    """A socket that is open when the block ends fails it."""
    opened: list[socket.socket] = []
    with pytest.raises(AssertionError, match="sockets left open"), nothing_left(SOON):
        opened.append(socket.socket())
    opened[0].close()


def test_a_running_task_is_a_leak() -> None:
    """A task that is neither awaited nor cancelled fails the call, with the task's name."""
    tasks: list[asyncio.Task[None]] = []

    async def leave_a_task() -> None:
        tasks.append(asyncio.create_task(asyncio.sleep(1000), name="straggler"))

    with pytest.raises(AssertionError, match="straggler"):
        run_clean(leave_a_task())


def test_an_open_stream_is_a_leak() -> None:
    """An async generator that was started and not closed fails the call, with its name."""
    streams: list[AsyncIterator[int]] = []

    async def numbers() -> AsyncIterator[int]:
        yield 1
        yield 2

    async def leave_a_stream() -> int:
        streams.append(numbers())
        return await anext(streams[0])

    with pytest.raises(AssertionError, match="numbers"):
        run_clean(leave_a_stream())


def test_a_thread_of_a_server_is_no_worker_at_work() -> None:
    """A limit is held by workers, whatever servers a module's tests share beside them."""
    end = threading.Event()
    server = threading.Thread(target=end.wait, name="server")
    worker = threading.Thread(target=end.wait, name="runnables-worker")
    server.start()
    worker.start()
    try:
        assert {server, worker} <= busy_threads()
        assert server in lasting_threads()
        assert worker not in lasting_threads()
    finally:
        end.set()
        server.join()
        worker.join()


async def test_blocking_the_loop_is_an_error() -> None:
    """Library code that blocks an event loop fails the test."""
    from blockbuster import BlockingError

    with pytest.raises(BlockingError):
        _as_library_code("time.sleep(0.001)")


def _as_library_code(source: str) -> None:
    exec(compile(source, f"{OURS[0]}/seeded.py", "exec"), {"time": time})
