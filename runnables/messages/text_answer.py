"""The answers of models of text: strings that know what their service said about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from runnables.engine.merging import CustomMerge, Merge
from runnables.messages.ai import AIMessage, AIMessageChunk

if TYPE_CHECKING:
    from collections.abc import Iterable

    from runnables.messages.usage import UsageMetadata


class TextAnswer(str):
    """A string, with the usage and the metadata of the answer that it is.

    A model of text returns one where its service reports any of these, and a plain string
    otherwise. What is made of it (slices, sums, `str(...)`) is a plain string.

    Attributes:
        usage_metadata: the tokens that were used, if the service reports them.
        response_metadata: what else it said: the name of the model, the `finish_reason`.
    """

    usage_metadata: UsageMetadata | None
    response_metadata: dict[str, Any]

    def __new__(
        cls,
        text: str,
        usage_metadata: UsageMetadata | None = None,
        response_metadata: dict[str, Any] | None = None,
    ) -> TextAnswer:
        """Return a string with metadata."""
        made = super().__new__(cls, text)
        made.usage_metadata = usage_metadata
        made.response_metadata = response_metadata or {}
        return made


def text_of_answer(answer: AIMessage) -> str:
    """Return the text of a message, or of a chunk of one, with its metadata where it has any."""
    text = str(answer.text)
    if answer.usage_metadata is None and not answer.response_metadata:
        return text
    return TextAnswer(text, answer.usage_metadata, answer.response_metadata)


def join_text(chunks: Iterable[str | AIMessageChunk]) -> str:
    """Return the answer whose chunks these are: their text, and the metadata of all of them."""
    strings = [text_of_answer(chunk) if isinstance(chunk, AIMessage) else chunk for chunk in chunks]
    joined = "".join(strings)
    reports = [
        AIMessageChunk(
            "", usage_metadata=text.usage_metadata, response_metadata=text.response_metadata
        )
        for text in strings
        if isinstance(text, TextAnswer)
    ]
    if not reports:
        return joined
    whole = AIMessageChunk.merge_chunks(reports)
    return TextAnswer(joined, whole.usage_metadata, whole.response_metadata)


TEXT_CHUNKS: Final[Merge] = CustomMerge(join_text, in_parts=True)
"""How the chunks of such an answer merge."""
