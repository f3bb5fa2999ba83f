"""Tools of MCP servers, for agents and models. They need the extra `mcp`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnables.lazy_names import lazy_names

if TYPE_CHECKING:
    from runnables.mcp.errors import McpServerError, McpTimeoutError
    from runnables.mcp.toolset import McpTools, mcp_tools

__all__ = ["McpServerError", "McpTimeoutError", "McpTools", "mcp_tools"]

__getattr__, __dir__ = lazy_names(
    "runnables.mcp",
    {
        "runnables.mcp.errors": "McpServerError McpTimeoutError",
        "runnables.mcp.toolset": "McpTools mcp_tools",
    },
)
