"""Documents of LangChain as ours, and ours as LangChain's: a string, an id and metadata."""

from __future__ import annotations

from typing import Any

from langchain_core import documents as theirs

from runnables.messages.construct import construct_from_fields
from runnables.retrieval.documents import Document


def from_theirs(document: theirs.Document) -> Document:
    """Return a document of LangChain as one of ours; its metadata are a copy."""
    fields: dict[str, Any] = {
        "id": document.id,
        "metadata": document.metadata.copy(),
        "page_content": document.page_content,
        "score": None,
        "type": "Document",
    }
    return construct_from_fields(Document, fields, set(fields))


def to_theirs(document: Document) -> theirs.Document:
    """Return one of our documents as one of LangChain; its metadata are a copy."""
    return theirs.Document(document.page_content, id=document.id, metadata=document.metadata.copy())
