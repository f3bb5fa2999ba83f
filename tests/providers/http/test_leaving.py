"""Closing or cancelling a call closes its connection at once, and the server notices."""

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
from runnables_providers._http import ClientConfig, asend, astream, open_calls, send, stream
from tests.both_modes import Call
from tests.leaks import wait_for
from tests.providers.http.calls import CONFIG, read_chunks, reply, request
from tests.providers.http.service import (
    CERTIFICATE,
    SOON,
    STALL,
    STREAM,
    Service,
    chunk,
    plain,
    serving,
)

ROOT = Path(__file__).resolve().parents[3]

ENDLESS = (STREAM, chunk(b"one"), STALL)


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_closing_a_stream_closes_the_connection(call: Call, tls: bool) -> None:
    """A stream that is closed after its first chunk disconnects."""
    config = ClientConfig(ca_file=str(CERTIFICATE)) if tls else CONFIG
    with serving(*ENDLESS, tls=tls) as server:
        assert read_chunks(call, request(server.url), config, take=1) == [b"one"]
        assert server.wait_for_disconnect()
    assert open_calls() == 0


def test_closing_a_stream_before_its_first_chunk_closes_the_connection(call: Call) -> None:
    """Only the head was read."""

    def sync() -> None:
        with stream(request(server.url), CONFIG, "acme") as streamed:
            assert streamed.status == 200

    async def asynchronous() -> None:
        async with await astream(request(server.url), CONFIG, "acme") as streamed:
            assert streamed.status == 200

    with serving(STREAM, STALL) as server:
        call.run(sync, asynchronous)
        assert server.wait_for_disconnect()


def test_closing_twice_is_allowed(call: Call) -> None:
    """A closed stream has nothing more to read."""

    def sync() -> bytes:
        streamed = stream(request(server.url), CONFIG, "acme")
        streamed.close()
        streamed.close()
        return streamed.read()

    async def asynchronous() -> bytes:
        streamed = await astream(request(server.url), CONFIG, "acme")
        await streamed.aclose()
        await streamed.aclose()
        return await streamed.read()

    with serving(*ENDLESS) as server:
        assert call.run(sync, asynchronous) == b""
        assert server.wait_for_disconnect()


def test_a_stream_that_was_read_keeps_its_connection(call: Call) -> None:
    """A stream that was read completely returns its connection to the pool."""

    def sync() -> None:
        for _ in range(3):
            with stream(request(server.url), CONFIG, "acme") as streamed:
                assert streamed.read() == b"{}"

    async def asynchronous() -> None:
        for _ in range(3):
            async with await astream(request(server.url), CONFIG, "acme") as streamed:
                assert await streamed.read() == b"{}"

    with serving(plain()) as server:
        call.run(sync, asynchronous)
    assert server.opened == 1


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("steps", [(STALL,), ENDLESS], ids=["first byte", "next chunk"])
async def test_cancelling_closes_the_connection(steps: tuple[object, ...], tls: bool) -> None:
    """A task is cancelled while it waits for the first byte, or for the next chunk."""
    config = ClientConfig(ca_file=str(CERTIFICATE)) if tls else CONFIG
    with serving(*steps, tls=tls) as server:  # type: ignore[arg-type]
        task = asyncio.create_task(asend(request(server.url), config, "acme"))
        await _wait_for_request(server)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await _wait_for_disconnect(server)
    assert open_calls() == 0


async def _wait_for_disconnect(server: Service) -> None:
    async with asyncio.timeout(SOON):
        while not server.disconnects.acquire(blocking=False):
            await asyncio.sleep(0.001)


async def _wait_for_request(server: Service) -> None:
    while not server.requests:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.02)  # so that the bytes of the server have arrived, too


