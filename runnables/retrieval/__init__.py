"""Documents, and what finds them."""

from typing import TYPE_CHECKING

from runnables.lazy_names import lazy_names

if TYPE_CHECKING:
    from runnables.retrieval.documents import Document, aformat_document, format_document
    from runnables.retrieval.format import format_documents
    from runnables.retrieval.loading import DocumentLoadError, iter_documents, load_documents
    from runnables.retrieval.memory_store import InMemoryVectorStore
    from runnables.retrieval.qdrant_store import QdrantStore
    from runnables.retrieval.retriever import BaseRetriever
    from runnables.retrieval.retriever_tool import create_retriever_tool
    from runnables.retrieval.splitter import RecursiveCharacterTextSplitter
    from runnables.retrieval.sqlite_store import SQLiteStore
    from runnables.retrieval.store_retriever import StoreRetriever
    from runnables.retrieval.stored_documents import document_id
    from runnables.retrieval.vector_store import Added, Synced, VectorStore
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "runnables.retrieval.documents": "Document aformat_document format_document",
            "runnables.retrieval.format": "format_documents",
            "runnables.retrieval.loading": "DocumentLoadError iter_documents load_documents",
            "runnables.retrieval.qdrant_store": "QdrantStore",
            "runnables.retrieval.retriever": "BaseRetriever",
            "runnables.retrieval.retriever_tool": "create_retriever_tool",
            "runnables.retrieval.splitter": "RecursiveCharacterTextSplitter",
            "runnables.retrieval.memory_store": "InMemoryVectorStore",
            "runnables.retrieval.sqlite_store": "SQLiteStore",
            "runnables.retrieval.store_retriever": "StoreRetriever",
            "runnables.retrieval.stored_documents": "document_id",
            "runnables.retrieval.vector_store": "Added Synced VectorStore",
        },
    )

__all__ = [
    "BaseRetriever",
    "Document",
    "DocumentLoadError",
    "QdrantStore",
    "RecursiveCharacterTextSplitter",
    "aformat_document",
    "create_retriever_tool",
    "format_document",
    "format_documents",
    "iter_documents",
    "load_documents",
    "Added",
    "InMemoryVectorStore",
    "SQLiteStore",
    "StoreRetriever",
    "Synced",
    "VectorStore",
    "document_id",
]
