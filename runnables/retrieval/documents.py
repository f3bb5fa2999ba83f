"""Documents: strings with metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from runnables.core.values import show_settings
from runnables.errors import PromptError

if TYPE_CHECKING:
    from runnables.prompts.base import BasePromptTemplate
    from runnables.prompts.string import StringPromptTemplate


class Document(BaseModel):
    """A string with metadata, such as where it comes from.

    Args:
        page_content: the text.
        id: a string that identifies the document in a store.
        metadata: anything that is known about it, by name.
        score: how close it is to what was searched, as the cosine; set by the search of a store.

    Two documents are compared without their scores: a document stays the same, whatever was
    searched when it was found.

    Raises:
        pydantic.ValidationError: a value of the wrong type, or an unknown keyword.

    Example:
        >>> Document("The sea is calm.", metadata={"source": "log.txt"})
        Document(metadata={'source': 'log.txt'}, page_content='The sea is calm.')
    """

    model_config = ConfigDict(extra="forbid")

    id: str | None = Field(default=None, coerce_numbers_to_str=True)
    """A string that identifies the document in a store."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    """What is known about the document, by name."""
    page_content: str
    """The text."""
    score: float | None = None
    """The cosine of the document and of what was searched; None for one that was not found."""
    type: Literal["Document"] = "Document"
    """The kind of object, as JSON shows it."""

    def __init__(
        self,
        page_content: str,
        *,
        id: str | int | None = None,
        metadata: Mapping[str, Any] | None = None,
        score: float | None = None,
        **fields: Any,
    ) -> None:
        known = {} if metadata is None else {"metadata": metadata}
        super().__init__(page_content=page_content, id=id, score=score, **known, **fields)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Document) or type(other) is not type(self):
            return NotImplemented
        return {**vars(self), "score": None} == {**vars(other), "score": None}

    def __repr__(self) -> str:
        names = ("id", "metadata", "page_content", "score")
        return f"Document({show_settings({name: getattr(self, name) for name in names})})"

    def __str__(self) -> str:
        """Return the text and the metadata, as LangChain's documents show themselves in prompts."""
        text = show_settings({"page_content": self.page_content})
        return f"{text} {show_settings({'metadata': self.metadata})}" if self.metadata else text


def format_document(doc: Document, prompt: StringPromptTemplate) -> str:
    """Return a document as a string: a prompt, filled in with its text and its metadata.

    Args:
        doc: the document.
        prompt: a prompt whose variables are `page_content` and keys of the metadata.

    Raises:
        PromptError: the document lacks a value; an empty text is a value.

    Example:
        >>> prompt = PromptTemplate.from_template("{source}: {page_content}")
        >>> format_document(Document("Calm.", metadata={"source": "log"}), prompt)
        'log: Calm.'
    """
    return prompt.format(**_values(doc, prompt))


async def aformat_document(doc: Document, prompt: StringPromptTemplate) -> str:
    """Do what `format_document` does, async.

    Args:
        doc: the document.
        prompt: as for `format_document`.

    Example:
        >>> import asyncio
        >>> prompt = PromptTemplate.from_template("{source}: {page_content}")
        >>> asyncio.run(aformat_document(Document("Calm.", metadata={"source": "log"}), prompt))
        'log: Calm.'
    """
    return await prompt.aformat(**_values(doc, prompt))


def _values(doc: Document, prompt: BasePromptTemplate) -> dict[str, Any]:
    """Return the values that a prompt needs of a document."""
    values = {**doc.metadata, "page_content": doc.page_content}
    if missing := [name for name in prompt.input_variables if name not in values]:
        raise PromptError(
            f"A document lacks {', '.join(missing)}, which the prompt {prompt!r} shows. "
            f"It has: {', '.join(values)}."
        )
    return {name: values[name] for name in prompt.input_variables}
