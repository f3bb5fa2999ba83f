"""The suites, which need pytest: all are loaded together, so that it rewrites their asserts."""

from runnables.testing.base import Harness
from runnables.testing.chat import ChatModelTests
from runnables.testing.embeddings import EmbeddingsTests
from runnables.testing.vector_store import VectorStoreTests

__all__ = ["ChatModelTests", "EmbeddingsTests", "Harness", "VectorStoreTests"]
