"""Models of an Ollama server.

from providers.ollama import ChatOllama, OllamaEmbeddings
"""

from providers.ollama.chat import ChatOllama as ChatOllama
from providers.ollama.embeddings import OllamaEmbeddings as OllamaEmbeddings

__all__ = ["ChatOllama", "OllamaEmbeddings"]
