"""`mcp_tools`: the tools of MCP servers, for as long as a `with` block lasts."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeAlias, cast, overload

from runnables.core.bounds import check_seconds
from runnables.engine.held_open import close_all, open_all
from runnables.engine.loop_calls import arun_in_loop, run_in_loop
from runnables.engine.loop_thread import LoopThread
from runnables.engine.thread_calls import to_thread
from runnables.errors import ConfigError, did_you_mean
from runnables.mcp.server_settings import McpProtocol, ServerSettings, read_servers
from runnables.mcp.server_tool import McpTool
from runnables.tools.approval import NeedsApproval, tells_need

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

    from pydantic import SecretStr

    from runnables.mcp.client import McpClient
    from runnables.tools.base import BaseTool

Server: TypeAlias = str | Sequence[str] | Mapping[str, Any]
"""A server: its URL, the command that starts it, or a dict as in the `mcpServers` of others."""

ToolsNeedApproval: TypeAlias = NeedsApproval | Collection[str]
"""Which calls need approval, as with a tool of ours; or the names of the tools whose calls do."""


class McpTools(Sequence["BaseTool[Any]"]):
    """The tools of one MCP server, or of several: a list that is filled inside its `with` block.

    `mcp_tools` makes it. The block connects to the servers, which live in a thread of their own:
    inside it, the tools may be used from any thread and any event loop. Leaving it ends the
    connections, and the servers that commands have started.

    Example:
        >>> mcp_tools({"weather": "https://weather.example.com/mcp"})
        <McpTools of 'weather': []>
    """

    def __init__(
        self,
        servers: list[ServerSettings],
        *,
        prefix: bool = False,
        timeout: float | None = 60.0,
        protocol: McpProtocol = "auto",
        needs_approval: ToolsNeedApproval = False,
    ) -> None:
        self._servers = servers
        self._prefix = prefix
        self._timeout = timeout
        self._protocol: McpProtocol = protocol
        self._need, self._names = _approvals(needs_approval)
        self._thread: LoopThread | None = None
        self._process = 0
        self._clients: list[McpClient] = []
        self._tools: list[McpTool] = []

    def __repr__(self) -> str:
        servers = ", ".join(repr(server.name) for server in self._servers)
        return f"<McpTools of {servers}: {[tool.name for tool in self._tools]}>"

    # -- the list

    def __len__(self) -> int:
        self._loop()
        return len(self._tools)

    @overload
    def __getitem__(self, index: int) -> BaseTool[Any]: ...
    @overload
    def __getitem__(self, index: slice) -> list[BaseTool[Any]]: ...
    def __getitem__(self, index: int | slice) -> Any:
        self._loop()
        return self._tools[index]

    def refresh(self) -> None:
        """List the tools anew, as a server may change them.

        Raises:
            McpServerError: a server has ended.
        """
        run_in_loop(self._loop(), self._list, _ignore)

    async def arefresh(self) -> None:
        """Do what `refresh` does, async."""
        await arun_in_loop(self._loop(), self._list, _aignore)

    # -- the block

    def __enter__(self) -> Self:
        """Connect to the servers, and list their tools.

        Raises:
            McpServerError: one cannot be reached.
            ConfigError: two tools have one name.
        """
        loop = self._begin()
        try:
            run_in_loop(loop, self._open, _ignore)
        except BaseException:
            self._end()
            raise
        return self

    async def __aenter__(self) -> Self:
        """Do what `with` does, async."""
        loop = self._begin()
        try:
            await arun_in_loop(loop, self._open, _aignore)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        """End the connections; not in a forked process, whose parent has them."""
        if self._process == os.getpid():
            try:
                run_in_loop(self._loop(), self._close, _ignore)
            finally:
                self._end()

    async def __aexit__(self, *error: object) -> None:
        """Do what leaving `with` does, async."""
        if self._process == os.getpid():
            try:
                await arun_in_loop(self._loop(), self._close, _aignore)
            finally:
                self._end()

    def _loop(self) -> AbstractEventLoop:
        """Return the loop that the connections live in.

        Raises:
            ConfigError: they are not open, or another process has opened them.
        """
        if self._thread is None:
            raise ConfigError(
                "These MCP tools are not connected. Use them inside of `with mcp_tools(...) as "
                "tools:`, or `async with`."
            )
        if self._process != os.getpid():
            raise ConfigError("These MCP tools were connected by another process. Open them here.")
        return self._thread.loop()

    def _begin(self) -> AbstractEventLoop:
        if self._thread is not None:
            raise ConfigError("These MCP tools are connected already.")
        self._process = os.getpid()
        self._thread = LoopThread()
        return self._thread.loop()

    def _end(self) -> None:
        assert self._thread is not None, "only a block that has begun ends"
        self._thread.close()
        self._thread = None
        self._tools = []

    # -- in the loop

    async def _open(self, _: object) -> None:
        self._clients = await to_thread(self._make_clients)
        await open_all(self._clients)
        try:
            await self._list()
        except BaseException:
            await self._close()
            raise

    def _make_clients(self) -> list[McpClient]:
        from runnables.mcp.client import McpClient  # it needs the extra `mcp`, and takes 0.8 s

        return [
            McpClient(server, self._loop, timeout=self._timeout, protocol=self._protocol)
            for server in self._servers
        ]

    async def _close(self, _: object = None) -> None:
        await close_all(self._clients)

    async def _list(self, _: object = None) -> None:
        found: dict[str, McpTool] = {}
        for client in self._clients:
            prefix = f"{client.name}_" if self._prefix else ""
            for definition in await client.list_tools():
                tool = McpTool(definition, client, prefix)
                if (other := found.get(tool.name)) is not None:
                    raise ConfigError(
                        f"The MCP servers {other.client.name!r} and {client.name!r} "
                        f"both have a tool {tool.name!r}. Pass prefix=True, which puts the name "
                        "of its server before each."
                    )
                found[tool.name] = tool
        self._set_approvals(found)
        self._tools = list(found.values())

    def _set_approvals(self, tools: Mapping[str, McpTool]) -> None:
        for name in self._names:
            if name not in tools:
                raise ConfigError(
                    f"needs_approval= names {name!r}, and there is no such tool."
                    f"{did_you_mean(name, tools)} There are: {', '.join(tools) or 'none'}."
                )
        for name, tool in tools.items():
            tool.needs_approval = self._need or name in self._names


def mcp_tools(
    servers: Server | Mapping[str, Server],
    *,
    prefix: bool = False,
    headers: Mapping[str, str | SecretStr] | None = None,
    env: Mapping[str, str | SecretStr] | None = None,
    timeout: float | None = 60.0,
    protocol: McpProtocol = "auto",
    needs_approval: ToolsNeedApproval = False,
) -> McpTools:
    """Return the tools of MCP servers, for agents and models, inside of a `with` block.

    Each is a tool as any other: its schema is the server's, by which arguments are checked before
    they are sent; what is cancelled here is cancelled there.

    Args:
        servers: the URL of a server, or the command that starts one, as a list of strings; or a
            dict of several by their names. There, one may also be a dict with "url" and "headers",
            or with "command", "args", "env" and "cwd", as in the `mcpServers` of other programs.
        prefix: whether the name of its server and "_" stand before the name of each tool.
        headers: HTTP headers of one server, which are hidden wherever they would be shown.
        env: variables for the environment of one server, hidden likewise. Of this process it gets
            no others than PATH, HOME and their like.
        timeout: for how many seconds a server may take to connect, to list its tools, and for each
            call; None: any.
        protocol: "auto" speaks the newest revision that the server has; "legacy" that of 2025,
            for servers that do not answer the question.
        needs_approval: which calls an agent runs only when a person has approved them: all (True,
            or a string that tells why), those for which a function of the dict of the arguments
            returns True or the reason, or all of the tools with these names. Entering the block
            refuses a name that no tool has.

    Raises:
        ConfigError: no URL and no command, or an unknown setting.

    Example:
        >>> import sys
        >>> program = '''
        ... from mcp.server import MCPServer
        ... server = MCPServer("harbour")
        ... @server.tool()
        ... def tide(hour: int) -> str:
        ...     return f"high at {hour}:10"
        ... server.run()
        ... '''
        >>> with mcp_tools([sys.executable, "-c", program]) as tools:
        ...     tools[0].name, tools[0].invoke({"hour": 12})
        ('tide', 'high at 12:10')
    """
    if timeout is not None:
        check_seconds("timeout={}", timeout)
    if protocol not in ("auto", "legacy"):
        raise ConfigError(f"protocol={protocol!r}: expected 'auto' or 'legacy'")
    found = read_servers(servers, headers=headers, env=env)
    return McpTools(
        found, prefix=prefix, timeout=timeout, protocol=protocol, needs_approval=needs_approval
    )


def _approvals(given: ToolsNeedApproval) -> tuple[NeedsApproval, frozenset[str]]:
    """Return which calls of any tool need approval, and the names of the tools whose all do.

    Raises:
        ConfigError: it is none of the forms.
    """
    if tells_need(given):
        return cast("NeedsApproval", given), frozenset()
    if isinstance(given, Collection) and not isinstance(given, (str, Mapping)):
        names = cast("Collection[Any]", given)
        if all(isinstance(name, str) for name in names):
            return False, frozenset(cast("Collection[str]", names))
    raise ConfigError(
        f"needs_approval={given!r}: expected True, False, the reason as a string, a function of "
        "the dict of the arguments that returns one of these, or the names of tools as a list."
    )


def _ignore(_: object) -> None:
    pass


async def _aignore(_: object) -> None:
    pass
