"""Models of Anthropic, and of every server that has its Messages API."""

from runnables_providers.anthropic.chat import ChatAnthropic as ChatAnthropic

__all__ = ["ChatAnthropic"]
