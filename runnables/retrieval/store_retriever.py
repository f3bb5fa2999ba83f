"""The retriever of a store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from runnables.core.options import unknown_option
from runnables.errors import ConfigError
from runnables.retrieval.retriever import BaseRetriever
from runnables.retrieval.vector_store import VectorStore, check_query, check_search

if TYPE_CHECKING:
    from runnables.core.fields import Fields
    from runnables.retrieval.documents import Document
    from runnables.retrieval.filters import Filter

_SEARCH: Final = ("k", "filter", "hybrid", "mmr")
"""The settings of a search."""


class StoreRetriever(BaseRetriever, internal=True):
    """A runnable that finds documents of a store; `store.as_retriever()` returns it.

    Each setting of a search may be given with a call, too: `retriever.invoke("sea", k=1)`.

    Args:
        store: the store.
        k: how many documents to return, at most.
        filter: what their metadata must say.
        hybrid: whether the words of the question count, too.
        mmr: a number from 0 to 1, for results that differ among themselves.
        score_threshold: the least cosine of a document that is returned.
        name: its name in events; by default that of the class.

    Raises:
        ConfigError: a setting that is not valid.

    Example:
        >>> store = InMemoryVectorStore(DeterministicFakeEmbedding(size=8))
        >>> _ = store.add([Document("One"), Document("Two")])
        >>> retriever = store.as_retriever(score_threshold=0.99)
        >>> [[doc.page_content for doc in docs] for docs in retriever.batch(["Two", "Three"])]
        [['Two'], []]
    """

    _known_fields: ClassVar[Fields] = {
        "name": (str | None, None),
        "store": (VectorStore, ...),
        "k": (int, 4),
        "filter": (Any, None),
        "hybrid": (bool, False),
        "mmr": (float | None, None),
        "score_threshold": (float | None, None),
    }
    store: VectorStore
    k: int
    filter: Filter | None
    hybrid: bool
    mmr: float | None
    score_threshold: float | None

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            store: VectorStore,
            k: int = 4,
            filter: Filter | None = None,
            hybrid: bool = False,
            mmr: float | None = None,
            score_threshold: float | None = None,
            name: str | None = None,
        ) -> None: ...

    def _check_known(self) -> None:
        check_search(self.k, self.filter, self.mmr)

    def _get_relevant_documents(self, query: str, **options: Any) -> list[Document]:
        search, least = self._search_settings(options)
        return _above(least, self.store.search(query, **search))

    async def _aget_relevant_documents(self, query: str, **options: Any) -> list[Document]:
        search, least = self._search_settings(options)
        return _above(least, await self.store.asearch(query, **search))

    def _get_relevant_documents_batch(
        self, queries: Sequence[str], **options: Any
    ) -> list[list[Document] | Exception]:
        search, least = self._search_settings(options)
        refused = [_refusal(query) for query in queries]
        many = self.store.search_many(_allowed(queries, refused), **search)
        return _in_place(refused, [_above(least, found) for found in many])

    async def _aget_relevant_documents_batch(
        self, queries: Sequence[str], **options: Any
    ) -> list[list[Document] | Exception]:
        search, least = self._search_settings(options)
        refused = [_refusal(query) for query in queries]
        many = await self.store.asearch_many(_allowed(queries, refused), **search)
        return _in_place(refused, [_above(least, found) for found in many])

    def _search_settings(self, options: dict[str, Any]) -> tuple[dict[str, Any], float | None]:
        """Return the settings of a search, and the least score."""
        for name in options:
            if name not in (*_SEARCH, "score_threshold", "run_manager"):
                raise unknown_option(type(self).__name__, name, (*_SEARCH, "score_threshold"))
        search = {name: options.get(name, getattr(self, name)) for name in _SEARCH}
        least: Any = options.get("score_threshold", self.score_threshold)
        is_number = isinstance(least, (int, float)) and not isinstance(least, bool)
        if least is not None and not is_number:
            raise ConfigError(
                f"score_threshold={least!r}: expected a cosine, from -1 to 1, or None."
            )
        return search, least


def _above(least: float | None, found: list[Document]) -> list[Document]:
    """Return the documents whose score is high enough."""
    if least is None:
        return found
    return [doc for doc in found if doc.score is not None and doc.score >= least]


# -- questions that are none: each has its own error, and the others of its batch are searched once


def _refusal(query: Any) -> Exception | None:
    """Return why a question cannot be searched, if it cannot."""
    try:
        check_query(query)
    except ConfigError as error:
        return error
    return None


def _allowed(queries: Sequence[str], refused: Sequence[Exception | None]) -> list[str]:
    """Return the questions that can be searched."""
    return [query for query, error in zip(queries, refused, strict=True) if error is None]


def _in_place(
    refused: Sequence[Exception | None], found: list[list[Document]]
) -> list[list[Document] | Exception]:
    """Return what was found, with the errors in the places of their questions."""
    rest = iter(found)
    return [next(rest) if error is None else error for error in refused]
