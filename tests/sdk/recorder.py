"""A server on loopback that writes down what it is sent, and answers what it was told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Asked:
    """A request, as it came: names of headers in lower case, the body read as JSON."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Said:
    """An answer; a body that is no bytes is written as JSON."""

    body: Any
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def events(
    payloads: Iterable[Any], *, named: bool = False, done: bool = False, **headers: str
) -> Said:
    """A server-sent stream of JSON payloads.

    Args:
        payloads: one for each event.
        named: whether the event carries the payload's "type" as its name.
        done: whether "[DONE]" ends it.
        **headers: of the answer.
    """
    blocks = [
        (f"event: {it['type']}\n" if named else "") + f"data: {json.dumps(it)}\n\n"
        for it in payloads
    ]
    text = "".join([*blocks, *(["data: [DONE]\n\n"] if done else [])])
    return Said(text.encode(), content_type="text/event-stream", headers=headers)


def lines(payloads: Iterable[Any]) -> Said:
    """A stream of JSON lines."""
    text = "".join(json.dumps(it) + "\n" for it in payloads)
    return Said(text.encode(), content_type="application/x-ndjson")


class Recorder:
    """Answers each request with the next thing to say; the last one again and again.

    Attributes:
        url: where it listens, with no slash at the end.
        asked: what came, in order.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self._says: list[Said] = []
        self._lock = threading.Lock()

    def says(self, *answers: Said) -> None:
        """Forget what came, and say these from now on."""
        with self._lock:
            self.asked.clear()
            self._says = list(answers)

    @property
    def bodies(self) -> list[Any]:
        """The bodies of the requests."""
        return [it.body for it in self.asked]

    def answer(self, asked: Asked) -> Said:
        """What to say to this."""
        with self._lock:
            self.asked.append(asked)
            return self._says.pop(0) if len(self._says) > 1 else self._says[0]


@contextmanager
def recording(kind: type[Recorder] = Recorder) -> Generator[Recorder]:
    """A recorder that listens on a free port of loopback until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(size)
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked("POST", self.path, headers, json.loads(body) if body else None)
            said = recorder.answer(asked)
            self.send_response(said.status)
            self.send_header("content-type", said.content_type)
            self.send_header("content-length", str(len(said.data)))
            self.send_header("connection", "close")
            for name, value in said.headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(said.data)

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False  # so that closing waits for them
    recorder = kind(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.002})
    thread.start()
    try:
        yield recorder
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
