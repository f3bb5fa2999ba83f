"""The names that LangChain's stores have for what ours do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Self

from runnables.core.foreign import from_foreign
from runnables.core.options import unknown_option
from runnables.engine.thread_calls import to_thread
from runnables.errors import ConfigError
from runnables.retrieval.documents import Document
from runnables.retrieval.stored_documents import document_id

if TYPE_CHECKING:
    from runnables.retrieval.filters import Filter

_KINDS = ("similarity", "mmr", "similarity_score_threshold")
_MMR = 0.5


class LangChainNames(ABC):
    """Methods of stores under LangChain's names, for code that was written for it.

    Without ids, documents get those of their content, so the same one, added twice, is there once.
    """

    @abstractmethod
    def add(self, docs: Iterable[Document], max_batch_size: int = 64) -> Any:
        """Store documents."""

    @abstractmethod
    async def aadd(self, docs: Iterable[Document], max_batch_size: int = 64) -> Any:
        """Store documents."""

    @abstractmethod
    def search(
        self,
        query: str | Sequence[float],
        k: int = 4,
        filter: Filter | None = None,
        hybrid: bool = False,
        mmr: float | None = None,
    ) -> list[Document]:
        """Return the closest documents."""

    @abstractmethod
    async def asearch(
        self,
        query: str | Sequence[float],
        k: int = 4,
        filter: Filter | None = None,
        hybrid: bool = False,
        mmr: float | None = None,
    ) -> list[Document]:
        """Return the closest documents."""

    # -- making a store

    @classmethod
    def from_documents(cls, documents: Iterable[Document], embedding: Any, **settings: Any) -> Self:
        """Return a new store with documents.

        Args:
            documents: the documents.
            embedding: the model that embeds them.
            **settings: what else the class is made with, such as the path of a `SQLiteStore`.

        Example:
            >>> docs = [Document("One"), Document("Two")]
            >>> store = InMemoryVectorStore.from_documents(docs, DeterministicFakeEmbedding(size=8))
            >>> len(store)
            2
        """
        store = cls._made(embedding, settings)
        store.add(documents)
        return store

    @classmethod
    async def afrom_documents(
        cls, documents: Iterable[Document], embedding: Any, **settings: Any
    ) -> Self:
        """Do what `from_documents` does, async."""
        store = await to_thread(cls._made, embedding, settings)
        await store.aadd(documents)
        return store

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str],
        embedding: Any,
        metadatas: Sequence[Mapping[str, Any]] | None = None,
        *,
        ids: Sequence[str] | None = None,
        **settings: Any,
    ) -> Self:
        """Return a new store with a document for each string.

        Args:
            texts: the strings.
            embedding: the model that embeds them.
            metadatas: the metadata of each document.
            ids: the id of each document.
            **settings: what else the class is made with, such as the path of a `SQLiteStore`.

        Example:
            >>> model = DeterministicFakeEmbedding(size=8)
            >>> store = InMemoryVectorStore.from_texts(["One", "Two"], model)
            >>> [doc.page_content for doc in store.similarity_search("Two", k=1)]
            ['Two']
        """
        docs = _documents(texts, metadatas, ids)
        return cls.from_documents(docs, embedding, **settings)

    @classmethod
    async def afrom_texts(
        cls,
        texts: Iterable[str],
        embedding: Any,
        metadatas: Sequence[Mapping[str, Any]] | None = None,
        *,
        ids: Sequence[str] | None = None,
        **settings: Any,
    ) -> Self:
        """Do what `from_texts` does, async."""
        docs = _documents(texts, metadatas, ids)
        return await cls.afrom_documents(docs, embedding, **settings)

    @classmethod
    def _made(cls, embedding: Any, settings: Mapping[str, Any]) -> Self:
        """Return a new store, which may open a file."""
        make: Any = cls
        store: Self = make(**settings, embeddings=embedding)
        return store

    # -- changing it

    def add_documents(
        self, documents: Iterable[Document], *, ids: Sequence[str] | None = None
    ) -> list[str]:
        """Do what `add` does, and return the ids.

        Args:
            documents: the documents.
            ids: the id of each, in place of its own.
        """
        docs = _with_ids(documents, ids)
        self.add(docs)
        return [document_id(doc) for doc in docs]

    async def aadd_documents(
        self, documents: Iterable[Document], *, ids: Sequence[str] | None = None
    ) -> list[str]:
        """Do what `add_documents` does, async."""
        docs = await to_thread(_with_ids, documents, ids)
        await self.aadd(docs)
        return [document_id(doc) for doc in docs]

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: Sequence[Mapping[str, Any]] | None = None,
        *,
        ids: Sequence[str] | None = None,
    ) -> list[str]:
        """Store a document for each string, and return their ids.

        Args:
            texts: the strings.
            metadatas: the metadata of each document.
            ids: the id of each document.
        """
        return self.add_documents(_documents(texts, metadatas, ids))

    async def aadd_texts(
        self,
        texts: Iterable[str],
        metadatas: Sequence[Mapping[str, Any]] | None = None,
        *,
        ids: Sequence[str] | None = None,
    ) -> list[str]:
        """Do what `add_texts` does, async."""
        return await self.aadd_documents(_documents(texts, metadatas, ids))

    # -- searching it

    def similarity_search(
        self, query: str, k: int = 4, filter: Filter | None = None
    ) -> list[Document]:
        """Do what `search` does."""
        return self.search(query, k, filter)

    async def asimilarity_search(
        self, query: str, k: int = 4, filter: Filter | None = None
    ) -> list[Document]:
        """Do what `search` does, async."""
        return await self.asearch(query, k, filter)

    def similarity_search_by_vector(
        self, embedding: Sequence[float], k: int = 4, filter: Filter | None = None
    ) -> list[Document]:
        """Do what `search` does."""
        return self.search(embedding, k, filter)

    async def asimilarity_search_by_vector(
        self, embedding: Sequence[float], k: int = 4, filter: Filter | None = None
    ) -> list[Document]:
        """Do what `search` does, async."""
        return await self.asearch(embedding, k, filter)

    def similarity_search_with_score(
        self, query: str, k: int = 4, filter: Filter | None = None
    ) -> list[tuple[Document, float]]:
        """Return the closest documents, each with its cosine: the higher, the closer."""
        return [(doc, doc.score or 0.0) for doc in self.search(query, k, filter)]

    async def asimilarity_search_with_score(
        self, query: str, k: int = 4, filter: Filter | None = None
    ) -> list[tuple[Document, float]]:
        """Do what `similarity_search_with_score` does, async."""
        return [(doc, doc.score or 0.0) for doc in await self.asearch(query, k, filter)]

    def max_marginal_relevance_search(
        self, query: str, k: int = 4, *, lambda_mult: float = _MMR, filter: Filter | None = None
    ) -> list[Document]:
        """Do what `search` does with `mmr=lambda_mult`."""
        return self.search(query, k, filter, mmr=lambda_mult)

    async def amax_marginal_relevance_search(
        self, query: str, k: int = 4, *, lambda_mult: float = _MMR, filter: Filter | None = None
    ) -> list[Document]:
        """Do what `search` does with `mmr=lambda_mult`, async."""
        return await self.asearch(query, k, filter, mmr=lambda_mult)

    if not TYPE_CHECKING:  # a checker refuses such names by itself

        def __getattr__(self, name: str) -> Any:
            """Refuse another attribute than it has; say what stands for LangChain's names."""
            instead = _INSTEAD.get(name)
            hint = f" Use {instead}." if instead else ""
            raise AttributeError(f"{type(self).__name__!r} has no attribute {name!r}.{hint}")


