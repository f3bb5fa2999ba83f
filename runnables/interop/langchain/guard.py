"""The input of a stream that crosses the border: it ends once its reader has left.

LangChain reads a stream that is left to its end. Its reader gets no more from here then, and the
steps before stop where they are.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any

from runnables.interop.langchain.contexts import inside

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable

    from runnables.core.config import Scope


class Guard(Iterator[Any]):
    """An iterator over the chunks of an input, until it is left.

    Args:
        chunks: the chunks.
        scope: the current scope of the steps that make the chunks.
    """

    def __init__(self, chunks: Iterable[Any], scope: Scope | None) -> None:
        self._chunks = iter(chunks)
        self._inside = inside(scope)
        self._is_left = False

    def __next__(self) -> Any:
        if self._is_left:
            raise StopIteration
        with self._inside:
            return next(self._chunks)

    def leave(self) -> None:
        """End it, whatever is left."""
        self._is_left = True


class AsyncGuard(AsyncIterator[Any]):
    """An async iterator over the chunks of an input, until it is left; see `Guard`."""

    def __init__(self, chunks: AsyncIterable[Any], scope: Scope | None) -> None:
        self._chunks = aiter(chunks)
        self._inside = inside(scope)
        self._is_left = False

    async def __anext__(self) -> Any:
        if self._is_left:
            raise StopAsyncIteration
        with self._inside:
            return await anext(self._chunks)

    def leave(self) -> None:
        """End it, whatever is left."""
        self._is_left = True
