"""Models that use tools until they know the answer."""

from runnables.agents.agent import Agent, AgentAnswer, AgentInput, AgentMessages, AgentState
from runnables.agents.create import create_agent

__all__ = ["Agent", "AgentAnswer", "AgentInput", "AgentMessages", "AgentState", "create_agent"]
