"""A chat service whose answers never end, and which says when its client has left.

It speaks chat completions over HTTP/1.1 on loopback. The last message of a request is a kind of
answer and a key, such as "fast 17":

- "silent": nothing, not even a status;
- "one": one chunk, and then nothing;
- "fast": chunks without an end, as quickly as they are read.

Run as a program, it prints the port that it listens on, then a line for each thing that happens:
`began KEY`, `blocked KEY` (nothing was read for a while) and `left KEY TIME`, with the time of the
machine's monotonic clock. It serves until its standard input closes.
"""

from __future__ import annotations

import asyncio
import json
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager

from benchmarks.server import HEAD, _delta

BLOCKED_AFTER = 0.1
"""After how many seconds without a byte read an answer counts as blocked."""
CHUNK = _delta({"content": "x" * 2000})


class _Answer(asyncio.Protocol):
    """One connection, which takes one request."""

    def __init__(self) -> None:
        self._buffer = b""
        self._key = ""
        self._is_fast = self._has_left = False
        self._blocked: asyncio.TimerHandle | None = None
        self._can_write = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        # Small buffers fill soon.
        connection: socket.socket = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, _, body = self._buffer.partition(b"\r\n\r\n")
        length = next((line.partition(b":")[2] for line in head.lower().split(b"\r\n")
                       if line.startswith(b"content-length:")), b"0")  # fmt: skip
        if body and len(body) >= int(length):
            self._buffer = b""
            self._begin(json.loads(body))

    def _begin(self, request: dict) -> None:
        kind, self._key = request["messages"][-1]["content"].split()
        _say("began", self._key)
        if kind == "silent" or not request.get("stream"):
            return
        self._transport.write(HEAD + CHUNK)
        if kind == "fast":
            self._is_fast = True
            self._more()

    def _more(self) -> None:
        if self._is_fast and not self._has_left and self._blocked is None:
            self._transport.write(CHUNK)
            asyncio.get_running_loop().call_soon(self._more)

    def pause_writing(self) -> None:
        loop = asyncio.get_running_loop()
        self._blocked = loop.call_later(BLOCKED_AFTER, _say, "blocked", self._key)

    def resume_writing(self) -> None:
        if self._blocked is not None:
            self._blocked.cancel()
            self._blocked = None
        self._more()

    def eof_received(self) -> None:
        self._leave()

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave()

    def _leave(self) -> None:
        if self._key and not self._has_left:
            _say("left", self._key, time.monotonic())
        self._has_left = True
        if self._blocked is not None:
            self._blocked.cancel()


def _say(*words: object) -> None:
    print(*words, flush=True)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Answer, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


class Upstream:
    """The service in a process of its own, as seen from here.

    Attributes:
        url: its address.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._lines = process.stdout
        self.url = f"http://127.0.0.1:{int(self._lines.readline())}/v1"
        self._events: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._lines:
            self._events.put(line.split())

    def wait_for(self, event: str, key: str, patience: float = 10.0) -> float:
        """Wait until something has happened to an answer; return the time that it had, or 0.

        What happened to other answers before is forgotten.

        Raises:
            TimeoutError: it has not happened.
        """
        deadline = time.monotonic() + patience
        while True:
            try:
                found, its_key, *more = self._events.get(timeout=deadline - time.monotonic())
            except (queue.Empty, ValueError):
                raise TimeoutError(f"the upstream has not said {event} {key}") from None
            if (found, its_key) == (event, key):
                return float(more[0]) if more else 0.0


@contextmanager
def endless_upstream() -> Generator[Upstream]:
    """Run the service in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.endless_upstream"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        try:
            yield Upstream(child)
        finally:
            child.stdin.close()
            child.wait(5)


if __name__ == "__main__":
    asyncio.run(_serve())
