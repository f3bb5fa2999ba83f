"""Documents, and prompts that show them."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from runnables import Document, PromptError, PromptTemplate, aformat_document, format_document

FORMATS: list[Callable[..., str]] = [
    format_document,
    lambda doc, prompt: asyncio.run(aformat_document(doc, prompt)),
]


def test_a_document_is_a_text_with_metadata() -> None:
    """The text may be given by position; an id that is a number becomes a string."""
    document = Document("Calm.", metadata={"page": 1}, id=3)
    assert document == Document(page_content="Calm.", metadata={"page": 1}, id="3")
    assert document != Document("Calm.")
    assert repr(document) == "Document(id='3', metadata={'page': 1}, page_content='Calm.')"
    assert str(document) == "page_content='Calm.' metadata={'page': 1}"
    assert str(Document("Calm.")) == "page_content='Calm.'"


def test_a_document_has_metadata_of_its_own() -> None:
    """Two documents share no default, and what is set later counts."""
    first, second = Document("a"), Document("a")
    first.metadata["page"] = 1
    first.page_content = "b"
    assert (second.metadata, second.page_content) == ({}, "a")


@pytest.mark.parametrize(
    "remake",
    [
        copy.deepcopy,
        lambda document: pickle.loads(pickle.dumps(document)),
        lambda document: Document.model_validate_json(document.model_dump_json()),
        lambda document: Document(**document.model_dump()),
    ],
    ids=["deepcopy", "pickle", "json", "dict"],
)
def test_a_document_can_be_stored(remake: Any) -> None:
    """Pickle and JSON return the same document."""
    document = Document("Calm.", metadata={"page": 1}, id="3")
    assert remake(document) == document


@pytest.mark.parametrize(
    "fields", [{"page_content": 3}, {"page_content": "a", "meta": {}}, {"page_content": None}]
)
def test_a_field_that_does_not_fit_is_refused(fields: dict[str, Any]) -> None:
    """So is a keyword that is no field."""
    with pytest.raises(ValidationError):
        Document(**fields)


@pytest.mark.parametrize("form", FORMATS, ids=["sync", "async"])
def test_a_prompt_shows_a_document(form: Callable[..., str]) -> None:
    """Its variables are the text and keys of the metadata; others are left out."""
    document = Document("Calm.", metadata={"source": "log", "page": 1})
    prompt = PromptTemplate.from_template("{source}: {page_content}")
    assert form(document, prompt) == "log: Calm."


@pytest.mark.parametrize("form", FORMATS, ids=["sync", "async"])
def test_a_value_that_a_document_lacks_is_named(form: Callable[..., str]) -> None:
    """The error says what the document has."""
    prompt = PromptTemplate.from_template("{source}: {page_content}")
    with pytest.raises(PromptError, match=r"lacks source, .*It has: page, page_content"):
        form(Document("Calm.", metadata={"page": 1}), prompt)


def test_a_score_is_shown_and_not_compared() -> None:
    """A document stays the same, whatever was searched when it was found."""
    found = Document("sea", id="1", score=0.5)
    assert found == Document("sea", id="1")
    assert found != Document("sea", id="2", score=0.5)
    assert repr(found) == "Document(id='1', metadata={}, page_content='sea', score=0.5)"
    assert Document.model_validate_json(found.model_dump_json()).score == 0.5
    assert str(found) == "page_content='sea'"
    assert found != "sea"
