"""Every wait has a limit, and the error names it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable

import pytest

from runnables.errors import ModelTimeoutError
from runnables_providers._http import ClientConfig, Timeouts, astream, stream, under_way
from tests.both_modes import Call
from tests.providers.http.calls import KEY, pieces, reply, request, told
from tests.providers.http.service import END, HANG, STREAM, Await, Step, chunk, plain, serving

SHORT = 0.25


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("steps", "limits", "said"),
    [
        pytest.param((HANG,), Timeouts(first=SHORT), "Timeouts.first", id="first"),
        pytest.param((STREAM, HANG), Timeouts(between=SHORT), "Timeouts.between", id="no piece"),
        pytest.param(
            (STREAM, chunk(b"abc"), HANG), Timeouts(between=SHORT), "after 3 bytes", id="between"
        ),
        pytest.param((HANG,), Timeouts(total=SHORT), "Timeouts.total", id="total, no head"),
        pytest.param((STREAM, HANG), Timeouts(total=SHORT), "Timeouts.total", id="total"),
        pytest.param(
            (STREAM, HANG), Timeouts(between=9, total=SHORT), "Timeouts.total", id="the sooner one"
        ),
    ],
)
def test_a_wait_that_is_too_long_ends(
    call: Call, steps: tuple[Step, ...], limits: Timeouts, said: str, whole: bool
) -> None:
    """With the limit's name, and the connection closed."""
    wait: Callable[..., object] = reply if whole else pieces
    with serving(*steps) as server:
        with pytest.raises(ModelTimeoutError, match=said) as caught:
            wait(call, request(server.url), ClientConfig(limits))
        assert not server.asked or server.was_left()  # a slow machine may not get so far
    assert f"{SHORT:g} s" in str(caught.value)
    assert caught.value.provider == "acme"
    assert KEY not in told(caught.value)
    assert under_way() == 0


def test_a_connection_that_does_not_come_about_ends(call: Call) -> None:
    """Here, a server that takes the connection and never agrees on TLS."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ModelTimeoutError, match=r"no connection .* \(Timeouts.connect\)"):
            reply(call, request(url), ClientConfig(Timeouts(connect=SHORT)))


async def test_a_reader_that_takes_its_time_is_not_silence() -> None:
    """Only what it waits for counts: the next piece comes when it asks again."""
    ready = threading.Event()
    limits = ClientConfig(Timeouts(between=SHORT))
    with serving(STREAM, chunk(b"a"), Await(ready), chunk(b"b"), END) as server:
        async with await astream(request(server.url), limits, "acme") as streamed:
            assert await anext(streamed) == b"a"
            await asyncio.sleep(3 * SHORT)
            ready.set()
            assert await streamed.read() == b"b"


def test_a_sync_reader_that_takes_its_time_is_not_silence() -> None:
    """More than there is room for waits in the server, which nobody takes for silent."""
    piece = b"x" * 2**20
    limits = ClientConfig(Timeouts(between=SHORT))
    with serving(STREAM, *[chunk(piece)] * 20, END) as server:
        with stream(request(server.url), limits, "acme") as streamed:
            first = next(streamed)
            threading.Event().wait(3 * SHORT)
            assert len(first + streamed.read()) == 20 * len(piece)


def test_pieces_in_time_are_not_cut_off(call: Call) -> None:
    """The limit is for each silence, not for all of them together."""
    ready = [threading.Event() for _ in range(4)]
    for at, it in enumerate(ready):
        threading.Timer(0.1 * (at + 1), it.set).start()
    steps = [step for it in ready for step in (Await(it), chunk(b"x"))]
    with serving(STREAM, *steps, END) as server:
        assert reply(call, request(server.url), ClientConfig(Timeouts(between=0.3))).body == b"xxxx"


def test_no_limit_is_no_limit(call: Call) -> None:
    """None waits."""
    unlimited = ClientConfig(Timeouts(None, None, None, None))
    with serving(plain("there")) as server:
        assert reply(call, request(server.url), unlimited).body == b"there"
