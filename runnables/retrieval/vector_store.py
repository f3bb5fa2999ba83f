"""The base of all stores of documents that are found by their vectors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from runnables.core.signatures import checks_keywords
from runnables.engine.thread_calls import to_thread
from runnables.errors import ConfigError
from runnables.retrieval.documents import Document
from runnables.retrieval.filters import Filter, parse_filter
from runnables.retrieval.langchain_names import LangChainNames, retriever_settings
from runnables.retrieval.sources import check_source, check_sources, source_filter
from runnables.retrieval.stored_documents import document_id
from runnables.retrieval.vectors import aembed_queries, embed_queries

if TYPE_CHECKING:
    from runnables.retrieval.store_retriever import StoreRetriever

Query = str | Sequence[float]
"""What is searched: a string, or the vector of one."""

_ALL: Final = 2**31 - 1


class Added(NamedTuple):
    """What `add` has done.

    Attributes:
        added: how many documents are new.
        updated: how many had another text or other metadata under their id.
        unchanged: how many were there already, and cost nothing.

    Example:
        >>> store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
        >>> store.add([Document("One"), Document("Two")]).added
        2
    """

    added: int
    updated: int
    unchanged: int


class Synced(NamedTuple):
    """What `sync` has done.

    Attributes:
        added: how many documents are new.
        updated: how many had another text or other metadata under their id.
        unchanged: how many were there already, and cost nothing.
        deleted: how many were removed, as the source has them no more.

    Example:
        >>> store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
        >>> _ = store.add([Document("One", metadata={"source": "a.txt"})])
        >>> store.sync([], source="a.txt").deleted
        1
    """

    added: int
    updated: int
    unchanged: int
    deleted: int


class VectorStore(LangChainNames, ABC):
    """A store of documents, which finds those whose meaning is close to that of a question.

    A store of your own writes four methods: `add`, `search`, `delete` and `get`; the rest is made
    of these, the async methods in worker threads. `runnables.testing.VectorStoreTests` tests it.
    A store that embeds has the model in its attribute `embeddings`.

    A document has an id: its own, or, if that is None, one that is made of its text and metadata.
    So the same documents, added twice, are there once.

    Example:
        >>> class Newest(VectorStore):
        ...     def __init__(self):
        ...         self.docs = {}
        ...
        ...     def add(self, docs, max_batch_size=64):
        ...         self.docs |= {document_id(doc): doc for doc in docs}
        ...         return Added(len(self.docs), 0, 0)
        ...
        ...     def search(self, query, k=4, filter=None, hybrid=False, mmr=None):
        ...         return list(self.docs.values())[: -k - 1 : -1]
        ...
        ...     def delete(self, ids=None, filter=None):
        ...         return len([self.docs.pop(id) for id in ids])
        ...
        ...     def get(self, ids):
        ...         return [self.docs[id] for id in ids if id in self.docs]
        >>> store = Newest()
        >>> store.add([Document("old"), Document("new")])
        Added(added=2, updated=0, unchanged=0)
        >>> store.as_retriever(k=1).invoke("sea")
        [Document(metadata={}, page_content='new')]
    """

    embeddings: Any = None
    """The model that embeds documents and questions."""

    # -- to write

    @abstractmethod
    def add(self, docs: Iterable[Document], max_batch_size: int = 64) -> Added:
        """Store documents, in place of earlier ones with their ids.

        A document that is there as it is is not embedded, nor is one of which only the metadata
        changed. All documents are checked before the first is embedded. Each group is stored when
        it is embedded: after an error, or a kill, the same call goes on from there.

        Args:
            docs: the documents; of those with equal ids, the last one counts.
            max_batch_size: how many documents are embedded by one request, and stored together.

        Raises:
            ConfigError: metadata that JSON cannot hold, a lone surrogate, an empty id.
        """

    @abstractmethod
    def search(
        self,
        query: Query,
        k: int = 4,
        filter: Filter | None = None,
        hybrid: bool = False,
        mmr: float | None = None,
    ) -> list[Document]:
        """Return the documents that are closest to a question, the closest first.

        The `score` of each is the cosine of its vector and that of the question, from -1 to 1.

        Args:
            query: the question, or its vector.
            k: how many documents to return, at most.
            filter: what the metadata must say: `{"year": {"$gte": 2020}, "source": "a.txt"}`
                (`docs/retrieval.md` has all operators).
            hybrid: whether the words of the question count, too: for questions with names, codes
                and rare words. The order is then another than that of the scores.
            mmr: a number from 0 to 1, for results that differ among themselves: 0 for as different
                as can be, 1 for the closest ones (see "maximal marginal relevance").

        Raises:
            ConfigError: a filter or a number that is not valid.
        """

    @abstractmethod
    def delete(self, ids: Iterable[str] | None = None, filter: Filter | None = None) -> int:
        """Remove documents, and return how many there were.

        Args:
            ids: their ids; those that are not there count for nothing.
            filter: what their metadata say; with both, they must fulfil both.

        Raises:
            ConfigError: neither ids nor a filter, or an empty filter; nothing is removed then.
        """

    @abstractmethod
    def get(self, ids: Iterable[str]) -> list[Document]:
        """Return the documents with these ids, in their order, without those that are not there."""

    def _ids_of_source(self, source: str) -> list[str]:
        """Return the ids of all documents of a source; by a search for as many as there are."""
        found = self.search(source, k=_ALL, filter=source_filter(source))
        return [cast("str", doc.id) for doc in found]

    # -- async

    async def aadd(self, docs: Iterable[Document], max_batch_size: int = 64) -> Added:
        """Do what `add` does, async."""
        return await to_thread(self.add, docs, max_batch_size)

    async def asearch(
        self,
        query: Query,
        k: int = 4,
        filter: Filter | None = None,
        hybrid: bool = False,
        mmr: float | None = None,
    ) -> list[Document]:
        """Do what `search` does, async."""
        return await to_thread(self.search, query, k, filter, hybrid, mmr)

    async def adelete(self, ids: Iterable[str] | None = None, filter: Filter | None = None) -> int:
        """Do what `delete` does, async."""
        return await to_thread(self.delete, ids, filter)

    async def aget(self, ids: Iterable[str]) -> list[Document]:
        """Do what `get` does, async."""
        return await to_thread(self.get, ids)

    # -- made of these

    def sync(self, docs: Iterable[Document], source: str, max_batch_size: int = 64) -> Synced:
        """Make the store have just these documents of a source.

        They are added first; then all others of the source are removed. Documents of other sources
        stay. Two calls for one source at the same time may remove what the other has added.

        Args:
            docs: all documents of the source; none: all are removed.
            source: what `metadata["source"]` of its documents is; or a folder, of all sources below
                it: "docs" is that of "docs", "docs/a.txt" and "docs/b/c.txt", not of "docs2/a.txt".
            max_batch_size: as for `add`.

        Raises:
            ConfigError: a document of another source; nothing was changed then.

        Example:
            >>> store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
            >>> docs = [Document(text, metadata={"source": "a.txt"}) for text in ("One", "Two")]
            >>> store.sync(docs, source="a.txt")
            Synced(added=2, updated=0, unchanged=0, deleted=0)
            >>> store.sync(docs[1:], source="a.txt")
            Synced(added=0, updated=0, unchanged=1, deleted=1)
        """
        kept, ids = check_sources(docs, check_source(source))
        added = self.add(kept, max_batch_size)
        lost = [id for id in self._ids_of_source(source) if id not in ids]
        return Synced(*added, self.delete(ids=lost) if lost else 0)

    async def async_sync(
        self, docs: Iterable[Document], source: str, max_batch_size: int = 64
    ) -> Synced:
        """Do what `sync` does, async; its name would be a keyword of Python."""
        kept, ids = await to_thread(check_sources, docs, check_source(source))
        added = await self.aadd(kept, max_batch_size)
        found = await to_thread(self._ids_of_source, source)
        lost = [id for id in found if id not in ids]
        return Synced(*added, await self.adelete(ids=lost) if lost else 0)

    def search_many(
        self,
        queries: Iterable[Query],
        k: int = 4,
        filter: Filter | None = None,
        hybrid: bool = False,
        mmr: float | None = None,
    ) -> list[list[Document]]:
        """Return what `search` returns for each question; all are embedded by one request.

        Args:
            queries: the questions, or their vectors.
            k: as for `search`.
            filter: as for `search`.
            hybrid: as for `search`.
            mmr: as for `search`.

        Raises:
            ConfigError: as for `search`.

        Example:
            >>> store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
            >>> _ = store.add([Document("One"), Document("Two")])
            >>> [
            ...     [doc.page_content for doc in docs]
            ...     for docs in store.search_many(["Two", "One"], k=1)
            ... ]
            [['Two'], ['One']]
        """
        asked = as_queries(queries)
        if not hybrid and self.embeddings is not None:
            strings = distinct_strings(asked)
            asked = with_vectors(asked, strings, embed_queries(self.embeddings, strings))
        return [self.search(query, k, filter, hybrid, mmr) for query in asked]

    async def asearch_many(
        self,
        queries: Iterable[Query],
        k: int = 4,
        filter: Filter | None = None,
        hybrid: bool = False,
        mmr: float | None = None,
    ) -> list[list[Document]]:
        """Do what `search_many` does, async."""
        asked = as_queries(queries)
        if not hybrid and self.embeddings is not None:
            strings = distinct_strings(asked)
            asked = with_vectors(asked, strings, await aembed_queries(self.embeddings, strings))
        return [await self.asearch(query, k, filter, hybrid, mmr) for query in asked]

    @checks_keywords
    def as_retriever(
        self,
        *,
        k: int = 4,
        filter: Filter | None = None,
        hybrid: bool = False,
        mmr: float | None = None,
        score_threshold: float | None = None,
        search_type: str | None = None,
        search_kwargs: Mapping[str, Any] | None = None,
    ) -> StoreRetriever:
        """Return a runnable that finds documents of this store for a question.

        In a batch, questions that come to it at the same time are embedded by one request.

        Args:
            k: as for `search`.
            filter: as for `search`.
            hybrid: as for `search`.
            mmr: as for `search`.
            score_threshold: the least cosine of a document that is returned.
            search_type: LangChain's name for a kind of search: "similarity", "mmr", or
                "similarity_score_threshold".
            search_kwargs: LangChain's place for the settings: `{"k": 2}`.

        Raises:
            ConfigError: as for `search`.

        Example:
            >>> store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
            >>> _ = store.add([Document("One"), Document("Two")])
            >>> [doc.page_content for doc in store.as_retriever(k=1).invoke("Two")]
            ['Two']
        """
        from runnables.retrieval.store_retriever import StoreRetriever

        settings: dict[str, Any] = {"k": k, "filter": filter, "hybrid": hybrid, "mmr": mmr}
        settings["score_threshold"] = score_threshold
        settings |= retriever_settings(search_type, search_kwargs)
        return StoreRetriever(store=self, **settings)


def check_search(k: Any, filter: Filter | None, mmr: Any) -> None:
    """Refuse what no search takes, before anything is embedded.

    Raises:
        ConfigError: names the part.
    """
    if not isinstance(k, int) or isinstance(k, bool) or k < 1:
        raise ConfigError(f"k={k!r}: expected a number of documents, 1 or more.")
    is_number = isinstance(mmr, (int, float)) and not isinstance(mmr, bool)
    if mmr is not None and not (is_number and 0 <= mmr <= 1):
        raise ConfigError(
            f"mmr={mmr!r}: expected a number from 0 (as different as can be) to 1 (the closest)."
        )
    if filter is not None:
        parse_filter(filter)


def as_queries(queries: Any) -> list[Query]:
    """Return questions as a list, each a string or a vector.

    Raises:
        ConfigError: one string, or something that is no question.
    """
    if isinstance(queries, (str, bytes)):
        raise ConfigError(
            f"search_many takes a list of questions, got {queries!r}. Use `search` for one."
        )
    return [check_query(query) for query in queries]


def check_query(query: Any) -> Query:
    """Return a question; refuse what is none.

    Raises:
        ConfigError: neither a string nor numbers, or a lone surrogate.
    """
    if isinstance(query, str):
        try:
            query.encode()
        except UnicodeEncodeError:
            raise ConfigError(f"The question {query!r} has a lone surrogate: remove it.") from None
        return query
    if _are_strings(query):
        raise ConfigError(f"{query!r} cannot be searched at once: use `search_many`, or `batch`.")
    if isinstance(query, (bytes, dict, Document)) or not hasattr(query, "__iter__"):
        raise ConfigError(f"{query!r} cannot be searched: expected a string, or a vector.")
    return cast("Query", query)


def _are_strings(query: Any) -> bool:
    return type(query) in (list, tuple) and any(isinstance(part, str) for part in query)


def distinct_strings(queries: Iterable[Query]) -> list[str]:
    """Return the strings among some questions, each once."""
    return list(dict.fromkeys(query for query in queries if isinstance(query, str)))


def with_vectors(
    queries: Sequence[Query], strings: Sequence[str], vectors: Sequence[Sequence[float]]
) -> list[Query]:
    """Return questions with the vectors of these strings in their places."""
    known = dict(zip(strings, vectors, strict=True))
    return [known[query] if isinstance(query, str) else query for query in queries]


__all__ = ["Added", "Query", "Synced", "VectorStore", "document_id"]
