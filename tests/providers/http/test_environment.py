"""Proxies, by the setup or by the environment."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from runnables.errors import ConfigError, ModelConnectionError
from runnables_providers._http import ClientConfig
from runnables_providers._http.environment import proxy_for
from tests.both_modes import Call
from tests.providers.http.calls import KEY, reply, request, told
from tests.providers.http.service import CERTIFICATE, plain, serving

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("environment", "place", "proxy"),
    [
        ({}, ("https", "a.com", 443), None),
        ({"HTTPS_PROXY": "http://p:1"}, ("https", "a.com", 443), "http://p:1"),
        ({"https_proxy": "p:1"}, ("https", "a.com", 443), "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1"}, ("http", "a.com", 80), None),
        ({"HTTP_PROXY": "http://p:1"}, ("http", "a.com", 80), "http://p:1"),
        ({"ALL_PROXY": "http://p:1"}, ("https", "a.com", 443), "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.com"}, ("https", "a.com", 443), None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.com"}, ("https", "x.A.com", 443), None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": ".a.com"}, ("https", "x.a.com", 443), None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*.a.com"}, ("https", "x.a.com", 443), None),
        (
            {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.com"},
            ("https", "ba.com", 443),
            "http://p:1",
        ),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "b, a.com:443"}, ("https", "a.com", 443), None),
        (
            {"HTTPS_PROXY": "http://p:1", "NO_PROXY": "a.com:1"},
            ("https", "a.com", 443),
            "http://p:1",
        ),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "*"}, ("https", "a.com", 443), None),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": " , "}, ("https", "a.com", 443), "http://p:1"),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, ("http", "10.2.3.4", 80), None),
        (
            {"HTTP_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"},
            ("http", "a.com", 80),
            "http://p:1",
        ),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "::1"}, ("http", "::1", 80), None),
    ],
)
def test_the_environment_names_the_proxy(
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    place: tuple[str, str, int],
    proxy: str | None,
) -> None:
    """As other tools read these variables."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(ClientConfig(), *place) == proxy


def test_the_setup_outweighs_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by an empty one, which is none."""
    monkeypatch.setenv("HTTPS_PROXY", "http://p:1")
    assert proxy_for(ClientConfig(proxy="http://q:2"), "https", "a.com", 443) == "http://q:2"
    assert proxy_for(ClientConfig(proxy=""), "https", "a.com", 443) is None


def test_a_proxy_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch, call: Call) -> None:
    """Before anything goes out without it."""
    monkeypatch.setenv("ALL_PROXY", "socks5://me:hidden@p:1")
    with pytest.raises(ConfigError, match="socks5") as caught:
        reply(call, request("http://127.0.0.1:1"), ClientConfig(verify=False))
    assert "hidden" not in told(caught.value)


def test_a_request_goes_through_the_proxy(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is told the whole address, and its own password."""
    with serving(plain("from the proxy")) as proxy:
        address = proxy.url.replace("http://", "http://me:hidden@")
        answer = reply(call, request("http://far.example"), ClientConfig(proxy=address))
    assert answer.body == b"from the proxy"
    [asked] = proxy.asked
    assert asked.line.startswith("POST http://far.example/v1/chat")
    assert asked.headers["proxy-authorization"].startswith("Basic ")


@contextlib.contextmanager
def _tunnel() -> Iterator[tuple[str, list[str]]]:
    """A proxy that connects to wherever it is told; with what it was asked."""
    asked: list[str] = []
    threads: list[threading.Thread] = []

    def copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def talk(client: socket.socket) -> None:
        with client:
            asked.append(client.recv(65536).decode())
            host, _, port = asked[-1].split()[1].partition(":")
            with socket.create_connection((host, int(port))) as far:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=copy, args=(far, client))
                back.start()
                copy(client, far)
                back.join()

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threads.append(threading.Thread(target=talk, args=(listener.accept()[0],)))
                    threads[-1].start()

        threads.append(threading.Thread(target=accept))
        threads[0].start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            from runnables_providers._http import close

            close()
            for it in threads:
                it.join()


def test_a_secret_request_goes_through_a_tunnel(call: Call) -> None:
    """The proxy is told the host, and neither the address nor the key."""
    with serving(plain("far"), tls=True) as server, _tunnel() as (proxy, asked):
        setup = ClientConfig(proxy=proxy, ca_file=str(CERTIFICATE))
        assert reply(call, request(server.url), setup).body == b"far"
    assert asked[0].startswith(f"CONNECT {server.url.removeprefix('https://')} HTTP/1.1")
    assert KEY not in asked[0]


def test_a_proxy_that_refuses_is_told(call: Call) -> None:
    """With its status; not with its password."""
    with serving(plain("", "407 Proxy Authentication Required")) as proxy:
        setup = ClientConfig(proxy=proxy.url.replace("http://", "http://me:hidden@"))
        with pytest.raises(ModelConnectionError) as caught:
            reply(call, request("https://far.example"), setup)
    assert "hidden" not in told(caught.value)
    assert KEY not in told(caught.value)
