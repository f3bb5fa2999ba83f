"""Anthropic, and every server that speaks its Messages API.

from runnables_providers.anthropic import ChatAnthropic
"""

from runnables_providers.anthropic.chat import ChatAnthropic as ChatAnthropic

__all__ = ["ChatAnthropic"]
