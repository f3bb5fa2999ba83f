"""Requests that are wrong as HTTP: each is answered or cut off, and the server goes on."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from runnables import RunnableLambda
from tests.serving.requests_of import PROTOCOLS, Protocol
from tests.serving.servers import PATIENCE, Served, serving, wait_for

BODY = b'{"input": "x"}'
HOST = b"Host: localhost"
INSIDE = re.compile(rb"Traceback|File \"|site-packages|runnables[./]serving|Error\(|0x[0-9a-f]{6}")
"""What shows the inside of a server."""


def upper(text: str) -> str:
    """Return a string in capitals."""
    return text.upper()


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving({"upper": RunnableLambda(upper)}) as server:
        yield server


def request(line: bytes, *headers: bytes, body: bytes = b"") -> bytes:
    """Return the bytes of a request; its connection is closed after the answer."""
    head = [line, *headers, b"Connection: close"]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def post(*headers: bytes, body: bytes = BODY, version: bytes = b"1.1", host: bytes = HOST) -> bytes:
    """Return the bytes of a request for a run."""
    line = b"POST /upper/invoke HTTP/" + version
    given = [b"Content-Type: application/json", *headers]
    if not any(header.lower().startswith((b"content-length", b"transfer")) for header in headers):
        given.append(b"Content-Length: %d" % len(body))
    return request(line, *([host] if host else []), *given, body=body)


def answer_to(served: Served, sent: bytes) -> bytes:
    """Return all that a server sends before it closes the connection."""
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.settimeout(PATIENCE)
        connection.sendall(sent)
        received = b""
        try:
            while part := connection.recv(65536):
                received += part
        except ConnectionResetError:  # it does not read the rest of what it refuses
            pass
    return received


def status_of(served: Served, sent: bytes) -> int:
    """Return the status of the answer, which shows nothing of the inside."""
    received = answer_to(served, sent)
    assert not INSIDE.search(received), received
    return int(received.split(b" ", 2)[1])


PATHS = (
    *(b"/../etc/passwd", b"/upper/../health", b"/%2e%2e/health", b"/upper/%2e%2e/health"),
    *(b"//evil.example/", b"//evil.example//upper/input_schema/", b"/upper//input_schema"),
    *(b"/\\..\\health", b"health", b"*", b"http://evil.example/health", b"/health#x", b"/%00"),
    *(b"/v1/models/%00", b"/v1/models/%ff%fe", b"/v1/models/..%2f..%2fhealth", b"/v1/models/"),
    *(b"/v1/models/%F0%9F%98%80", b"/v1/models/a\xff", b"/v1/models/\x00", b"/%0d%0aX-Evil:%201"),
    *(b"/v1/models/" + b"a" * 30_000, b"/v1/models/" + b"a" * 1_000_000),
)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: f"{path[:40]!r} {len(path)}")
def test_a_path_that_is_a_trick_leads_nowhere(path: bytes, served: Served) -> None:
    """Nothing is served under it, and no redirect leads to another host."""
    received = answer_to(served, request(b"GET " + path + b" HTTP/1.1", HOST))
    assert not INSIDE.search(received)
    assert b"x-evil:" not in received.lower()
    assert received.split(b" ", 2)[1] in (b"400", b"404", b"414", b"307")
    assert b"evil.example" not in received


@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "PATCH", "CONNECT", "SPY"]
)
@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_another_method_is_refused(method: str, protocol: Protocol, served: Served) -> None:
    """The status is 405, and says which one is right."""
    path = protocol.path.format(name="upper")
    received = answer_to(served, request(f"{method} {path} HTTP/1.1".encode(), HOST))
    assert received.startswith(b"HTTP/1.1 405")
    assert b"allow: post" in received.lower()


REFUSED = {
    "no host": post(host=b""),
    "HTTP/1.0 without a host": post(version=b"1.0", host=b""),
    "two hosts": post(b"Host: evil.example"),
    "two hosts, the other first": post(HOST, host=b"Host: evil.example"),
    "two lengths": post(b"Content-Length: 14", b"Content-Length: 3"),
    "a negative length": post(b"Content-Length: -5"),
    "a length with a sign": post(b"Content-Length: +14"),
    "a length of 5000 digits": post(b"Content-Length: " + b"9" * 5000),
    "a length of an exabyte": post(b"Content-Length: 1000000000000000000"),
    "no body": post(body=b""),
    "a chunk without its size": post(b"Transfer-Encoding: chunked", body=b"zz\r\nx\r\n0\r\n\r\n"),
    "an unknown transfer encoding": post(b"Transfer-Encoding: gzip"),
    "a header with a null byte": post(b"X-A: a\0b"),
    "UTF-16": post(body='{"input": "x"}'.encode("utf-16")),
    "bad UTF-8": post(body=b'{"input": "\xff"}'),
    "half a character": post(body=b'{"input": "\\ud800"}'),
    "a byte order mark": post(body=b"\xef\xbb\xbf" + BODY),
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a web socket": request(
        b"GET /upper/invoke HTTP/1.1", HOST, b"Upgrade: websocket", b"Sec-WebSocket-Version: 13",
        b"Connection: Upgrade", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ),
}  # fmt: skip


@pytest.mark.parametrize("sent", REFUSED.values(), ids=REFUSED)
def test_what_is_no_right_request_is_refused(sent: bytes, served: Served) -> None:
    """The status is the client's error, and nothing runs."""
    before = served.service.counts.runs
    assert 400 <= status_of(served, sent) < 500
    assert served.service.counts.runs == before


