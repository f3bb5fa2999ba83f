"""Google's Gemini models."""

from runnables_providers.google.chat import ChatGoogleGenerativeAI as ChatGoogleGenerativeAI
from runnables_providers.google.embeddings import (
    GoogleGenerativeAIEmbeddings as GoogleGenerativeAIEmbeddings,
)

__all__ = ["ChatGoogleGenerativeAI", "GoogleGenerativeAIEmbeddings"]
