"""Calls of tools as clients of MCP send them, in both revisions of the protocol."""

from __future__ import annotations

import json
import socket
from typing import Any

from tests.serving.servers import PATIENCE, Served

NEW, OLD = "2026-07-28", "2025-11-25"
META = "io.modelcontextprotocol"


def call_body(version: str, tool: str, arguments: Any) -> dict[str, Any]:
    """Return the request that calls a tool."""
    params: dict[str, Any] = {"name": tool, "arguments": arguments}
    if version == NEW:
        client = {"name": "raw", "version": "1"}
        params["_meta"] = {
            f"{META}/protocolVersion": NEW,
            f"{META}/clientInfo": client,
            f"{META}/clientCapabilities": {},
        }
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}


def call_headers(version: str, tool: str) -> dict[str, str]:
    """Return the headers of that request."""
    headers = {
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        "mcp-protocol-version": version,
    }
    return headers if version == OLD else {**headers, "mcp-method": "tools/call", "mcp-name": tool}


def raw_call(served: Served, version: str, tool: str, arguments: Any) -> socket.socket:
    """Call a tool over a socket of its own, and leave the answer unread."""
    connection = socket.create_connection(("127.0.0.1", served.port), PATIENCE)
    content = json.dumps(call_body(version, tool, arguments)).encode()
    lines = [f"{key}: {value}" for key, value in call_headers(version, tool).items()]
    head = "\r\n".join(
        ["POST /mcp HTTP/1.1", "host: localhost", f"content-length: {len(content)}", *lines]
    )
    connection.sendall(head.encode() + b"\r\n\r\n" + content)
    return connection
