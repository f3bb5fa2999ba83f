"""The embedded model: llama.cpp in this process, with a small language model for the CPU."""

from providers.local.chat import LocalChatModel
from providers.local.embeddings import LocalEmbeddings

__all__ = ["LocalChatModel", "LocalEmbeddings"]
