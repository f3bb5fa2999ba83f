"""Connections to MCP servers: their ends, planned or not, and from where they may be used."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp.server import Server
from mcp.types import ListToolsResult, Tool

from runnables import ConfigError, McpServerError, McpTimeoutError, StepTimeout, mcp_tools
from tests.mcp.conftest import STDIO
from tests.mcp.low_level import running
from tests.mcp.test_tools import named
from tests.serving.servers import PATIENCE, wait_for

BOTH = pytest.mark.parametrize("protocol", ["auto", "legacy"])
NO_ANSWER = [sys.executable, "-c", "import sys; sys.stdin.read()"]


@contextmanager
def over_http(**options: Any) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Yield the process of a server over HTTP, and its URL."""
    command = [*STDIO, "http"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            yield process, f"http://127.0.0.1:{int(process.stdout.readline())}/mcp"
        finally:
            process.kill()


# -- cancelling


@BOTH
def test_a_time_limit_here_ends_the_call_there(protocol: Any, seen_and_url: Any) -> None:
    """In sync code and in a task."""
    seen, url = seen_and_url
    with mcp_tools(url, protocol=protocol) as tools:
        wait = named(tools, "wait").with_timeout(0.2)
        before = seen.cancelled
        with pytest.raises(StepTimeout):
            wait.invoke({})
        wait_for(lambda: seen.cancelled == before + 1)
        with pytest.raises(StepTimeout):
            asyncio.run(wait.ainvoke({}))
        wait_for(lambda: seen.cancelled == before + 2)


async def test_a_cancelled_task_ends_the_call_there(stdio: Any, tmp_path: Path) -> None:
    """Also where a command has started the server."""
    began, ended = tmp_path / "began", tmp_path / "ended"
    args = {"began": str(began), "ended": str(ended)}
    task = asyncio.create_task(named(stdio, "wait").ainvoke(args))
    await _exists(began)
    assert not ended.exists()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _exists(ended)


async def _exists(path: Path) -> None:
    """Wait until another process has made a file."""
    async with asyncio.timeout(PATIENCE):
        while not path.exists():  # noqa: ASYNC240 - the test waits for nothing else
            await asyncio.sleep(0.01)


@BOTH
def test_a_call_has_a_time_limit(protocol: Any, seen_and_url: Any) -> None:
    """That of the server's settings; the error names the server and the tool."""
    seen, url = seen_and_url
    before = seen.cancelled
    with mcp_tools({"slow": url}, timeout=0.3, protocol=protocol) as tools:
        with pytest.raises(
            McpTimeoutError, match="'slow' has not run the tool 'wait' within 0.3 s"
        ) as caught:
            named(tools, "wait").invoke({})
    assert isinstance(caught.value, TimeoutError)
    wait_for(lambda: seen.cancelled == before + 1)


@BOTH
def test_tools_without_an_end_have_a_time_limit(protocol: Any) -> None:
    """It is for all pages together, each of which comes in time."""

    async def list_tools(context: Any, params: Any) -> ListToolsResult:
        number = int((params and params.cursor) or 0)
        tool = Tool(name=f"tool_{number}", input_schema={"type": "object"})
        return ListToolsResult(tools=[tool], next_cursor=str(number + 1))

    app = Server("endless", on_list_tools=list_tools).streamable_http_app()
    with (
        running(app) as url,
        pytest.raises(McpTimeoutError, match="has not listed its tools within 1 s"),
        mcp_tools(f"{url}/mcp", timeout=1, protocol=protocol),
    ):
        pass


# -- servers that end


@BOTH
def test_a_server_that_dies_is_named(protocol: Any) -> None:
    """In the call that it dies in, and in all later ones; leaving the block is no error."""
    with mcp_tools({"harbour": STDIO}, protocol=protocol) as tools:
        for name in ("die", "add"):
            with pytest.raises(McpServerError, match=r"'harbour' has not run .* has died") as error:
                named(tools, name).invoke({"a": 1, "b": 1} if name == "add" else {})
            assert error.value.server == "harbour"
        with pytest.raises(McpServerError, match="'harbour' has not listed its tools"):
            tools.refresh()


@BOTH
def test_a_server_over_http_that_dies_is_named(protocol: Any, tmp_path: Path) -> None:
    """While it runs a call, and afterwards."""
    with over_http() as (process, url), mcp_tools({"far": url}, protocol=protocol) as tools:
        with ThreadPoolExecutor(1) as pool:
            began, ended = tmp_path / "began", tmp_path / "ended"
            args = {"began": str(began), "ended": str(ended)}
            waits = pool.submit(named(tools, "wait").invoke, args)
            wait_for(began.exists)
            process.kill()
            with pytest.raises(McpServerError, match="'far'"):
                waits.result(20)
        with pytest.raises(McpServerError, match="'far'"):
            named(tools, "add").invoke({"a": 1, "b": 1})


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        (["no-such-command"], "cannot be reached: FileNotFoundError"),
        ([sys.executable, "-c", "raise SystemExit(2)"], "cannot be reached: it has closed"),
        ("http://127.0.0.1:9/mcp", "cannot be reached: ConnectError"),
        (NO_ANSWER, "cannot be reached within 0.5 s"),
    ],
    ids=["no command", "ends at once", "no server", "no answer"],
)
def test_a_server_that_cannot_be_reached_is_named(server: Any, problem: str) -> None:
    """In sync code and in a task."""
    with pytest.raises(McpServerError, match=problem), mcp_tools(server, timeout=0.5):
        pass

    async def enter() -> None:
        async with mcp_tools(server, timeout=0.5):
            pass

    with pytest.raises(McpServerError, match=problem):
        asyncio.run(enter())


