"""Chains as tools of an MCP server: the client of the SDK, over stdio and over HTTP."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from operator import itemgetter
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from mcp import Client, StdioServerParameters
from pydantic import BaseModel
from starlette.testclient import TestClient

from runnables import (
    ConfigError,
    MissingExtra,
    RunnableLambda,
    StructuredTool,
    ToolException,
    mcp_tools,
    tool,
)
from runnables.serving import Limits, add_routes, create_app, mcp_app, mcp_server
from tests.agents.tills import Till, asks as pays
from tests.mcp.low_level import PIXEL, running
from tests.serving.chains import SECRET, chains
from tests.serving.mcp_requests import NEW, OLD, call_body, call_headers
from tests.serving.servers import serving

STDIO = StdioServerParameters(command=sys.executable, args=["-m", "tests.serving.test_mcp"])


class Place(BaseModel):
    """A place on a map."""

    x: int


def at(place: Place) -> dict[str, Any]:
    """Say where a place is."""
    return {"is_place": isinstance(place, Place), "x": place.x}


@tool
def moor(berth: int) -> str:
    """Moor at a berth."""
    raise ToolException(f"berth {berth} is taken, api_key='{SECRET}'")


@tool
def photo() -> list[dict[str, Any]]:
    """Take a picture."""
    image = {"type": "image", "base64": PIXEL, "mime_type": "image/png"}
    return [{"type": "text", "text": "the pier"}, image]


def length(text: str) -> int:
    """Return the length of a string."""
    return len(text)


class Tree(BaseModel):
    """A tree, whose schema refers to itself."""

    name: str
    parts: list[Tree] = []


def depth(tree: Tree) -> int:
    """Return how deep a tree is."""
    return 1 + max(map(depth, tree.parts), default=0)


EVEN: Any = {
    "type": "object",
    "properties": {"number": {"type": "integer", "multipleOf": 2, "maximum": 9}},
    "required": ["number"],
}
halve = StructuredTool.from_function(
    lambda number: number // 2, name="halve", description="Halve it.", args_schema=EVEN
)


def tools() -> dict[str, Any]:
    """Return the chains of other protocols, and tools."""
    own = {
        "at": RunnableLambda(at),
        "length": RunnableLambda(length),
        "depth": RunnableLambda(depth),
    }
    return {**chains(), **own, "moor": moor, "photo": photo, "halve": halve}


@pytest.fixture(scope="module")
def url() -> Any:
    """The server over HTTP, beside all other protocols."""
    with running(create_app(tools(), mcp=True)) as found:
        yield f"{found}/mcp"


@pytest.fixture(params=["stdio", "http"])
def transport(request: pytest.FixtureRequest, url: str) -> Any:
    """What the client of the SDK is given."""
    return STDIO if request.param == "stdio" else url


@asynccontextmanager
async def connected(transport: Any, mode: str) -> AsyncIterator[Client]:
    """Connect the client of the SDK."""
    async with Client(transport, mode=mode) as client:
        yield client


def text_of(result: Any) -> str:
    """Return the text of an answer."""
    return "".join(block.text for block in result.content)


BOTH = pytest.mark.parametrize("mode", ["auto", "legacy"])


@BOTH
@pytest.mark.leaks("the SDK's client closes its streams with its process")
async def test_the_sdk_calls_chains(transport: Any, mode: str) -> None:
    """Whole answers, progress in more than one chunk, calls that fail, and wrong arguments."""
    chunks: list[tuple[float, str | None]] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        chunks.append((progress, message))

    async with connected(transport, mode) as client:
        assert client.protocol_version == (NEW if mode == "auto" else OLD)
        listed = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert listed.keys() == tools().keys()
        assert all(tool.input_schema["type"] == "object" for tool in listed.values())
        assert listed["prompt"].input_schema["required"] == ["what"]
        assert listed["length"].input_schema["properties"]["input"]["type"] == "string"
        assert listed["length"].description == "Return the length of a string."
        assert "Say {what}." not in str(listed["prompt"])

        # whole answers
        result = await client.call_tool("prompt", {"what": "ahoy"})
        assert (text_of(result), result.is_error) == ("One two three.", False)
        assert result.structured_content == {"result": "One two three."}
        assert not chunks
        result = await client.call_tool("length", {"input": "ahoy"})
        assert (text_of(result), result.structured_content) == ("4", {"result": 4})
        result = await client.call_tool("at", {"x": 3})
        assert result.structured_content == {"is_place": True, "x": 3}
        assert text_of(await client.call_tool("words", {"input": "hi"})) == "One two three."
        assert text_of(await client.call_tool("agent", {"input": "1 + 2?"})) == "It is 3."
        tree = {"name": "a", "parts": [{"name": "b"}]}
        assert text_of(await client.call_tool("depth", tree)) == "2"
        assert text_of(await client.call_tool("halve", {"number": 4})) == "2"
        result = await client.call_tool("photo", {})
        assert [block.type for block in result.content] == ["text", "image"]

        # in chunks
        await client.call_tool("prompt", {"what": "ahoy"}, progress_callback=on_progress)
        assert len(chunks) > 1
        assert "".join(message or "" for _, message in chunks) == "One two three."
        assert [number for number, _ in chunks] == list(range(1, len(chunks) + 1))

        # failures
        for name in ("refused", "broken"):
            result = await client.call_tool(name, {"input": "hi"})
            assert result.is_error and SECRET not in text_of(result) and "(run " in text_of(result)
        result = await client.call_tool("moor", {"berth": 3})
        assert result.is_error and "berth 3 is taken" in text_of(result)
        assert SECRET not in text_of(result)
        wrong: Any = [
            ("prompt", {"waht": "x"}, "There is no argument 'waht'. Did you mean 'what'?"),
            ("prompt", {}, "what: Field required"),
            ("at", {"x": "y"}, "x: Input should be a valid integer"),
            ("moor", {"type": "tool_call", "args": {}}, "There is no argument"),
            ("halve", {"number": "4"}, 'number: expected integer, got "4"'),
            ("halve", {"number": 10}, "number: 10 is more than 9"),
            ("halve", {}, "'number' must be given"),
            ("depth", {"name": "a", "parts": [{}]}, "parts.0.name: Field required"),
            ("mor", {}, "There is no tool 'mor'. Did you mean 'moor'?"),
        ]
        for name, arguments, text in wrong:
            result = await client.call_tool(name, arguments)
            assert result.is_error and text in text_of(result)


@BOTH
@pytest.mark.leaks("the SDK's client closes its streams with its process")
async def test_our_client_calls_our_server(url: str, mode: Any) -> None:
    """What one sends, the other reads: text, values, blocks and errors."""
    async with mcp_tools(url, protocol=mode) as found:
        named = {tool.name: tool for tool in found}
        assert await named["prompt"].ainvoke({"what": "ahoy"}) == "One two three."
        assert await named["photo"].ainvoke({}) == photo.invoke({})
        call: Any = {"type": "tool_call", "name": "at", "args": {"x": 1}, "id": "c"}
        assert (await named["at"].ainvoke(call)).artifact == {"is_place": True, "x": 1}
        with pytest.raises(ToolException, match="berth 7 is taken"):
            await named["moor"].ainvoke({"berth": 7})


async def test_the_server_is_one_of_the_sdk() -> None:
    """So its own client can be given it in a test, without a process or a port."""
    server = mcp_server({"length": RunnableLambda(length)}, name="ruler")
    async with Client(server) as client:
        assert client.server_info is not None and client.server_info.name == "ruler"
        assert text_of(await client.call_tool("length", {"input": "ahoy"})) == "4"


async def test_an_agent_that_cannot_ask_goes_on() -> None:
    """What needs approval is denied at once, and its model reads that; a tool alone just runs."""
    till = Till()
    agent = till.agent(pays(a=250, b="look"), "It was not paid.")
    cashier = itemgetter("input") | till.agent(pays(a=900), "Nor was this.")
    whole = cashier.as_tool(name="cashier", description="Pay.", arg_types={"input": str})
    async with Client(mcp_server({"agent": agent, "cashier": whole, "pay": till.pay})) as client:
        result = await client.call_tool("agent", {"input": "Pay."})
        assert (text_of(result), result.is_error) == ("It was not paid.", False)
        assert till.ran == ["look"]
        result = await client.call_tool("cashier", {"input": "Pay."})
        assert (text_of(result), till.ran) == ("Nor was this.", ["look"])
        assert text_of(await client.call_tool("pay", {"euros": 900})) == "paid 900 to Ada"


# -- who may call it, and how much


def post(client: Any, version: str = NEW, **headers: str) -> Any:
    """Call a tool over HTTP by hand."""
    body = call_body(version, "length", {"input": "ahoy"})
    return client.post("/mcp", json=body, headers={**call_headers(version, "length"), **headers})


@pytest.mark.parametrize("version", [NEW, OLD])
def test_the_server_is_guarded(version: str) -> None:
    """By the name of its host, a key, and the origin of pages; it takes JSON that is not huge."""
    app = mcp_app(
        {"length": RunnableLambda(length)},
        api_keys=["key"],
        allowed_origins=["https://chat.test"],
        limits=Limits(max_body_bytes=1000),
    )
    key = {"authorization": "Bearer key"}
    with TestClient(app, base_url="http://localhost") as client:
        assert post(client, version).status_code == 401
        assert post(client, version, **key).status_code == 200
        assert post(client, version, **key, origin="https://chat.test").status_code == 200
        assert post(client, version, **key, origin="http://localhost").status_code == 200
        assert post(client, version, **key, origin="https://evil.test").status_code == 403
        assert post(client, version, **key, origin="null").status_code == 403
        assert post(client, version, **key, host="evil.test").status_code == 400
        assert post(client, version, **key, **{"content-type": "text/plain"}).status_code >= 400
        long = call_body(version, "length", {"input": "x" * 2000})
        headers = {**call_headers(version, "length"), **key}
        assert client.post("/mcp", json=long, headers=headers).status_code == 413
        for method in ("GET", "DELETE"):
            assert client.request(method, "/mcp", headers=headers).status_code == 405


@pytest.mark.parametrize("params", [{}, {"params": None}, {"params": [1]}, {"params": {}}])
def test_a_cancellation_of_nothing_is_no_failure(params: Any) -> None:
    """The server drops what a client has written wrongly, and stays silent about it."""
    body = {"jsonrpc": "2.0", "method": "notifications/cancelled", **params}
    headers = {**call_headers(OLD, "length"), "mcp-session-id": "mine"}
    with TestClient(
        mcp_app({"length": RunnableLambda(length)}), base_url="http://localhost"
    ) as client:
        assert client.post("/mcp", json=body, headers=headers).status_code < 500


def test_any_application_can_have_it() -> None:
    """Below a path, without a hook at its start."""
    app = FastAPI()
    add_routes(app, RunnableLambda(length), "/ruler", name="length", mcp=True)
    client = TestClient(app)
    body = call_body(NEW, "length", {"input": "ahoy"})
    answer = client.post("/ruler/mcp", json=body, headers=call_headers(NEW, "length"))
    assert answer.json()["result"]["structuredContent"] == {"result": 4}


def test_wrong_options_are_refused() -> None:
    """As those of other servers."""
    with pytest.raises(ConfigError, match="There is no chain"):
        mcp_server({})
    with pytest.raises(ConfigError, match="cannot be served"):
        mcp_server({"a": 3})
    with pytest.raises(ConfigError, match="api_keys"):
        mcp_app(len, api_keys="key")


def test_without_the_sdk_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """On both sides."""
    monkeypatch.setitem(sys.modules, "mcp", None)
    monkeypatch.setitem(sys.modules, "mcp.server", None)
    for module in ("runnables.mcp.client", "runnables.serving.mcp_service"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    with pytest.raises(MissingExtra, match=r"\[mcp\]"), mcp_tools(["x"]):
        pass
    with pytest.raises(MissingExtra, match=r"\[mcp\]"):
        importlib.import_module("runnables.serving.mcp_service")


@pytest.mark.parametrize("version", [NEW, OLD])
def test_limits_hold(version: str) -> None:
    """Too many runs, and one that takes too long; both are counted."""

    async def wait(text: str) -> str:
        await asyncio.Event().wait()
        return text

    waits = {"wait": RunnableLambda(wait)}
    body, headers = call_body(version, "wait", {"input": ""}), call_headers(version, "wait")
    with serving(waits, mcp=True, limits=Limits(max_seconds=0.1)) as served:
        answer = httpx.post(f"{served.url}/mcp", json=body, headers=headers)
        assert "took too long" in answer.text and '"isError":true' in answer.text
        assert (served.service.counts.failed, served.service.counts.open) == (1, 0)
        served.service.is_stopping = True
        answer = httpx.post(f"{served.url}/mcp", json=body, headers=headers)
        assert "shutting down" in answer.text


if __name__ == "__main__":
    from runnables.serving import serve_mcp

    serve_mcp(tools())
