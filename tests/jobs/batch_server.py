"""A server on loopback with the batch jobs of OpenAI, Anthropic and Google, as these document them.

Each answer is the last text of its request in capitals. What becomes of a request is decided by the
server's `fate`; results come in reverse order. `batch_formats.py` has what each service sends.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, Self

Fate = Literal["ok", "refused", "server_error", "expired", "cancelled", "missing"]
"""What becomes of a request; one that is "missing" has no result at all."""

KEY = "sk-batch-0123456789"


@dataclass
class Job:
    """A job: its requests, and how often its state was asked for.

    Attributes:
        kind: "openai", "anthropic" or "google".
        id: the id.
        requests: the bodies by custom id.
        about: what else was sent with it.
    """

    kind: str
    id: str
    requests: dict[str, dict[str, Any]]
    about: dict[str, Any] = field(default_factory=dict[str, Any])
    polls: int = 0
    cancelled: bool = False
    fates: dict[str, Fate] = field(default_factory=dict[str, Fate])

    def prompts(self) -> list[str]:
        """Return the last text of each request, in the order in which they were sent."""
        return [last_text(body) for body in self.requests.values()]


@dataclass(frozen=True)
class Seen:
    """A request that the server received."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Sent:
    """A response of the server."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class BatchServer:
    """The server.

    Attributes:
        url: its URL.
        jobs: the jobs, in the order in which they were submitted.
        seen: all requests.
        polls: how many polls a job takes until it ends; None: until `release`.
        running_states: the states that polls see before that, the last one again and again.
        end: the state in which OpenAI's jobs end.
        fate: what becomes of a request, by its last text.
        fails: how many polls from now are answered by a 503.
        cuts: how many downloads from now break off in their middle.
        began: set when a job is made.
        proceeds: what the reply to that waits for.
        lost: how many replies to the making of a job get lost from now.
    """

    def __init__(self) -> None:
        from tests.jobs.batch_formats import ROUTES  # it needs what is here

        self.url = ""
        self.jobs: list[Job] = []
        self.seen: list[Seen] = []
        self.files: dict[str, bytes] = {}
        self.polls: int | None = 1
        self.running_states: Sequence[str] = ()
        self.end = ""
        self.fate: Callable[[str], Fate] = lambda text: "ok"
        self.fails = self.cuts = self.lost = 0
        self._routes = ROUTES
        self._lock = threading.Lock()
        self._polled = threading.Event()
        self.began = threading.Event()
        self.proceeds = threading.Event()
        self.proceeds.set()

    def find(self, job_id: str) -> Job:
        """Return the job of this id.

        Raises:
            LookupError: there is none.
        """
        for job in self.jobs:
            if job.id == job_id:
                return job
        raise LookupError(job_id)

    def asked(self, job: Job) -> bool:
        """Count a poll; return whether the job has ended."""
        job.polls += 1
        self._polled.set()
        ended = job.cancelled or (self.polls is not None and job.polls > self.polls)
        if ended and not job.fates:
            rest: Fate = "cancelled" if job.cancelled else "ok"
            for custom_id, body in job.requests.items():
                fate = self.fate(last_text(body))
                job.fates[custom_id] = rest if fate == "ok" else fate
        return ended

    def running_state(self, job: Job, usual: str) -> str:
        """Return the state of a job that has not ended."""
        states = self.running_states or (usual,)
        return states[min(job.polls, len(states)) - 1]

    def release(self) -> None:
        """Let all jobs end at their next poll."""
        self.polls = 0

    def wait_for_poll(self, seconds: float = 20.0) -> bool:
        """Wait until a job was asked for; return whether one was."""
        return self._polled.wait(seconds)

    def prompts(self) -> list[list[str]]:
        """Return the last strings of the requests of each job."""
        return [job.prompts() for job in self.jobs]

    def respond(self, seen: Seen) -> Sent:
        """Return the response to a request."""
        with self._lock:
            self.seen.append(seen)
            path = seen.path.partition("?")[0]
            for method, pattern, answer in self._routes:
                if method == seen.method and (found := pattern.fullmatch(path)):
                    try:
                        return answer(self, seen, *found.groups())
                    except LookupError as error:
                        return Sent({"error": {"message": f"no job {error}"}}, 404)
        return Sent({"error": {"message": f"no {seen.method} {path}"}}, 404)

    @contextmanager
    def listening(self) -> Iterator[Self]:
        """Listen until the block ends; yield the server itself."""
        server = _Listener(self)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.002})
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class _Listener(ThreadingHTTPServer):
    daemon_threads = False

    def __init__(self, batches: BatchServer) -> None:
        self.batches = batches
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        listener = self.server
        assert isinstance(listener, _Listener)
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        sent = listener.batches.respond(Seen(self.command, self.path, headers, body))
        is_new = self.command == "POST" and self.path.endswith(
            ("/batches", ":batchGenerateContent")
        )
        if is_new:
            listener.batches.began.set()
            listener.batches.proceeds.wait(20)
        if listener.batches.lost and is_new:
            listener.batches.lost -= 1
            return
        data = sent.body if isinstance(sent.body, bytes) else json.dumps(sent.body).encode()
        self.send_response(sent.status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for name, value in sent.headers.items():
            self.send_header(name, value)
        if listener.batches.cuts and isinstance(sent.body, bytes) and data:
            listener.batches.cuts -= 1
            data = data[: len(data) // 2]
        with suppress(ConnectionError):  # the client may have left
            self.end_headers()
            self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""


def last_text(body: Any) -> str:
    """Return the last text in the conversation of a request, whichever service it is for."""
    turns = body.get("messages") or body.get("input") or body.get("contents")
    content: Any = turns[-1].get("content") or turns[-1].get("parts")
    return str(content if isinstance(content, str) else content[-1]["text"])


def encoded_lines(values: list[Any]) -> bytes:
    """Return a file of results, in reverse order, as no service promises any."""
    return b"".join(json.dumps(value).encode() + b"\n" for value in reversed(values))


def with_fate(job: Job, *fates: Fate) -> list[str]:
    """Return the custom ids of the requests with these fates."""
    return [custom_id for custom_id, fate in job.fates.items() if fate in fates]
