"""An answer as a stream, and a stream as an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from runnables.messages import (
    AIMessage,
    AIMessageChunk,
    message_chunk_to_message,
    message_to_chunk,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


def join_answer(chunks: Sequence[AIMessageChunk]) -> AIMessage:
    """The answer that the chunks of a stream make, as the whole message that it is.

    Raises:
        TypeError: something in the stream is no AIMessageChunk.
    """
    for chunk in chunks:
        if not isinstance(cast("object", chunk), AIMessageChunk):
            raise TypeError(
                f"A model's stream gave {chunk!r}: `_stream` yields AIMessageChunk objects."
            )
    joined = chunks[0] if len(chunks) == 1 else AIMessageChunk.merge_chunks(chunks)
    return cast("AIMessage", message_chunk_to_message(joined))


def only_chunk(answer: AIMessage) -> AIMessageChunk:
    """An answer as the only chunk of its stream."""
    chunk = cast("AIMessageChunk", message_to_chunk(answer))
    chunk.chunk_position = "last"
    return chunk
