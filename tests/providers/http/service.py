"""A server that answers byte by byte as told, and sees when its client leaves.

It is written on plain sockets, so that it can break off, stall and lie wherever a test wants.
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
"""Of 127.0.0.1, signed by itself; with its key."""

PATIENCE = 5.0
"""Seconds that a test waits for what must happen at once."""


class Hang:
    """A step of an answer: say nothing more until the client leaves."""


@dataclass(frozen=True)
class Await:
    """A step of an answer: go on when the event is set."""

    event: threading.Event


@dataclass(frozen=True)
class Cut:
    """A step of an answer: close the connection; `hard`: reset it."""

    hard: bool = False


HANG: Final = Hang()
Step = bytes | Hang | Await | Cut


def plain(
    body: bytes | str = b"{}", status: str = "200 OK", headers: Mapping[str, str] | None = None
) -> bytes:
    """An answer with a length."""
    body = body.encode() if isinstance(body, str) else body
    return head(status, {"Content-Length": str(len(body)), **(headers or {})}) + body


def head(status: str = "200 OK", headers: Mapping[str, str] | None = None) -> bytes:
    """Only the head of an answer."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {it}" for name, it in (headers or {}).items())]
    return "\r\n".join([*lines, "", ""]).encode()


STREAM: Final = head(headers={"Transfer-Encoding": "chunked", "Content-Type": "text/event-stream"})
"""The head of an answer that is streamed."""


def chunk(piece: bytes) -> bytes:
    """A piece of a streamed answer; an empty one is its end."""
    return b"%x\r\n%s\r\n" % (len(piece), piece)


END: Final = chunk(b"")


@dataclass(frozen=True)
class Asked:
    """A request that came; the names of headers are in lower case."""

    line: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Service:
    """What it was asked, and what to answer.

    Attributes:
        opened: how many connections there were.
        left: how many times a client left before its answer was told.
    """

    url: str
    certified: bool
    asked: list[Asked] = field(default_factory=list)
    opened: int = 0
    left: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _answers: list[tuple[Step, ...]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _sockets: list[socket.socket] = field(default_factory=list)

    def says(self, *steps: Step) -> None:
        """Answer the next request so; the last answer told is given again and again."""
        self._answers.append(steps)

    def was_left(self) -> bool:
        """Whether a client leaves, or has left, before its answer was told."""
        return self.left.acquire(timeout=PATIENCE)

    def _answer(self) -> tuple[Step, ...]:
        with self._lock:
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def serve(self, connection: socket.socket) -> None:
        """Talk with one client until it leaves."""
        with self._lock:
            self.opened += 1
            self._sockets.append(connection)
        with connection, contextlib.suppress(OSError), connection.makefile("rb") as reader:
            while (asked := _read(reader)) is not None:
                self.asked.append(asked)
                for step in self._answer():
                    if isinstance(step, Hang):
                        with contextlib.suppress(OSError):
                            reader.read(1)
                        self.left.release()
                        return
                    if isinstance(step, Await):
                        step.event.wait(PATIENCE)
                    elif isinstance(step, Cut):
                        _cut(connection, step)
                        return
                    else:
                        connection.sendall(step)

    def hang_up(self) -> None:
        """Close all connections."""
        with self._lock:
            for it in self._sockets:
                with contextlib.suppress(OSError):
                    it.shutdown(socket.SHUT_RDWR)


def _read(reader: object) -> Asked | None:
    read = reader.readline  # type: ignore[attr-defined]
    line = read().decode().strip()
    if not line:
        return None
    headers: dict[str, str] = {}
    while text := read().decode().strip():
        name, _, value = text.partition(":")
        headers[name.lower()] = value.strip()
    body = reader.read(int(headers.get("content-length", 0)))  # type: ignore[attr-defined]
    return Asked(line, headers, body)


def _cut(connection: socket.socket, step: Cut) -> None:
    if step.hard:
        linger = struct.pack("ii", 1, 0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    else:
        connection.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def serving(*steps: Step, tls: bool = False) -> Iterator[Service]:
    """A server for a test, which answers every request so."""
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        port = listener.getsockname()[1]
        service = Service(f"{'https' if tls else 'http'}://127.0.0.1:{port}", tls)
        if steps:
            service.says(*steps)
        threads: list[threading.Thread] = []
        context = _context() if tls else None

        def talk(connection: socket.socket) -> None:
            with contextlib.suppress(OSError):
                if context is not None:
                    connection.settimeout(PATIENCE)
                    connection = context.wrap_socket(connection, server_side=True)
                    connection.settimeout(None)
                service.serve(connection)
            connection.close()

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threads.append(threading.Thread(target=talk, args=(connection,)))
                    threads[-1].start()

        threads.append(threading.Thread(target=accept))
        threads[0].start()
        try:
            yield service
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            service.hang_up()
            for it in threads:
                it.join(PATIENCE)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context
