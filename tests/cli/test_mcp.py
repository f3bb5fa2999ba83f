"""`runnables mcp`: chains as tools of the program that starts the command."""

from __future__ import annotations

import sys
from pathlib import Path

from mcp import Client, StdioServerParameters

from tests.cli.commands import command

CHAINS = """
from runnables import RunnableLambda
print("loaded")

def upper(text: str) -> str:
    print("called")
    return text.upper()

def lower(text: str) -> str:
    return text.lower()

loud, soft = RunnableLambda(upper), RunnableLambda(lower)
"""


async def test_the_command_serves_chains(tmp_path: Path) -> None:
    """Several, under the names of their variables; what they print is not the protocol's."""
    (tmp_path / "voices.py").write_text(CHAINS)
    args = ["-m", "runnables.cli", "mcp", "voices:loud", "voices:soft"]
    program = StdioServerParameters(
        command=sys.executable, args=args, cwd=tmp_path, env={"PYTHONPATH": ":".join(sys.path)}
    )
    async with Client(program) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == ["loud", "soft"]
        result = await client.call_tool("loud", {"input": "ahoy"})
        assert result.structured_content == {"result": "AHOY"}


def test_what_cannot_be_served_is_said(tmp_path: Path) -> None:
    """As with the other commands."""
    done = command(tmp_path, "mcp", "voices:loud")
    assert done.returncode == 2 and "There is no module 'voices'" in done.stderr
    (tmp_path / "voices.py").write_text(CHAINS)
    done = command(tmp_path, "mcp", "voices:loud", "voices:loud")
    assert done.returncode == 2 and "Two of the chains are called 'loud'" in done.stderr
    done = command(tmp_path, "mcp")
    assert done.returncode == 2 and "There is no chain to serve" in done.stderr
