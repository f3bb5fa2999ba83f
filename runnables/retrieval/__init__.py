"""Documents, and what finds them."""

from typing import TYPE_CHECKING

from runnables.lazy_names import lazy_names

if TYPE_CHECKING:
    from runnables.retrieval.documents import Document, aformat_document, format_document
    from runnables.retrieval.memory_store import InMemoryVectorStore
    from runnables.retrieval.retriever import BaseRetriever
    from runnables.retrieval.sqlite_store import SQLiteStore
    from runnables.retrieval.store_retriever import StoreRetriever
    from runnables.retrieval.stored_documents import document_id
    from runnables.retrieval.vector_store import Added, Synced, VectorStore
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "runnables.retrieval.documents": "Document aformat_document format_document",
            "runnables.retrieval.memory_store": "InMemoryVectorStore",
            "runnables.retrieval.retriever": "BaseRetriever",
            "runnables.retrieval.sqlite_store": "SQLiteStore",
            "runnables.retrieval.store_retriever": "StoreRetriever",
            "runnables.retrieval.stored_documents": "document_id",
            "runnables.retrieval.vector_store": "Added Synced VectorStore",
        },
    )

__all__ = [
    "Added",
    "BaseRetriever",
    "Document",
    "InMemoryVectorStore",
    "SQLiteStore",
    "StoreRetriever",
    "Synced",
    "VectorStore",
    "aformat_document",
    "document_id",
    "format_document",
]