_INSTEAD: Final = {
    "get_by_ids": "store.get(ids)",
    "aget_by_ids": "await store.aget(ids)",
    "similarity_search_with_relevance_scores": "similarity_search_with_score: scores are cosines",
    "asimilarity_search_with_relevance_scores": "asimilarity_search_with_score: scores are cosines",
    "similarity_search_by_vector_with_relevance_scores": "search(vector): documents have a score",
    "dump": "a SQLiteStore, which is a file",
    "load": "a SQLiteStore, which is a file",
    "save_local": "a SQLiteStore, which is a file",
    "load_local": "a SQLiteStore, which is a file",
    "persist": "a SQLiteStore, which is a file",
}
"""What stands for names of LangChain's stores that ours do not have."""


def retriever_settings(search_type: Any, search_kwargs: Any) -> dict[str, Any]:
    """Return the settings of a retriever that LangChain's keywords stand for.

    Raises:
        ConfigError: a kind of search, or a setting, that is not known.
    """
    if search_type is not None and search_type not in _KINDS:
        raise ConfigError(f"search_type={search_type!r}: expected one of {', '.join(_KINDS)}.")
    given = dict(search_kwargs or {})
    given.pop("fetch_k", None)  # the store knows from how many documents it takes them
    weight = given.pop("lambda_mult", _MMR)
    if search_type == "mmr":
        given["mmr"] = weight
    known = ("k", "filter", "hybrid", "mmr", "score_threshold")
    for name in given:
        if name not in known:
            raise unknown_option("search_kwargs", name, (*known, "fetch_k", "lambda_mult"))
    if search_type == "similarity_score_threshold" and "score_threshold" not in given:
        raise ConfigError(f"search_type={search_type!r} needs search_kwargs with score_threshold.")
    return given


def _documents(
    texts: Iterable[str],
    metadatas: Sequence[Mapping[str, Any]] | None,
    ids: Sequence[str] | None,
) -> list[Document]:
    """Return a document for each string."""
    if isinstance(texts, str):
        raise ConfigError("texts: expected a list of strings, got a string.")
    strings = list(texts)
    _check_count("metadatas", metadatas, len(strings))
    docs = [
        Document(text, metadata=metadatas[index] if metadatas else None)
        for index, text in enumerate(strings)
    ]
    return _with_ids(docs, ids)


def _with_ids(documents: Iterable[Document], ids: Sequence[str] | None) -> list[Document]:
    """Return documents with these ids, where there are any."""
    docs: list[Document] = [from_foreign(doc) for doc in documents]
    _check_count("ids", ids, len(docs))
    if ids is None:
        return docs
    return [doc.model_copy(update={"id": id}) for doc, id in zip(docs, ids, strict=True)]


def _check_count(name: str, values: Sequence[Any] | None, count: int) -> None:
    if values is not None and len(values) != count:
        raise ConfigError(f"{name} has {len(values)} for {count} documents.")
