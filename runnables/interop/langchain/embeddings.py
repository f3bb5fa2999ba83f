"""Embeddings of LangChain as ours, and ours as LangChain's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from langchain_core import embeddings as theirs

from runnables.models.embeddings import Embeddings
from runnables.redaction import hide_in_text

if TYPE_CHECKING:
    from collections.abc import Sequence


def from_theirs(embeddings: theirs.Embeddings) -> LangChainEmbeddings:
    """Return embeddings of LangChain as ours."""
    return LangChainEmbeddings(embeddings)


def to_theirs(embeddings: Embeddings) -> RunnablesEmbeddings:
    """Return our embeddings as LangChain's, which its vector stores take."""
    return RunnablesEmbeddings(embeddings)


class LangChainEmbeddings(Embeddings, internal=True):
    """Embeddings of LangChain as a model of this library.

    All strings of one `embed_documents` go to LangChain in one call, and it divides them into
    requests as it was set to. It repeats failed requests as it was set to, too.

    Args:
        original: the embeddings of LangChain.

    Attributes:
        original: the same.
    """

    _adapts: ClassVar[str] = "original"

    def __init__(self, original: theirs.Embeddings) -> None:
        super().__init__()
        self.original = original

    def __repr__(self) -> str:
        return hide_in_text(f"from_langchain({self.original!r})")  # theirs may show keys

    @property
    def vector_space(self) -> str | None:
        """Return what identifies the vectors; None where the embeddings of LangChain do not say."""
        space: Any = getattr(self.original, "vector_space", None)
        return space if isinstance(space, str) else None

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """Return the vector of each string, in their order."""
        return self.original.embed_documents(list(texts))

    async def aembed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """Do what `embed_documents` does, async."""
        return await self.original.aembed_documents(list(texts))

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a string that is compared with those of documents."""
        return self.original.embed_query(text)

    async def aembed_query(self, text: str) -> list[float]:
        """Do what `embed_query` does, async."""
        return await self.original.aembed_query(text)


class RunnablesEmbeddings(theirs.Embeddings):
    """A model of embeddings of this library that vector stores of LangChain take.

    Args:
        original: the model of this library.

    Attributes:
        original: the same.
    """

    _adapts: ClassVar[str] = "original"

    def __init__(self, original: Embeddings) -> None:
        self.original = original

    def __repr__(self) -> str:
        return f"to_langchain({self.original!r})"

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vector of each string, in their order."""
        return self.original.embed_documents(texts)

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        """Do what `embed_documents` does, async."""
        return await self.original.aembed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a string that is compared with those of documents."""
        return self.original.embed_query(text)

    async def aembed_query(self, text: str) -> list[float]:
        """Do what `embed_query` does, async."""
        return await self.original.aembed_query(text)
