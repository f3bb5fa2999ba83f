"""Documents of LangChain, where functions and splitters of ours take documents."""

from __future__ import annotations

from langchain_core.documents import Document as TheirDocument
from langchain_text_splitters import TextSplitter

from runnables import (
    Document,
    RecursiveCharacterTextSplitter,
    format_documents,
    from_langchain,
    to_langchain,
)
from tests.both_modes import Call

THEIRS = [TheirDocument("The sea is calm.", metadata={"source": "log"}), TheirDocument("Land!")]
OURS = [Document("The sea is calm.", metadata={"source": "log"}), Document("Land!")]
SPLITTER = RecursiveCharacterTextSplitter(chunk_size=8)


def test_a_splitter_takes_what_loaders_of_langchain_give() -> None:
    """One, several, and any iterable of them are split as ours are, into documents of ours."""
    assert SPLITTER.split_documents(THEIRS) == SPLITTER.split_documents(OURS)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert SPLITTER.split_documents(iter(THEIRS)) == SPLITTER.split_documents(OURS)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert SPLITTER.transform_documents(THEIRS) == SPLITTER.transform_documents(OURS)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_a_splitter_in_a_pipe_takes_a_document_of_langchain(call: Call) -> None:
    """A single one is one document, although its class can be iterated over."""
    assert call.invoke(SPLITTER, THEIRS[0]) == SPLITTER.invoke(OURS[0])
    assert call.invoke(SPLITTER, THEIRS) == SPLITTER.invoke(OURS)


def test_documents_of_langchain_are_formatted() -> None:
    """They are shown as ours are."""
    assert format_documents(THEIRS) == format_documents(OURS)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_a_splitter_of_ours_is_one_of_langchain() -> None:
    """What checks its class takes it, and gets LangChain's documents with their metadata."""
    theirs = to_langchain(SPLITTER)
    assert isinstance(theirs, TextSplitter)
    assert [doc.page_content for doc in theirs.transform_documents(THEIRS)] == [
        doc.page_content for doc in SPLITTER.split_documents(OURS)
    ]
    assert isinstance(theirs.split_documents(THEIRS)[0], TheirDocument)
    assert theirs.split_documents(THEIRS)[0].metadata == {"source": "log"}
    assert from_langchain(theirs) is SPLITTER


def test_a_document_of_langchain_has_every_field_of_ours() -> None:
    """It is made without validation, which would set what is left out."""
    made = from_langchain(THEIRS[0])
    assert vars(made).keys() == Document.model_fields.keys()
    assert repr(made) == repr(OURS[0])
    assert from_langchain(THEIRS[0]) == made
    assert Document.model_validate(made.model_dump()) == made
