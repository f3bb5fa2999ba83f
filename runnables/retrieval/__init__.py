"""Documents, and what finds them."""

from typing import TYPE_CHECKING

from runnables.lazy_names import lazy_names

if TYPE_CHECKING:
    from runnables.retrieval.documents import Document, aformat_document, format_document
    from runnables.retrieval.retriever import BaseRetriever
else:
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "runnables.retrieval.documents": "Document aformat_document format_document",
            "runnables.retrieval.retriever": "BaseRetriever",
        },
    )

__all__ = ["BaseRetriever", "Document", "aformat_document", "format_document"]
