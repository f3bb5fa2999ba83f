"""Google's Gemini models.

from providers.google import ChatGoogleGenerativeAI, GoogleGenerativeAIEmbeddings
"""

from providers.google.chat import ChatGoogleGenerativeAI as ChatGoogleGenerativeAI
from providers.google.embeddings import (
    GoogleGenerativeAIEmbeddings as GoogleGenerativeAIEmbeddings,
)

__all__ = ["ChatGoogleGenerativeAI", "GoogleGenerativeAIEmbeddings"]
