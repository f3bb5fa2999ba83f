"""Models of an Ollama server."""

from typing import TYPE_CHECKING

from runnables.lazy_names import lazy_names

if TYPE_CHECKING:
    from runnables_providers.ollama.chat import ChatOllama as ChatOllama
    from runnables_providers.ollama.embeddings import OllamaEmbeddings as OllamaEmbeddings
    from runnables_providers.ollama.text import OllamaLLM as OllamaLLM
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "runnables_providers.ollama.chat": "ChatOllama",
            "runnables_providers.ollama.embeddings": "OllamaEmbeddings",
            "runnables_providers.ollama.text": "OllamaLLM",
        },
    )

__all__ = ["ChatOllama", "OllamaEmbeddings", "OllamaLLM"]
