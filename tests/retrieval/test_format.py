"""Documents as one numbered string."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import Document, PromptError, PromptTemplate, RunnableLambda, format_documents
from tests.both_modes import Call

SEA = Document("The sea is calm.", metadata={"source": "sea.txt", "page": 3})
LAND = Document("The land is dry.")


def test_documents_are_numbered_for_citations() -> None:
    """With their source, where they have one."""
    assert format_documents([SEA, LAND]) == "[1] sea.txt: The sea is calm.\n\n[2] The land is dry."
    assert format_documents([]) == ""
    assert format_documents(iter([LAND])) == "[1] The land is dry."


WITH_PAGE = "{number}. {page_content} (p. {page})"


@pytest.mark.parametrize(
    "template", [WITH_PAGE, PromptTemplate(WITH_PAGE)], ids=["a string", "a prompt"]
)
def test_a_template_shows_what_it_names(template: Any) -> None:
    """Number, text, and keys of the metadata."""
    shown = format_documents([SEA, SEA], template, separator=" | ")
    assert shown == "1. The sea is calm. (p. 3) | 2. The sea is calm. (p. 3)"


def test_the_number_is_the_place_in_the_list() -> None:
    """Whatever the metadata call a number; a text is never a template."""
    document = Document("{page} {number}", metadata={"number": 7, "page_content": "no"})
    assert format_documents([document]) == "[1] {page} {number}"


def test_it_is_a_step(call: Call) -> None:
    """As it is, behind a retriever."""
    chain = RunnableLambda(lambda question: [SEA, LAND]) | format_documents
    assert call.invoke(chain, "how is it?") == format_documents([SEA, LAND])


def test_a_value_that_a_document_lacks_is_named() -> None:
    """The error says which document, and what it has."""
    with pytest.raises(PromptError, match=r"Document 2 lacks page, .* has: number, page_content"):
        format_documents([SEA, LAND], "{page_content} {page}")


@pytest.mark.parametrize("given", ["text", SEA, ["text"], [3], None, {"a": SEA}])
def test_something_else_than_documents_is_refused(given: Any) -> None:
    """Also one document, which would be its fields."""
    with pytest.raises(TypeError, match="format_documents takes"):
        format_documents(given)
