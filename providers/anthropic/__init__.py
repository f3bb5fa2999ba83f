"""Anthropic, and every server that speaks its Messages API.

from providers.anthropic import ChatAnthropic
"""

from providers.anthropic.chat import ChatAnthropic as ChatAnthropic

__all__ = ["ChatAnthropic"]
