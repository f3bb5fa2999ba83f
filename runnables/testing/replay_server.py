"""A server on loopback that replays a script of responses, and records the requests."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import threading
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from runnables.testing.wire_format import RecordedRequest, Response

if TYPE_CHECKING:
    from typing import Self

_MAX_STALL = 30.0
"""Seconds after which a stalled connection ends, so that no test waits forever."""

StreamEnd: TypeAlias = Literal["complete", "disconnect", "stall"]
"""How a `StreamedResponse` ends."""


@dataclass(frozen=True)
class StreamedResponse:
    """Response that is sent in chunks, with status 200.

    Attributes:
        chunks: the bytes to send, one chunk after the other.
        content_type: the content type.
        end: what follows the last chunk: "complete" ends the response; "disconnect" breaks the
            connection; "stall" sends nothing more until the client disconnects.

    Example:
        >>> from runnables.testing import StreamedResponse, sse_event
        >>> StreamedResponse([sse_event("one")], "text/event-stream", end="disconnect").chunks
        [b'data: one\\n\\n']
    """

    chunks: Iterable[bytes]
    content_type: str
    end: StreamEnd = "complete"


@dataclass(frozen=True)
class Stall:
    """Reaction that sends nothing until the client disconnects.

    Example:
        >>> from runnables.testing import ReplayServer, Stall
        >>> server = ReplayServer()
        >>> server.enqueue(Stall())
    """


@dataclass(frozen=True)
class Disconnect:
    """Reaction that sends the first half of a response, and then breaks the connection.

    Attributes:
        response: the response.

    Example:
        >>> from runnables.testing import Disconnect, ReplayServer, Response
        >>> server = ReplayServer()
        >>> server.enqueue(Disconnect(Response({"text": "Hello"})))
    """

    response: Response


Reaction: TypeAlias = Response | StreamedResponse | Stall | Disconnect
"""What the server does with a request."""

ScriptEntry: TypeAlias = Reaction | Callable[[RecordedRequest], Reaction]
"""A reaction, or a function that returns one for each request."""


class ReplayServer:
    """HTTP server on loopback that answers each request with the next entry of its script.

    The last entry is repeated. Requests are handled in threads.

    Attributes:
        url: the base URL, without a slash at the end; empty until the server listens.
        requests: the requests since the last `enqueue`, in order.
        keep_alive: whether a connection serves more than one request, as those of services do.

    Example:
        >>> from urllib.request import urlopen
        >>> from runnables.testing import ReplayServer, Response
        >>> with ReplayServer().listening() as server:
        ...     server.enqueue(Response({"text": "Hello"}))
        ...     with urlopen(server.url + "/chat") as response:
        ...         print(response.read(), server.last.path)
        b'{"text": "Hello"}' /chat
    """

    def __init__(self) -> None:
        self.url = ""
        self.keep_alive = False
        self.requests: list[RecordedRequest] = []
        self._script: list[ScriptEntry] = []
        self._lock = threading.Lock()
        self._disconnects = threading.Semaphore(0)
        self._arrived = threading.Event()

    def enqueue(self, *script: ScriptEntry) -> None:
        """Replace the script, and forget all requests and disconnects so far."""
        with self._lock:
            self.requests.clear()
            self._script = list(script)
            self._disconnects = threading.Semaphore(0)
            self._arrived = threading.Event()

    @property
    def last(self) -> RecordedRequest:
        """Return the last request."""
        return self.requests[-1]

    def wait_for_request(self, seconds: float = 5.0) -> bool:
        """Wait for a request; tell whether one came in time."""
        return self._arrived.wait(seconds)

    def wait_for_disconnect(self, seconds: float = 5.0) -> bool:
        """Wait until the client closes a connection before the end of the response.

        Returns:
            Whether it did so in time.
        """
        return self._disconnects.acquire(timeout=seconds)

    def _react(self, request: RecordedRequest) -> Reaction:
        with self._lock:
            self.requests.append(request)
            self._arrived.set()
            entry = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        return entry(request) if callable(entry) else entry

    @contextlib.contextmanager
    def listening(self) -> Generator[Self, None, None]:
        """Listen on a free port of loopback until the block ends; yield the server itself."""
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
        self.open_connections: set[Any] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open_connections.add(request)
        super().process_request(request, client_address)

    def server_close(self) -> None:
        for connection in list(self.open_connections):  # clients that are still connected
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print nothing: many tests are about clients that leave in the middle of a response."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener  # pyright: ignore[reportIncompatibleVariableOverride] - only it makes us

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self._respond()

    def finish(self) -> None:
        self.server.open_connections.discard(self.request)
        super().finish()

    def _respond(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(size)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = RecordedRequest(
            self.command, self.path, headers, json.loads(body) if body else None
        )
        reaction = self.server.replay._react(request)
        complete = isinstance(reaction, Response) or _is_complete_stream(reaction)
        self.close_connection = not (complete and self.server.replay.keep_alive)
        if isinstance(reaction, Stall):
            self._stall()
        elif isinstance(reaction, StreamedResponse):
            self._send_stream(reaction)
        elif isinstance(reaction, Disconnect):
            self._send(reaction.response, cut=True)
        else:
            self._send(reaction)

    def _send(self, response: Response, *, cut: bool = False) -> None:
        body = response.encoded_body
        headers = {"content-length": str(len(body)), **response.headers}
        self._send_head(response.status, response.content_type, headers)
        self.wfile.write(body[: len(body) // 2] if cut else body)

    def _send_stream(self, response: StreamedResponse) -> None:
        self._send_head(200, response.content_type, {"transfer-encoding": "chunked"})
        try:
            for chunk in response.chunks:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        except OSError:
            self.server.replay._disconnects.release()
            return
        if response.end == "complete":
            self.wfile.write(b"0\r\n\r\n")
        elif response.end == "stall":
            self._stall()

    def _send_head(self, status: int, content_type: str, headers: Any) -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        if self.close_connection:
            self.send_header("connection", "close")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _stall(self) -> None:
        """Wait until the client closes the connection."""
        self.wfile.flush()
        readable, _, _ = select.select([self.connection], [], [], _MAX_STALL)
        with contextlib.suppress(ConnectionError):
            if not readable or self.connection.recv(1):
                return
        self.server.replay._disconnects.release()

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing."""


def _is_complete_stream(reaction: Reaction) -> bool:
    return isinstance(reaction, StreamedResponse) and reaction.end == "complete"
