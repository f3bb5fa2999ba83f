"""A server whose response never ends, and runnables that read it."""

from __future__ import annotations

import asyncio
import http.client
import select
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from runnables import RunnableGenerator
from runnables.engine.cancellation import on_cancel

PACE = 0.005
"""Seconds between two chunks that the server sends."""

BEFORE_SILENCE = 4
"""Chunks that `/silent` sends before it stops sending: one more than a consumer takes."""


class Feed:
    """A running server, and counts of what its clients do.

    Attributes:
        port: where it listens, on this machine.
        opened: connections that clients opened.
        closed: connections that clients closed.
        pulled: chunks that clients read from their connections.
        disconnects: connections whose end the server has seen.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.port = 0
        self.opened = self.closed = self.pulled = self.disconnects = 0

    def count(self, name: str) -> None:
        """Add one to a counter, from any thread."""
        with self._lock:
            setattr(self, name, getattr(self, name) + 1)

    def reader(self, path: str) -> RunnableGenerator[Any, str]:
        """Return a runnable whose chunks are the lines that the server sends."""

        def read(chunks: Iterator[Any]) -> Iterator[str]:
            for _ in chunks:
                pass
            self.count("opened")
            connection = http.client.HTTPConnection("127.0.0.1", self.port)
            try:
                connection.request("GET", path)
                sock = connection.sock
                with closing(connection.getresponse()) as lines, on_cancel(lambda: _wake(sock)):
                    for line in lines:
                        self.count("pulled")
                        yield line.decode()
            finally:
                connection.close()
                self.count("closed")

        async def aread(chunks: AsyncIterator[Any]) -> AsyncIterator[str]:
            async for _ in chunks:
                pass
            self.count("opened")
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
                while (await reader.readline()).strip():  # the head of the response
                    pass
                while line := await reader.readline():
                    self.count("pulled")
                    yield line.decode()
            finally:
                writer.close()
                await writer.wait_closed()
                self.count("closed")

        return RunnableGenerator(read, aread)


def _wake(sock: Any) -> None:
    """End a blocking read of a socket, from another thread."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:  # it was closed meanwhile
        pass


@contextmanager
def serve() -> Iterator[Feed]:
    """Run the server: `/slow` sends chunks for ever, `/silent` stops after a few and stays open."""
    feed = Feed()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            sent = 0
            try:
                while not self._has_disconnected():
                    if self.path == "/slow" or sent < BEFORE_SILENCE:
                        sent += 1
                        self.wfile.write(f"<{sent}>\n".encode())
            except OSError:
                pass
            feed.count("disconnects")

        def _has_disconnected(self) -> bool:
            """Wait `PACE` seconds; return whether the client has closed its end meanwhile."""
            readable, _, _ = select.select([self.connection], [], [], PACE)
            return bool(readable) and not self.connection.recv(1)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    feed.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield feed
    finally:
        server.shutdown()
        thread.join()
        server.server_close()  # waits for the handlers
