"""Proxies, from the configuration or from the environment."""

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
from tests.providers.http.calls import KEY, reply, request, shown
from tests.providers.http.service import CERTIFICATE, plain, serving

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(
    ("environment", "origin", "proxy"),
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
    origin: tuple[str, str, int],
    proxy: str | None,
) -> None:
    """The variables mean what they mean to other tools."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(ClientConfig(), *origin) == proxy


def test_the_config_overrides_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty string in the configuration means no proxy."""
    monkeypatch.setenv("HTTPS_PROXY", "http://p:1")
    assert proxy_for(ClientConfig(proxy="http://q:2"), "https", "a.com", 443) == "http://q:2"
    assert proxy_for(ClientConfig(proxy=""), "https", "a.com", 443) is None


def test_a_proxy_with_another_scheme_is_refused(
    monkeypatch: pytest.MonkeyPatch, call: Call
) -> None:
    """The call raises before anything is sent."""
    monkeypatch.setenv("ALL_PROXY", "socks5://me:hidden@p:1")
    with pytest.raises(ConfigError, match="socks5") as raised:
        reply(call, request("http://127.0.0.1:1"), ClientConfig(verify=False))
    assert "hidden" not in shown(raised.value)


def test_a_request_goes_through_the_proxy(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy receives the whole URL, and its password."""
    with serving(plain("from the proxy")) as proxy:
        url = proxy.url.replace("http://", "http://me:hidden@")
        received = reply(call, request("http://far.example"), ClientConfig(proxy=url))
    assert received.body == b"from the proxy"
    [recorded] = proxy.requests
    assert recorded.line.startswith("POST http://far.example/v1/chat")
    assert recorded.headers["proxy-authorization"].startswith("Basic ")


@contextlib.contextmanager
def _tunnel() -> Iterator[tuple[str, list[str]]]:
    """Run a proxy that opens tunnels; yield its URL and the list of requests."""
    requests: list[str] = []
    threads: list[threading.Thread] = []

    def copy(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def serve(client: socket.socket) -> None:
        with client:
            requests.append(client.recv(65536).decode())
            host, _, port = requests[-1].split()[1].partition(":")
            with socket.create_connection((host, int(port))) as target:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                back = threading.Thread(target=copy, args=(target, client))
                back.start()
                copy(client, target)
                back.join()

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threads.append(threading.Thread(target=serve, args=(listener.accept()[0],)))
                    threads[-1].start()

        threads.append(threading.Thread(target=accept))
        threads[0].start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", requests
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            from runnables_providers._http import close

            close()
            for thread in threads:
                thread.join()


def test_an_https_request_goes_through_a_tunnel(call: Call) -> None:
    """The proxy receives the host, but neither the path nor the key."""
    with serving(plain("far"), tls=True) as server, _tunnel() as (proxy, requests):
        config = ClientConfig(proxy=proxy, ca_file=str(CERTIFICATE))
        assert reply(call, request(server.url), config).body == b"far"
    assert requests[0].startswith(f"CONNECT {server.url.removeprefix('https://')} HTTP/1.1")
    assert KEY not in requests[0]


def test_a_proxy_that_refuses_is_a_connection_error(call: Call) -> None:
    """The error holds neither the password nor the key."""
    with serving(plain("", "407 Proxy Authentication Required")) as proxy:
        config = ClientConfig(proxy=proxy.url.replace("http://", "http://me:hidden@"))
        with pytest.raises(ModelConnectionError) as raised:
            reply(call, request("https://far.example"), config)
    assert "hidden" not in shown(raised.value)
    assert KEY not in shown(raised.value)
