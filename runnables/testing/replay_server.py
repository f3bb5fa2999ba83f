"""A service on loopback that says what it is told to, breaks as it is told to, and remembers."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias

from runnables.testing.wire_format import Answer, RecordedRequest

_LONGEST = 30.0
"""Seconds after which a connection that hangs is given up, so that no test can hang for ever."""


@dataclass(frozen=True)
class StreamedResponse:
    """An answer in pieces.

    Attributes:
        pieces: what is sent, one after the other.
        type: the content type.
        end: what comes then: "whole" ends the answer; "cut" breaks the connection; "hang" sends
            nothing more, and waits until the client goes.
    """

    pieces: Iterable[bytes]
    type: str
    end: str = "whole"


@dataclass(frozen=True)
class Stall:
    """No answer at all, until the client goes."""


@dataclass(frozen=True)
class Disconnect:
    """The beginning of a whole answer, and then the connection breaks."""

    answer: Answer


Reaction: TypeAlias = Answer | StreamedResponse | Stall | Disconnect
"""What the server does about a request."""

Script: TypeAlias = Reaction | Callable[[RecordedRequest], Reaction]
"""The same, or what says so of each request."""


class ReplayServer:
    """Reacts to each request with the next thing of its script, to the last again and again.

    Attributes:
        url: where it listens, with no slash at the end.
        asked: the requests, in order.
        keeps_alive: whether a connection serves further requests, as those of services do.
    """

    def __init__(self) -> None:
        self.url = ""
        self.keeps_alive = False
        self.asked: list[RecordedRequest] = []
        self._script: list[Script] = []
        self._lock = threading.Lock()
        self._gone = threading.Semaphore(0)
        self._came = threading.Event()

    def enqueue(self, *script: Script) -> None:
        """Forget what came, and react like this from now on."""
        with self._lock:
            self.asked.clear()
            self._script = list(script)
            self._gone = threading.Semaphore(0)
            self._came = threading.Event()

    @property
    def last(self) -> RecordedRequest:
        """The last request."""
        return self.asked[-1]

    def wait_for_request(self, seconds: float = 5.0) -> bool:
        """Whether a request comes in this time."""
        return self._came.wait(seconds)

    def wait_for_disconnect(self, seconds: float = 5.0) -> bool:
        """Whether the client closes the connection before the end of an answer, in this time."""
        return self._gone.acquire(timeout=seconds)

    def _react(self, asked: RecordedRequest) -> Reaction:
        with self._lock:
            self.asked.append(asked)
            self._came.set()
            script = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        return script(asked) if callable(script) else script

    @contextlib.contextmanager
    def listening(self) -> Generator[ReplayServer, None, None]:
        """The server, which listens on a free port of loopback until the block ends."""
        server = _Listener(self)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.002})
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Listener(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for them
    request_queue_size = 128

    def __init__(self, replay: ReplayServer) -> None:
        self.replay = replay
        self.open: set[Any] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def server_close(self) -> None:
        for connection in list(self.open):  # a client that is still there is sent away
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: clients that go in the middle of an answer are what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener  # pyright: ignore[reportIncompatibleVariableOverride] - only it makes us

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def finish(self) -> None:
        self.server.open.discard(self.request)
        super().finish()

    def _answer(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(size)
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked = RecordedRequest(
            self.command, self.path, headers, json.loads(body) if body else None
        )
        reaction = self.server.replay._react(asked)
        whole = isinstance(reaction, Answer) or _is_whole(reaction)
        self.close_connection = not (whole and self.server.replay.keeps_alive)
        if isinstance(reaction, Stall):
            self._wait()
        elif isinstance(reaction, StreamedResponse):
            self._stream(reaction)
        else:
            self._whole(reaction)

    def _whole(self, reaction: Answer | Disconnect) -> None:
        answer = reaction.answer if isinstance(reaction, Disconnect) else reaction
        data = answer.data
        head = {"content-length": str(len(data)), **answer.headers}
        self._head(answer.status, answer.type, head)
        self.wfile.write(data[: len(data) // 2] if isinstance(reaction, Disconnect) else data)

    def _stream(self, answer: StreamedResponse) -> None:
        self._head(200, answer.type, {"transfer-encoding": "chunked"})
        try:
            for piece in answer.pieces:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        except OSError:
            self.server.replay._gone.release()
            return
        if answer.end == "whole":
            self.wfile.write(b"0\r\n\r\n")
        elif answer.end == "hang":
            self._wait()

    def _head(self, status: int, kind: str, headers: Any) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        if self.close_connection:
            self.send_header("connection", "close")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _wait(self) -> None:
        """Until the client closes the connection."""
        self.wfile.flush()
        readable, _, _ = select.select([self.connection], [], [], _LONGEST)
        with contextlib.suppress(ConnectionError):
            if not readable or self.connection.recv(1):
                return
        self.server.replay._gone.release()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def _is_whole(reaction: Reaction) -> bool:
    return isinstance(reaction, StreamedResponse) and reaction.end == "whole"


def endless(pieces: Sequence[bytes]) -> Iterator[bytes]:
    """The pieces again and again."""
    while True:
        yield from pieces
