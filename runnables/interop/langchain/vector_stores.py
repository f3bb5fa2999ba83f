"""Conversion of vector stores, which meet the other library as retrievers."""

from __future__ import annotations

from typing import Any


def from_theirs(x: Any) -> Any:
    """Refuse a vector store of theirs, and say what to write.

    Raises:
        TypeError: always.
    """
    raise TypeError(
        f"{type(x).__name__} is a vector store of LangChain, which has no counterpart here. "
        "Its retriever is a step of a chain: store.as_retriever(). Its other methods are called as "
        "they are; from_langchain(documents) converts what they return."
    )


def to_theirs(x: Any) -> Any:
    """Return a retriever of theirs that searches a vector store of ours."""
    from runnables.interop.langchain.retriever_for_langchain import RetrieverForLangChain

    return RetrieverForLangChain(ours=x.as_retriever())
