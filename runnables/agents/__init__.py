"""Agents: models that use tools until they know the answer."""

from runnables.agents.agent import Agent
from runnables.agents.approvals import ApprovalRequest
from runnables.agents.create import create_agent
from runnables.agents.types import AgentAnswer, AgentInput, AgentMessages, AgentState

__all__ = [
    "Agent",
    "AgentAnswer",
    "AgentInput",
    "AgentMessages",
    "AgentState",
    "ApprovalRequest",
    "create_agent",
]
