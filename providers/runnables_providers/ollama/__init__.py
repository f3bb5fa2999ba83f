"""Models of an Ollama server."""

from runnables_providers.ollama.chat import ChatOllama as ChatOllama
from runnables_providers.ollama.embeddings import OllamaEmbeddings as OllamaEmbeddings

__all__ = ["ChatOllama", "OllamaEmbeddings"]
