"""The rows and columns of the matrix: what is left, and how. See test_matrix.py.

A shape is a runnable around a source; a way takes a few chunks of its stream and leaves it. What
holds when the way has returned, the test of the source says.
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
    """Counts stages that began and stages whose `finally` has run."""

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

    def watch(self) -> RunnableGenerator[Any, Any]:
        """A stage that passes everything on."""
        return RunnableGenerator(self._flow, self._aflow)

    def all_finished(self) -> bool:
        """Whether every stage that began is over."""
        return self.finished == self.begun > 0


def _fail(_: Any) -> Any:
    raise ConnectionError("down")


def _text(row: Any) -> Any:
    return row


SHAPES: dict[str, Callable[[Any, Stages], Runnable[Any, Any]]] = {
    "model": lambda it, stages: it | stages.watch(),
    "chain": lambda it, stages: (
        RunnableLambda(_text) | stages.watch() | it | StrOutputParser() | stages.watch()
    ),
    "parallel": lambda it, stages: (
        RunnableParallel({"a": it | stages.watch(), "b": it | stages.watch()}) | stages.watch()
    ),
    "retry": lambda it, stages: (it | stages.watch()).with_retry() | stages.watch(),
    "fallbacks": lambda it, stages: (
        RunnableLambda(_fail).with_fallbacks([it | stages.watch()]) | stages.watch()
    ),
    "map": lambda it, stages: (it | stages.watch()).map() | stages.watch(),
}


def input_of(shape: str, text: str) -> Any:
    """What the shape is run on."""
    return [text, text] if shape == "map" else text


# -- ways, sync


def take(stream: Any) -> None:
    """Take some chunks."""
    for at, _ in enumerate(stream, start=1):
        if at == TAKEN:
            break


def break_off(runnable: Any, value: Any) -> None:
    """`break`, with nobody who holds the stream."""
    for at, _ in enumerate(runnable.stream(value), start=1):
        if at == TAKEN:
            break


def close(runnable: Any, value: Any) -> None:
    """`close()`."""
    stream = runnable.stream(value)
    take(stream)
    stream.close()


def leave_with(runnable: Any, value: Any) -> None:
    """`with closing(...)`."""
    with closing(runnable.stream(value)) as stream:
        take(stream)


def fail_within(runnable: Any, value: Any) -> None:
    """An exception of the consumer within `with`."""
    with pytest.raises(KeyError), runnable.stream(value) as stream:
        take(stream)
        raise KeyError


WAYS = {"break": break_off, "close": close, "with": leave_with, "error": fail_within}


# -- ways, async


async def atake(stream: Any) -> None:
    """Take some chunks."""
    at = 0
    async for _ in stream:
        at += 1
        if at == TAKEN:
            break


async def abreak_off(runnable: Any, value: Any) -> None:
    """`break`, with nobody who holds the stream: the rest is closed by a task of the loop."""
    at = 0
    async for _ in runnable.astream(value):
        at += 1
        if at == TAKEN:
            break


async def aclose(runnable: Any, value: Any) -> None:
    """`aclose()`."""
    stream = runnable.astream(value)
    await atake(stream)
    await stream.aclose()


async def aleave_with(runnable: Any, value: Any) -> None:
    """`async with`."""
    async with runnable.astream(value) as stream:
        await atake(stream)


async def aleave_closing(runnable: Any, value: Any) -> None:
    """`async with aclosing(...)`."""
    async with aclosing(runnable.astream(value)) as stream:
        await atake(stream)


async def cancel(runnable: Any, value: Any) -> None:
    """The consumer's task is cancelled while it waits for the next chunk."""
    enough = asyncio.Event()

    async def consume() -> None:
        at = 0
        async for _ in runnable.astream(value):
            at += 1
            if at == TAKEN:
                enough.set()

    task = asyncio.create_task(consume())
    await enough.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


AWAYS = {
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
        for name, way in WAYS.items()
    ),
    *(
        pytest.param(shape, way, id=f"{shape}-async-{name}")
        for shape in SHAPES
        for name, way in AWAYS.items()
    ),
]
"""Every shape with every way; a way is a function, or an async function for the async half."""
