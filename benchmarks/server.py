"""A chat service that answers at once, so that the cost of its clients can be measured.

It speaks chat completions over HTTP/1.1 on loopback, written by hand on `asyncio.Protocol`, and
serves 20,000 requests a second on one core. The path begins with how it sends a stream:

- `/burst/...`: all chunks at once;
- `/paced/...`: one chunk every 10 ms;
- `/slow/...`: one chunk every 50 ms.

With `/later/...`, an answer that is not streamed comes after 50 ms.

Run as a program, it prints the port that it listens on, and serves until its standard input closes.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator

CHUNKS = 100  # in each streamed answer
WORDS = [f"word{i} " for i in range(CHUNKS - 2)]  # the first and the last chunk have none
PACE = 0.01  # seconds between two chunks of a paced stream
SLOW = 0.05
LATER = 0.05  # seconds until an answer
ANSWER = "The quick brown fox jumps over the lazy dog near the river bank, and then it rests. "


def _event(payload: dict[str, object]) -> bytes:
    event = b"data: " + json.dumps(payload, separators=(",", ":")).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(event), event)


def _delta(delta: dict[str, str], finish: str | None = None) -> bytes:
    return _event(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1700000000,
            "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        }
    )


_USAGE = {"prompt_tokens": 12, "completion_tokens": CHUNKS, "total_tokens": CHUNKS + 12}
_PLAIN = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": ANSWER},
                "finish_reason": "stop",
            }
        ],
        "usage": _USAGE,
    }
).encode()
PLAIN = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: req-1\r\n"
    b"Content-Length: %d\r\n\r\n%s" % (len(_PLAIN), _PLAIN)
)
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nx-request-id: req-1\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
EVENTS = [
    _delta({"role": "assistant", "content": ""}),
    *[_delta({"content": word}) for word in WORDS],
    _delta({}, "stop"),
]
END = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
BURST = HEAD + b"".join(EVENTS) + END


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer = self._buffer + data if self._buffer else data
        while True:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = buffer[:end].lower()
            start = head.find(b"content-length: ")
            length = int(head[start + 16 :].split(b"\r\n", 1)[0]) if start >= 0 else 0
            size = end + 4 + length
            if len(buffer) < size:
                return
            self._answer(buffer[: buffer.index(b"\r\n")], buffer[end + 4 : size])
            buffer = self._buffer = buffer[size:]
            if not buffer:
                return

    def _answer(self, line: bytes, body: bytes) -> None:
        assert self._transport is not None
        if b'"stream":true' not in body and b'"stream": true' not in body:
            if b" /later/" in line:
                asyncio.get_running_loop().call_later(LATER, self._write, PLAIN)
            else:
                self._transport.write(PLAIN)
        elif b" /burst/" in line:
            self._transport.write(BURST)
        else:
            self._transport.write(HEAD + EVENTS[0])
            self._schedule(1, SLOW if b" /slow/" in line else PACE)

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _schedule(self, index: int, pace: float) -> None:
        if index < CHUNKS:
            asyncio.get_running_loop().call_later(pace, self._send, index, pace)
        elif self._transport is not None:
            self._transport.write(END)

    def _send(self, index: int, pace: float) -> None:
        if self._transport is not None:
            self._transport.write(EVENTS[index])
            self._schedule(index + 1, pace)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Connection, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Run the server in a process of its own; yield its URL, `http://127.0.0.1:port`."""
    command = [sys.executable, "-m", "benchmarks.server"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None and child.stdin is not None
        try:
            yield f"http://127.0.0.1:{int(child.stdout.readline())}"
        finally:
            child.stdin.close()
            child.wait(5)


if __name__ == "__main__":
    asyncio.run(_serve())
