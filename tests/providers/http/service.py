"""A server that sends scripted bytes, and records when its client disconnects.

It is written on plain sockets, so that it can disconnect, stall and break HTTP at any byte.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

CERTIFICATE = Path(__file__).with_name("certificate.pem")
"""The self-signed certificate of 127.0.0.1, with its key."""

SOON = 5.0
"""Seconds that a test waits for something that must happen soon."""


class Stall:
    """Step of a response: send nothing more until the client disconnects."""


@dataclass(frozen=True)
class Await:
    """Step of a response: continue when the event is set."""

    event: threading.Event


@dataclass(frozen=True)
class Disconnect:
    """Step of a response: close the connection; with `reset`, reset it."""

    reset: bool = False


STALL: Final = Stall()
Step = bytes | Stall | Await | Disconnect


def plain(
    body: bytes | str = b"{}", status: str = "200 OK", headers: Mapping[str, str] | None = None
) -> bytes:
    """Return a response with a length."""
    body = body.encode() if isinstance(body, str) else body
    return head(status, {"Content-Length": str(len(body)), **(headers or {})}) + body


def head(status: str = "200 OK", headers: Mapping[str, str] | None = None) -> bytes:
    """Return the head of a response."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    return "\r\n".join([*lines, "", ""]).encode()


STREAM: Final = head(headers={"Transfer-Encoding": "chunked", "Content-Type": "text/event-stream"})
"""The head of a streamed response."""


def chunk(data: bytes) -> bytes:
    """Encode a chunk of a streamed response; an empty one ends it."""
    return b"%x\r\n%s\r\n" % (len(data), data)


END: Final = chunk(b"")


@dataclass(frozen=True)
class RecordedRequest:
    """Request that the server received; the names of headers are in lower case."""

    line: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Service:
    """Scripted server.

    Attributes:
        url: the base URL.
        certified: whether it uses TLS.
        requests: the requests, in order.
        opened: the number of connections so far.
        disconnects: counts the clients that disconnected before the end of a response.
    """

    url: str
    certified: bool
    requests: list[RecordedRequest] = field(default_factory=list)
    opened: int = 0
    disconnects: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _responses: list[tuple[Step, ...]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _sockets: list[socket.socket] = field(default_factory=list)

    def enqueue(self, *steps: Step) -> None:
        """Add a response for one more request; the last response is repeated."""
        self._responses.append(steps)

    def wait_for_disconnect(self) -> bool:
        """Wait until a client disconnects before the end of a response; tell whether it did."""
        return self.disconnects.acquire(timeout=SOON)

    def _next_response(self) -> tuple[Step, ...]:
        with self._lock:
            return self._responses.pop(0) if len(self._responses) > 1 else self._responses[0]

    def serve(self, connection: socket.socket) -> None:
        """Serve one client until it disconnects."""
        with self._lock:
            self.opened += 1
            self._sockets.append(connection)
        with connection, contextlib.suppress(OSError), connection.makefile("rb") as reader:
            while (request := _read(reader)) is not None:
                self.requests.append(request)
                for step in self._next_response():
                    if isinstance(step, Stall):
                        with contextlib.suppress(OSError):
                            reader.read(1)
                        self.disconnects.release()
                        return
                    if isinstance(step, Await):
                        step.event.wait(SOON)
                    elif isinstance(step, Disconnect):
                        _disconnect(connection, step)
                        return
                    else:
                        connection.sendall(step)

    def hang_up(self) -> None:
        """Close all connections."""
        with self._lock:
            for connection in self._sockets:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


def _read(reader: object) -> RecordedRequest | None:
    read = reader.readline  # type: ignore[attr-defined]
    line = read().decode().strip()
    if not line:
        return None
    headers: dict[str, str] = {}
    while text := read().decode().strip():
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
    body = reader.read(int(headers.get("content-length", 0)))  # type: ignore[attr-defined]
    return RecordedRequest(line, headers, body)


def _disconnect(connection: socket.socket, step: Disconnect) -> None:
    if step.reset:
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    else:
        connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def serving(*steps: Step, tls: bool = False) -> Iterator[Service]:
    """Run a server that answers every request with these steps, until the block ends."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        port = listener.getsockname()[1]
        service = Service(f"{'https' if tls else 'http'}://127.0.0.1:{port}", tls)
        if steps:
            service.enqueue(*steps)
        threads: list[threading.Thread] = []
        context = _context() if tls else None

        def serve(connection: socket.socket) -> None:
            with contextlib.suppress(OSError):
                if context is not None:
                    connection.settimeout(SOON)
                    connection = context.wrap_socket(connection, server_side=True)
                    connection.settimeout(None)
                service.serve(connection)
            connection.close()

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threads.append(threading.Thread(target=serve, args=(connection,)))
                    threads[-1].start()

        threads.append(threading.Thread(target=accept))
        threads[0].start()
        try:
            yield service
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            service.hang_up()
            for thread in threads:
                thread.join(SOON)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context
