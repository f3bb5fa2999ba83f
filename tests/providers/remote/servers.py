"""A server that counts the requests of its chains, and one that answers as a test says."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.serving.servers import PATIENCE, wait_for


@dataclass
class Answering:
    """A server whose answers are fixed.

    Attributes:
        url: its address.
        bodies: the bodies of the requests that have come.
        headers: their headers.
    """

    url: str = ""
    bodies: list[Any] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def answering(answers: Sequence[Response]) -> Generator[Answering]:
    """Run a server that gives these answers, one after another, and the last one forever."""
    state = Answering()
    left = list(answers)

    async def answer(request: Request) -> Response:
        state.bodies.append(await request.json())
        state.headers.append(dict(request.headers))
        return left.pop(0) if len(left) > 1 else left[0]

    app = Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started)
        state.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        yield state
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
