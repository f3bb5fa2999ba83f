"""The connection to one MCP server: the SDK's client, held open in a loop of another thread.

The client belongs to the task that has entered it. So that any thread and any event loop may call
its tools, also those of several `asyncio.run`, the client of a server lives in a loop of its own.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias, cast

from runnables.core.installation import missing_extra
from runnables.engine.held_open import HeldOpen
from runnables.engine.loop_calls import arun_in_loop, run_in_loop
from runnables.engine.timeouts import Expired, arun_with_timeout
from runnables.errors import ToolException
from runnables.mcp.errors import McpServerError, McpTimeoutError

try:
    from mcp import Client, MCPError, StdioServerParameters, stdio_client
    from mcp.client.streamable_http import streamable_http_client
    from mcp.shared._httpx_utils import create_mcp_http_client
    from mcp.types import CONNECTION_CLOSED, INVALID_PARAMS, REQUEST_TIMEOUT, CallToolResult, Tool
except ImportError:
    raise missing_extra("Tools of MCP servers", "mcp", "mcp") from None

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from runnables.mcp.server_settings import McpProtocol, ServerSettings

MOST_PAGES: Final = 1000
"""How many pages of tools are read at most: a server may send one after another forever."""

_Put: TypeAlias = Callable[[Any], None]


class McpClient:
    """The connection to one server.

    Args:
        settings: how it is reached.
        loop: returns the loop that it lives in, or raises where that is over.
        timeout: for how many seconds it may take to connect, to list its tools, and for each call.
        protocol: which revision is spoken.

    Attributes:
        name: the name of the server.
    """

    def __init__(
        self,
        settings: ServerSettings,
        loop: Callable[[], AbstractEventLoop],
        *,
        timeout: float | None,
        protocol: McpProtocol,
    ) -> None:
        self.name = settings.name
        self._held = HeldOpen(self._connection)
        self._settings = settings
        self._loop = loop
        self._timeout = timeout
        self._protocol = protocol
        self._client: Client | None = None

    def __repr__(self) -> str:
        return f"McpClient({self.name!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"The connection to the MCP server {self.name!r} cannot be pickled. Open `mcp_tools` "
            "in the other process."
        )

    # -- in the loop

    async def open(self) -> None:
        """Connect; in the loop.

        Raises:
            McpServerError: the server cannot be reached, or not in time.
        """
        with self._explained("cannot be reached"):
            self._client = await self._held.open(self._timeout)

    async def close(self) -> None:
        """End the connection, and the process of the server; in the loop."""
        self._client = None
        await self._held.close()

    @asynccontextmanager
    async def _connection(self) -> AsyncGenerator[Client, None]:
        settings = self._settings
        async with AsyncExitStack() as stack:
            if settings.url is None:
                command, *args = settings.command
                server: Any = stdio_client(
                    StdioServerParameters(
                        command=command, args=args, env=dict(settings.env), cwd=settings.cwd
                    ),
                    errlog=stack.enter_context(_stderr()),
                )
            else:
                http = create_mcp_http_client(dict(settings.headers))
                http.timeout = self._timeout  # that of a read is 5 minutes
                await stack.enter_async_context(http)
                server = streamable_http_client(settings.url, http_client=http)
            client = Client(
                server, mode=self._protocol, read_timeout_seconds=self._timeout, cache=None
            )
            yield await stack.enter_async_context(client)

    async def list_tools(self) -> list[Tool]:
        """Return the tools that the server has now; in the loop.

        Raises:
            McpServerError: it has not listed them in time, or does not come to an end.
        """
        with self._explained("has not listed its tools"):
            if self._timeout is None:
                return await self._list_pages()
            try:
                return await arun_with_timeout(self._list_pages, self._timeout)
            except Expired:
                raise TimeoutError from None

    async def _list_pages(self) -> list[Tool]:
        tools: list[Tool] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            page = await self._connected().list_tools(cursor=cursor)
            tools += page.tools
            cursor = page.next_cursor
            if cursor is None:
                return tools
        raise McpServerError(self.name, f"has more than {MOST_PAGES} pages of tools.")

    async def _call(
        self, tool: str, arguments: dict[str, Any], wants_progress: bool, put: _Put
    ) -> CallToolResult:
        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            put({"progress": progress, "total": total, "message": message})

        with self._explained(f"has not run the tool {tool!r}"):
            try:
                return await self._connected().call_tool(
                    tool, arguments, progress_callback=on_progress if wants_progress else None
                )
            except MCPError as error:
                if error.code == INVALID_PARAMS:  # the model can do better
                    raise ToolException(self.without_secrets(str(error))) from None
                raise

    def _connected(self) -> Client:
        if self._client is None:
            raise McpServerError(self.name, "is not connected: its `with` block has ended.")
        return self._client

    # -- from any thread

    def call(
        self, tool: str, arguments: dict[str, Any], receive: Callable[[Any], object] | None
    ) -> CallToolResult:
        """Call a tool, and wait for its answer.

        Args:
            tool: the server's name of it.
            arguments: the arguments.
            receive: called with each report of progress; None: the server is not asked for any.

        Raises:
            McpServerError: the server has ended, cannot be reached or has refused the call.
            ToolException: the server refuses the arguments.
        """
        work = partial(self._call, tool, arguments, receive is not None)
        return run_in_loop(self._loop(), work, receive or _drop)

    async def acall(
        self,
        tool: str,
        arguments: dict[str, Any],
        receive: Callable[[Any], Awaitable[object]] | None,
    ) -> CallToolResult:
        """Do what `call` does, async."""
        work = partial(self._call, tool, arguments, receive is not None)
        return await arun_in_loop(self._loop(), work, receive or _adrop)

    # -- errors

    def without_secrets(self, text: str) -> str:
        """Return a string without the secrets of the server's settings."""
        return self._settings.without_secrets(text)

    @contextmanager
    def _explained(self, what: str) -> Generator[None, None, None]:
        """Raise errors of the SDK as ours, which name the server and hide its secrets."""
        try:
            yield
        except (McpServerError, ToolException):
            raise
        except Exception as error:
            raise self._explanation(what, _first(error)) from None  # theirs may show a secret

    def _explanation(self, what: str, error: BaseException) -> Exception:
        text, kind = self.without_secrets(str(error)), type(error).__name__
        code = error.code if isinstance(error, MCPError) else None
        # httpx2's are no TimeoutError
        if code == REQUEST_TIMEOUT or isinstance(error, TimeoutError) or kind.endswith("Timeout"):
            limit = "in time" if self._timeout is None else f"within {self._timeout:g} s"
            return McpTimeoutError(self.name, f"{what} {limit}.")
        if code == CONNECTION_CLOSED:
            return McpServerError(
                self.name, f"{what}: it has closed the connection, or its process has died."
            )
        if code is None:
            return McpServerError(self.name, f"{what}: {kind}: {text}")
        return McpServerError(self.name, f"{what}: {text} ({code})")


@contextmanager
def _stderr() -> Generator[Any, None, None]:
    """Yield where servers write what goes wrong: sys.stderr may be a notebook's, and no file."""
    if sys.__stderr__ is not None:
        yield sys.__stderr__
        return
    with open(os.devnull, "w") as nowhere:
        yield nowhere


def _first(error: BaseException) -> BaseException:
    """Return the first error of a group."""
    found: Any = error
    while isinstance(found, BaseExceptionGroup):
        found = cast("Any", found).exceptions[0]
    return cast("BaseException", found)


def _drop(_: object) -> None:
    pass


async def _adrop(_: object) -> None:
    pass
