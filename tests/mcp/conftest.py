"""Servers of the SDK, and our tools of them, in both revisions of the protocol."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from runnables import McpTools, mcp_tools
from tests.mcp.low_level import LowLevel, low_level

STDIO = [sys.executable, "-m", "tests.mcp.sdk_server"]
KEY = "sk-0123456789abcdefghij"


@pytest.fixture(scope="module", params=["auto", "legacy"])
def stdio(request: pytest.FixtureRequest) -> Iterator[McpTools]:
    """The tools of a server that a command starts."""
    with mcp_tools(STDIO, env={"API_KEY": KEY}, protocol=request.param) as tools:
        yield tools


@pytest.fixture(scope="module")
def seen_and_url() -> Iterator[tuple[LowLevel, str]]:
    """A low-level server over HTTP."""
    with low_level() as found:
        yield found


@pytest.fixture
def seen(seen_and_url: tuple[LowLevel, str]) -> LowLevel:
    """What the low-level server has seen."""
    return seen_and_url[0]


@pytest.fixture(scope="module", params=["auto", "legacy"])
def http(request: pytest.FixtureRequest, seen_and_url: tuple[LowLevel, str]) -> Iterator[McpTools]:
    """The tools of the low-level server."""
    with mcp_tools(seen_and_url[1], protocol=request.param) as tools:
        yield tools
