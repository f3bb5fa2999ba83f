"""The answers of a chat model: joined from chunks, and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from runnables.messages.ai import AIMessage, AIMessageChunk
from runnables.messages.kinds import message_chunk_to_message

if TYPE_CHECKING:
    from collections.abc import Sequence


def join_answer(chunks: Sequence[AIMessageChunk]) -> AIMessage:
    """Return the complete message that the chunks of a stream make.

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


def checked_answer(model: object, answer: Any) -> AIMessage:
    """Return a model's answer as a complete message.

    Raises:
        TypeError: it is no AIMessage.
    """
    if not isinstance(answer, AIMessage):
        raise TypeError(
            f"{type(model).__name__}._generate returned {answer!r}: it returns an AIMessage."
        )
    return cast("AIMessage", message_chunk_to_message(answer))
