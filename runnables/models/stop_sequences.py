"""Stop sequences, for providers whose services have none.

An answer ends before the first stop sequence in its text, also where the sequence is spread over
several chunks: text that may be its beginning is held back until more has come.
"""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Generator,
    Iterable,
    Sequence,
)

from runnables.engine.stream import aclose, close, owned
from runnables.messages.ai import AIMessage, AIMessageChunk


class StopSequenceFilter:
    """A filter that ends a streamed text before the first stop sequence.

    Args:
        stop: the stop sequences, none of them empty.

    Attributes:
        stopped: whether a stop sequence was found; after it, `feed` returns nothing.

    Example:
        >>> filter = StopSequenceFilter(["END"])
        >>> [filter.feed(chunk) for chunk in ["one E", "N", "D two"]]
        ['one ', '', '']
        >>> filter.stopped, filter.finish()
        (True, '')
    """

    def __init__(self, stop: Sequence[str]) -> None:
        self.stopped = False
        self._stop = tuple(stop)
        self._held: str = ""

    def feed(self, text: str) -> str:
        """Take the next chunk; return the text that is certainly before a stop sequence."""
        if self.stopped:
            return ""
        text = self._held + text
        found = [(text.find(stop), len(stop)) for stop in self._stop]
        matches = [(start + size, start) for start, size in found if start >= 0]
        if matches:
            # The one that is complete first, as if the text had come letter by letter.
            self.stopped, self._held = True, ""
            return text[: min(matches)[1]]
        held = max((_overlap(text, stop) for stop in self._stop), default=0)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]

    def finish(self) -> str:
        """End the text; return what was held back, which is no stop sequence."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Return how many characters at the end of the text begin the stop sequence."""
    sizes = range(min(len(text), len(stop) - 1), 0, -1)
    return next((size for size in sizes if text.endswith(stop[:size])), 0)


def truncate_at_stop(text: str, stop: Sequence[str]) -> str:
    """Return a string up to the first stop sequence.

    Example:
        >>> truncate_at_stop("one END two", ["END"])
        'one '
    """
    stop_filter = StopSequenceFilter(stop)
    return stop_filter.feed(text) + stop_filter.finish()


def truncate_message(message: AIMessage, stop: Sequence[str]) -> AIMessage:
    """Return an answer up to the first stop sequence; as it is, where its content is blocks.

    Example:
        >>> truncate_message(AIMessage("one END two"), ["END"]).content
        'one '
    """
    if not isinstance(message.content, str):
        return message
    return message.model_copy(update={"content": truncate_at_stop(message.content, stop)})


class _ChunkFilter:
    """A `StopSequenceFilter` for chunks of messages."""

    def __init__(self, stop: Sequence[str]) -> None:
        self._filter = StopSequenceFilter(stop)

    @property
    def stopped(self) -> bool:
        return self._filter.stopped

    def feed(self, chunk: AIMessageChunk) -> AIMessageChunk:
        """Return the chunk with the text that is certainly before a stop sequence."""
        if not isinstance(chunk.content, str):
            return chunk
        text = self._filter.feed(chunk.content)
        return chunk if text == chunk.content else chunk.model_copy(update={"content": text})

    def finish(self) -> Iterable[AIMessageChunk]:
        """Return a chunk with the text that was held back, if there is any."""
        rest = self._filter.finish()
        return (AIMessageChunk(rest),) if rest else ()


def truncate_stream(
    chunks: Iterable[AIMessageChunk], stop: Sequence[str]
) -> Generator[AIMessageChunk, None, None]:
    """Yield a stream's chunks up to the first stop sequence; then close the stream.

    It is closed in any case: at its end, after an error, and when this iterator is closed.

    Example:
        >>> chunks = [AIMessageChunk("one E"), AIMessageChunk("ND"), AIMessageChunk(" two")]
        >>> [chunk.content for chunk in truncate_stream(chunks, ["END"])]
        ['one ', '']
    """
    chunk_filter = _ChunkFilter(stop)
    try:
        for chunk in chunks:
            yield chunk_filter.feed(chunk)
            if chunk_filter.stopped:
                return
        for chunk in chunk_filter.finish():
            yield chunk
    finally:
        close(chunks)


async def atruncate_stream(
    chunks: AsyncIterable[AIMessageChunk], stop: Sequence[str]
) -> AsyncGenerator[AIMessageChunk, None]:
    """Yield an async stream's chunks up to the first stop sequence; then close the stream.

    Example:
        >>> import asyncio
        >>> from runnables_providers.scripted import ScriptedChatModel
        >>> async def main():
        ...     chunks = ScriptedChatModel(["one END two"]).astream("Count.")
        ...     return [chunk.content async for chunk in atruncate_stream(chunks, ["END"])]
        >>> "".join(asyncio.run(main()))
        'one '
    """
    chunk_filter = _ChunkFilter(stop)
    try:
        async for chunk in owned(chunks):
            yield chunk_filter.feed(chunk)
            if chunk_filter.stopped:
                return
        for chunk in chunk_filter.finish():
            yield chunk
    finally:
        await aclose(chunks)
