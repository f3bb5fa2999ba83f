"""Chains as services, for the clients and pages that people already use.

`serve(chain)` runs a server, `create_app(chain)` returns the application, and `add_routes(app,
chain)` adds the routes to one of Starlette or FastAPI. They need the extra `serve`. `mcp_server`,
`serve_mcp` and `mcp_app` make the tools of an MCP server of chains, with the extra `mcp`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from runnables.lazy_names import lazy_names

if TYPE_CHECKING:
    from runnables.serving.app import add_routes, create_app
    from runnables.serving.kept_runs import Resume
    from runnables.serving.mcp_http import mcp_app
    from runnables.serving.mcp_service import mcp_server
    from runnables.serving.mcp_stdio import serve_mcp
    from runnables.serving.server import serve
    from runnables.serving.service import Limits

__all__ = [
    "Limits",
    "Resume",
    "add_routes",
    "create_app",
    "mcp_app",
    "mcp_server",
    "serve",
    "serve_mcp",
]

__getattr__, __dir__ = lazy_names(
    "runnables.serving",
    {
        "runnables.serving.app": "add_routes create_app",
        "runnables.serving.kept_runs": "Resume",
        "runnables.serving.mcp_http": "mcp_app",
        "runnables.serving.mcp_service": "mcp_server",
        "runnables.serving.mcp_stdio": "serve_mcp",
        "runnables.serving.server": "serve",
        "runnables.serving.service": "Limits",
    },
)
