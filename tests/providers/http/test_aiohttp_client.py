"""Clients: one for each loop, made by its first call, and closed with the loop."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from runnables import RunnableLambda
from runnables.errors import ModelConnectionError
from runnables_providers._http import ClientConfig, asend, astream, close, send, stream, sync_calls
from runnables_providers._http.aiohttp_client import _clients
from tests.both_modes import Call
from tests.leaks import wait_for
from tests.providers.http.calls import CONFIG, reply, request
from tests.providers.http.service import (
    SOON,
    STALL,
    STREAM,
    Await,
    Disconnect,
    chunk,
    plain,
    serving,
)

ROOT = Path(__file__).resolve().parents[3]


def test_connections_are_reused() -> None:
    """Calls one after another use one connection, also with equal configurations."""
    with serving(plain()) as server:
        for _ in range(5):
            send(request(server.url), ClientConfig(), "acme")
    assert server.opened == 1


@pytest.mark.parametrize("limit", [1, 3, 40])
def test_there_are_as_many_connections_as_concurrent_calls(call: Call, limit: int) -> None:
    """No call waits for the connection of another, and no extra connection is opened."""
    ready = threading.Event()

    def send_one(_: int) -> bytes:
        return send(request(server.url), CONFIG, "acme").body

    async def asend_one(_: int) -> bytes:
        return (await asend(request(server.url), CONFIG, "acme")).body

    def wait_for_all() -> None:
        wait_for(lambda: len(server.requests) == limit, SOON)
        ready.set()

    with serving(Await(ready), plain("x")) as server:
        waiting = threading.Thread(target=wait_for_all)
        waiting.start()
        answers = call.batch(
            RunnableLambda(send_one, asend_one), range(2 * limit), max_concurrency=limit
        )
        waiting.join()
    assert answers == [b"x"] * (2 * limit)
    assert server.opened == limit


def test_one_config_serves_many_loops() -> None:
    """Loops may run one after another or at once; no client of a finished loop is left."""
    gate = threading.Barrier(3)

    async def send_two(url: str) -> list[int]:
        await asyncio.to_thread(gate.wait, SOON)
        both = asend(request(url), CONFIG, "acme"), asend(request(url), CONFIG, "acme")
        return [received.status for received in await asyncio.gather(*both)]

    def work(url: str) -> None:
        for _ in range(3):
            found.extend(asyncio.run(send_two(url)))

    found: list[int] = []
    with serving(plain()) as server:
        threads = [threading.Thread(target=work, args=(server.url,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [200] * 18
    assert not _clients


def test_many_threads_make_sync_calls() -> None:
    """One client serves them all."""
    found: list[int] = []

    def work() -> None:
        found.extend(send(request(server.url), CONFIG, "acme").status for _ in range(10))

    with serving(plain()) as server:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [200] * 40


def test_a_call_after_close_opens_a_new_connection() -> None:
    """`close` ends the thread of sync calls, and the next call starts a new one."""
    with serving(plain()) as server:
        for _ in range(3):
            assert send(request(server.url), CONFIG, "acme").status == 200
            close()
            close()
    assert server.opened == 3


def test_closing_ends_a_call_in_another_thread() -> None:
    """The other call raises a connection error."""
    errors: list[BaseException] = []

    def work() -> None:
        try:
            send(request(server.url), CONFIG, "acme")
        except ModelConnectionError as error:
            errors.append(error)

    with serving(STALL) as server:
        thread = threading.Thread(target=work)
        thread.start()
        assert wait_for(lambda: bool(server.requests), SOON)
        close()
        thread.join(SOON)
        assert server.wait_for_disconnect()
    assert "closed during the call" in str(errors[0])


def test_no_call_is_lost_when_close_and_new_calls_meet() -> None:
    """Each call ends with a reply or an error, however often the thread is closed."""
    outcomes: list[str] = []

    def work() -> None:
        for _ in range(50):
            try:
                outcomes.append(str(send(request(server.url), CONFIG, "acme").status))
            except ModelConnectionError as error:
                outcomes.append(str(error))

    with serving(plain()) as server:
        threads = [threading.Thread(target=work, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            close()
            threads[0].join(0.01)
        for thread in threads:
            thread.join(SOON)
        assert not any(thread.is_alive() for thread in threads)
    assert len(outcomes) == 8 * 50
    assert set(outcomes) <= {"200", "acme: closed during the call"}


def test_a_call_works_after_ctrl_c_kept_another_from_waking_the_thread() -> None:
    """The next call wakes the thread itself."""
    with serving(plain()) as server:
        assert send(request(server.url), CONFIG, "acme").status == 200
        running = sync_calls._running
        assert running is not None
        running.schedule(lambda: None)  # interrupted here, before `wake`
        assert send(request(server.url), CONFIG, "acme").status == 200
        close()


def test_a_paused_loop_may_have_lost_its_connections() -> None:
    """The server closes idle connections while no code runs, as in a notebook."""
    with serving(plain()) as server, asyncio.Runner() as runner:
        for _ in range(3):
            both = (
                asend(request(server.url), CONFIG, "acme"),
                asend(request(server.url), CONFIG, "acme"),
            )
            assert [received.status for received in runner.run(_gather(*both))] == [200, 200]
            server.hang_up()
    assert len(server.requests) == 6


async def _gather(*work: Any) -> list[Any]:
    return await asyncio.gather(*work)


def test_a_reused_connection_that_closes_is_replaced(call: Call) -> None:
    """The server has not read the request, so it is sent once more, on a new connection."""

    def sync() -> list[int]:
        return [send(request(server.url), CONFIG, "acme").status for _ in range(5)]

    async def asynchronous() -> list[int]:
        return [(await asend(request(server.url), CONFIG, "acme")).status for _ in range(5)]

    with serving(plain(), Disconnect()) as server:  # without "Connection: close"
        assert call.run(sync, asynchronous) == [200] * 5
    assert len(server.requests) == 5


def test_a_new_connection_that_closes_is_an_error_at_once(call: Call) -> None:
    """The request is not sent again."""
    with serving(Disconnect()) as server:
        with pytest.raises(ModelConnectionError, match="the server closed the connection"):
            reply(call, request(server.url))
    assert len(server.requests) == 1


async def test_cancelling_while_a_body_is_sent_closes_the_connection() -> None:
    """The rest of the buffer is dropped, also if the server reads none of it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        body = b"x" * 50_000_000
        task = asyncio.create_task(asend(request(url, body), CONFIG, "acme"))
        loop = asyncio.get_running_loop()
        silent.setblocking(False)
        accepted, _ = await loop.sock_accept(silent)
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)
        sockets = [sock for client in _clients[loop].values() for sock in client._sockets]
        assert [sock for sock in sockets if sock.fileno() != -1] == []
        accepted.close()


@pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")  # asyncio warns, too
def test_a_closed_loop_leaves_no_socket() -> None:
    """The next client closes the sockets of a loop that did not shut down its generators."""
    with serving(plain()) as server:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(asend(request(server.url), CONFIG, "acme"))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        [left] = [sock for client in _clients[loop].values() for sock in client._sockets]
        assert asyncio.run(asend(request(server.url), CONFIG, "acme")).status == 200
        assert left.fileno() == -1
        gc.collect()
    assert not _clients


@pytest.mark.leaks(reason="the process that it starts inherits what pytest has open")
def test_nothing_is_printed_at_exit() -> None:
    """A program with sync and async calls ends without warnings, in development mode."""
    script = """
    import asyncio, sys, threading
    from tests.providers.http.calls import CONFIG, request
    from runnables_providers._http import asend, send
    send(request(sys.argv[1]), CONFIG, "acme")
    threading.Thread(target=lambda: send(request(sys.argv[1]), CONFIG, "acme")).start()
    asyncio.run(asend(request(sys.argv[1]), CONFIG, "acme"))
    print("done")
    """
    with serving(plain()) as server:
        command = [sys.executable, "-X", "dev", "-W", "error", "-c"]
        command += [script.replace("\n    ", "\n"), server.url]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout, run.stderr) == (0, "done\n", "")


# --- forks ------------------------------------------------------------------------------------

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def _in_child(work: Callable[[], None]) -> int:
    """Run a function in a forked child; return its exit status."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: forks with threads
        child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        work()
        gc.collect()
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(code)


@forks
def test_a_forked_child_has_clients_of_its_own() -> None:
    """The child makes sync and async calls, and the parent keeps its connection."""
    with serving(plain()) as server:

        def work() -> None:
            for _ in range(2):
                assert send(request(server.url), CONFIG, "acme").status == 200
            assert asyncio.run(asend(request(server.url), CONFIG, "acme")).status == 200

        work()
        assert _in_child(work) == 0
        work()
    assert server.opened == 5  # 1 sync and 2 async here, 1 and 1 there


@forks
def test_a_child_cannot_read_a_stream_of_its_parent() -> None:
    """Reading it there raises, closing it there does nothing, and the parent reads on."""
    ready = threading.Event()
    with serving(STREAM, chunk(b"a"), Await(ready), chunk(b"b"), STALL) as server:
        with stream(request(server.url), CONFIG, "acme") as streamed:
            assert next(streamed) == b"a"

            def work() -> None:
                with streamed, pytest.raises(ModelConnectionError, match="forked"):
                    next(streamed)

            assert _in_child(work) == 0
            ready.set()
            assert next(streamed) == b"b"
        assert server.wait_for_disconnect()


@forks
def test_closing_a_stream_works_while_a_child_lives() -> None:
    """The child has no copy of the socket, which would keep the connection open."""
    reading, writing = os.pipe()

    def wait() -> None:
        os.close(writing)
        os.read(reading, 1)

    with serving(STREAM, chunk(b"a"), STALL) as server:
        with stream(request(server.url), CONFIG, "acme") as streamed:
            next(streamed)
            child = threading.Thread(target=_in_child, args=(wait,))
            child.start()
            wait_for(lambda: False, 0.3)  # until it has forked
        assert server.wait_for_disconnect()
        os.close(writing)
        os.close(reading)
        child.join()


@forks
def test_a_child_of_a_running_loop_can_call() -> None:
    """The child makes a call, and the loop of the parent continues."""

    async def main(url: str) -> bytes:
        async with await astream(request(url), CONFIG, "acme") as streamed:
            first = await anext(streamed)
            code = _in_child(lambda: call_in_child(url))
            assert code == 0
            ready.set()
            return first + await streamed.read()

    def call_in_child(url: str) -> None:
        asyncio._set_running_loop(None)
        assert send(request(url), CONFIG, "acme").status == 200

    ready = threading.Event()
    with serving() as server:
        server.enqueue(STREAM, chunk(b"a"), Await(ready), chunk(b"b"), chunk(b""))
        server.enqueue(plain())
        assert asyncio.run(main(server.url)) == b"ab"


def test_many_calls_read_complete_replies(call: Call) -> None:
    """Calls one after another each read the whole body."""
    with serving(plain("y" * 1000)) as server:
        assert {reply(call, request(server.url)).body for _ in range(5)} == {b"y" * 1000}
