"""Real servers of chains, in a thread of the tests, and raw connections to them."""

from __future__ import annotations

import json
import mimetypes
import socket
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from starlette.staticfiles import StaticFiles

from runnables.serving.app import create_app
from runnables.serving.server import ChainServer
from runnables.serving.service import Service

PATIENCE = 10.0
"""For how many seconds a test waits for what must happen at once."""


class Served:
    """A server that runs.

    Attributes:
        url: its address.
        port: its port.
        service: what it serves.
        server: the server.
    """

    def __init__(self, server: ChainServer, service: Service) -> None:
        self.server = server
        self.service = service
        self.port = int(server.servers[0].sockets[0].getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"


@contextmanager
def serving(chains: Any, *, files: Path | None = None, **options: Any) -> Generator[Served]:
    """Serve chains on loopback, with the files of a folder beside them, at `/page`."""
    app = create_app(chains, **options)
    if files is not None:
        mimetypes.init()  # it reads files, which must not happen in the event loop
        app.mount("/page", StaticFiles(directory=files, html=True))
    config = uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=5)
    server = ChainServer(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield Served(server, app.state.service)
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the server has not ended"


def wait_for(condition: Callable[[], Any]) -> None:
    """Wait until a condition holds; fail where it does not."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"it never came: {condition}"
        time.sleep(0.001)


def raw_request(served: Served, path: str, body: Any, *, receive_buffer: int = 0) -> socket.socket:
    """Send a request over a socket of its own, and leave the answer unread."""
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(PATIENCE)
    connection.connect(("127.0.0.1", served.port))
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    connection.sendall(head.encode() + content)
    return connection


def cut(connection: socket.socket) -> None:
    """Close a connection as a client does whose process dies."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    connection.close()


def events(text: str) -> list[Any]:
    """Return the JSON of the frames of a stream."""
    frames = [frame for frame in text.replace("\r\n", "\n").split("\n\n") if frame]
    lines = [line for frame in frames for line in frame.split("\n") if line.startswith("data: ")]
    data = [line.removeprefix("data: ") for line in lines]
    return [json.loads(item) for item in data if item and item != "[DONE]"]
