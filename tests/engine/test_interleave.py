"""Consumers that take their time find everything that the streams had for them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from runnables import RunnableGenerator, RunnableParallel, RunnablePassthrough, RunnablePick
from tests.both_modes import Call


def letters(pieces: Iterator[str]) -> Iterator[str]:
    for piece in pieces:
        yield from piece


async def aletters(pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    async for piece in pieces:
        for letter in piece:
            yield letter
        await asyncio.sleep(0.001)  # the stream ends while its last chunk waits to be taken


@pytest.mark.parametrize("items", [["ab", "", ""], ["", "a", "", "", "b"], ["abc"] * 8], ids=repr)
@pytest.mark.parametrize("pause", [0.0, 0.003])
def test_streams_that_end_while_the_consumer_is_busy_are_handed_out(
    items: list[str], pause: float, call: Call
) -> None:
    """Several streams, some of them empty, end while one chunk waits to be taken."""
    each = RunnableGenerator(letters, aletters).map()

    def sync() -> list[Any]:
        taken: list[Any] = []
        for chunk in each.stream(items):
            taken.append(chunk)
            time.sleep(pause)
        return taken

    async def coroutine() -> list[Any]:
        taken: list[Any] = []
        async with asyncio.timeout(5):
            async for chunk in each.astream(items):
                taken.append(chunk)
                await asyncio.sleep(pause)
        return taken

    expected = [(at, letter) for at, item in enumerate(items) for letter in item]
    assert sorted(call.run(sync, coroutine)) == sorted(expected)


def test_the_own_keys_of_an_assign_come_before_the_new_ones(call: Call) -> None:
    """The dict's chunks as they come, then those of the new keys, in both colours."""
    text = RunnableParallel(text=RunnableGenerator(letters, aletters))
    again = RunnablePick("text") | RunnableGenerator(letters, aletters)
    chunks = call.stream(text | RunnablePassthrough.assign(again=again), "abc")
    assert chunks == [{key: letter} for key in ("text", "again") for letter in "abc"]
