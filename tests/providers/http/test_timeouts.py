"""Every wait has a time limit, and the error names it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable

import pytest

from runnables.errors import ModelTimeoutError
from runnables_providers._http import ClientConfig, Timeouts, astream, open_calls, stream
from tests.both_modes import Call
from tests.providers.http.calls import KEY, read_chunks, reply, request, shown
from tests.providers.http.service import END, STALL, STREAM, Await, Step, chunk, plain, serving

SHORT = 0.25


@pytest.mark.parametrize("streamed", [False, True], ids=["read", "streamed"])
@pytest.mark.parametrize(
    ("steps", "limits", "message"),
    [
        pytest.param((STALL,), Timeouts(first=SHORT), "Timeouts.first", id="first"),
        pytest.param((STREAM, STALL), Timeouts(between=SHORT), "Timeouts.between", id="no chunk"),
        pytest.param(
            (STREAM, chunk(b"abc"), STALL), Timeouts(between=SHORT), "after 3 bytes", id="between"
        ),
        pytest.param((STALL,), Timeouts(total=SHORT), "Timeouts.total", id="total, no head"),
        pytest.param((STREAM, STALL), Timeouts(total=SHORT), "Timeouts.total", id="total"),
        pytest.param(
            (STREAM, STALL),
            Timeouts(between=9, total=SHORT),
            "Timeouts.total",
            id="the earlier one",
        ),
    ],
)
def test_a_wait_that_is_too_long_ends(
    call: Call, steps: tuple[Step, ...], limits: Timeouts, message: str, streamed: bool
) -> None:
    """The error names the limit, and the connection is closed."""
    make_call: Callable[..., object] = read_chunks if streamed else reply
    with serving(*steps) as server:
        with pytest.raises(ModelTimeoutError, match=message) as raised:
            make_call(call, request(server.url), ClientConfig(limits))
        # On a slow machine the limit may pass before the request is sent.
        assert not server.requests or server.wait_for_disconnect()
    assert f"{SHORT:g} s" in str(raised.value)
    assert raised.value.provider == "acme"
    assert KEY not in shown(raised.value)
    assert open_calls() == 0


def test_a_connection_attempt_ends(call: Call) -> None:
    """The server accepts the connection, but never starts TLS."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ModelTimeoutError, match=r"no connection .* \(Timeouts.connect\)"):
            reply(call, request(url), ClientConfig(Timeouts(connect=SHORT)))


async def test_a_slow_async_reader_is_not_silence() -> None:
    """Time counts only while the reader waits for the next chunk."""
    ready = threading.Event()
    limits = ClientConfig(Timeouts(between=SHORT))
    with serving(STREAM, chunk(b"a"), Await(ready), chunk(b"b"), END) as server:
        async with await astream(request(server.url), limits, "acme") as streamed:
            assert await anext(streamed) == b"a"
            await asyncio.sleep(3 * SHORT)
            ready.set()
            assert await streamed.read() == b"b"


def test_a_slow_sync_reader_is_not_silence() -> None:
    """A full buffer pauses the server, and this pause is no silence."""
    data = b"x" * 2**20
    limits = ClientConfig(Timeouts(between=SHORT))
    with serving(STREAM, *[chunk(data)] * 20, END) as server:
        with stream(request(server.url), limits, "acme") as streamed:
            first = next(streamed)
            threading.Event().wait(3 * SHORT)
            assert len(first + streamed.read()) == 20 * len(data)


def test_the_limit_is_for_each_silence(call: Call) -> None:
    """`between` limits each pause, not their sum."""
    ready = [threading.Event() for _ in range(4)]
    for count, event in enumerate(ready, 1):
        threading.Timer(0.1 * count, event.set).start()
    steps = [step for event in ready for step in (Await(event), chunk(b"x"))]
    with serving(STREAM, *steps, END) as server:
        assert reply(call, request(server.url), ClientConfig(Timeouts(between=0.3))).body == b"xxxx"


def test_none_is_no_limit(call: Call) -> None:
    """A call works with all limits set to None."""
    unlimited = ClientConfig(Timeouts(None, None, None, None))
    with serving(plain("there")) as server:
        assert reply(call, request(server.url), unlimited).body == b"there"
