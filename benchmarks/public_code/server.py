"""A model server on loopback that speaks as each service does, for the code under test."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from benchmarks.public_code import services
from benchmarks.public_code.answers import Request, answer, chunks, vector

Body = dict[str, Any]


class _Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer a request by the end of its path, so that any base URL will do."""
        length = int(self.headers.get("Content-Length") or 0)
        try:
            body = cast("Body", json.loads(self.rfile.read(length) or b"{}"))
        except ValueError:
            return self._whole({"error": {"message": "not JSON", "code": 400}}, status=400)
        path = self.path.split("?")[0]
        if path.endswith("/chat/completions"):
            self._openai(body)
        elif path.endswith("/embeddings"):
            self._whole(services.embeddings(body))
        elif path.endswith("/completions"):
            self._completion(body)
        elif path.endswith("/messages"):
            self._anthropic(body)
        elif path.endswith((":generateContent", ":streamGenerateContent")):
            self._google(body, streamed="stream" in path.rsplit(":", 1)[1])
        elif path.endswith((":batchEmbedContents", ":embedContent")):
            self._google_embeddings(body)
        elif path.endswith(("/api/chat", "/api/generate")):
            self._ollama(body)
        elif path.endswith("/api/embed"):
            strings = body.get("input", [])
            strings = [strings] if isinstance(strings, str) else strings
            self._whole({"model": body.get("model"), "embeddings": [vector(t) for t in strings]})
        else:
            self._whole({"error": {"message": f"no such path: {path}", "code": 404}}, status=404)
        return None

    def do_GET(self) -> None:
        """Say that there is nothing to read."""
        self._whole({"error": {"message": "nothing here", "code": 404}}, status=404)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def _openai(self, body: Body) -> None:
        request = services.openai_request(body)
        said = answer(request)
        if body.get("stream"):
            self._events(services.openai_events(body, request, said), end=b"data: [DONE]\n\n")
        else:
            self._whole(services.openai_answer(body, request, said))

    def _completion(self, body: Body) -> None:
        prompts = body.get("prompt", "")
        prompts = [prompts] if isinstance(prompts, str) else prompts
        answers = [answer(Request([("user", str(prompt))])) for prompt in prompts]
        if not body.get("stream"):
            return self._whole(services.completion(body, answers))
        whole = services.completion(body, answers[:1])
        parts = (
            {**whole, "choices": [{**whole["choices"][0], "text": chunk}], "usage": None}
            for chunk in chunks(answers[0].text)
        )
        return self._events(parts, end=b"data: [DONE]\n\n")

    def _anthropic(self, body: Body) -> None:
        request = services.anthropic_request(body)
        said = answer(request)
        if body.get("stream"):
            self._events(services.anthropic_events(body, request, said), named=True)
        else:
            self._whole(services.anthropic_answer(body, request, said))

    def _google(self, body: Body, *, streamed: bool) -> None:
        request = services.google_request(body)
        said = answer(request)
        if not streamed:
            return self._whole(services.google_answer(body, request, said))
        parts = [None] if said.tool else list(chunks(said.text))
        return self._events(services.google_answer(body, request, said, part) for part in parts)

    def _google_embeddings(self, body: Body) -> None:
        requests = body.get("requests", [body])
        strings = [services.text_of(r.get("content", {}).get("parts", [])) for r in requests]
        vectors = [{"values": vector(text)} for text in strings]
        self._whole({"embeddings": vectors} if "requests" in body else {"embedding": vectors[0]})

    def _ollama(self, body: Body) -> None:
        if "prompt" in body:
            body = {**body, "messages": [{"role": "user", "content": body["prompt"]}]}
        request = services.openai_request(body)
        said = answer(request)
        if body.get("stream") is False:
            return self._whole(services.ollama_answer(body, request, said))
        parts = [] if said.tool else list(chunks(said.text))
        events = [services.ollama_answer(body, request, said, part) for part in parts]
        last = services.ollama_answer(body, request, said)
        if parts:
            last["message"]["content"] = ""
            last.update({"response": ""} if "prompt" in body else {})
        return self._send(
            "".join(json.dumps(event) + "\n" for event in [*events, last]).encode(),
            "application/x-ndjson",
        )

    def _events(self, events: Iterable[Body], *, end: bytes = b"", named: bool = False) -> None:
        written = b"".join(
            (f"event: {event['type']}\n" if named else "").encode()
            + b"data: "
            + json.dumps(event).encode()
            + b"\n\n"
            for event in events
        )
        self._send(written + end, "text/event-stream")

    def _whole(self, value: Body, status: int = 200) -> None:
        self._send(json.dumps(value).encode(), "application/json", status)

    def _send(self, body: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def serving() -> Iterator[str]:
    """Serve the model in threads of this process, and yield the URL of the server."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
