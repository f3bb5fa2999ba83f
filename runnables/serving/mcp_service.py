"""Chains as tools of a server of the MCP SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from runnables.core.installation import missing_extra
from runnables.errors import did_you_mean

try:
    from mcp.server import Server, ServerRequestContext
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
    from mcp.types import (
        CallToolRequestParams,
        CallToolResult,
        ListToolsResult,
        PaginatedRequestParams,
    )
except ImportError:
    raise missing_extra("Serving chains to MCP", "mcp", "mcp") from None

from runnables.serving.app import _served
from runnables.serving.failures import RequestError, logger
from runnables.serving.mcp_runs import McpRun
from runnables.serving.mcp_tool import ServedTool, failed
from runnables.serving.service import Limits, Service

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

SESSION_HEADER: Final = "mcp-session-id"
"""The header of older clients over HTTP that tells their requests from those of others."""


def mcp_server(
    chains: Any,
    *,
    name: str = "runnables",
    limits: Limits | None = None,
    shows_errors: bool = False,
    shows_steps: bool = False,
) -> Server[Any]:
    """Return a server of the MCP SDK whose tools are chains, for its transports and tests.

    `serve_mcp` runs it over stdio, and `mcp_app` is one over HTTP.

    Args:
        chains: a runnable, or a dict of names and runnables. What a tool (`chain.as_tool(...)`)
            says of itself is what clients read.
        name: the name of the server.
        limits: the most runs at once, and the longest time of a run.
        shows_errors: whether clients may read the text of errors, without the secrets in it.
        shows_steps: whether progress names the runs inside a chain.

    Raises:
        ConfigError: something that cannot be served.

    Example:
        >>> from runnables.serving import mcp_server
        >>> mcp_server({"length": RunnableLambda(len)}).name
        'runnables'
    """
    service = Service(
        _served(chains, None, None),
        limits or Limits(),
        shows_errors=shows_errors,
        shows_steps=shows_steps,
    )
    return McpService(service, name).server


class McpService:
    """What a service serves, as tools, and the calls that are open.

    Args:
        service: the chains, their limits and counts.
        name: the name of the server.

    Attributes:
        server: the server of the SDK.
    """

    def __init__(self, service: Service, name: str = "runnables") -> None:
        self.server: Server[Any] = Server(
            name, on_list_tools=self._list_tools, on_call_tool=self._call_tool
        )
        self._service = service
        self._tools = {key: ServedTool(served) for key, served in service.chains.items()}
        self._open: dict[tuple[str, Any], McpRun] = {}

    def cancel(self, session: str, request_id: object) -> None:
        """Cancel a call that is open; nothing where there is none of this id."""
        if isinstance(request_id, (int, str)) and (session, request_id) in self._open:
            self._open[session, request_id].leave()

    async def answer_http(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request over HTTP, with a transport that ends with it."""
        limit = self._service.limits.max_body_bytes
        manager = StreamableHTTPSessionManager(
            self.server, stateless=True, max_request_body_size=limit
        )
        async with manager.run():
            await manager.handle_request(scope, receive, send)

    async def _list_tools(
        self, context: ServerRequestContext[Any], params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return ListToolsResult(tools=[tool.definition for tool in self._tools.values()])

    async def _call_tool(
        self, context: ServerRequestContext[Any], params: CallToolRequestParams
    ) -> CallToolResult:
        try:
            run = self._run(context, params)
            session = getattr(context.request, "headers", {}).get(SESSION_HEADER)
            if session is None:
                return await run.answer()
            key = (session, context.request_id)
            self._open[key] = run
            try:
                return await run.answer()
            finally:
                self._open.pop(key, None)
        except RequestError as error:
            return failed(str(error))
        except Exception:  # the SDK would send its text to clients of the older revision
            logger.exception("a call of MCP failed")
            return failed("The chain has failed.")

    def _run(self, context: ServerRequestContext[Any], params: CallToolRequestParams) -> McpRun:
        """Return the run of a call, which has not begun.

        Raises:
            RequestError: there is no such tool, or its arguments do not fit.
        """
        if (tool := self._tools.get(params.name)) is None:
            near = did_you_mean(params.name, self._tools)
            raise RequestError(f"There is no tool {params.name[:100]!r}.{near}")
        value = tool.read(params.arguments or {})
        asks = context.meta is not None and "progress_token" in context.meta
        run = self._service.run(tool.chain, value, given=tool.given, shows_steps=asks)

        async def report(steps: int, message: str | None) -> None:
            await context.session.report_progress(steps, None, message)

        return McpRun(run, self._service, report if asks else None)
