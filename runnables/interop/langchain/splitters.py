"""Splitters: those of ours as LangChain's, which its retrievers and loaders take."""

from __future__ import annotations

from typing import Any, ClassVar

from langchain_text_splitters import TextSplitter


def to_theirs(splitter: Any) -> SplitterForLangChain:
    """Return their counterpart of a splitter of ours."""
    return SplitterForLangChain(splitter)


class SplitterForLangChain(TextSplitter):
    """A splitter of ours that LangChain takes for one of its own.

    Args:
        ours: the splitter.
    """

    _adapts: ClassVar[str] = "ours"

    def __init__(self, ours: Any) -> None:
        super().__init__(chunk_size=ours.chunk_size, chunk_overlap=ours.chunk_overlap)
        self.ours = ours

    def __repr__(self) -> str:
        return f"to_langchain({self.ours!r})"

    def split_text(self, text: str) -> list[str]:
        """Return the chunks of a string."""
        chunks: list[str] = self.ours.split_text(text)
        return chunks
