"""Models in this process, without an account: llama.cpp, and a small model to start with.

Needs the extra `local`. The weights of the default models are fetched at their first call.
"""

from runnables_providers.local.chat import LocalChatModel
from runnables_providers.local.embeddings import LocalEmbeddings
from runnables_providers.local.engine import unload
from runnables_providers.local.fetching import fetch
from runnables_providers.local.weights import MINILM, SMOLLM2, Weights, cache_dir

__all__ = [
    "MINILM",
    "SMOLLM2",
    "LocalChatModel",
    "LocalEmbeddings",
    "Weights",
    "cache_dir",
    "fetch",
    "unload",
]
