"""A client of MCP that cancels, gives up or leaves stops the run, and its upstream with it."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError, StdioServerParameters

from runnables import RunnableGenerator
from tests.serving.mcp_requests import NEW, OLD, call_body, raw_call
from tests.serving.servers import PATIENCE, Served, cut, serving, wait_for
from tests.serving.upstreams import Upstream

KINDS = pytest.mark.parametrize("kind", ["silent", "one", "fast"])
VERSIONS = pytest.mark.parametrize("version", [NEW, OLD])
MODES = pytest.mark.parametrize("mode", ["auto", "legacy"])


@pytest.fixture
def upstream() -> Upstream:
    return Upstream()


@pytest.fixture
def served(upstream: Upstream) -> Iterator[Served]:
    with serving({"up": RunnableGenerator(upstream.answer)}, mcp=True) as server:
        yield server


@KINDS
@VERSIONS
def test_a_client_that_dies_stops_the_run(
    kind: str, version: str, served: Served, upstream: Upstream
) -> None:
    """Whatever the service does meanwhile, with all its `finally`."""
    connection = raw_call(served, version, "up", {"input": kind})
    wait_for(lambda: upstream.began)
    cut(connection)
    wait_for(lambda: upstream.closed)
    wait_for(lambda: served.service.counts.open == 0)
    assert served.service.counts.left == 1


@MODES
@pytest.mark.leaks("the SDK's client closes its streams with its process")
async def test_the_sdk_cancels(mode: str, served: Served, upstream: Upstream) -> None:
    """A task that is cancelled, and a call whose time is over."""
    async with Client(f"{served.url}/mcp", mode=mode) as client:
        task = asyncio.create_task(client.call_tool("up", {"input": "silent"}))
        await _until(lambda: upstream.began == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await _until(lambda: upstream.closed == 1)
        with pytest.raises(MCPError, match="timed out"):
            await client.call_tool("up", {"input": "one"}, read_timeout_seconds=0.2)
        await _until(lambda: upstream.closed == 2)
    assert served.service.counts.left == 2


@VERSIONS
def test_a_shutdown_ends_runs(version: str, upstream: Upstream) -> None:
    """Their clients read why, and each `finally` has run."""
    with serving({"up": RunnableGenerator(upstream.answer)}, mcp=True) as served:
        connection = raw_call(served, version, "up", {"input": "silent"})
        wait_for(lambda: upstream.began)
        served.server.should_exit = True
        received = b""
        while b"shutting down" not in received:
            received += connection.recv(65536)
        connection.close()
    assert upstream.closed == 1


PROGRAM = """
import asyncio, pathlib, sys
from runnables import RunnableLambda
from runnables.serving import serve_mcp

began, ended = map(pathlib.Path, sys.argv[1:])

async def wait(text: str) -> str:
    began.touch()
    try:
        await asyncio.Event().wait()
    finally:
        await asyncio.sleep(0)
        ended.touch()
    return text

serve_mcp({"wait": RunnableLambda(wait)})
"""


@MODES
async def test_over_stdio_the_end_of_the_client_stops_the_run(mode: str, tmp_path: Path) -> None:
    """A call that is cancelled, and the end of the client amid another one."""
    began, ended = tmp_path / "began", tmp_path / "ended"
    args = ["-c", PROGRAM, str(began), str(ended)]
    async with Client(
        StdioServerParameters(command=sys.executable, args=args), mode=mode
    ) as client:
        task = asyncio.create_task(client.call_tool("wait", {"input": ""}))
        await _until(began.exists)
        task.cancel()
        await _until(ended.exists)
        began.unlink()
        ended.unlink()
        task = asyncio.create_task(client.call_tool("wait", {"input": ""}))
        await _until(began.exists)
    assert ended.exists()
    await asyncio.wait({task})


def test_stdin_that_ends_ends_the_program() -> None:
    """As at the end of the client."""
    program = "from runnables.serving import serve_mcp; serve_mcp(len)"
    done = subprocess.run([sys.executable, "-c", program], input=b"", timeout=PATIENCE, check=True)
    assert done.returncode == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_program_and_its_runs(number: signal.Signals, tmp_path: Path) -> None:
    """At once, though its client has not closed stdin; each `finally` has run."""
    began, ended = tmp_path / "began", tmp_path / "ended"
    command = [sys.executable, "-c", PROGRAM, str(began), str(ended)]
    pipes: Any = {"stdin": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(command, **pipes, stdout=subprocess.DEVNULL) as process:
        try:
            body = json.dumps(call_body(NEW, "wait", {"input": ""}))
            process.stdin.write(body.encode() + b"\n")
            process.stdin.flush()
            wait_for(began.exists)
            process.send_signal(number)
            process.wait(PATIENCE)
        finally:
            process.kill()
    assert ended.exists()


async def _until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.001)
