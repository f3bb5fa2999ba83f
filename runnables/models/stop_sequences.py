"""Stop sequences, for providers that have none of their own.

An answer ends before the first stop sequence in its text, also where the sequence is spread over
several pieces: text that may be its beginning is held back until that is known.
"""

from __future__ import annotations

from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    Generator,
    Iterable,
    Sequence,
)

from runnables.engine.stream import aclose, close
from runnables.messages.ai import AIMessage, AIMessageChunk


class StopSequenceFilter:
    """Cuts a text that comes in pieces at the first stop sequence.

    Attributes:
        stopped: whether a stop sequence was found; nothing is given after it.
    """

    def __init__(self, stop: Sequence[str]) -> None:
        self.stopped = False
        self._stop = tuple(stop)
        self._held: str = ""

    def feed(self, text: str) -> str:
        """Take a piece; give the text that is certainly before a stop sequence."""
        if self.stopped:
            return ""
        text = self._held + text
        places = [(text.find(stop), len(stop)) for stop in self._stop]
        found = [(at + size, at) for at, size in places if at >= 0]
        if found:
            # The one that is complete first, as if the text had come letter by letter.
            self.stopped, self._held = True, ""
            return text[: min(found)[1]]
        held = max((_overlap(text, stop) for stop in self._stop), default=0)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]

    def finish(self) -> str:
        """The text ends here: what was held back was no stop sequence."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of the text are the beginning of the stop sequence."""
    sizes = range(min(len(text), len(stop) - 1), 0, -1)
    return next((size for size in sizes if text.endswith(stop[:size])), 0)


def truncate_at_stop(text: str, stop: Sequence[str]) -> str:
    """A text up to the first stop sequence."""
    cutter = StopSequenceFilter(stop)
    return cutter.feed(text) + cutter.finish()


def truncate_message(message: AIMessage, stop: Sequence[str]) -> AIMessage:
    """An answer up to the first stop sequence, where its content is text."""
    if not isinstance(message.content, str):
        return message
    return message.model_copy(update={"content": truncate_at_stop(message.content, stop)})


class _ChunkFilter:
    """`StopSequenceFilter` for chunks of messages."""

    def __init__(self, stop: Sequence[str]) -> None:
        self._cutter = StopSequenceFilter(stop)

    @property
    def stopped(self) -> bool:
        return self._cutter.stopped

    def feed(self, chunk: AIMessageChunk) -> AIMessageChunk:
        """The chunk with what may be shown of its text."""
        if not isinstance(chunk.content, str):
            return chunk
        text = self._cutter.feed(chunk.content)
        return chunk if text == chunk.content else chunk.model_copy(update={"content": text})

    def finish(self) -> Iterable[AIMessageChunk]:
        """What was held back, if anything."""
        rest = self._cutter.finish()
        return (AIMessageChunk(rest),) if rest else ()


def truncate_stream(
    chunks: Iterable[AIMessageChunk], stop: Sequence[str]
) -> Generator[AIMessageChunk, None, None]:
    """A stream up to the first stop sequence; it is closed there, and at the end in any case."""
    cutter = _ChunkFilter(stop)
    try:
        for chunk in chunks:
            yield cutter.feed(chunk)
            if cutter.stopped:
                return
        for chunk in cutter.finish():
            yield chunk
    finally:
        close(chunks)


async def atruncate_stream(
    chunks: AsyncIterable[AIMessageChunk], stop: Sequence[str]
) -> AsyncGenerator[AIMessageChunk, None]:
    """`truncate_stream` in the other colour."""
    cutter = _ChunkFilter(stop)
    try:
        async for chunk in chunks:
            yield cutter.feed(chunk)
            if cutter.stopped:
                return
        for chunk in cutter.finish():
            yield chunk
    finally:
        await aclose(chunks)