TAKEN = {
    "HTTP/1.0": post(version=b"1.0"),
    "headers that are no ASCII": post(b"X-A: \xff\xfe", b"Authorization: \xff"),
    "many headers": post(*[b"X-A: a"] * 1000),
    "an upgrade that is not known": post(b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"),
    "a body in chunks": post(
        b"Transfer-Encoding: chunked", body=b"e\r\n" + BODY + b"\r\n0\r\n\r\n"
    ),
}


@pytest.mark.parametrize("sent", TAKEN.values(), ids=TAKEN)
def test_what_is_unusual_and_right_is_answered(sent: bytes, served: Served) -> None:
    """Old clients, and headers that no one reads, are no errors."""
    received = answer_to(served, sent)
    assert received.split(b" ", 2)[1] == b"200", received
    assert b'"output":"X"' in received


HALVES = {
    "a line": b"POST /upper/inv",
    "headers": b"POST /upper/invoke HTTP/1.1\r\nHost: localhost\r\nX-A: ",
    "a body": post(b"Content-Length: 100")[:-5],
    "a chunk": post(b"Transfer-Encoding: chunked", body=b"ffff\r\nx"),
}


def test_half_a_request_does_not_stop_others() -> None:
    """Others are served meanwhile, no run is open, and the server still ends in time."""
    with ExitStack() as halves:
        with serving({"upper": RunnableLambda(upper)}) as served:
            for sent in [*HALVES.values()] * 10:
                connection = socket.create_connection(("127.0.0.1", served.port))
                halves.enter_context(connection).sendall(sent)
            answer = httpx.post(f"{served.url}/upper/invoke", json={"input": "x"})
            assert answer.json()["output"] == "X"
            wait_for(lambda: served.service.counts.open == 0)


@pytest.mark.parametrize("protocol", PROTOCOLS, ids=lambda protocol: protocol.name)
def test_a_body_that_does_not_come_is_not_awaited_forever(
    protocol: Protocol, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its time the client reads status 408, as its protocol has it."""
    monkeypatch.setattr("runnables.serving.requests.BODY_SECONDS", 0.05)
    line = f"POST {protocol.path.format(name='upper')} HTTP/1.1".encode()
    sent = request(line, HOST, b"Content-Type: application/json", b"Content-Length: 100")
    received = answer_to(served, sent + b"{")
    assert received.startswith(b"HTTP/1.1 408"), received
    assert b"did not arrive in time" in received


def test_after_all_of_that_the_counters_are_right() -> None:
    """Refused requests are no runs; those that failed, and those that were left, are counted."""
    with serving({"upper": RunnableLambda(upper)}) as served:
        for sent in (*REFUSED.values(), *TAKEN.values()):
            answer_to(served, sent)
        for half in HALVES.values():
            with socket.create_connection(("127.0.0.1", served.port)) as connection:
                connection.sendall(half)
        quiet = dict.fromkeys(
            ("failed", "left", "refused", "open", "streams", "detached", "kept"), 0
        )
        health = {"status": "ok", "runs": len(TAKEN), **quiet}
        wait_for(lambda: httpx.get(f"{served.url}/health").json() == health)
