"""The errors of MCP servers."""

from __future__ import annotations

from runnables.errors import RunnablesError


class McpServerError(RunnablesError):
    """An MCP server that cannot be reached, has ended, or has refused a request.

    Attributes:
        server: its name, or its command or URL.
    """

    def __init__(self, server: str, problem: str) -> None:
        super().__init__(server, problem)  # with both, it can be pickled
        self.server = server

    def __str__(self) -> str:
        return f"The MCP server {self.server!r} {self.args[1]}"


class McpTimeoutError(McpServerError, TimeoutError):
    """An MCP server that has not answered in time."""
