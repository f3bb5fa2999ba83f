"""Clients: one for each process and loop, made when it is needed, closed with what it stands on."""

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
from tests.providers.http.calls import SETUP, reply, request
from tests.providers.http.service import HANG, PATIENCE, STREAM, Await, Cut, chunk, plain, serving

ROOT = Path(__file__).resolve().parents[3]


def test_connections_are_used_again() -> None:
    """One after another, one is enough; also where setups are equal, but not the same."""
    with serving(plain()) as server:
        for _ in range(5):
            send(request(server.url), ClientConfig(), "acme")
    assert server.opened == 1


@pytest.mark.parametrize("limit", [1, 3, 40])
def test_as_many_connections_as_calls_at_once(call: Call, limit: int) -> None:
    """No fewer, as the answers wait until all have asked; and no more."""
    ready = threading.Event()

    def ask(_: int) -> bytes:
        return send(request(server.url), SETUP, "acme").body

    async def aask(_: int) -> bytes:
        return (await asend(request(server.url), SETUP, "acme")).body

    def all_are_here() -> None:
        wait_for(lambda: len(server.asked) == limit, PATIENCE)
        ready.set()

    with serving(Await(ready), plain("x")) as server:
        waiting = threading.Thread(target=all_are_here)
        waiting.start()
        answers = call.batch(RunnableLambda(ask, aask), range(2 * limit), max_concurrency=limit)
        waiting.join()
    assert answers == [b"x"] * (2 * limit)
    assert server.opened == limit


def test_one_setup_serves_loops_one_after_another_and_at_once() -> None:
    """And nothing is left of a loop that has ended."""
    gate = threading.Barrier(3)

    async def ask(url: str) -> list[int]:
        await asyncio.to_thread(gate.wait, PATIENCE)
        both = asend(request(url), SETUP, "acme"), asend(request(url), SETUP, "acme")
        return [it.status for it in await asyncio.gather(*both)]

    def work(url: str) -> None:
        for _ in range(3):
            found.extend(asyncio.run(ask(url)))

    found: list[int] = []
    with serving(plain()) as server:
        threads = [threading.Thread(target=work, args=(server.url,)) for _ in range(3)]
        for it in threads:
            it.start()
        for it in threads:
            it.join()
    assert found == [200] * 18
    assert not _clients


def test_sync_calls_from_many_threads() -> None:
    """One client serves them all."""
    found: list[int] = []

    def work() -> None:
        found.extend(send(request(server.url), SETUP, "acme").status for _ in range(10))

    with serving(plain()) as server:
        threads = [threading.Thread(target=work) for _ in range(4)]
        for it in threads:
            it.start()
        for it in threads:
            it.join()
    assert found == [200] * 40


def test_closing_lets_the_next_call_begin_anew() -> None:
    """The thread of sync calls ends, and comes back."""
    with serving(plain()) as server:
        for _ in range(3):
            assert send(request(server.url), SETUP, "acme").status == 200
            close()
            close()
    assert server.opened == 3


def test_closing_ends_a_call_in_another_thread() -> None:
    """With an error, not for ever."""
    errors: list[BaseException] = []

    def work() -> None:
        try:
            send(request(server.url), SETUP, "acme")
        except ModelConnectionError as error:
            errors.append(error)

    with serving(HANG) as server:
        thread = threading.Thread(target=work)
        thread.start()
        assert wait_for(lambda: bool(server.asked), PATIENCE)
        close()
        thread.join(PATIENCE)
        assert server.was_left()
    assert "closed during the call" in str(errors[0])


def test_no_call_is_lost_where_closing_meets_those_that_begin() -> None:
    """Each ends, with an answer or an error, however often the thread is closed meanwhile."""
    ended: list[str] = []

    def work() -> None:
        for _ in range(50):
            try:
                ended.append(str(send(request(server.url), SETUP, "acme").status))
            except ModelConnectionError as error:
                ended.append(str(error))

    with serving(plain()) as server:
        threads = [threading.Thread(target=work, daemon=True) for _ in range(8)]
        for it in threads:
            it.start()
        while any(it.is_alive() for it in threads):
            close()
            threads[0].join(0.01)
        for it in threads:
            it.join(PATIENCE)
        assert not any(it.is_alive() for it in threads)
    assert len(ended) == 8 * 50
    assert set(ended) <= {"200", "acme: closed during the call"}


def test_ctrl_c_before_the_thread_is_told_is_not_paid_by_the_calls_after() -> None:
    """They wake the thread by themselves."""
    with serving(plain()) as server:
        assert send(request(server.url), SETUP, "acme").status == 200
        running = sync_calls._running
        assert running is not None
        running.add(lambda: None)  # and here it was interrupted
        assert send(request(server.url), SETUP, "acme").status == 200
        close()


def test_a_loop_that_stood_still_does_not_stumble_over_closed_connections() -> None:
    """As in a notebook: the server closes idle connections while no code runs."""
    with serving(plain()) as server, asyncio.Runner() as runner:
        for _ in range(3):
            both = (
                asend(request(server.url), SETUP, "acme"),
                asend(request(server.url), SETUP, "acme"),
            )
            assert [it.status for it in runner.run(_gathered(*both))] == [200, 200]
            server.hang_up()
    assert len(server.asked) == 6


async def _gathered(*work: Any) -> list[Any]:
    return await asyncio.gather(*work)


