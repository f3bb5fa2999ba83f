"""Connections that cannot be opened, or break."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

from runnables.errors import ConfigError, ModelConnectionError
from runnables_providers._http import ClientConfig, astream, open_calls, stream
from runnables_providers._http.timeouts import CHECK_INTERVAL
from tests.both_modes import Call
from tests.providers.http.calls import KEY, read_chunks, reply, request, shown
from tests.providers.http.service import (
    CERTIFICATE,
    STALL,
    STREAM,
    Await,
    Disconnect,
    Step,
    chunk,
    head,
    plain,
    serving,
)


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("streamed", [False, True], ids=["read", "streamed"])
@pytest.mark.parametrize(
    "steps",
    [
        pytest.param((), id="before the response"),
        pytest.param((b"HTTP/1.1 200 OK\r\nContent-",), id="in its head"),
        pytest.param((head(headers={"Content-Length": "10"}), b"1234"), id="in its body"),
        pytest.param((STREAM, chunk(b"abc")), id="between two chunks"),
        pytest.param((STREAM, b"5\r\nab"), id="in a chunk"),
    ],
)
def test_a_broken_connection_is_an_error(
    call: Call, steps: tuple[Step, ...], streamed: bool, reset: bool
) -> None:
    """An incomplete response is never taken for a complete one."""
    with (
        serving(*steps, Disconnect(reset)) as server,
        pytest.raises(ModelConnectionError) as raised,
    ):
        (read_chunks if streamed else reply)(call, request(server.url))
    assert "acme: " in str(raised.value)
    assert server.url.removeprefix("http://") in str(raised.value)
    assert KEY not in shown(raised.value)
    assert open_calls() == 0


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param((b"hello, is it me?\r\n\r\n",), id="not HTTP"),
        pytest.param((b"HTTP/1.1 abc OK\r\n\r\n",), id="invalid status"),
        pytest.param((head(headers={"Content-Length": "x"}),), id="invalid length"),
        pytest.param((STREAM, b"zz\r\nabc"), id="invalid chunk length"),
        pytest.param((plain(b"no gzip", headers={"Content-Encoding": "gzip"}),), id="invalid gzip"),
    ],
)
def test_invalid_http_is_an_error(call: Call, steps: tuple[Step, ...]) -> None:
    """It is a connection error, since the meaning of the response is unknown."""
    with serving(*steps) as server, pytest.raises(ModelConnectionError) as raised:
        reply(call, request(server.url))
    assert KEY not in shown(raised.value)


def test_a_chunk_without_a_length_does_not_leave_its_reader_waiting(call: Call) -> None:
    """aiohttp closes the connection then, but does not notify the reader."""
    ready = threading.Event()

    def sync() -> list[bytes]:
        with stream(request(server.url), ClientConfig(), "acme") as streamed:
            chunks = [next(streamed)]
            ready.set()
            return [*chunks, *streamed]

    async def asynchronous() -> list[bytes]:
        async with await astream(request(server.url), ClientConfig(), "acme") as streamed:
            chunks = [await anext(streamed)]
            ready.set()
            return [*chunks, *[chunk async for chunk in streamed]]

    with serving(STREAM, chunk(b"abc"), Await(ready), b"zz\r\nabc", STALL) as server:
        with pytest.raises(ModelConnectionError, match="after 3 bytes"):
            call.run(sync, asynchronous)


async def test_a_body_that_ends_with_its_connection_may_be_read_late() -> None:
    """The end has come when a loop that was blocked checks its timeouts."""
    ready = threading.Event()
    with serving(head(), b"abc", Await(ready), Disconnect()) as server:
        async with await astream(request(server.url), ClientConfig(), "acme") as streamed:
            assert await anext(streamed) == b"abc"
            rest = asyncio.create_task(streamed.read())
            await asyncio.sleep(0)
            ready.set()
            time.sleep(CHECK_INTERVAL + 0.2)  # noqa: ASYNC251  (blocks the loop on purpose)
            assert await rest == b""


def test_a_refused_connection_is_an_error(call: Call) -> None:
    """The error names the host and the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ModelConnectionError, match=f"no connection to 127.0.0.1:{port}") as raised:
        reply(call, request(f"http://127.0.0.1:{port}"))
    assert "Connection refused" in str(raised.value)
    assert KEY not in shown(raised.value)


def test_an_unknown_host_is_an_error(call: Call) -> None:
    """The name is resolved without blocking the loop."""
    with pytest.raises(ModelConnectionError, match="no connection to nowhere.invalid") as raised:
        reply(call, request("http://nowhere.invalid"))
    assert KEY not in shown(raised.value)


# --- TLS --------------------------------------------------------------------------------------


def test_an_untrusted_server_receives_no_key(call: Call) -> None:
    """The call fails before anything is sent."""
    with serving(plain(), tls=True) as server:
        with pytest.raises(ModelConnectionError, match="certificate") as raised:
            reply(call, request(server.url))
        assert KEY not in shown(raised.value)
    assert server.requests == []


def test_certificates_can_be_configured(call: Call) -> None:
    """`ca_file` adds a certificate, and `verify=False` accepts any."""
    with serving(plain("yes"), tls=True) as server:
        assert (
            reply(call, request(server.url), ClientConfig(ca_file=str(CERTIFICATE))).body == b"yes"
        )
        assert reply(call, request(server.url), ClientConfig(verify=False)).body == b"yes"


def test_certificates_come_from_the_environment(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SSL_CERT_FILE names the trusted certificates, as for other programs."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    config = ClientConfig(proxy="")  # not used by other tests: a client keeps its certificates
    with serving(plain("yes"), tls=True) as server:
        assert reply(call, request(server.url), config).body == b"yes"


def test_the_error_for_a_missing_certificate_file_names_it(call: Call) -> None:
    """The ConfigError has the name of the file."""
    with pytest.raises(ConfigError, match="nothing.pem"):
        reply(call, request("https://127.0.0.1:1"), ClientConfig(ca_file="nothing.pem"))
