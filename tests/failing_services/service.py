"""A chat service that fails at random, and says what should come of it.

Which fault meets a call is drawn by the number in its question, so the same seed gives the same
faults, in whatever order the calls come.
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
"""Seconds that a client should wait for a piece; a slow answer takes less, a stalled one more."""
RIGHT = None
"""The outcome of a call that nothing goes wrong with."""

PLAIN_FAULTS: dict[str, type[Exception] | None] = {
    "right": RIGHT,
    "slow": RIGHT,
    "byte by byte": RIGHT,
    "the connection closes after the answer": RIGHT,
    "429 with retry-after": RateLimitError,
    "429 without": RateLimitError,
    "500": ServerError,
    "503 that is a web page": ServerError,
    "529": ServerError,
    "401": AuthenticationError,
    "400": InvalidRequestError,
    "cut before the answer": ModelConnectionError,
    "reset before the answer": ModelConnectionError,
    "cut in the head": ModelConnectionError,
    "cut in the body": ModelConnectionError,
    "reset in the body": ModelConnectionError,
    "no HTTP": ModelConnectionError,
    "garbage": ServerError,
    "half of the JSON": ServerError,
    "another form": ServerError,
    "nothing": ServerError,
    "a web page": ServerError,
    "stalled before the answer": ModelTimeoutError,
    "stalled in the body": ModelTimeoutError,
}
"""What can happen to a call that is answered as a whole, and what should come of it."""

STREAM_FAULTS: dict[str, type[Exception] | None] = {
    **PLAIN_FAULTS,
    "all at once": RIGHT,
    "nothing": ModelConnectionError,  # a stream that ended before the answer did
    "half an event": ModelConnectionError,
    "no end": ModelConnectionError,
    "no length of a piece": ModelConnectionError,
    "an error as an event": ServerError,
    "garbage as an event": ServerError,
    "left": RIGHT,
}
"""The same for streams; the client leaves "left" after its first piece."""

Step = bytes | float
"""What is said, or how many seconds nothing is said."""


@dataclass(frozen=True)
class Script:
    """How a call is answered.

    Attributes:
        end: "keep" the connection, "close" or "reset" it, or "stall".
    """

    steps: Sequence[Step]
    end: str = "keep"


def text_of(n: int) -> str:
    """The right answer to a call."""
    return f"{n}: " + " ".join(f"word{n + i}" for i in range(n % 12))


def fault_of(n: int, seed: int, *, streamed: bool) -> str:
    """What happens to a call."""
    kinds = list(STREAM_FAULTS if streamed else PLAIN_FAULTS)
    # half of all calls go well, so that connections are used again
    return random.Random(f"{seed} {n} {streamed}").choice([*kinds, *["right"] * len(kinds)])


def expected(fault: str, *, streamed: bool) -> type[Exception] | None:
    """What should come of it; None: the answer."""
    return (STREAM_FAULTS if streamed else PLAIN_FAULTS)[fault]


def script_of(n: int, fault: str, *, streamed: bool) -> Script:
    """The bytes of an answer that has this fault."""
    if fault in _REFUSED:
        return Script([_REFUSED[fault]])
    if fault in _BEFORE:
        return _BEFORE[fault]
    if streamed and fault in STREAM_FAULTS.keys() - PLAIN_FAULTS.keys() | _IN_EVENTS:
        return _streamed(n, fault)
    whole = _chunked(_events(n)) if streamed else [_head(_whole(n)), _whole(n)]
    at = random.Random(n).randrange(1, len(whole[-1])) if not streamed else 0
    first = [*whole[:-1], whole[-1][:at]] if not streamed else whole[:2]
    return {
        "right": Script(whole),
        "slow": Script([step for piece in whole[:6] for step in (0.01, piece)] + whole[6:]),
        "byte by byte": Script([bytes([it]) for it in b"".join(whole)]),
        "the connection closes after the answer": Script(whole, "close"),
        "cut in the body": Script(first, "close"),
        "reset in the body": Script([*first, 0.01], "reset"),
        "stalled in the body": Script(first, "stall"),
    }[fault]


_IN_EVENTS = {"garbage", "half of the JSON", "another form", "nothing", "a web page"}


def _streamed(n: int, fault: str) -> Script:
    events = _events(n)
    bad = {
        "all at once": events,
        "half an event": [*events[:2], events[2][:20]],
        "no end": events[:2],
        "an error as an event": [*events[:2], _event({"error": {"message": "oh", "code": 500}})],
        "garbage as an event": [*events[:2], b"data: {{{\n\n"],
        "garbage": [b"data: \xff\xfe{]\n\n"],
        "half of the JSON": [*events[:1], b'data: {"choices": [\n\n'],
        "another form": [b'data: ["what", "is", "this"]\n\n'],
        "nothing": [],
    }
    if fault == "left":
        return Script(_chunked(events[:2])[:-1], "stall")
    if fault == "no length of a piece":
        return Script([*_chunked(events[:2])[:-1], b"zz\r\nwhat\r\n"], "stall")
    if fault == "a web page":
        return Script([_head(_PAGE, kind="text/html") + _PAGE])
    if fault == "all at once":
        return Script([b"".join(_chunked(events))])
    return Script(_chunked(bad[fault]))


def _head(
    body: bytes, status: str = "200 OK", kind: str = "application/json", **more: str
) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    return "\r\n".join([*lines, "", ""]).encode()


_PAGE = b"<html><body>Please log in</body></html>"


def _refusal(status: str, **more: str) -> bytes:
    body = json.dumps({"error": {"message": status, "type": "some_error"}}).encode()
    return _head(body, status, **more) + body


_REFUSED = {
    "429 with retry-after": _refusal("429 Too Many Requests", retry_after="7"),
    "429 without": _refusal("429 Too Many Requests"),
    "500": _refusal("500 Internal Server Error"),
    "503 that is a web page": _head(_PAGE, "503 Service Unavailable", "text/html") + _PAGE,
    "529": _refusal("529 Overloaded"),
    "401": _refusal("401 Unauthorized"),
    "400": _refusal("400 Bad Request"),
}

_BEFORE = {
    "cut before the answer": Script([], "close"),
    "reset before the answer": Script([], "reset"),
    "cut in the head": Script([b"HTTP/1.1 200 OK\r\nContent-Le"], "close"),
    "no HTTP": Script([b"220 smtp.example.com ESMTP\r\n\r\n"], "close"),
    "stalled before the answer": Script([], "stall"),
}


def _whole(n: int) -> bytes:
    message = {"role": "assistant", "content": text_of(n)}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return json.dumps({"id": f"c{n}", "model": "m", "choices": [choice]}).encode()


def _bad_whole(n: int, fault: str) -> Script:
    body = {
        "garbage": b"\xff\xfe{]",
        "half of the JSON": _whole(n)[:-20],
        "another form": b'["what", "is", "this"]',
        "nothing": b"",
        "a web page": _PAGE,
    }[fault]
    return Script(
        [_head(body, kind="text/html" if fault == "a web page" else "application/json"), body]
    )


def _event(payload: object) -> bytes:
    return b"data: " + json.dumps(payload).encode() + b"\n\n"


def _events(n: int) -> list[bytes]:
    def event(delta: dict[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _event({"id": f"c{n}", "model": "m", "choices": [choice]})

    words = re.findall(r"\S+\s*", text_of(n))
    texts = [event({"content": word}) for word in words]
    return [event({"role": "assistant"}), *texts, event({}, "stop"), b"data: [DONE]\n\n"]


def _chunked(events: Sequence[bytes]) -> list[bytes]:
    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    return [head, *(b"%x\r\n%s\r\n" % (len(it), it) for it in events), b"0\r\n\r\n"]


# --- the server -------------------------------------------------------------------------------


@dataclass
class Tally:
    """What the server saw.

    Attributes:
        asked: how often each call was made.
        open: connections that are open.
        unanswered: calls whose answer is not told to its end, and whose client is still there.
    """

    asked: dict[int, int] = field(default_factory=dict)
    open: int = 0
    unanswered: int = 0


class _Connection(asyncio.Protocol):
    def __init__(self, service: Faulty) -> None:
        self._service = service
        self._buffer = b""
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._service.tally.open += 1
        self._service.transports.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._service.tally.open -= 1
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

    async def _answer(self, asked: dict[str, object]) -> None:
        found = re.search(r"call (\d+)", json.dumps(asked))
        assert found is not None
        tally = self._service.tally
        tally.unanswered += 1
        try:
            await self._say(self._service.script(int(found[1]), streamed=bool(asked.get("stream"))))
        finally:
            tally.unanswered -= 1

    async def _say(self, script: Script) -> None:
        for step in script.steps:
            if isinstance(step, float):
                await asyncio.sleep(step)
            else:
                self._transport.write(step)
                await asyncio.sleep(0)
        if script.end == "stall":
            await asyncio.Event().wait()  # until the client leaves
        elif script.end == "close":
            self._transport.close()
        elif script.end == "reset":
            it = self._transport.get_extra_info("socket")
            it.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()


class Faulty:
    """The service.

    Attributes:
        url: its base address.
        passing: whether a fault meets a call only when it is made first.
    """

    def __init__(self, url: str, seed: int, *, passing: bool) -> None:
        self.url = url
        self.tally = Tally()
        self.transports: set[asyncio.Transport] = set()
        self._seed = seed
        self._passing = passing

    def fault(self, n: int, *, streamed: bool) -> str:
        """What happens to a call when it is made first."""
        return fault_of(n, self._seed, streamed=streamed)

    def script(self, n: int, *, streamed: bool) -> Script:
        """How a call is answered now."""
        asked = self.tally.asked[n] = self.tally.asked.get(n, 0) + 1
        fault = self.fault(n, streamed=streamed)
        if self._passing and asked > 1:
            fault = "right"
        if not streamed and fault in _IN_EVENTS:
            return _bad_whole(n, fault)
        return script_of(n, fault, streamed=streamed)


@contextlib.contextmanager
def failing(seed: int, *, passing: bool = False) -> Iterator[Faulty]:
    """The service on a port of loopback, in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def run(work: object) -> object:
        return asyncio.run_coroutine_threadsafe(work, loop).result(10)  # type: ignore[arg-type]

    async def begin() -> asyncio.Server:
        return await loop.create_server(lambda: _Connection(service), sock=listener)

    async def end() -> None:
        server.close()
        for transport in service.transports:
            transport.abort()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        service = Faulty(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", seed, passing=passing)
        server: asyncio.Server = run(begin())  # type: ignore[assignment]
        try:
            yield service
        finally:
            run(end())
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
