"""Chains as tools of an MCP server over HTTP: an application, or a route of another one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast
from uuid import uuid4

from pydantic_core import from_json
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from runnables.serving.app import _served, application
from runnables.serving.failures import RequestError
from runnables.serving.guard import LOOPBACK
from runnables.serving.mcp_service import SESSION_HEADER, McpService
from runnables.serving.requests import read_body
from runnables.serving.service import Limits, Service

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.types import Message, Receive, Scope, Send

PATH: Final = "/mcp"
"""Where clients of MCP expect a server."""


class McpEndpoint:
    """The ASGI application that answers clients of MCP: one exchange for each request.

    The transport keeps no sessions, so that a client that leaves stops its run in each revision of
    the protocol, and so that any application can mount it, whatever it does at its start.

    A client of the older revision cancels with another request. It receives an id of a session,
    which is no more than a mark: it tells its runs from those of others.

    Args:
        service: what it serves.
        allowed_origins: the pages whose scripts may call it, beside those of its own host.
    """

    def __init__(self, service: Service, allowed_origins: Iterable[str] = ()) -> None:
        self._max_bytes = service.limits.max_body_bytes
        self._service = McpService(service)
        self._origins = frozenset(allowed_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        origin = request.headers.get("origin")
        if origin is not None and not self._knows(origin, request.headers.get("host", "")):
            await _refuse("Pages of this origin may not call it.", 403)(scope, receive, send)
            return
        try:
            body = await read_body(request, self._max_bytes)
        except RequestError as error:
            await _refuse(str(error), error.failure.status)(scope, receive, send)
            return
        except ClientDisconnect:  # it left while it sent the body
            return
        message = _object(body)
        session = request.headers.get(SESSION_HEADER)
        if message.get("method") == "notifications/cancelled" and session is not None:
            params: Any = message.get("params")
            if isinstance(params, dict):
                self._service.cancel(session, cast("Any", params).get("requestId"))
        if message.get("method") == "initialize":
            send = _marked(send)
        await self._service.answer_http(scope, _again(body, receive), send)

    def _knows(self, origin: str, host: str) -> bool:
        return origin in self._origins or origin.partition("://")[2] == host


def _object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body; an empty one for anything else, which the SDK refuses."""
    try:
        value = from_json(body)
    except ValueError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that begins with a body that was read."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return messages.pop() if messages else await receive()

    return receive_again


def _marked(send: Send) -> Send:
    """Return a `send` that gives the client an id of a session."""

    async def send_marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message)[SESSION_HEADER] = uuid4().hex
        await send(message)

    return send_marked


def _refuse(text: str, status: int) -> JSONResponse:
    error = {"code": -32600, "message": text}
    return JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, status)


def mcp_route(service: Service, allowed_origins: Iterable[str] = ()) -> Route:
    """Return the route for clients of MCP; there is nothing to GET or to DELETE."""
    return Route(PATH, McpEndpoint(service, allowed_origins), methods=["POST"])


def mcp_app(
    chains: Any,
    *,
    limits: Limits | None = None,
    api_keys: Sequence[str] = (),
    allowed_hosts: Sequence[str] = LOOPBACK,
    allowed_origins: Sequence[str] = (),
    shows_errors: bool = False,
    shows_steps: bool = False,
) -> Starlette:
    """Return an ASGI application with chains as tools of an MCP server, at `/mcp`.

    `create_app(..., mcp=True)` serves the same beside the other protocols.

    Args:
        chains: a runnable, or a dict of names and runnables.
        limits: the largest body, the most runs at once, the longest time of a run.
        api_keys: keys, one of which a request must have as `Authorization: Bearer KEY`.
        allowed_hosts: the names of the server in requests, without ports; "*": any.
        allowed_origins: the pages, such as "https://chat.example.com", whose scripts may call it.
        shows_errors: whether clients may read the text of errors, without the secrets in it.
        shows_steps: whether progress names the runs inside a chain.

    Raises:
        ConfigError: something that cannot be served.
        MissingExtra: the extra `mcp` is not installed.
    """
    service = Service(
        _served(chains, None, None),
        limits or Limits(),
        shows_errors=shows_errors,
        shows_steps=shows_steps,
    )
    return application(
        service,
        [mcp_route(service, allowed_origins)],
        api_keys=api_keys,
        allowed_hosts=allowed_hosts,
        allowed_origins=allowed_origins,
    )
