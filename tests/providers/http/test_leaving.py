"""Who leaves a call closes its connection at once, and the server sees it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from runnables import RunnableLambda, RunnableParallel
from runnables.errors import ModelConnectionError
from runnables_providers._http import ClientConfig, asend, astream, send, stream, under_way
from tests.both_modes import Call
from tests.leaks import wait_for
from tests.providers.http.calls import SETUP, pieces, reply, request
from tests.providers.http.service import (
    CERTIFICATE,
    HANG,
    PATIENCE,
    STREAM,
    Service,
    chunk,
    plain,
    serving,
)

ROOT = Path(__file__).resolve().parents[3]

ENDLESS = (STREAM, chunk(b"one"), HANG)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_leaving_a_stream_closes_the_request(call: Call, tls: bool) -> None:
    """After its first piece."""
    setup = ClientConfig(ca_file=str(CERTIFICATE)) if tls else SETUP
    with serving(*ENDLESS, tls=tls) as server:
        assert pieces(call, request(server.url), setup, take=1) == [b"one"]
        assert server.was_left()
    assert under_way() == 0


def test_leaving_a_stream_before_its_first_piece_closes_the_request(call: Call) -> None:
    """Its head was there, and nothing was read."""

    def sync() -> None:
        with stream(request(server.url), SETUP, "acme") as streamed:
            assert streamed.status == 200

    async def coloured() -> None:
        async with await astream(request(server.url), SETUP, "acme") as streamed:
            assert streamed.status == 200

    with serving(STREAM, HANG) as server:
        call.run(sync, coloured)
        assert server.was_left()


def test_closing_twice_is_closing_once(call: Call) -> None:
    """And there is nothing more to read."""

    def sync() -> bytes:
        streamed = stream(request(server.url), SETUP, "acme")
        streamed.close()
        streamed.close()
        return streamed.read()

    async def coloured() -> bytes:
        streamed = await astream(request(server.url), SETUP, "acme")
        await streamed.aclose()
        await streamed.aclose()
        return await streamed.read()

    with serving(*ENDLESS) as server:
        assert call.run(sync, coloured) == b""
        assert server.was_left()


def test_a_stream_that_was_read_keeps_its_connection(call: Call) -> None:
    """Closing it then takes nothing from the next call."""

    def sync() -> None:
        for _ in range(3):
            with stream(request(server.url), SETUP, "acme") as streamed:
                assert streamed.read() == b"{}"

    async def coloured() -> None:
        for _ in range(3):
            async with await astream(request(server.url), SETUP, "acme") as streamed:
                assert await streamed.read() == b"{}"

    with serving(plain()) as server:
        call.run(sync, coloured)
    assert server.opened == 1


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("steps", [(HANG,), ENDLESS], ids=["first byte", "next piece"])
async def test_cancelling_closes_the_request(steps: tuple[object, ...], tls: bool) -> None:
    """While a task waits for the first byte, and while it waits for the next piece."""
    setup = ClientConfig(ca_file=str(CERTIFICATE)) if tls else SETUP
    with serving(*steps, tls=tls) as server:  # type: ignore[arg-type]
        task = asyncio.create_task(asend(request(server.url), setup, "acme"))
        await _asked(server)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await _left(server)
    assert under_way() == 0


async def _left(server: Service) -> None:
    async with asyncio.timeout(PATIENCE):
        while not server.left.acquire(blocking=False):
            await asyncio.sleep(0.001)


async def _asked(server: Service) -> None:
    while not server.asked:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.02)  # so that what the server has said is there, too


def test_a_branch_that_fails_closes_the_request_of_its_sibling(call: Call) -> None:
    """In the sync colour, the thread that waits for it is woken."""

    def ask(_: object) -> bytes:
        return send(request(server.url), SETUP, "acme").body

    async def aask(_: object) -> bytes:
        return (await asend(request(server.url), SETUP, "acme")).body

    def fail(_: object) -> None:
        wait_for(lambda: bool(server.asked), PATIENCE)
        raise LookupError("here")

    both = RunnableParallel({"ask": RunnableLambda(ask, aask), "fail": RunnableLambda(fail)})
    with serving(HANG) as server:
        with pytest.raises(LookupError):
            call.invoke(both, 1)
        assert server.was_left()


def test_a_time_limit_closes_the_request(call: Call) -> None:
    """`with_timeout` gives up, and so does the edge."""
    with serving(HANG) as server:

        def ask(_: object) -> bytes:
            return send(request(server.url), SETUP, "acme").body

        async def aask(_: object) -> bytes:
            return (await asend(request(server.url), SETUP, "acme")).body

        with pytest.raises(TimeoutError):
            call.invoke(RunnableLambda(ask, aask).with_timeout(0.2), 1)
        assert server.was_left()


@pytest.mark.skipif(os.name == "nt", reason="sends a signal")
def test_an_interrupt_ends_a_sync_call() -> None:
    """Ctrl-C is heard while a call waits, and the connection is closed."""
    script = """
    import sys
    from tests.providers.http.calls import SETUP, request
    from runnables_providers._http import send
    try:
        send(request(sys.argv[1]), SETUP, "acme")
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        sys.stdin.read()
    """
    with serving(HANG) as server:
        command = [sys.executable, "-c", script.replace("\n    ", "\n"), server.url]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as run:
            assert run.stdout is not None
            assert run.stdin is not None
            assert wait_for(lambda: bool(server.asked), 20)
            run.send_signal(signal.SIGINT)
            late = threading.Timer(20, run.kill)
            late.start()
            assert run.stdout.readline() == "interrupted\n"
            late.cancel()
            assert server.was_left()  # before the process ends
            run.stdin.close()


def test_another_thread_can_close_a_stream() -> None:
    """Whoever waits for the next piece is told."""
    got: list[object] = []
    with serving(*ENDLESS) as server:
        streamed = stream(request(server.url), SETUP, "acme")

        def read() -> None:
            with pytest.raises(ModelConnectionError, match="closed during the call"):
                got.extend(streamed)

        reading = threading.Thread(target=read)
        reading.start()
        assert wait_for(lambda: got == [b"one"], PATIENCE)
        streamed.close()
        assert server.was_left()
        reading.join(PATIENCE)
        assert not reading.is_alive()


def test_a_stream_that_nobody_closed_says_so_and_closes() -> None:
    """A ResourceWarning, as for a file."""
    with serving(*ENDLESS) as server:
        streamed = stream(request(server.url), SETUP, "acme")
        with pytest.warns(ResourceWarning, match="was not closed"):
            del streamed
        assert server.was_left()


async def test_an_async_stream_that_nobody_closed_says_so_and_closes() -> None:
    """Likewise."""
    with serving(*ENDLESS) as server:
        streamed = await astream(request(server.url), SETUP, "acme")
        with pytest.warns(ResourceWarning):
            del streamed
        await _left(server)


def test_a_call_that_is_answered_late_may_be_left_in_time(call: Call) -> None:
    """A plain reply after others were left finds a connection of its own."""
    with serving(*ENDLESS) as server:
        pieces(call, request(server.url), take=1)
        assert server.was_left()
        server.says(plain("fine"))
        server._answers.pop(0)
        assert reply(call, request(server.url)).body == b"fine"
    assert server.opened == 2
