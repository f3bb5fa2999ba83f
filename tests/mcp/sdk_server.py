"""A server of the SDK as a program: `python -m tests.mcp.sdk_server [http]`."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path
from typing import Any

import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.types import ToolAnnotations

server = MCPServer("harbour", log_level="CRITICAL")


@server.tool(annotations=ToolAnnotations(read_only_hint=True, destructive_hint=False))
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool()
def variable(name: str) -> str:
    """Return a variable of the server's environment."""
    return os.environ.get(name, "")


@server.tool()
def fail() -> str:
    """Fail with the key, as careless servers do."""
    from mcp.server.mcpserver.exceptions import ToolError

    raise ToolError(f"refused: the key {os.environ.get('API_KEY')} is wrong")


@server.tool()
async def count(upto: int, context: Context[Any, Any]) -> str:
    """Count, and report each number."""
    for number in range(upto):
        await context.report_progress(number + 1, upto, f"number {number + 1}")
    return "counted"


@server.tool()
async def wait(began: str, ended: str) -> str:
    """Wait forever; touch one file at the start, and another one at the end."""
    Path(began).touch()  # noqa: ASYNC240
    try:
        await asyncio.Event().wait()
    finally:
        Path(ended).touch()  # noqa: ASYNC240
    return ""


@server.tool()
def die() -> str:
    """End the process."""
    os._exit(3)


@server.tool()
def learn(name: str) -> str:
    """Offer another tool from now on."""
    server.add_tool(lambda: name, name=name, description="Learnt.")
    return "learnt"


def main() -> None:
    """Serve over stdio, or over HTTP at a port that is printed."""
    if sys.argv[1:] != ["http"]:
        server.run()
        return
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        print(bound.getsockname()[1], flush=True)
        app = server.streamable_http_app()
        uvicorn.Server(uvicorn.Config(app, log_level="critical")).run([bound])


if __name__ == "__main__":
    main()
