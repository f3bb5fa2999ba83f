"""Agents of an executor, in the executor of the other library."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_classic.agents import AgentExecutor as TheirExecutor, create_react_agent
from langchain_classic.agents.output_parsers.tools import ToolAgentAction as TheirToolAction
from langchain_core import agents as lc
from langchain_core.messages import AIMessage as TheirAIMessage

from runnables import (
    AgentAction,
    AgentExecutor,
    AgentFinish,
    AgentStep,
    AIMessage,
    ChatPromptTemplate,
    FakeListChatModel,
    PromptTemplate,
    ToolAgentAction,
    create_tool_calling_agent,
    from_langchain,
    to_langchain,
    tool,
    tool_call,
)
from runnables.models.fakes import FakeMessagesListChatModel
from tests.both_modes import Call


@tool
def double(text: str) -> str:
    """Double a string."""
    return 2 * text


REACT = PromptTemplate("{tools} {tool_names} {input} {agent_scratchpad}")
TOOLS_PROMPT = ChatPromptTemplate(
    [("system", "Help."), ("human", "{input}"), ("placeholder", "{agent_scratchpad}")]
)


@pytest.mark.parametrize("executor", ["ours", "theirs"])
def test_an_agent_of_langchain_runs_in_both_executors(executor: str, call: Call) -> None:
    """It reads the model's words, and sees the steps so far as its own."""
    model = FakeListChatModel(["Action: double\nAction Input: a", "Final Answer: aa"])
    parts = to_langchain([model, REACT, double])
    agent = create_react_agent(parts[0], [parts[2]], parts[1])
    made: Any = (
        AgentExecutor(agent=agent, tools=[double], return_intermediate_steps=True)
        if executor == "ours"
        else TheirExecutor(agent=agent, tools=[parts[2]], return_intermediate_steps=True)
    )
    result = call.invoke(made, {"input": "a?"})
    assert result["output"] == "aa"
    [(action, observation)] = result["intermediate_steps"]
    assert (action.tool, action.tool_input, observation) == ("double", "a", "aa")


def test_an_agent_of_ours_runs_in_the_executor_of_langchain(call: Call) -> None:
    """The calls and their results keep their ids."""
    answer = AIMessage("", tool_calls=[tool_call(name="double", args={"text": "a"}, id="1")])
    model = FakeMessagesListChatModel(responses=[answer, AIMessage("aa")])
    agent = create_tool_calling_agent(model, [double], TOOLS_PROMPT)
    made = TheirExecutor(
        agent=to_langchain(agent), tools=to_langchain([double]), return_intermediate_steps=True
    )
    result = call.invoke(made, {"input": "a?"})
    assert result["output"] == "aa"
    assert [step[1] for step in result["intermediate_steps"]] == ["aa"]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (AgentAction("a", "b", "c"), lc.AgentAction("a", "b", "c")),
        (AgentFinish({"output": "a"}, "b"), lc.AgentFinish({"output": "a"}, "b")),
        (
            AgentStep(AgentAction("a", {"b": 1}, "c"), "d"),
            lc.AgentStep(action=lc.AgentAction("a", {"b": 1}, "c"), observation="d"),
        ),
        (
            ToolAgentAction("a", "b", "c", [AIMessage("d")], "1"),
            TheirToolAction(
                tool="a",
                tool_input="b",
                log="c",
                message_log=[TheirAIMessage("d")],
                tool_call_id="1",
            ),
        ),
        (
            ToolAgentAction("a", "b", "c", [AIMessage("d")], None),
            lc.AgentActionMessageLog("a", "b", "c", message_log=[TheirAIMessage("d")]),
        ),
    ],
    ids=["action", "finish", "step", "call", "words"],
)
def test_what_an_agent_decides_has_a_counterpart(ours: Any, theirs: Any) -> None:
    """It is the same there and back."""
    assert from_langchain(theirs) == ours
    assert to_langchain(ours) == theirs
    assert type(to_langchain(ours)) is type(theirs)