def test_a_failing_branch_closes_the_connection_of_the_other(call: Call) -> None:
    """The other branch is cancelled; in sync, its waiting thread is woken."""

    def send_one(_: object) -> bytes:
        return send(request(server.url), CONFIG, "acme").body

    async def asend_one(_: object) -> bytes:
        return (await asend(request(server.url), CONFIG, "acme")).body

    def fail(_: object) -> None:
        wait_for(lambda: bool(server.requests), SOON)
        raise LookupError("here")

    both = RunnableParallel(
        {"send": RunnableLambda(send_one, asend_one), "fail": RunnableLambda(fail)}
    )
    with serving(STALL) as server:
        with pytest.raises(LookupError):
            call.invoke(both, 1)
        assert server.wait_for_disconnect()


def test_with_timeout_closes_the_connection(call: Call) -> None:
    """The step timeout cancels the HTTP call."""
    with serving(STALL) as server:

        def send_one(_: object) -> bytes:
            return send(request(server.url), CONFIG, "acme").body

        async def asend_one(_: object) -> bytes:
            return (await asend(request(server.url), CONFIG, "acme")).body

        with pytest.raises(TimeoutError):
            call.invoke(RunnableLambda(send_one, asend_one).with_timeout(0.2), 1)
        assert server.wait_for_disconnect()


@pytest.mark.skipif(os.name == "nt", reason="sends a signal")
def test_an_interrupt_ends_a_sync_call() -> None:
    """Ctrl-C interrupts a waiting call, and closes its connection."""
    script = """
    import sys
    from tests.providers.http.calls import CONFIG, request
    from runnables_providers._http import send
    try:
        send(request(sys.argv[1]), CONFIG, "acme")
    except KeyboardInterrupt:
        print("interrupted", flush=True)
        sys.stdin.read()
    """
    with serving(STALL) as server:
        command = [sys.executable, "-c", script.replace("\n    ", "\n"), server.url]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as run:
            assert run.stdout is not None
            assert run.stdin is not None
            assert wait_for(lambda: bool(server.requests), 20)
            run.send_signal(signal.SIGINT)
            late = threading.Timer(20, run.kill)
            late.start()
            assert run.stdout.readline() == "interrupted\n"
            late.cancel()
            assert server.wait_for_disconnect()  # before the process ends
            run.stdin.close()


def test_another_thread_can_close_a_stream() -> None:
    """The thread that waits for the next chunk gets an error."""
    chunks: list[object] = []
    with serving(*ENDLESS) as server:
        streamed = stream(request(server.url), CONFIG, "acme")

        def read() -> None:
            with pytest.raises(ModelConnectionError, match="closed during the call"):
                chunks.extend(streamed)

        reading = threading.Thread(target=read)
        reading.start()
        assert wait_for(lambda: chunks == [b"one"], SOON)
        streamed.close()
        assert server.wait_for_disconnect()
        reading.join(SOON)
        assert not reading.is_alive()


def test_a_stream_that_was_not_closed_warns_and_closes() -> None:
    """Deleting an open stream gives a ResourceWarning, as for a file."""
    with serving(*ENDLESS) as server:
        streamed = stream(request(server.url), CONFIG, "acme")
        with pytest.warns(ResourceWarning, match="was not closed"):
            del streamed
        assert server.wait_for_disconnect()


async def test_an_async_stream_that_was_not_closed_warns_and_closes() -> None:
    """Deleting an open async stream gives a ResourceWarning, too."""
    with serving(*ENDLESS) as server:
        streamed = await astream(request(server.url), CONFIG, "acme")
        with pytest.warns(ResourceWarning):
            del streamed
        await _wait_for_disconnect(server)


def test_a_call_after_a_closed_stream_has_its_own_connection(call: Call) -> None:
    """The connection of a stream that was closed early is not reused."""
    with serving(*ENDLESS) as server:
        read_chunks(call, request(server.url), take=1)
        assert server.wait_for_disconnect()
        server.enqueue(plain("fine"))
        server._responses.pop(0)
        assert reply(call, request(server.url)).body == b"fine"
    assert server.opened == 2
