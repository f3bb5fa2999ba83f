"""The rows and columns of the matrix in test_matrix.py: what is left, and how.

A shape is a runnable around a source. A way takes a few chunks of its stream, and leaves it. The
test of each source says what must hold when the way has returned.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing
from typing import Any

import pytest

from runnables import Runnable, RunnableGenerator, RunnableLambda, RunnableParallel, StrOutputParser

TAKEN = 3


class Stages:
    """Counters of the stages that began, and of those whose `finally` has run."""

    def __init__(self) -> None:
        self.begun = 0
        self.finished = 0

    def _flow(self, chunks: Iterator[Any]) -> Iterator[Any]:
        self.begun += 1
        try:
            yield from chunks
        finally:
            self.finished += 1

    async def _aflow(self, chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:
        self.begun += 1
        try:
            async for chunk in chunks:
                yield chunk
        finally:
            await asyncio.sleep(0)  # cleaning up may have to wait
            self.finished += 1

    def stage(self) -> RunnableGenerator[Any, Any]:
        """Return a stage that passes everything on, and is counted."""
        return RunnableGenerator(self._flow, self._aflow)

    def all_finished(self) -> bool:
        """Tell whether every stage that began has ended."""
        return self.finished == self.begun > 0


def _fail(_: Any) -> Any:
    raise ConnectionError("down")


def _same(value: Any) -> Any:
    return value


SHAPES: dict[str, Callable[[Any, Stages], Runnable[Any, Any]]] = {
    "model": lambda source, stages: source | stages.stage(),
    "chain": lambda source, stages: (
        RunnableLambda(_same) | stages.stage() | source | StrOutputParser() | stages.stage()
    ),
    "parallel": lambda source, stages: (
        RunnableParallel({"a": source | stages.stage(), "b": source | stages.stage()})
        | stages.stage()
    ),
    "retry": lambda source, stages: (source | stages.stage()).with_retry() | stages.stage(),
    "fallbacks": lambda source, stages: (
        RunnableLambda(_fail).with_fallbacks([source | stages.stage()]) | stages.stage()
    ),
    "map": lambda source, stages: (source | stages.stage()).map() | stages.stage(),
}


def input_of(shape: str, text: str) -> Any:
    """Return the input for a shape."""
    return [text, text] if shape == "map" else text


# -- ways, sync


def take(stream: Any) -> None:
    """Take some chunks."""
    for count, _ in enumerate(stream, start=1):
        if count == TAKEN:
            break


def break_off(runnable: Any, value: Any) -> None:
    """Leave by `break`, with no reference to the stream."""
    for count, _ in enumerate(runnable.stream(value), start=1):
        if count == TAKEN:
            break


def close(runnable: Any, value: Any) -> None:
    """Leave by `close()`."""
    stream = runnable.stream(value)
    take(stream)
    stream.close()


def leave_with(runnable: Any, value: Any) -> None:
    """Leave a block of `with closing(...)`."""
    with closing(runnable.stream(value)) as stream:
        take(stream)


def fail_within(runnable: Any, value: Any) -> None:
    """Leave a `with` block by an exception of the consumer."""
    with pytest.raises(KeyError), runnable.stream(value) as stream:
        take(stream)
        raise KeyError


SYNC_WAYS = {"break": break_off, "close": close, "with": leave_with, "error": fail_within}


# -- ways, async


async def atake(stream: Any) -> None:
    """Take some chunks."""
    count = 0
    async for _ in stream:
        count += 1
        if count == TAKEN:
            break


async def abreak_off(runnable: Any, value: Any) -> None:
    """Leave by `break`, with no reference to the stream: a task of the loop closes the rest."""
    count = 0
    async for _ in runnable.astream(value):
        count += 1
        if count == TAKEN:
            break


async def aclose(runnable: Any, value: Any) -> None:
    """Leave by `aclose()`."""
    stream = runnable.astream(value)
    await atake(stream)
    await stream.aclose()


async def aleave_with(runnable: Any, value: Any) -> None:
    """Leave a block of `async with`."""
    async with runnable.astream(value) as stream:
        await atake(stream)


async def aleave_closing(runnable: Any, value: Any) -> None:
    """Leave a block of `async with aclosing(...)`."""
    async with aclosing(runnable.astream(value)) as stream:
        await atake(stream)


async def cancel(runnable: Any, value: Any) -> None:
    """Cancel the consumer's task while it waits for the next chunk."""
    enough = asyncio.Event()

    async def consume() -> None:
        count = 0
        async for _ in runnable.astream(value):
            count += 1
            if count == TAKEN:
                enough.set()

    task = asyncio.create_task(consume())
    await enough.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


ASYNC_WAYS = {
    "break": abreak_off,
    "aclose": aclose,
    "async-with": aleave_with,
    "aclosing": aleave_closing,
    "cancel": cancel,
}

CELLS = [
    *(
        pytest.param(shape, way, id=f"{shape}-sync-{name}")
        for shape in SHAPES
        for name, way in SYNC_WAYS.items()
    ),
    *(
        pytest.param(shape, way, id=f"{shape}-async-{name}")
        for shape in SHAPES
        for name, way in ASYNC_WAYS.items()
    ),
]
"""Every shape with every way: a function for sync streams, an async function for async ones."""
