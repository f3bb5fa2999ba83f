"""A chat service that fails at random, and the outcome that is expected of each failure.

The number in the question of a call seeds its failure, so one seed has the same failures in any
order of the calls.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import re
import socket
import struct
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from runnables.errors import (
    AuthenticationError,
    InvalidRequestError,
    ModelConnectionError,
    ModelTimeoutError,
    RateLimitError,
    ServerError,
)

SILENCE = 1.5
"""Seconds that a client waits for a chunk; a slow response takes less, a stalled one more."""
SUCCESS = None
"""The outcome of a call that does not fail."""

RESPONSE_FAILURES: dict[str, type[Exception] | None] = {
    "success": SUCCESS,
    "slow": SUCCESS,
    "byte by byte": SUCCESS,
    "closed after the response": SUCCESS,
    "429 with retry-after": RateLimitError,
    "429 without": RateLimitError,
    "500": ServerError,
    "503 with a page": ServerError,
    "529": ServerError,
    "401": AuthenticationError,
    "400": InvalidRequestError,
    "closed before the response": ModelConnectionError,
    "reset before the response": ModelConnectionError,
    "closed in the head": ModelConnectionError,
    "closed in the body": ModelConnectionError,
    "reset in the body": ModelConnectionError,
    "not HTTP": ModelConnectionError,
    "garbage": ServerError,
    "half of the JSON": ServerError,
    "another structure": ServerError,
    "an empty body": ServerError,
    "a page": ServerError,
    "stalled before the response": ModelTimeoutError,
    "stalled in the body": ModelTimeoutError,
}
"""The failures of a response that is not streamed, and the outcome of each."""

STREAM_FAILURES: dict[str, type[Exception] | None] = {
    **RESPONSE_FAILURES,
    "all at once": SUCCESS,
    "an empty body": ModelConnectionError,  # a stream that ended before the answer did
    "half of an event": ModelConnectionError,
    "no last event": ModelConnectionError,
    "an invalid chunk length": ModelConnectionError,
    "an error as an event": ServerError,
    "garbage as an event": ServerError,
    "closed by client": SUCCESS,
}
"""The failures of a stream, and the outcome of each; the client closes "closed by client" early."""

Step = bytes | float
"""Bytes to send, or seconds to pause."""


@dataclass(frozen=True)
class Script:
    """Script of a response.

    Attributes:
        steps: the bytes and the pauses.
        end: what follows: "keep" the connection, "close" or "reset" it, or "stall".
    """

    steps: Sequence[Step]
    end: str = "keep"


def text_of(n: int) -> str:
    """Return the correct answer to a call."""
    return f"{n}: " + " ".join(f"word{n + i}" for i in range(n % 12))


def failure_of(n: int, seed: int, *, streamed: bool) -> str:
    """Return the failure of a call."""
    failures = list(STREAM_FAILURES if streamed else RESPONSE_FAILURES)
    # half of all calls succeed, so that connections are reused
    return random.Random(f"{seed} {n} {streamed}").choice([*failures, *["success"] * len(failures)])


def expected(failure: str, *, streamed: bool) -> type[Exception] | None:
    """Return the expected type of error; None: the answer."""
    return (STREAM_FAILURES if streamed else RESPONSE_FAILURES)[failure]


def script_of(n: int, failure: str, *, streamed: bool) -> Script:
    """Return the script of a response with this failure."""
    if failure in _ERROR_RESPONSES:
        return Script([_ERROR_RESPONSES[failure]])
    if failure in _BROKEN_CONNECTIONS:
        return _BROKEN_CONNECTIONS[failure]
    if streamed and failure in STREAM_FAILURES.keys() - RESPONSE_FAILURES.keys() | _UNREADABLE:
        return _streamed(n, failure)
    complete = _chunked(_events(n)) if streamed else [_head(_body(n)), _body(n)]
    cut = random.Random(n).randrange(1, len(complete[-1])) if not streamed else 0
    first = [*complete[:-1], complete[-1][:cut]] if not streamed else complete[:2]
    return {
        "success": Script(complete),
        "slow": Script([step for chunk in complete[:6] for step in (0.01, chunk)] + complete[6:]),
        "byte by byte": Script([bytes([byte]) for byte in b"".join(complete)]),
        "closed after the response": Script(complete, "close"),
        "closed in the body": Script(first, "close"),
        "reset in the body": Script([*first, 0.01], "reset"),
        "stalled in the body": Script(first, "stall"),
    }[failure]


_UNREADABLE = {"garbage", "half of the JSON", "another structure", "an empty body", "a page"}


def _streamed(n: int, failure: str) -> Script:
    events = _events(n)
    streams = {
        "all at once": events,
        "half of an event": [*events[:2], events[2][:20]],
        "no last event": events[:2],
        "an error as an event": [*events[:2], _event({"error": {"message": "oh", "code": 500}})],
        "garbage as an event": [*events[:2], b"data: {{{\n\n"],
        "garbage": [b"data: \xff\xfe{]\n\n"],
        "half of the JSON": [*events[:1], b'data: {"choices": [\n\n'],
        "another structure": [b'data: ["what", "is", "this"]\n\n'],
        "an empty body": [],
    }
    if failure == "closed by client":
        return Script(_chunked(events[:2])[:-1], "stall")
    if failure == "an invalid chunk length":
        return Script([*_chunked(events[:2])[:-1], b"zz\r\nwhat\r\n"], "stall")
    if failure == "a page":
        return Script([_head(_PAGE, kind="text/html") + _PAGE])
    if failure == "all at once":
        return Script([b"".join(_chunked(events))])
    return Script(_chunked(streams[failure]))


def _head(
    body: bytes, status: str = "200 OK", kind: str = "application/json", **more: str
) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    return "\r\n".join([*lines, "", ""]).encode()


_PAGE = b"<html><body>Please log in</body></html>"


def _error_response(status: str, **more: str) -> bytes:
    body = json.dumps({"error": {"message": status, "type": "some_error"}}).encode()
    return _head(body, status, **more) + body


_ERROR_RESPONSES = {
    "429 with retry-after": _error_response("429 Too Many Requests", retry_after="7"),
    "429 without": _error_response("429 Too Many Requests"),
    "500": _error_response("500 Internal Server Error"),
    "503 with a page": _head(_PAGE, "503 Service Unavailable", "text/html") + _PAGE,
    "529": _error_response("529 Overloaded"),
    "401": _error_response("401 Unauthorized"),
    "400": _error_response("400 Bad Request"),
}

_BROKEN_CONNECTIONS = {
    "closed before the response": Script([], "close"),
    "reset before the response": Script([], "reset"),
    "closed in the head": Script([b"HTTP/1.1 200 OK\r\nContent-Le"], "close"),
    "not HTTP": Script([b"220 smtp.example.com ESMTP\r\n\r\n"], "close"),
    "stalled before the response": Script([], "stall"),
}


def _body(n: int) -> bytes:
    message = {"role": "assistant", "content": text_of(n)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"id": f"c{n}", "model": "m", "choices": [choice]}).encode()


def _unreadable(n: int, failure: str) -> Script:
    body = {
        "garbage": b"\xff\xfe{]",
        "half of the JSON": _body(n)[:-20],
        "another structure": b'["what", "is", "this"]',
        "an empty body": b"",
        "a page": _PAGE,
    }[failure]
    return Script(
        [_head(body, kind="text/html" if failure == "a page" else "application/json"), body]
    )


def _event(payload: object) -> bytes:
    return b"data: " + json.dumps(payload).encode() + b"\n\n"


def _events(n: int) -> list[bytes]:
    def event(delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _event({"id": f"c{n}", "model": "m", "choices": [choice]})

    words = re.findall(r"\S+\s*", text_of(n))
    chunks = [event({"content": word}) for word in words]
    return [event({"role": "assistant"}), *chunks, event({}, "stop"), b"data: [DONE]\n\n"]


def _chunked(events: Sequence[bytes]) -> list[bytes]:
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    return [head, *(b"%x\r\n%s\r\n" % (len(event), event) for event in events), b"0\r\n\r\n"]


# --- the server -------------------------------------------------------------------------------


@dataclass
class Counts:
    """Counts of the server.

    Attributes:
        requests: the number of requests of each call.
        open_connections: the number of open connections.
        unanswered: the number of responses that are not complete, whose client is connected.
    """

    requests: dict[int, int] = field(default_factory=dict)
    open_connections: int = 0
    unanswered: int = 0


class _Connection(asyncio.Protocol):
    def __init__(self, service: FailingService) -> None:
        self._service = service
        self._buffer = b""
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._service.counts.open_connections += 1
        self._service.transports.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._service.counts.open_connections -= 1
        self._service.transports.discard(self._transport)
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head.lower())
        if end and length and len(rest) >= int(length[1]):
            body, self._buffer = rest[: int(length[1])], rest[int(length[1]) :]
            self._task = asyncio.get_running_loop().create_task(self._answer(json.loads(body)))

    async def _answer(self, request: dict[str, object]) -> None:
        match = re.search(r"call (\d+)", json.dumps(request))
        assert match is not None
        counts = self._service.counts
        counts.unanswered += 1
        try:
            streamed = bool(request.get("stream"))
            await self._send(self._service.script(int(match[1]), streamed=streamed))
        finally:
            counts.unanswered -= 1

    async def _send(self, script: Script) -> None:
        for step in script.steps:
            if isinstance(step, float):
                await asyncio.sleep(step)
            else:
                self._transport.write(step)
                await asyncio.sleep(0)
        if script.end == "stall":
            await asyncio.Event().wait()  # until the client disconnects
        elif script.end == "close":
            self._transport.close()
        elif script.end == "reset":
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()


class FailingService:
    """Chat service that fails at random.

    Args:
        url: the base URL.
        seed: the seed of the failures.
        temporary: whether only the first request of a call fails.
    """

    def __init__(self, url: str, seed: int, *, temporary: bool) -> None:
        self.url = url
        self.counts = Counts()
        self.transports: set[asyncio.Transport] = set()
        self._seed = seed
        self._temporary = temporary

    def failure(self, n: int, *, streamed: bool) -> str:
        """Return the failure of the first request of a call."""
        return failure_of(n, self._seed, streamed=streamed)

    def script(self, n: int, *, streamed: bool) -> Script:
        """Return the script of the response to the next request of a call."""
        count = self.counts.requests[n] = self.counts.requests.get(n, 0) + 1
        failure = self.failure(n, streamed=streamed)
        if self._temporary and count > 1:
            failure = "success"
        if not streamed and failure in _UNREADABLE:
            return _unreadable(n, failure)
        return script_of(n, failure, streamed=streamed)


@contextlib.contextmanager
def failing(seed: int, *, temporary: bool = False) -> Iterator[FailingService]:
    """Run the service on a port of loopback, in its own thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(coroutine: object) -> object:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(10)  # type: ignore[arg-type]

    async def start() -> asyncio.Server:
        return await loop.create_server(lambda: _Connection(service), sock=listener)

    async def stop() -> None:
        server.close()
        for transport in service.transports:
            transport.abort()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        service = FailingService(
            f"http://127.0.0.1:{listener.getsockname()[1]}/v1", seed, temporary=temporary
        )
        server: asyncio.Server = run(start())  # type: ignore[assignment]
        try:
            yield service
        finally:
            run(stop())
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
