"""A retriever of ours as a `BaseRetriever` of LangChain. Loaded when one is converted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from langchain_core.retrievers import BaseRetriever
from pydantic import ConfigDict
from typing_extensions import override

from runnables.interop.langchain.border import config_of_ours
from runnables.interop.langchain.values import to_value

if TYPE_CHECKING:
    from langchain_core.callbacks import (
        AsyncCallbackManagerForRetrieverRun,
        CallbackManagerForRetrieverRun,
    )
    from langchain_core.documents import Document


class RetrieverForLangChain(BaseRetriever):
    """A retriever of ours that LangChain takes for one of theirs; the classic chains check that.

    Attributes:
        ours: the retriever, or another runnable that takes a question and returns documents.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)
    _adapts: ClassVar[str] = "ours"

    ours: Any

    @override
    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        return super().get_name(suffix, name=name or self.name or self.ours.get_name())

    # `**options` tells LangChain to pass on the keywords of a call.
    @override
    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **options: Any
    ) -> list[Document]:
        found = self.ours.invoke(query, config_of_ours(run_manager), **options)
        documents: list[Document] = to_value(list(found))
        return documents

    @override
    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **options: Any
    ) -> list[Document]:
        found = await self.ours.ainvoke(query, config_of_ours(run_manager), **options)
        documents: list[Document] = to_value(list(found))
        return documents
