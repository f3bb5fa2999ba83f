"""OpenAI, and every service that speaks as OpenAI does.

from providers.openai import ChatOpenAI
"""

from providers.openai.chat import ChatOpenAI as ChatOpenAI

__all__ = ["ChatOpenAI"]
