"""How users write down a server, and what is hidden of it."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from pydantic import SecretStr

from runnables import ConfigError, McpServerError, mcp_tools
from runnables.mcp.server_settings import ServerSettings, read_servers

KEY = "sk-0123456789abcdefghij"


def test_a_url_and_a_command_are_servers() -> None:
    """Their names are what they are, without the secrets in them."""
    (far,) = read_servers(f"https://user:{KEY}@x.test/mcp?api_key={KEY}")
    assert far.name == "https://**********@x.test/mcp?api_key=**********"
    assert KEY in (far.url or "")
    (near,) = read_servers(["npx", "-y", "some", "--api-key", KEY])
    assert near.name == "npx -y some --api-key **********"
    assert near.command == ("npx", "-y", "some", "--api-key", KEY)


def test_settings_of_other_programs_are_read() -> None:
    """As they stand in their files, alone or below `mcpServers`."""
    servers: Any = {
        "files": {"type": "stdio", "command": "npx", "args": ["-y", "f"], "env": {"A": "b"}},
        "far": {"type": "http", "url": "https://x.test/mcp", "headers": {"X-Token": "t"}},
        "plain": "http://x.test/mcp",
        "list": ["python", "-m", "some"],
    }
    expected = [
        ServerSettings("files", command=("npx", "-y", "f"), env={"A": "b"}),
        ServerSettings("far", url="https://x.test/mcp", headers={"X-Token": "t"}),
        ServerSettings("plain", url="http://x.test/mcp"),
        ServerSettings("list", command=("python", "-m", "some")),
    ]
    assert read_servers(servers) == read_servers({"mcpServers": servers}) == expected


@pytest.mark.parametrize(
    ("servers", "options", "problem"),
    [
        ("npx -y some", {}, "expected a URL with http://"),
        ([], {}, "is no MCP server"),
        (["a", 1], {}, "is no MCP server"),
        (7, {}, "is no MCP server"),
        ({}, {}, "There is no MCP server"),
        ({"a": {}}, {}, "needs a 'url' or a 'command'"),
        ({"a": {"url": "http://x", "command": "y"}}, {}, "needs a 'url' or a 'command'"),
        ({"a": {"command": "x", "arg": []}}, {}, "unknown setting 'arg'. Did you mean 'args'?"),
        ({"a": {"url": "http://x", "type": "sse"}}, {}, "has the transport 'sse'"),
        ({"a": {"url": "http://x", "headers": {"A": 1}}}, {}, r"headers\['A'\]: expected a string"),
        ({"a": "http://x"}, {"headers": {"A": "b"}}, "are for one server"),
        (["a"], {"headers": {"A": "b"}}, "headers= are for servers with a URL"),
        ("http://x", {"env": {"A": "b"}}, "env= is for servers that a command starts"),
        ("http://x", {"timeout": -1}, "timeout"),
        ("http://x", {"protocol": "new"}, "protocol='new'"),
    ],
)
def test_what_does_not_fit_is_refused(servers: Any, options: Any, problem: str) -> None:
    """Before anything is connected; the error says what is expected."""
    with pytest.raises(ConfigError, match=problem):
        mcp_tools(servers, **options)


def test_secrets_are_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in reprs, and not in errors."""
    headers = {"Authorization": SecretStr(f"Bearer {KEY}"), "X-Other": KEY}
    tools = mcp_tools(f"http://127.0.0.1:9/mcp?key={KEY}", headers=headers)
    (settings,) = read_servers("http://x.test", headers=headers)
    assert settings.headers == {"Authorization": f"Bearer {KEY}", "X-Other": KEY}
    assert KEY not in f"{tools!r} {settings!r} {settings.headers!r}"
    with pytest.raises(McpServerError) as caught, tools:
        pass
    assert KEY not in f"{caught.value} {caught.value!r}"
    script = [sys.executable, "-c", "raise SystemExit(1)", f"--token={KEY}"]
    with pytest.raises(McpServerError) as caught, mcp_tools(script):
        pass
    assert KEY not in f"{caught.value} {caught.value!r}"
