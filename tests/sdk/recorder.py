"""A replay server for tests of requests, and the responses that stream a list of payloads."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from runnables.testing import ReplayServer, Response


def sse_response(
    payloads: Iterable[Any], *, named: bool = False, done: bool = False, **headers: str
) -> Response:
    """Return a stream of server-sent events as one response.

    Args:
        payloads: the JSON of each event.
        named: whether each event has the "type" of its payload as its name.
        done: whether "[DONE]" ends the stream.
        **headers: headers of the response; `_` in a name stands for `-`.
    """
    events = [
        (f"event: {payload['type']}\n" if named else "") + f"data: {json.dumps(payload)}\n\n"
        for payload in payloads
    ]
    text = "".join([*events, *(["data: [DONE]\n\n"] if done else [])])
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(text.encode(), headers=more, content_type="text/event-stream")


def json_lines_response(payloads: Iterable[Any]) -> Response:
    """Return a stream of JSON lines as one response."""
    text = "".join(json.dumps(payload) + "\n" for payload in payloads)
    return Response(text.encode(), content_type="application/x-ndjson")


class Recorder(ReplayServer):
    """Replay server that lists the bodies of its requests."""

    @property
    def bodies(self) -> list[Any]:
        """Return the bodies of the requests, in order."""
        return [request.body for request in self.requests]
