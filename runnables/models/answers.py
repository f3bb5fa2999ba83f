"""A stream as an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from runnables.messages import AIMessage, AIMessageChunk, message_chunk_to_message

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
