"""The answers of a language model: joined from chunks, and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from runnables.engine.merging import CustomMerge, Merge
from runnables.engine.stream import aclose, close, owned
from runnables.messages.ai import AIMessage, AIMessageChunk
from runnables.messages.call_ids import CallIds, with_ids
from runnables.messages.kinds import complete_message, message_to_chunk

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable, Sequence

    from runnables.messages.base import BaseMessage


def join_answer(chunks: Sequence[AIMessageChunk]) -> AIMessage:
    """Return the complete message that the chunks of a stream make.

    A message that was made so may be the first: chunks are also added one by one, with `+`.

    Raises:
        TypeError: something in the stream is no AIMessageChunk.
    """
    if type(cast("object", chunks[0])) is AIMessage:
        chunks = [cast("AIMessageChunk", message_to_chunk(chunks[0])), *chunks[1:]]
    for chunk in chunks:
        if not isinstance(cast("object", chunk), AIMessageChunk):
            raise TypeError(
                f"A model's stream gave {chunk!r}: `_stream` yields AIMessageChunk objects."
            )
    joined = chunks[0] if len(chunks) == 1 else AIMessageChunk.merge_chunks(chunks)
    return cast("AIMessage", complete_message(joined))


ANSWER_CHUNKS: Final[Merge] = CustomMerge(join_answer, in_parts=True)
"""How the chunks of an answer merge."""


def fill_call_ids(
    chunks: Iterable[Any], conversation: Sequence[BaseMessage]
) -> Generator[Any, None, None]:
    """Yield the chunks of an answer, in which each tool call has an id."""
    ids = CallIds(conversation)
    try:
        for chunk in chunks:
            yield ids.fill(chunk)
    finally:
        close(chunks)


async def afill_call_ids(
    chunks: AsyncIterable[Any], conversation: Sequence[BaseMessage]
) -> AsyncGenerator[Any, None]:
    """Yield the chunks of an answer, in which each tool call has an id."""
    ids = CallIds(conversation)
    try:
        async for chunk in owned(chunks):
            yield ids.fill(chunk)
    finally:
        await aclose(chunks)


def checked_answer(model: object, answer: Any, conversation: Sequence[BaseMessage]) -> AIMessage:
    """Return a model's answer as a complete message, whose tool calls have ids.

    Args:
        model: the model.
        answer: what its hook returned.
        conversation: the messages that it answers.

    Raises:
        TypeError: it is no AIMessage.
    """
    if not isinstance(answer, AIMessage):
        raise TypeError(
            f"{type(model).__name__}._generate returned {answer!r}: it returns an AIMessage."
        )
    return with_ids(cast("AIMessage", complete_message(answer)), conversation)
