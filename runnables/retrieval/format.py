"""Documents as one string, numbered, so that an answer can cite them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from runnables.core.foreign import from_foreign
from runnables.errors import PromptError
from runnables.prompts.string import PromptTemplate, StringPromptTemplate
from runnables.retrieval.documents import Document

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NUMBERED: Final = "[{number}] {source}: {page_content}"
_WITHOUT_SOURCE: Final = "[{number}] {page_content}"


def format_documents(
    documents: Iterable[Document],
    template: str | StringPromptTemplate | None = None,
    *,
    separator: str = "\n\n",
) -> str:
    """Return documents as one string for a prompt, numbered from 1, so that a model can cite them.

    It is a step as it is: `retriever | format_documents`.

    Args:
        documents: the documents.
        template: how one is shown: a string, or a prompt, with the variables `number`,
            `page_content`, and keys of the metadata. By default "[1] source: text", or "[1] text"
            where the metadata has no `source`.
        separator: what stands between them.

    Raises:
        PromptError: a document lacks a value that the template shows.
        TypeError: something else than documents.

    Example:
        >>> documents = [Document("Calm.", metadata={"source": "sea.txt"}), Document("Dry.")]
        >>> print(format_documents(documents, separator="\\n"))
        [1] sea.txt: Calm.
        [2] Dry.
        >>> format_documents(documents, "- {page_content}", separator=" ")
        '- Calm. - Dry.'
    """
    return separator.join(_formatted(documents, _prompt(template)))


def _prompt(template: str | StringPromptTemplate | None) -> StringPromptTemplate | None:
    if template is None or hasattr(template, "input_variables"):
        return cast("StringPromptTemplate | None", template)
    if not isinstance(template, str):
        raise TypeError(f"format_documents(template={template!r}): expected a string, or a prompt")
    return PromptTemplate(template)


def _formatted(documents: Any, prompt: StringPromptTemplate | None) -> Iterator[str]:
    if isinstance(documents, (str, Document, Mapping)) or not hasattr(documents, "__iter__"):
        raise TypeError(f"format_documents takes a list of documents, not {documents!r}")
    for number, given in enumerate(cast("Iterable[Any]", documents), start=1):
        document = from_foreign(given)  # LangChain's become ours
        if not isinstance(document, Document):
            raise TypeError(f"format_documents takes documents, not {document!r}")
        own = {"number": number, "page_content": document.page_content}
        values = {**document.metadata, **own}
        yield _one(values, prompt)


def _one(values: Mapping[str, Any], prompt: StringPromptTemplate | None) -> str:
    if prompt is None:
        prompt = _DEFAULT if values.get("source") else _DEFAULT_WITHOUT_SOURCE
    if missing := [name for name in prompt.input_variables if name not in values]:
        raise PromptError(
            f"Document {values['number']} lacks {', '.join(missing)}, which the template "
            f"{prompt!r} shows. It has: {', '.join(values)}."
        )
    return prompt.format(**{name: values[name] for name in prompt.input_variables})


_DEFAULT: Final = PromptTemplate(_NUMBERED)
_DEFAULT_WITHOUT_SOURCE: Final = PromptTemplate(_WITHOUT_SOURCE)
