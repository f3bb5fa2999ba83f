"""What type checkers infer of tools of MCP servers. Read by mypy and pyright; not run."""

from __future__ import annotations

from typing import Any, assert_type

from pydantic import SecretStr

from runnables import BaseTool, ChatModel, McpTools, create_agent, mcp_tools, tool
from runnables.serving import create_app, mcp_app, mcp_server


@tool
def double(a: int) -> int:
    """Double a number."""
    return 2 * a


async def enter(model: ChatModel) -> None:
    with mcp_tools("https://x.test/mcp", headers={"Authorization": SecretStr("k")}) as tools:
        assert_type(tools, McpTools)
        assert_type(tools[0], BaseTool[Any])
        assert_type(tools[:2], list[BaseTool[Any]])
        tools.refresh()
        create_agent(model, tools)
        create_agent(model, [*tools, double])
        model.bind_tools(tools)
    async with mcp_tools(["npx", "-y", "some"], env={"KEY": "k"}, timeout=None) as others:
        assert_type(others, McpTools)
        await others.arefresh()
    mcp_tools({"a": "https://x.test", "b": ["npx"], "c": {"command": "npx"}}, prefix=True)
    mcp_tools("https://x.test", protocol="legacy")
    mcp_tools("https://x.test", needs_approval=lambda arguments: arguments["euros"] > 100)
    mcp_tools("https://x.test", needs_approval=["pay", "send"])
    mcp_tools("https://x.test", needs_approval=7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    mcp_tools("https://x.test", protocol="newest")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    mcp_tools(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


mcp_server({"double": double}, name="numbers")
mcp_app(double, api_keys=["key"])
create_app(double, mcp=True)
