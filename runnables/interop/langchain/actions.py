"""What the agents of an executor decide: actions, steps and the finish, of both libraries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core import agents as theirs

from runnables.agents.actions import AgentAction, AgentFinish, AgentStep, ToolAgentAction
from runnables.interop.langchain.values import from_value, to_value

if TYPE_CHECKING:
    from typing import TypeAlias

    Decided: TypeAlias = AgentAction | AgentStep | AgentFinish


def from_theirs(decided: Any) -> Decided:
    """Return our counterpart of an action, a step or a finish of LangChain."""
    if isinstance(decided, theirs.AgentFinish):
        return AgentFinish(from_value(decided.return_values), decided.log)
    if isinstance(decided, theirs.AgentStep):
        action: Any = from_theirs(decided.action)
        return AgentStep(action, from_value(decided.observation))
    if isinstance(decided, theirs.AgentActionMessageLog):
        call_id: str | None = getattr(decided, "tool_call_id", None)
        log = from_value(list(decided.message_log))
        return ToolAgentAction(decided.tool, decided.tool_input, decided.log, log, call_id)
    return AgentAction(decided.tool, decided.tool_input, decided.log)


def to_theirs(decided: Decided) -> Any:
    """Return LangChain's counterpart of an action, a step or a finish of ours."""
    if isinstance(decided, AgentFinish):
        return theirs.AgentFinish(to_value(decided.return_values), decided.log)
    if isinstance(decided, AgentStep):
        observation = to_value(decided.observation)
        return theirs.AgentStep(action=to_theirs(decided.action), observation=observation)
    fields: dict[str, Any] = {
        "tool": decided.tool,
        "tool_input": decided.tool_input,
        "log": decided.log,
    }
    if not isinstance(decided, ToolAgentAction):
        return theirs.AgentAction(**fields)
    fields["message_log"] = to_value(list(decided.message_log))
    if decided.tool_call_id is None:
        return theirs.AgentActionMessageLog(**fields)
    return _tool_action()(**fields, tool_call_id=decided.tool_call_id)


def _tool_action() -> Any:
    """Return LangChain's class of actions that are tool calls."""
    from langchain_classic.agents.output_parsers.tools import ToolAgentAction

    return ToolAgentAction
