"""Google's Gemini models.

from providers.google import ChatGoogleGenerativeAI
"""

from providers.google.chat import ChatGoogleGenerativeAI as ChatGoogleGenerativeAI

__all__ = ["ChatGoogleGenerativeAI"]
