"""What the suite for stores puts into a store, and how it calls one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from runnables.errors import ConfigError
from runnables.retrieval.documents import Document

if TYPE_CHECKING:
    from runnables.retrieval.vector_store import VectorStore
    from runnables.testing.sync_async import SyncAsyncCall

REFUSED: Final = (ConfigError, ValueError, TypeError)
"""What may be raised for input that is not valid."""


def some_documents() -> list[Document]:
    """Return the documents of the tests, with what filters look at."""
    return [
        Document(
            "sea salt", id="sea", metadata={"source": "water/sea", "year": 2019, "open": True}
        ),
        Document(
            "sea fish harbour",
            id="harbour",
            metadata={"source": "water/harbour", "year": 2021, "open": False, "depth": 2.5},
        ),
        Document(
            "bread oven flour",
            id="bread",
            metadata={"source": "food/bread", "year": 2021, "note": None},
        ),
        Document("bread salt", id="salt", metadata={"source": "food/salt", "year": 2023}),
        Document("fish", id="fish", metadata={"source": "food/fish", "year": "2021", "open": 1}),
        Document("music violin", id="violin"),
    ]


def add(
    call: SyncAsyncCall,
    store: VectorStore,
    docs: Iterable[Any] | None = None,
    **options: Any,
) -> tuple[int, int, int]:
    given = some_documents() if docs is None else list(docs)
    return call.run(lambda: store.add(given, **options), lambda: store.aadd(given, **options))


def search(call: SyncAsyncCall, store: VectorStore, query: Any, **options: Any) -> list[Document]:
    return call.run(lambda: store.search(query, **options), lambda: store.asearch(query, **options))


def get(call: SyncAsyncCall, store: VectorStore, ids: list[str]) -> list[Document]:
    return call.run(lambda: store.get(ids), lambda: store.aget(ids))


def delete(call: SyncAsyncCall, store: VectorStore, **options: Any) -> int:
    return call.run(lambda: store.delete(**options), lambda: store.adelete(**options))


def sync(
    call: SyncAsyncCall, store: VectorStore, docs: list[Document], source: str
) -> tuple[int, int, int, int]:
    return call.run(lambda: store.sync(docs, source), lambda: store.async_sync(docs, source))
