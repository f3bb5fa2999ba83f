"""A server that never stops talking, and runnables that listen to it."""

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
from runnables.engine import on_cancel

PACE = 0.005
"""Seconds between two chunks of the server."""

BEFORE_SILENCE = 4
"""Chunks that it says before it falls silent, where it is asked to: one more than is taken."""


class Feed:
    """What the server knows, and what its clients do.

    Attributes:
        opened: connections that clients opened.
        closed: connections that clients closed.
        pulled: chunks that clients took from their connections.
        hung_up: connections whose end the server has seen.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.port = 0
        self.opened = self.closed = self.pulled = self.hung_up = 0

    def count(self, name: str) -> None:
        """One more, from any thread."""
        with self._lock:
            setattr(self, name, getattr(self, name) + 1)

    def listener(self, path: str) -> RunnableGenerator[Any, str]:
        """A runnable whose chunks are the lines that the server sends."""

        def listen(chunks: Iterator[Any]) -> Iterator[str]:
            for _ in chunks:
                pass
            self.count("opened")
            connection = http.client.HTTPConnection("127.0.0.1", self.port)
            try:
                connection.request("GET", path)
                held = connection.sock
                with closing(connection.getresponse()) as lines, on_cancel(lambda: _wake(held)):
                    for line in lines:
                        self.count("pulled")
                        yield line.decode()
            finally:
                connection.close()
                self.count("closed")

        async def alisten(chunks: AsyncIterator[Any]) -> AsyncIterator[str]:
            async for _ in chunks:
                pass
            self.count("opened")
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
                while (await reader.readline()).strip():  # the head of the answer
                    pass
                while line := await reader.readline():
                    self.count("pulled")
                    yield line.decode()
            finally:
                writer.close()
                await writer.wait_closed()
                self.count("closed")

        return RunnableGenerator(listen, alisten)


def _wake(held: Any) -> None:
    """End a blocking read from another thread."""
    try:
        held.shutdown(socket.SHUT_RDWR)
    except OSError:  # it was closed meanwhile
        pass


@contextmanager
def serve() -> Iterator[Feed]:
    """A server on a port of this machine: /slow talks for ever, /silent falls silent."""
    feed = Feed()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            said = 0
            try:
                while not self._hung_up():
                    if self.path == "/slow" or said < BEFORE_SILENCE:
                        said += 1
                        self.wfile.write(f"<{said}>\n".encode())
            except OSError:
                pass
            feed.count("hung_up")

        def _hung_up(self) -> bool:
            """Wait for the pace; whether the client has closed its end meanwhile."""
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
