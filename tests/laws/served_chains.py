"""The chains that the remote runnables of the registry reach, and the server that serves them.

The server is a process of its own: the tests count threads and sockets in theirs. It takes a socket
that already listens, so that no test waits for it, and ends when the tests do.
"""

from __future__ import annotations

import asyncio
import atexit
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from runnables import ParrotFakeChatModel, RunnableLambda
from tests.laws import steps

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Size:
    """An output with a type."""

    length: int


def measure(text: str) -> Size:
    return Size(len(text))


def halfway(text: str) -> Iterator[str]:
    """Fail after a chunk, so that a fallback starts over."""
    yield "<"
    raise ValueError(text)


def sizes(text: str) -> Iterator[int]:
    yield from map(ord, text)
    yield 0


def chains() -> dict[str, Any]:
    """Return the chains by name; none of them remembers a call."""
    words = RunnableLambda(steps.words)
    growing = RunnableLambda(steps.growing, merge="last")
    return {
        "function": RunnableLambda(steps.odd_only),
        "snapshots": growing,
        "branches": {
            "a": words,
            "b": growing,
            "c": RunnableLambda(sizes, merge=steps.total),
        },
        "starts-over": RunnableLambda(halfway).with_fallbacks([growing], on_restart="restart"),
        "typed": RunnableLambda(measure),
        "model": ParrotFakeChatModel(),
    }


@cache
def served_url() -> str:
    """Return the URL of the server, which starts at the first call."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        command = [sys.executable, "-m", "tests.laws.served_chains", str(listener.fileno())]
        process = subprocess.Popen(
            command, cwd=ROOT, pass_fds=[listener.fileno()], stdin=subprocess.PIPE
        )
        atexit.register(process.communicate)  # the end of its input is its signal to end
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


async def _serve(descriptor: int) -> None:
    import uvicorn

    from runnables.serving import create_app

    config = uvicorn.Config(create_app(chains()), log_level="critical", fd=descriptor)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[socket.socket(fileno=descriptor)]))
    await asyncio.to_thread(sys.stdin.read)
    server.should_exit = True
    await serving


if __name__ == "__main__":
    import logging

    logging.disable(logging.CRITICAL)
    asyncio.run(_serve(int(sys.argv[1])))