def test_where_one_of_several_fails_none_is_left(tmp_path: Path) -> None:
    """The processes of the others are ended."""
    keeper = tmp_path / "pid"
    script = (
        f"import os, pathlib; pathlib.Path({str(keeper)!r}).write_text(str(os.getpid()));"
        "from tests.mcp.sdk_server import main; main()"
    )
    ends = f"import os, time\nwhile not os.path.exists({str(keeper)!r}): time.sleep(0.01)"
    servers = {"good": [sys.executable, "-c", script], "bad": [sys.executable, "-c", ends]}
    with pytest.raises(McpServerError, match="'bad'"), mcp_tools(servers):
        pass
    assert not _is_alive(int(keeper.read_text()))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# -- blocks


def test_several_servers_are_one_list(seen_and_url: Any) -> None:
    """Two tools of one name are refused, unless each has the name of its server before it."""
    servers = {"one": seen_and_url[1], "two": seen_and_url[1]}
    with pytest.raises(ConfigError, match=r"'one' and 'two' both have a tool.*prefix=True"):
        with mcp_tools(servers):
            pass
    with mcp_tools(servers, prefix=True) as tools:
        assert named(tools, "two_place").invoke({"at": {}}) == "called"
        assert len(tools) == 2 * 11
        assert [tool.name for tool in tools[:2]] == ["one_nothing", "one_strings"]


def test_tools_live_in_their_block(seen_and_url: Any) -> None:
    """Before and after it, the error says what to do; a block may be entered again."""
    tools = mcp_tools(seen_and_url[1])
    with pytest.raises(ConfigError, match="with mcp_tools"):
        list(tools)
    with tools:
        place = named(tools, "place")
        with pytest.raises(ConfigError, match="connected already"), tools:
            pass
    with pytest.raises(ConfigError, match="with mcp_tools"):
        place.invoke({"at": {}})
    with pytest.raises(ConfigError, match="with mcp_tools"):
        asyncio.run(place.ainvoke({"at": {}}))
    with tools:
        assert named(tools, "place").invoke({"at": {}}) == "called"


async def test_a_block_is_left_in_another_task_than_it_was_entered_in(seen_and_url: Any) -> None:
    """As fixtures and applications do, which the SDK's own client refuses."""
    tools = mcp_tools(seen_and_url[1])
    await asyncio.create_task(tools.__aenter__())
    assert await named(tools, "place").ainvoke({"at": {}}) == "called"
    await asyncio.create_task(tools.__aexit__(None, None, None))


def test_threads_share_a_connection(seen_and_url: Any) -> None:
    """Also while a task of some loop uses it."""
    with mcp_tools(seen_and_url[1]) as tools, ThreadPoolExecutor(8) as pool:
        place = named(tools, "place")
        sync = [pool.submit(place.invoke, {"at": {"x": number % 9}}) for number in range(40)]
        tasks = [pool.submit(asyncio.run, place.ainvoke({"at": {}})) for _ in range(8)]
        assert {done.result() for done in (*sync, *tasks)} == {"called"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_is_refused(seen_and_url: Any) -> None:
    """Its parent's connection is no use to it, and is left alone."""
    with mcp_tools(seen_and_url[1]) as tools:
        context: Any = multiprocessing.get_context("fork")
        receive, send = context.Pipe(duplex=False)
        child = context.Process(target=_in_child, args=(tools, send))
        child.start()
        assert (
            receive.recv() == "These MCP tools were connected by another process. Open them here."
        )
        child.join(10)
        assert child.exitcode == 0
        assert named(tools, "place").invoke({"at": {}}) == "called"


def _in_child(tools: Any, send: Any) -> None:
    try:
        tools._tools[0].invoke({})
    except ConfigError as error:
        tools.__exit__(None, None, None)
        send.send(str(error))


def test_a_tool_cannot_be_pickled(http: Any) -> None:
    """The error says what to do."""
    with pytest.raises(TypeError, match="Open `mcp_tools` in the other process"):
        pickle.dumps(http[0])


def test_nothing_is_left_of_a_block(seen_and_url: Any) -> None:
    """No thread, and no process of a server."""
    before = threading.active_count()
    with mcp_tools([*STDIO]) as tools:
        assert named(tools, "add").invoke({"a": 1, "b": 1}) == "2"
    wait_for(lambda: threading.active_count() <= before + 1)  # a worker thread may wait for work
    gc.collect()
