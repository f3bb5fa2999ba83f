"""Conversion of retrievers: LangChain's as runnables of ours, and ours as LangChain's."""

from __future__ import annotations

from typing import Any, ClassVar

from runnables.core.options import refuse_options
from runnables.interop.langchain.leaf import ForeignRunnable
from runnables.retrieval.documents import Document


def from_theirs(x: Any) -> ForeignRunnable:
    """Return our counterpart of a retriever of theirs."""
    return RetrieverOfLangChain(x)


def to_theirs(x: Any) -> Any:
    """Return their counterpart of a retriever of ours."""
    from runnables.interop.langchain.retriever_for_langchain import RetrieverForLangChain

    return RetrieverForLangChain(ours=x)


class RetrieverOfLangChain(ForeignRunnable, internal=True):
    """A retriever of LangChain, as a runnable of ours from a question to documents of ours.

    The run is LangChain's, so that what it runs inside, such as a model that compresses or reranks,
    is reported below it.
    """

    run_type: ClassVar[str] = "retriever"

    @property
    def InputType(self) -> Any:
        """Return the type of a question, str."""
        return str

    @property
    def OutputType(self) -> Any:
        """Return the type of the answer, a list of documents of ours."""
        return list[Document]

    def _check_options(self, options: dict[str, Any]) -> None:
        """Refuse options where the retriever takes none: LangChain would drop them."""
        if options and not getattr(self.runnable, "_expects_other_args", True):
            refuse_options(self, options)
