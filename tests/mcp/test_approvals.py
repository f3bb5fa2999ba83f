"""Tools of MCP servers that an agent runs only when a person has approved the call."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import AIMessage, ApprovalRequest, ConfigError, McpTools, create_agent, mcp_tools
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.mcp.conftest import STDIO
from tests.mcp.low_level import LowLevel
from tests.mcp.test_tools import call_of

FORMS: Any = [
    (True, ""),
    ("It moves money.", "It moves money."),
    (lambda arguments: arguments["at"]["x"] > 5, ""),
    (["place", "nothing"], ""),
    ({"place"}, ""),
]


def agent_of(tools: McpTools, **args: Any) -> Any:
    """Return an agent that calls the tool `place`, and is done then."""
    asks = AIMessage("", tool_calls=[call_of("place", **args)])
    return create_agent(ScriptedChatModel([asks, "Done."]), tools)


def states(call: Call, tools: McpTools, *answers: bool | str) -> list[Any]:
    """Return the states of an agent that calls a tool, before and after the answer of a person."""
    agent = agent_of(tools, at={"x": 9})
    found = [call.invoke(agent, {"messages": [("user", "Go.")]})]
    for answer in answers:
        found.append(call.invoke(agent, {**found[-1], "approvals": {"call_1": answer}}))
    return found


@pytest.mark.parametrize(("needs_approval", "reason"), FORMS)
def test_an_agent_stops_before_a_tool_that_needs_approval(
    call: Call, seen_and_url: tuple[LowLevel, str], needs_approval: Any, reason: str
) -> None:
    """The server gets the call when a person has approved it, and never when they deny it."""
    seen, url = seen_and_url
    before = len(seen.calls)
    with mcp_tools(url, needs_approval=needs_approval) as tools:
        (asked,) = states(call, tools)
        arguments = {"at": {"x": 9}}
        assert asked["approval_requests"] == [ApprovalRequest("call_1", "place", arguments, reason)]
        denied = states(call, tools, "Not today.")[-1]
        assert "The reason: Not today." in denied["messages"][-2].content
        assert len(seen.calls) == before
        approved = states(call, tools, True)[-1]
        assert [message.content for message in approved["messages"][-2:]] == ["called", "Done."]
        assert len(seen.calls) == before + 1


def test_the_other_tools_run_at_once(call: Call, seen_and_url: tuple[LowLevel, str]) -> None:
    """Those that no name is for, and the calls for which the function says no."""
    for needs_approval in ({"nothing"}, lambda arguments: arguments["at"]["x"] > 9, []):
        with mcp_tools(seen_and_url[1], needs_approval=needs_approval) as tools:
            assert states(call, tools)[0]["messages"][-1].content == "Done."


def test_no_person_is_asked_about_arguments_that_do_not_fit(
    call: Call, seen_and_url: tuple[LowLevel, str]
) -> None:
    """The model reads what is wrong, and the function is not called with them."""
    with mcp_tools(seen_and_url[1], needs_approval=lambda given: given["at"]["x"] > 5) as tools:
        agent = agent_of(tools, at={"x": "far"})
        state = call.invoke(agent, {"messages": [("user", "Go.")]})
    assert "approval_requests" not in state
    assert 'at.x: expected integer, got "far"' in state["messages"][-2].content


def test_a_name_with_the_prefix_of_its_server_counts(seen_and_url: tuple[LowLevel, str]) -> None:
    """Names are those by which the model calls the tools."""
    with mcp_tools({"sea": seen_and_url[1]}, prefix=True, needs_approval=["sea_place"]) as tools:
        assert [tool.name for tool in tools if tool.needs_approval] == ["sea_place"]


def test_a_name_that_no_tool_has_is_refused() -> None:
    """Otherwise a typo would let a call run without an approval."""
    with (
        pytest.raises(ConfigError, match="names 'ad', and there is no such tool. Did you mean"),
        mcp_tools(STDIO, needs_approval=["ad"]),
    ):
        pass


def test_a_list_that_is_read_anew_keeps_the_needs() -> None:
    """Also for a tool that the server offers later."""
    with mcp_tools(STDIO, needs_approval=True) as tools:
        (learn,) = [tool for tool in tools if tool.name == "learn"]
        learn.invoke({"name": "knot"})
        tools.refresh()
        assert "knot" in [tool.name for tool in tools]
        assert all(tool.needs_approval is True for tool in tools)


@pytest.mark.parametrize("wrong", [None, 7, "", {"place": True}, ["place", 7], b"place"])
def test_another_form_is_refused_before_a_server_is_reached(wrong: Any) -> None:
    """The error names the forms."""
    with pytest.raises(ConfigError, match="expected True, False, the reason as a string"):
        mcp_tools("http://127.0.0.1:9/mcp", needs_approval=wrong)