def test_a_connection_that_closes_as_it_is_used_again_is_replaced(call: Call) -> None:
    """The server has not seen the request, so it is sent on another connection, once."""

    def sync() -> list[int]:
        return [send(request(server.url), SETUP, "acme").status for _ in range(5)]

    async def coloured() -> list[int]:
        return [(await asend(request(server.url), SETUP, "acme")).status for _ in range(5)]

    with serving(plain(), Cut()) as server:  # it does not say that it will
        assert call.run(sync, coloured) == [200] * 5
    assert len(server.asked) == 5


def test_a_new_connection_that_closes_is_an_error_at_once(call: Call) -> None:
    """It is not asked again and again."""
    with serving(Cut()) as server:
        with pytest.raises(ModelConnectionError, match="the server closed the connection"):
            reply(call, request(server.url))
    assert len(server.asked) == 1


async def test_cancelling_while_a_body_is_sent_closes_the_connection() -> None:
    """Also where the server reads none of it: what is in the buffer is not waited for."""
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        body = b"x" * 50_000_000
        task = asyncio.create_task(asend(request(url, body), SETUP, "acme"))
        loop = asyncio.get_running_loop()
        deaf.setblocking(False)
        taken, _ = await loop.sock_accept(deaf)
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)
        sockets = [it for client in _clients[loop].values() for it in client._sockets]
        assert [it for it in sockets if it.fileno() != -1] == []
        taken.close()


@pytest.mark.filterwarnings("ignore:unclosed transport:ResourceWarning")  # told by asyncio itself
def test_a_loop_that_is_closed_without_a_word_leaves_no_socket() -> None:
    """Not by `asyncio.run`, which shuts its generators down; the next client clears up."""
    with serving(plain()) as server:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(asend(request(server.url), SETUP, "acme"))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        [left] = [it for client in _clients[loop].values() for it in client._sockets]
        assert asyncio.run(asend(request(server.url), SETUP, "acme")).status == 200
        assert left.fileno() == -1
        gc.collect()
    assert not _clients


@pytest.mark.leaks(reason="the process that it starts inherits what pytest has open")
def test_nothing_is_said_at_exit() -> None:
    """Calls in both colours, and a program that just ends; in development mode."""
    script = """
    import asyncio, sys, threading
    from tests.providers.http.calls import SETUP, request
    from runnables_providers._http import asend, send
    send(request(sys.argv[1]), SETUP, "acme")
    threading.Thread(target=lambda: send(request(sys.argv[1]), SETUP, "acme")).start()
    asyncio.run(asend(request(sys.argv[1]), SETUP, "acme"))
    print("done")
    """
    with serving(plain()) as server:
        command = [sys.executable, "-X", "dev", "-W", "error", "-c"]
        command += [script.replace("\n    ", "\n"), server.url]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


# --- forks ------------------------------------------------------------------------------------

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def _in_child(work: Callable[[], None]) -> int:
    """Do it in a forked child; its exit status."""
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
    """Sync and async; and its parent goes on with its own."""
    with serving(plain()) as server:

        def work() -> None:
            for _ in range(2):
                assert send(request(server.url), SETUP, "acme").status == 200
            assert asyncio.run(asend(request(server.url), SETUP, "acme")).status == 200

        work()
        assert _in_child(work) == 0
        work()
    assert server.opened == 5  # 1 sync and 2 async here, 1 and 1 there


@forks
def test_a_stream_of_the_parent_is_not_the_child_s() -> None:
    """Reading it there is refused, leaving it there does nothing, and the parent reads on."""
    ready = threading.Event()
    with serving(STREAM, chunk(b"a"), Await(ready), chunk(b"b"), HANG) as server:
        with stream(request(server.url), SETUP, "acme") as streamed:
            assert next(streamed) == b"a"

            def work() -> None:
                with streamed, pytest.raises(ModelConnectionError, match="forked"):
                    next(streamed)

            assert _in_child(work) == 0
            ready.set()
            assert next(streamed) == b"b"
        assert server.was_left()


@forks
def test_leaving_closes_the_request_while_a_child_lives() -> None:
    """The child has no copy of the socket, which would keep the connection open."""
    reading, writing = os.pipe()

    def wait() -> None:
        os.close(writing)
        os.read(reading, 1)

    with serving(STREAM, chunk(b"a"), HANG) as server:
        with stream(request(server.url), SETUP, "acme") as streamed:
            next(streamed)
            child = threading.Thread(target=_in_child, args=(wait,))
            child.start()
            wait_for(lambda: False, 0.3)  # until it has forked
        assert server.was_left()
        os.close(writing)
        os.close(reading)
        child.join()


@forks
def test_a_child_of_a_running_loop_can_call() -> None:
    """And the loop goes on."""

    async def main(url: str) -> bytes:
        async with await astream(request(url), SETUP, "acme") as streamed:
            first = await anext(streamed)
            code = _in_child(lambda: _call(url))
            assert code == 0
            ready.set()
            return first + await streamed.read()

    def _call(url: str) -> None:
        asyncio._set_running_loop(None)
        assert send(request(url), SETUP, "acme").status == 200

    ready = threading.Event()
    with serving() as server:
        server.says(STREAM, chunk(b"a"), Await(ready), chunk(b"b"), chunk(b""))
        server.says(plain())
        assert asyncio.run(main(server.url)) == b"ab"


def test_a_reply_is_whole_whatever_the_call(call: Call) -> None:
    """The last look: both colours, one server, many calls."""
    with serving(plain("y" * 1000)) as server:
        assert {reply(call, request(server.url)).body for _ in range(5)} == {b"y" * 1000}
