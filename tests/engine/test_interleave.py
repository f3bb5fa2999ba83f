"""Several streams as one: no chunk is lost, and none comes out of order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from runnables import RunnableGenerator, RunnableParallel, RunnablePassthrough, RunnablePick
from tests.both_modes import Call


def letters(chunks: Iterator[str]) -> Iterator[str]:
    for chunk in chunks:
        yield from chunk


async def aletters(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    async for chunk in chunks:
        for letter in chunk:
            yield letter
        await asyncio.sleep(0.001)  # the stream ends while its last chunk waits for the consumer


@pytest.mark.parametrize("items", [["ab", "", ""], ["", "a", "", "", "b"], ["abc"] * 8], ids=repr)
@pytest.mark.parametrize("pause", [0.0, 0.003])
def test_no_chunk_is_lost_when_streams_end_while_the_consumer_is_busy(
    items: list[str], pause: float, call: Call
) -> None:
    """Several streams, some of them empty, end while one chunk waits for the consumer."""
    each = RunnableGenerator(letters, aletters).map()

    def sync() -> list[Any]:
        chunks: list[Any] = []
        for chunk in each.stream(items):
            chunks.append(chunk)
            time.sleep(pause)
        return chunks

    async def coroutine() -> list[Any]:
        chunks: list[Any] = []
        async with asyncio.timeout(5):
            async for chunk in each.astream(items):
                chunks.append(chunk)
                await asyncio.sleep(pause)
        return chunks

    expected = [(index, letter) for index, item in enumerate(items) for letter in item]
    assert sorted(call.run(sync, coroutine)) == sorted(expected)


def test_the_input_keys_of_an_assign_come_before_the_new_ones(call: Call) -> None:
    """The chunks of the input dict come first, then those of the new keys."""
    text = RunnableParallel(text=RunnableGenerator(letters, aletters))
    again = RunnablePick("text") | RunnableGenerator(letters, aletters)
    chunks = call.stream(text | RunnablePassthrough.assign(again=again), "abc")
    assert chunks == [{key: letter} for key in ("text", "again") for letter in "abc"]
