"""A low-level server of the SDK over HTTP, in a thread of the tests."""

from __future__ import annotations

import asyncio
import base64
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import uvicorn
from mcp import MCPError
from mcp.server import Server
from mcp.types import (
    INVALID_PARAMS,
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ListToolsResult,
    ResourceLink,
    TextContent,
    TextResourceContents,
    Tool,
)

from tests.serving.servers import PATIENCE, wait_for

PIXEL = base64.b64encode(b"a picture").decode()
BY_REFERENCE: Any = {
    "type": "object",
    "properties": {"at": {"$ref": "#/$defs/Place"}},
    "required": ["at"],
    "additionalProperties": False,
    "$defs": {"Place": {"type": "object", "properties": {"x": {"type": "integer", "maximum": 9}}}},
}
UNREADABLE: Any = {
    "type": "object",
    "properties": {"word": {"type": "string", "pattern": "^(?<first>\\p{L})"}, "any": True},
}
NONE: Any = {"type": "object"}


def text(value: str) -> TextContent:
    """Return a block of text."""
    return TextContent(type="text", text=value)


CONTENTS: dict[str, list[Any]] = {
    "nothing": [],
    "strings": [text("one"), text("two")],
    "picture": [text("see"), ImageContent(type="image", data=PIXEL, mime_type="image/png")],
    "sound": [AudioContent(type="audio", data=PIXEL, mime_type="audio/wav")],
    "link": [ResourceLink(type="resource_link", name="log", uri="file:///log", description="All")],
    "resources": [
        EmbeddedResource(
            type="resource", resource=TextResourceContents(uri="file:///a", text="inside")
        ),
        EmbeddedResource(
            type="resource",
            resource=BlobResourceContents(uri="file:///b", blob=PIXEL, mime_type="image/gif"),
        ),
        EmbeddedResource(
            type="resource", resource=BlobResourceContents(uri="file:///c", blob=PIXEL)
        ),
    ],
}


class LowLevel:
    """What the server has seen.

    Attributes:
        began: how many calls of "wait" have begun.
        cancelled: how many of them were cancelled.
        calls: the arguments of all others.
        pages: how many pages of tools were asked for.
    """

    def __init__(self) -> None:
        self.began = self.cancelled = self.pages = 0
        self.calls: list[Any] = []

    async def list_tools(self, context: Any, params: Any) -> ListToolsResult:
        """Return the tools on two pages."""
        self.pages += 1
        if params is None or params.cursor is None:
            tools = [Tool(name=name, input_schema=NONE) for name in CONTENTS]
            return ListToolsResult(tools=tools, next_cursor="more")
        schemas = {"place": BY_REFERENCE, "odd.name": UNREADABLE, "wait": NONE, "refuse": NONE}
        schemas |= {"crash": NONE}
        tools = [Tool(name=name, input_schema=schema) for name, schema in schemas.items()]
        return ListToolsResult(tools=tools)

    async def call_tool(self, context: Any, params: Any) -> CallToolResult:
        """Answer by the name of the tool."""
        if params.name == "wait":
            self.began += 1
            try:
                await asyncio.Event().wait()
            finally:
                self.cancelled += 1
        self.calls.append(params.arguments)
        if params.name == "refuse":
            raise MCPError(INVALID_PARAMS, "no such harbour")
        if params.name == "crash":
            raise MCPError(-32050, "on fire")
        structured = {"name": params.name} if params.name in ("nothing", "picture") else None
        content = CONTENTS.get(params.name, [text("called")])
        return CallToolResult(content=content, structured_content=structured)


@contextmanager
def low_level(**options: Any) -> Generator[tuple[LowLevel, str]]:
    """Yield what the server has seen, and its URL."""
    seen = LowLevel()
    server = Server("low", on_list_tools=seen.list_tools, on_call_tool=seen.call_tool)
    app = server.streamable_http_app(**options)
    with running(app) as url:
        yield seen, f"{url}/mcp"


@contextmanager
def running(app: Any) -> Generator[str]:
    """Run an application in a thread; yield its URL."""
    config = uvicorn.Config(app, port=0, log_level="critical", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the server has not ended"
