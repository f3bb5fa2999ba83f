"""Ids of answers for handlers that know an answer by its id.

Few services send an id with each chunk, and some send none. A handler of LangChain tells the chunks
of one answer, and the answer itself where a step returns it later, by their common id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnables.engine.stream import aclose, close, owned
from runnables.messages.ai import AIMessage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable

    from runnables.core.config import Scope


def answer_id(scope: Scope | None) -> str | None:
    """Return the id for an answer that has none; None where no handler asks for one.

    Args:
        scope: the scope inside the run of the model.
    """
    if scope is None or not scope.parents:
        return None
    for handler in scope.handlers:
        if hasattr(type(handler), "answer_id"):
            chosen: Any = handler
            return str(chosen.answer_id(scope.parents[-1]))
    return None


def with_answer_id(answer: Any, scope: Scope | None) -> Any:
    """Return an answer with an id, where a handler asks for one; the same where it has one."""
    if answer.id is not None or (made := answer_id(scope)) is None:
        return answer
    return _with_id(answer, made)


def fill_answer_ids(chunks: Iterable[Any], made: str) -> Generator[Any, None, None]:
    """Yield the chunks of an answer, in which each has an id: the service's, or the made one."""
    try:
        for chunk in chunks:
            if isinstance(chunk, AIMessage):  # no RESET
                if chunk.id is None:
                    yield _with_id(chunk, made)
                    continue
                made = chunk.id
            yield chunk
    finally:
        close(chunks)


async def afill_answer_ids(chunks: AsyncIterable[Any], made: str) -> AsyncGenerator[Any, None]:
    """Do what `fill_answer_ids` does, async."""
    try:
        async for chunk in owned(chunks):
            if isinstance(chunk, AIMessage):  # no RESET
                if chunk.id is None:
                    yield _with_id(chunk, made)
                    continue
                made = chunk.id
            yield chunk
    finally:
        await aclose(chunks)


def _with_id(answer: AIMessage, made: str) -> AIMessage:
    return answer.model_copy(update={"id": made})  # a fake model returns the same object again
