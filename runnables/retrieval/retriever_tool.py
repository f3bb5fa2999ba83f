"""A retriever as a tool of an agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast

from pydantic import Field

from runnables.compose.coerce import coerce_part
from runnables.errors import ConfigError
from runnables.retrieval.format import format_documents
from runnables.tools.function_tool import StructuredTool

if TYPE_CHECKING:
    from collections.abc import Callable

    from runnables.compose.runnable import Runnable
    from runnables.prompts.string import StringPromptTemplate
    from runnables.retrieval.documents import Document
    from runnables.tools.base import ResponseFormat

Query = Annotated[str, Field(description="What to look for, as a question or in key words.")]


def create_retriever_tool(
    retriever: Runnable[str, list[Document]] | Callable[[str], list[Document]],
    name: str,
    description: str,
    *,
    document_prompt: str | StringPromptTemplate | None = None,
    document_separator: str = "\n\n",
    response_format: ResponseFormat = "content",
) -> StructuredTool[Any]:
    """Return a tool with which a model looks up documents by a `query`.

    Args:
        retriever: a runnable, or a function, that returns documents for a string.
        name: the name by which the model calls it.
        description: tells the model what can be found.
        document_prompt: how a document is shown to the model: a string, or a prompt, with the
            variables of `format_documents`, `number` among them. By default only its text, as
            LangChain shows it; pass "[{number}] {source}: {page_content}" for answers that cite.
        document_separator: what stands between documents.
        response_format: "content_and_artifact" also keeps the list of documents, for the program,
            as the `artifact` of the ToolMessage.

    Raises:
        ConfigError: no name, or no description.
        TypeError: what cannot become a runnable; when called, a retriever that returns something
            else than documents.

    Example:
        >>> notes = {"sea": "It is calm.", "land": "It is dry."}
        >>> def find(query: str) -> list[Document]:
        ...     return [Document(text) for name, text in notes.items() if name in query]
        >>> look_up = create_retriever_tool(find, "look_up", "Look up a note.")
        >>> look_up.invoke({"query": "the sea"})
        'It is calm.'
    """
    for argument, value in (("name", name), ("description", description)):
        if not isinstance(cast("object", value), str) or not value.strip():
            raise ConfigError(
                f"create_retriever_tool: {argument}={value!r}: expected a string, by which the "
                "model knows the tool"
            )
    settings = (
        coerce_part(retriever, "create_retriever_tool: the retriever"),
        "{page_content}" if document_prompt is None else document_prompt,
        document_separator,
        response_format == "content_and_artifact",
    )
    return StructuredTool(
        _LookUp(*settings),
        _AsyncLookUp(*settings),
        name,
        description,
        response_format=response_format,
    )


@dataclass(frozen=True)
class _Answers:
    """What both functions of the tool need. They are objects, which compare and pickle."""

    retriever: Runnable[Any, Any]
    prompt: str | StringPromptTemplate
    separator: str
    keeps_documents: bool

    def _answer(self, documents: list[Document]) -> Any:
        content = format_documents(documents, self.prompt, separator=self.separator)
        return (content, documents) if self.keeps_documents else content


class _LookUp(_Answers):
    """The function of a sync call."""

    def __call__(self, query: Query) -> Any:
        return self._answer(self.retriever.invoke(query))


class _AsyncLookUp(_Answers):
    """The function of an async call."""

    async def __call__(self, query: Query) -> Any:
        return self._answer(await self.retriever.ainvoke(query))
