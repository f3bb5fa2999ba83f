"""Connections that do not come about, or break."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

from runnables.errors import ConfigError, ModelConnectionError
from runnables_providers._http import ClientConfig, astream, stream, under_way
from runnables_providers._http.timeouts import GLANCE
from tests.both_modes import Call
from tests.providers.http.calls import KEY, pieces, reply, request, told
from tests.providers.http.service import (
    CERTIFICATE,
    HANG,
    STREAM,
    Await,
    Cut,
    Step,
    chunk,
    head,
    plain,
    serving,
)


@pytest.mark.parametrize("hard", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    "steps",
    [
        pytest.param((), id="before the answer"),
        pytest.param((b"HTTP/1.1 200 OK\r\nContent-",), id="in its head"),
        pytest.param((head(headers={"Content-Length": "10"}), b"1234"), id="in its body"),
        pytest.param((STREAM, chunk(b"abc")), id="between two pieces"),
        pytest.param((STREAM, b"5\r\nab"), id="in a piece"),
    ],
)
def test_an_answer_that_breaks_off_is_an_error(
    call: Call, steps: tuple[Step, ...], whole: bool, hard: bool
) -> None:
    """It is never taken for the whole."""
    with serving(*steps, Cut(hard)) as server, pytest.raises(ModelConnectionError) as caught:
        (reply if whole else pieces)(call, request(server.url))
    assert "acme: " in str(caught.value)
    assert server.url.removeprefix("http://") in str(caught.value)
    assert KEY not in told(caught.value)
    assert under_way() == 0


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param((b"hello, is it me?\r\n\r\n",), id="no HTTP"),
        pytest.param((b"HTTP/1.1 abc OK\r\n\r\n",), id="no status"),
        pytest.param((head(headers={"Content-Length": "x"}),), id="no length"),
        pytest.param((STREAM, b"zz\r\nabc"), id="no length of a piece"),
        pytest.param(
            (plain(b"no gzip", headers={"Content-Encoding": "gzip"}),), id="not as it was packed"
        ),
    ],
)
def test_what_is_no_http_is_an_error(call: Call, steps: tuple[Step, ...]) -> None:
    """Of the connection, as nobody knows what was meant."""
    with serving(*steps) as server, pytest.raises(ModelConnectionError) as caught:
        reply(call, request(server.url))
    assert KEY not in told(caught.value)


def test_a_piece_without_a_length_does_not_leave_its_reader_waiting(call: Call) -> None:
    """After good pieces; the connection is closed then, and nothing more can come."""
    ready = threading.Event()

    def sync() -> list[bytes]:
        with stream(request(server.url), ClientConfig(), "acme") as streamed:
            found = [next(streamed)]
            ready.set()
            return [*found, *streamed]

    async def coloured() -> list[bytes]:
        async with await astream(request(server.url), ClientConfig(), "acme") as streamed:
            found = [await anext(streamed)]
            ready.set()
            return [*found, *[piece async for piece in streamed]]

    with serving(STREAM, chunk(b"abc"), Await(ready), b"zz\r\nabc", HANG) as server:
        with pytest.raises(ModelConnectionError, match="after 3 bytes"):
            call.run(sync, coloured)


async def test_an_answer_that_ends_with_its_connection_is_whole_however_late_it_is_read() -> None:
    """Here, its end is there when a loop that was busy for long looks after its waits."""
    ready = threading.Event()
    with serving(head(), b"abc", Await(ready), Cut()) as server:
        async with await astream(request(server.url), ClientConfig(), "acme") as streamed:
            assert await anext(streamed) == b"abc"
            rest = asyncio.create_task(streamed.read())
            await asyncio.sleep(0)
            ready.set()
            time.sleep(GLANCE + 0.2)  # noqa: ASYNC251  (the loop is to be blocked)
            assert await rest == b""


def test_nobody_there(call: Call) -> None:
    """The error says where nobody was."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ModelConnectionError, match=f"no connection to 127.0.0.1:{port}") as caught:
        reply(call, request(f"http://127.0.0.1:{port}"))
    assert "Connection refused" in str(caught.value)
    assert KEY not in told(caught.value)


def test_a_name_that_is_unknown(call: Call) -> None:
    """Looked up without blocking the loop."""
    with pytest.raises(ModelConnectionError, match="no connection to nowhere.invalid") as caught:
        reply(call, request("http://nowhere.invalid"))
    assert KEY not in told(caught.value)


# --- TLS --------------------------------------------------------------------------------------


def test_a_server_that_nobody_vouches_for_is_not_told_the_key(call: Call) -> None:
    """The call ends before anything was sent."""
    with serving(plain(), tls=True) as server:
        with pytest.raises(ModelConnectionError, match="certificate") as caught:
            reply(call, request(server.url))
        assert KEY not in told(caught.value)
    assert server.asked == []


def test_certificates_can_be_given(call: Call) -> None:
    """In the setup, or by the variable that OpenSSL knows."""
    with serving(plain("yes"), tls=True) as server:
        assert (
            reply(call, request(server.url), ClientConfig(ca_file=str(CERTIFICATE))).body == b"yes"
        )
        assert reply(call, request(server.url), ClientConfig(verify=False)).body == b"yes"


def test_certificates_come_from_the_environment(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSL_CERT_FILE, as everywhere."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    setup = ClientConfig(
        proxy=""
    )  # another setup than in other tests: a client keeps its certificates
    with serving(plain("yes"), tls=True) as server:
        assert reply(call, request(server.url), setup).body == b"yes"


def test_a_file_without_certificates_is_told(call: Call) -> None:
    """With its name."""
    with pytest.raises(ConfigError, match="nothing.pem"):
        reply(call, request("https://127.0.0.1:1"), ClientConfig(ca_file="nothing.pem"))
