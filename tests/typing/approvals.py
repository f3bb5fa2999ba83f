"""The types of approvals. mypy and pyright read this file; it is not run."""

from __future__ import annotations

from typing import Any, assert_type

from runnables import (
    AgentMessages,
    AgentState,
    ApprovalRequest,
    BaseTool,
    RunnableLambda,
    StructuredTool,
    Tool,
    create_agent,
    tool,
)
from runnables.agents.approvals import ApprovalAnswer
from runnables_providers.scripted import ScriptedChatModel


async def ask(arguments: dict[str, Any]) -> bool | str:
    """Decide."""
    return bool(arguments["euros"] > 100)


@tool(needs_approval=True)
def always(euros: int) -> str:
    """Pay."""
    return ""


@tool("pay", needs_approval="It moves money.")
async def with_reason(euros: int) -> str:
    """Pay."""
    return ""


@tool(needs_approval=lambda arguments: arguments["euros"] > 100)
def large(euros: int) -> str:
    """Pay."""
    return ""


@tool(response_format="content_and_artifact", needs_approval=ask)
def pair(euros: int) -> tuple[str, int]:
    """Pay."""
    return "", 1


assert_type(always, StructuredTool[str])
assert_type(with_reason, StructuredTool[str])
assert_type(large, StructuredTool[str])
assert_type(pair, StructuredTool[str])
StructuredTool(len, needs_approval=ask)
Tool("up", str.upper, "", needs_approval=lambda arguments: False)
tool("length", needs_approval=True)(RunnableLambda(len))
always.needs_approval = False


class Pay(BaseTool[str]):
    name: str = "pay"
    description: str = "Pay."
    needs_approval: Any = True

    def _run(self, euros: int) -> str:
        return ""


agent = create_agent(ScriptedChatModel(["Ahoy!"]), [always, Pay()])
state = agent.invoke("Pay.")
assert_type(state, AgentState)
requests = state.get("approval_requests", [])
assert_type(requests, list[ApprovalRequest])
assert_type(requests[0].arguments, dict[str, Any])

answers: dict[str, ApprovalAnswer] = {request.call_id: True for request in requests}
again: AgentMessages = {"messages": state["messages"], "approvals": answers}
assert_type(agent.invoke(again), AgentState)
agent.invoke({"messages": state["messages"], "approvals": {"call_1": "too much"}})
always.needs_approval = 3  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
