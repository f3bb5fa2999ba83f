"""The sources of documents, by which `sync` knows what to remove."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnables.core.foreign import from_foreign
from runnables.errors import ConfigError
from runnables.retrieval.documents import Document
from runnables.retrieval.stored_documents import document_id, is_iterable

if TYPE_CHECKING:
    from runnables.retrieval.filters import Filter


def check_source(source: Any) -> str:
    """Return a source; refuse what would be that of every document."""
    if not isinstance(source, str) or not source.strip("/") or not source.replace("./", ""):
        raise ConfigError(
            f"sync(source={source!r}): expected what metadata['source'] of the documents is, or "
            "the folder that it begins with, by name."
        )
    return source


def is_of_source(metadata_source: object, source: str) -> bool:
    """Tell whether a document's source is this one, or below it.

    Example:
        >>> from runnables.retrieval.sources import is_of_source
        >>> is_of_source("docs/a.txt", "./docs"), is_of_source("docs2/a.txt", "docs")
        (True, False)
    """
    if not isinstance(metadata_source, str):
        return False
    return any(
        metadata_source == each or metadata_source.startswith(folder(each))
        for each in spellings(source)
    )


def source_filter(source: str) -> Filter:
    """Return a filter for the documents of a source, and below it."""
    parts: list[Filter] = []
    for each in spellings(source):
        start = folder(each)
        after = start[:-1] + chr(ord("/") + 1)  # all strings that begin with it come before
        parts += [{"source": each}, {"source": {"$gte": start, "$lt": after}}]
    return {"$or": parts}


def check_sources(docs: Any, source: str) -> tuple[list[Document], set[str]]:
    """Return documents as a list, and their ids.

    Raises:
        ConfigError: one is of another source, so it would never be removed.
    """
    if not is_iterable(docs):
        raise ConfigError(f"sync takes a list of documents, got {type(docs).__name__!r}.")
    found: list[Any] = [from_foreign(doc) for doc in docs]
    for index, doc in enumerate(found):
        if not isinstance(doc, Document):
            raise ConfigError(f"sync: document {index} is {doc!r}: expected a Document.")
        if not is_of_source(doc.metadata.get("source"), source):
            raise ConfigError(
                f"sync: document {index} has metadata['source']="
                f"{doc.metadata.get('source')!r}, which is not {source!r}, or below it."
            )
    return found, {document_id(doc) for doc in found}


def spellings(source: str) -> list[str]:
    """Return a source as it may be in metadata: "./docs" is "docs", as paths of files are there."""
    plain = source
    while plain.startswith("./"):
        plain = plain[2:].lstrip("/")
    return [source, plain] if plain not in ("", source) else [source]


def folder(source: str) -> str:
    """Return what the sources below this one begin with."""
    return f"{source.rstrip('/')}/"
