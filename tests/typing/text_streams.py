"""The strings that pages get of a stream: sync where it is, and async where it is."""

from collections.abc import AsyncIterator, Iterator
from typing import assert_type

from runnables import AIMessage, AsyncStream, Runnable, Stream, growing_text, text_stream


def strings(chain: Runnable[str, AIMessage]) -> Iterator[str]:
    assert_type(text_stream(chain.stream("x")), Stream[str])
    assert_type(text_stream(["a", "b"]), Stream[str])
    yield from growing_text(chain.stream("x"))


async def astrings(chain: Runnable[str, AIMessage]) -> AsyncIterator[str]:
    assert_type(text_stream(chain.astream("x")), AsyncStream[str])
    async with growing_text(chain.astream("x")) as strings:
        async for text in strings:
            yield text


def wrong(chain: Runnable[str, AIMessage]) -> None:
    text_stream(chain)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType, reportCallIssue] - its stream is meant
