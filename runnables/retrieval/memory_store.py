"""A store in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnables.core.signatures import checks_keywords
from runnables.retrieval.sqlite_database import IN_MEMORY
from runnables.retrieval.sqlite_store import SQLiteStore

if TYPE_CHECKING:
    from runnables.prompts.embedding_calls import EmbedsStrings


class InMemoryVectorStore(SQLiteStore):
    """A store in memory: a `SQLiteStore` without a file, whose documents end with the process.

    Args:
        embeddings: the model that embeds documents and questions.
        embedding: LangChain's name for it.

    Raises:
        ConfigError: no model of embeddings.

    Example:
        >>> store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
        >>> store.add([Document("One"), Document("Two")])
        Added(added=2, updated=0, unchanged=0)
        >>> [doc.page_content for doc in store.search("Two", k=1)]
        ['Two']
    """

    @checks_keywords
    def __init__(
        self, embeddings: EmbedsStrings | None = None, *, embedding: EmbedsStrings | None = None
    ) -> None:
        model: Any = embeddings if embedding is None else embedding
        super().__init__(IN_MEMORY, model)

    def _settings(self) -> dict[str, Any]:
        return {"embeddings": self.embeddings}
