"""Users' generators, driven step by step with the scope of their run around each step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnables.config import Scope, reset_ambient, set_ambient
from runnables.engine import aclose, close

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, Generator, Iterable


def driven(chunks: Iterable[Any], scope: Scope | None) -> Generator[Any, None, None]:
    """A user's iterator, with the scope around each of its steps; closed at the end.

    The scope is set for each step alone: a generator runs in its consumer's context, where a
    variable that is left set would leak out.
    """
    items = iter(chunks)
    try:
        if scope is None:
            yield from items
            return
        while True:
            token = set_ambient(scope)
            try:
                chunk = next(items)
            except StopIteration:
                return
            finally:
                reset_ambient(token)
            yield chunk
    finally:
        close(items)


async def adriven(chunks: AsyncIterable[Any], scope: Scope | None) -> AsyncGenerator[Any, None]:
    """`driven` in the other colour."""
    items = aiter(chunks)
    try:
        if scope is None:
            async for chunk in items:
                yield chunk
            return
        while True:
            token = set_ambient(scope)
            try:
                chunk = await anext(items)
            except StopAsyncIteration:
                return
            finally:
                reset_ambient(token)
            yield chunk
    finally:
        await aclose(items)
