"""Services behind chains that know when they were closed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from runnables import AIMessageChunk
from tests.serving.servers import wait_for

WORDS = ("The ", "tide ", "comes ", "and ", "goes.")


def chunks() -> list[AIMessageChunk]:
    """Return the chunks of an answer with reasoning and text."""
    reasoning = [AIMessageChunk([{"type": "reasoning", "reasoning": text}]) for text in ("H", "m")]
    return [*reasoning, *(AIMessageChunk(word) for word in WORDS)]


class Upstream:
    """A service that answers forever, and knows when it was closed.

    Attributes:
        began: how many answers have begun.
        closed: how many were closed, with a `finally` that had to wait.
        chunks: how many chunks were taken from all of them.
    """

    def __init__(self) -> None:
        self.began = self.closed = self.chunks = 0

    async def answer(self, inputs: AsyncIterator[str]) -> AsyncIterator[str]:
        """Answer as the input says: "silent", "fast", "one" chunk and then silence, or "greedy":
        fast, without ever giving way."""
        kind = "".join([part async for part in inputs])
        self.began += 1
        try:
            if kind != "silent":
                self.chunks += 1
                yield "first"
            while kind in ("fast", "greedy"):
                self.chunks += 1
                yield "x" * 1000
                if kind == "fast":
                    await asyncio.sleep(0)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # a client that is closed awaits its connection's end
            self.closed += 1


class GatedUpstream:
    """A service that sends some chunks, and the others when its gate is opened.

    The input of the chain is the number of chunks before the gate.

    Attributes:
        began: how many answers have begun.
        closed: how many were closed, with a `finally` that had to wait.
        finished: how many have come to their end.
        ends: "finished" or "closed" of each, in the order in which they ended.
    """

    def __init__(self) -> None:
        self.began = self.closed = self.finished = 0
        self.ends: list[str] = []
        self._gates: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}

    def open(self) -> None:
        """Wait until an answer waits at its gate, and let it go on; from another thread."""
        wait_for(lambda: self._gates)
        for gate, loop in list(self._gates.items()):
            loop.call_soon_threadsafe(gate.set)

    async def answer(self, inputs: AsyncIterator[str]) -> AsyncIterator[AIMessageChunk]:
        """Answer; wait at the gate."""
        before = int("".join([part async for part in inputs]))
        self.began += 1
        gate, end = asyncio.Event(), "closed"
        try:
            for index, chunk in enumerate(chunks()):
                if index == before:
                    self._gates[gate] = asyncio.get_running_loop()
                    await gate.wait()
                yield chunk
            self.finished += 1
            end = "finished"
        finally:
            await asyncio.sleep(0)  # a client that is closed awaits its connection's end
            self._gates.pop(gate, None)
            self.closed += 1
            self.ends.append(end)
