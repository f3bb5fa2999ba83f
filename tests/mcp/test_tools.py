"""The tools of MCP servers are tools as any other."""

from __future__ import annotations

import asyncio
from copy import copy
from typing import Any

import pytest

from runnables import (
    AIMessage,
    BaseTool,
    ConfigError,
    McpServerError,
    McpTools,
    ToolArgumentsError,
    ToolException,
    create_agent,
    tool_call,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.mcp.conftest import KEY
from tests.mcp.low_level import PIXEL, LowLevel


def named(tools: McpTools, name: str) -> BaseTool[Any]:
    """Return the tool of this name."""
    (found,) = [tool for tool in tools if tool.name == name]
    return found


def call_of(name: str, **args: Any) -> Any:
    """Return a tool call of a model."""
    return tool_call(name=name, args=args, id="call_1")


def test_a_tool_of_a_command_runs(call: Call, stdio: McpTools) -> None:
    """With arguments it returns the content; with a tool call, a message with the artifact."""
    add = named(stdio, "add")
    assert call.invoke(add, {"a": 1, "b": 2}) == "3"
    answer = call.invoke(add, call_of("add", a=1, b=2))
    assert (answer.content, answer.artifact, answer.status) == ("3", {"result": 3}, "success")


def test_a_tool_has_the_schema_and_the_hints_of_the_server(stdio: McpTools) -> None:
    """Its description and its JSON schema go to the model, its hints into the metadata."""
    add = named(stdio, "add")
    assert add.description == "Add two numbers."
    assert add.args["a"] == {"title": "A", "type": "integer"}
    assert add.metadata is not None
    assert add.metadata["readOnlyHint"] is True
    assert add.metadata["destructiveHint"] is False
    assert add.metadata["mcp_tool"] == "add"


def test_arguments_are_checked_before_they_are_sent(call: Call, stdio: McpTools) -> None:
    """By the server's schema; the error names the argument."""
    with pytest.raises(ToolArgumentsError, match='b: expected integer, got "x"'):
        call.invoke(named(stdio, "add"), {"a": 1, "b": "x"})
    with pytest.raises(ToolArgumentsError, match="b: is missing"):
        call.invoke(named(stdio, "add"), {"a": 1})
    with pytest.raises(ToolArgumentsError, match="expected a dict of arguments"):
        call.invoke(named(stdio, "add"), 1)
    with pytest.raises(ConfigError, match="takes no option"):
        call.invoke(named(stdio, "add"), {"a": 1, "b": 1}, c=1)


def test_a_bare_value_is_that_of_the_only_argument(call: Call, stdio: McpTools) -> None:
    """As with every tool."""
    assert call.invoke(named(stdio, "variable"), "API_KEY") == KEY


def test_an_error_of_the_server_is_one_of_the_tool(call: Call, stdio: McpTools) -> None:
    """It is raised, or a message, as it is set; without the secrets of the server's settings."""
    fail = copy(named(stdio, "fail"))
    with pytest.raises(ToolException, match=r"refused: the key \*+ is wrong"):
        call.invoke(fail, {})
    fail.handle_tool_error = True
    answer = call.invoke(fail, call_of("fail"))
    assert answer.status == "error" and "refused" in answer.content and KEY not in answer.content


def test_progress_comes_as_custom_events(stdio: McpTools) -> None:
    """In the order of the server, with what it says."""
    events = named(stdio, "count").stream_events({"upto": 3})
    found = [event["data"] for event in events if event["name"] == "mcp_progress"]
    assert [(data["progress"], data["total"], data["message"]) for data in found] == [
        (number, 3, f"number {number}") for number in (1, 2, 3)
    ]
    assert {data["tool"] for data in found} == {"count"}


async def test_progress_comes_as_custom_events_async(stdio: McpTools) -> None:
    """As in sync code."""
    found = [
        event["data"]["message"]
        async for event in named(stdio, "count").astream_events({"upto": 2})
        if event["name"] == "mcp_progress"
    ]
    assert found == ["number 1", "number 2"]


def test_calls_may_run_at_once(call: Call, stdio: McpTools) -> None:
    """Each gets its own answer."""
    inputs = [{"a": number, "b": 1} for number in range(40)]
    outputs = call.batch(named(stdio, "add"), inputs, {"max_concurrency": 8})
    assert outputs == [str(number + 1) for number in range(40)]


def test_an_agent_calls_a_tool_of_a_server(call: Call, stdio: McpTools) -> None:
    """Its model sees the schema, and the result; an error of the tool is a message for it."""
    script = [
        AIMessage("", tool_calls=[call_of("add", a=1, b=2)]),
        AIMessage("", tool_calls=[call_of("fail")]),
        "Done.",
    ]
    agent = create_agent(ScriptedChatModel(script), list(stdio))
    messages = call.invoke(agent, {"messages": [("user", "Add.")]})["messages"]
    assert [message.content for message in messages][2] == "3"
    assert (messages[4].status, KEY in messages[4].content) == ("error", False)
    assert messages[-1].content == "Done."


def test_the_list_is_read_anew_when_asked(stdio: McpTools) -> None:
    """A server may offer other tools later."""
    name = f"knot_{len(stdio)}"
    named(stdio, "learn").invoke({"name": name})
    assert name not in [tool.name for tool in stdio]
    stdio.refresh()
    assert named(stdio, name).invoke({}) == name


async def test_the_list_is_read_anew_async(stdio: McpTools) -> None:
    """As in sync code."""
    name = f"sail_{len(stdio)}"
    await named(stdio, "learn").ainvoke({"name": name})
    await stdio.arefresh()
    assert await named(stdio, name).ainvoke({}) == name


# -- over HTTP


def test_all_pages_of_tools_are_read(http: McpTools) -> None:
    """Names that services would refuse are changed, and call the right tool all the same."""
    names = [tool.name for tool in http]
    assert names[:2] == ["nothing", "strings"] and "place" in names
    (odd,) = [tool for tool in http if tool.name.startswith("odd_name_")]
    assert odd.metadata is not None and odd.metadata["mcp_tool"] == "odd.name"
    assert odd.invoke({"word": "x"}) == "called"


@pytest.mark.parametrize(
    ("name", "content", "artifact"),
    [
        ("nothing", '{"name": "nothing"}', {"name": "nothing"}),
        ("strings", [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}], None),
        (
            "picture",
            [
                {"type": "text", "text": "see"},
                {"type": "image", "base64": PIXEL, "mime_type": "image/png"},
            ],
            {"name": "picture"},
        ),
        ("sound", [{"type": "audio", "base64": PIXEL, "mime_type": "audio/wav"}], None),
        ("link", "log <file:///log>: All", None),
        (
            "resources",
            [
                {"type": "text", "text": "inside"},
                {"type": "image", "base64": PIXEL, "mime_type": "image/gif"},
                {"type": "file", "base64": PIXEL, "mime_type": "application/octet-stream"},
            ],
            None,
        ),
    ],
)
def test_content_becomes_blocks(http: McpTools, name: str, content: Any, artifact: Any) -> None:
    """One text is a string; without content, the structured one is read as JSON."""
    answer = named(http, name).invoke(call_of(name))
    assert (answer.content, answer.artifact) == (content, artifact)


def test_a_schema_with_references_is_checked(http: McpTools, seen: LowLevel) -> None:
    """What does not fit is not sent."""
    place = named(http, "place")
    before = len(seen.calls)
    for wrong in ({"at": {"x": 10}}, {"at": {"x": "1"}}, {"at": {}, "to": 1}):
        with pytest.raises(ToolArgumentsError):
            place.invoke(wrong)
    assert len(seen.calls) == before
    assert place.invoke({"at": {"x": 9}}) == "called"


def test_a_refusal_of_the_arguments_is_for_the_model(http: McpTools) -> None:
    """Another refusal by the protocol is an error of the server."""
    with pytest.raises(ToolException, match="no such harbour"):
        named(http, "refuse").invoke({})
    with pytest.raises(McpServerError, match=r"has not run the tool 'crash': on fire \(-32050\)"):
        named(http, "crash").invoke({})


def test_tools_are_called_in_any_loop(http: McpTools) -> None:
    """Also in one after another, as each `asyncio.run` makes one."""
    for _ in range(2):
        assert asyncio.run(named(http, "place").ainvoke({"at": {}})) == "called"
