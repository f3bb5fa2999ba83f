"""Law 6: leaving a stream stops the work, and every stage has cleaned up when that returns."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing
from itertools import count
from typing import Any

import pytest

from runnables import (
    Runnable,
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnablePassthrough,
)
from tests.both_modes import run_clean
from tests.laws import steps
from tests.laws.gauges import PATIENCE
from tests.leaks import nothing_left, open_generators

AHEAD = 2
TAKEN = 3


class Sources:
    """Endless generators that count their chunks, and record whether their `finally` ran."""

    def __init__(self) -> None:
        self.yielded: dict[str, int] = {}
        self.closed: list[str] = []

    def sync(self, value: Any) -> Iterator[str]:
        name = self._begin(value)
        try:
            for number in count(1):
                self.yielded[name] = number
                yield f"<{name}>"
        finally:
            self.closed.append(name)

    async def asynchronous(self, value: Any) -> AsyncIterator[str]:
        name = self._begin(value)
        try:
            for number in count(1):
                self.yielded[name] = number
                yield f"<{name}>"
        finally:
            await asyncio.sleep(0)  # cleaning up may have to wait
            self.closed.append(name)

    def _begin(self, value: Any) -> str:
        name = f"source {value} {len(self.yielded)}"
        self.yielded[name] = 0
        return name

    def leaf(self, kind: str) -> RunnableLambda[Any, Any]:
        return RunnableLambda(self.sync if kind == "generator" else self.asynchronous)


SHAPES: dict[str, Callable[[Any], Runnable[Any, Any]]] = {
    "leaf": lambda step: step,
    "chain": lambda step: step | RunnablePassthrough() | RunnableGenerator(_flow, _aflow),
    "parallel": lambda step: RunnablePassthrough() | {"a": step, "b": step},
    "retry": lambda step: step.with_retry(),
    "fallback": lambda step: RunnableLambda(_fail).with_fallbacks([step]),
    "map": lambda step: step.map(),
    "timeout": lambda step: step.with_timeout(60),
    "assign": lambda step: RunnablePassthrough.assign(b=step) | RunnableGenerator(_flow, _aflow),
    "assign after chunks": lambda step: (
        {"a": step} | RunnablePassthrough.assign(b=lambda _: 1) | RunnableGenerator(_flow, _aflow)
    ),
    "branch": lambda step: RunnableBranch((bool, step), _fail),
    "bound": lambda step: step.with_config(tags=["a"]),
    "returned": lambda step: RunnableLambda(lambda _: step),
    "all": lambda step: (
        {"a": step.with_retry() | RunnablePassthrough(), "b": step}
        | RunnableGenerator(_flow, _aflow)
    ),
}


def _flow(chunks: Iterator[Any]) -> Iterator[Any]:
    yield from chunks


async def _aflow(chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for chunk in chunks:
        yield chunk


def _fail(_: Any) -> Any:
    raise ValueError("no")


def input_of(shape: str) -> Any:
    return [1, 2] if shape == "map" else {"x": 1}


def check_left(sources: Sources, chunks: list[Any]) -> None:
    """Check that every source ran its `finally`, and was at most two chunks ahead."""
    assert sources.yielded, "nothing ran"
    assert sorted(sources.closed) == sorted(sources.yielded), "a source was left open"
    for name, yielded in sources.yielded.items():
        taken = sum(f"<{name}>" in repr(chunk) for chunk in chunks)
        assert yielded <= taken + AHEAD, f"{name}: {yielded} chunks, {taken} were taken"


def sync_break(stream: Any, chunks: list[Any]) -> None:
    for chunk in stream:
        chunks.append(chunk)
        if len(chunks) == TAKEN:
            break


def sync_with(stream: Any, chunks: list[Any]) -> None:
    with stream:
        sync_break(stream, chunks)


def sync_close(stream: Any, chunks: list[Any]) -> None:
    sync_break(stream, chunks)
    stream.close()


def sync_closing(stream: Any, chunks: list[Any]) -> None:
    with closing(stream):
        sync_break(stream, chunks)


def sync_raise(stream: Any, chunks: list[Any]) -> None:
    with pytest.raises(KeyError), stream:
        sync_break(stream, chunks)
        raise KeyError


SYNC_WAYS = [sync_with, sync_close, sync_closing, sync_raise]


async def take(stream: Any, chunks: list[Any]) -> None:
    async for chunk in stream:
        chunks.append(chunk)
        if len(chunks) == TAKEN:
            break


async def async_with(stream: Any, chunks: list[Any]) -> None:
    async with stream:
        await take(stream, chunks)


async def async_close(stream: Any, chunks: list[Any]) -> None:
    await take(stream, chunks)
    await stream.aclose()


async def async_aclosing(stream: Any, chunks: list[Any]) -> None:
    async with aclosing(stream):
        await take(stream, chunks)


async def async_cancel(stream: Any, chunks: list[Any]) -> None:
    """Cancel the task of the consumer while it works on a chunk."""
    busy = asyncio.Event()

    async def consume() -> None:
        async with stream:
            await take(stream, chunks)
            busy.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(consume())
    await busy.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


ASYNC_WAYS = [async_with, async_close, async_aclosing, async_cancel]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("leave", SYNC_WAYS, ids=lambda way: way.__name__)
def test_leaving_a_sync_stream_stops_the_work(leave: Any, shape: str) -> None:
    """`with`, `close`, `closing` and an error do, through every combinator."""
    sources, chunks = Sources(), list[Any]()
    before = open_generators()
    with nothing_left():
        leave(SHAPES[shape](sources.leaf("generator")).stream(input_of(shape)), chunks)
        check_left(sources, chunks)
    assert len(open_generators()) <= len(before), open_generators()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_plain_break_is_enough_in_sync_code(shape: str) -> None:
    """Leaving a `for` loop over `stream(...)` stops the work without a `with`."""
    sources, chunks = Sources(), list[Any]()
    for chunk in SHAPES[shape](sources.leaf("generator")).stream(input_of(shape)):
        chunks.append(chunk)
        if len(chunks) == TAKEN:
            break
    check_left(sources, chunks)


@pytest.mark.parametrize("kind", ["generator", "async generator"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("leave", ASYNC_WAYS, ids=lambda way: way.__name__)
def test_leaving_an_async_stream_stops_the_work(leave: Any, shape: str, kind: str) -> None:
    """`async with`, `aclose`, `aclosing` and a cancelled task do, for sync and async sources."""
    sources, chunks = Sources(), list[Any]()

    async def main() -> None:
        stream = SHAPES[shape](sources.leaf(kind)).astream(input_of(shape))
        await leave(stream, chunks)
        check_left(sources, chunks)

    run_clean(main())


@pytest.mark.parametrize("kind", ["generator", "async generator"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_break_out_of_an_async_for_stops_the_work(shape: str, kind: str) -> None:
    """A `break` awaits nothing: closing that must wait is done in the next turns of the loop."""
    sources, chunks = Sources(), list[Any]()

    async def main() -> None:
        async for chunk in SHAPES[shape](sources.leaf(kind)).astream(input_of(shape)):
            chunks.append(chunk)
            if len(chunks) == TAKEN:
                break
        until = asyncio.get_running_loop().time() + PATIENCE
        while sorted(sources.closed) != sorted(sources.yielded):
            assert asyncio.get_running_loop().time() < until, "a source was left open"
            await asyncio.sleep(0)
        check_left(sources, chunks)
        while len(asyncio.all_tasks()) > 1 and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0)  # the closing tasks end when their thread has reported back

    run_clean(main())


@pytest.mark.parametrize("shape", SHAPES)
def test_a_cancelled_task_stops_a_source_that_waits(shape: str) -> None:
    """Cancellation reaches the source within its `await`, and its `finally` runs first."""
    waiting, closed = list[int](), list[int]()

    async def stuck(_: Any) -> AsyncIterator[str]:
        waiting.append(1)
        try:
            yield "a"
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            closed.append(1)

    async def main() -> None:
        seen = asyncio.Event()

        async def consume() -> None:
            async for _ in SHAPES[shape](RunnableLambda(stuck)).astream(input_of(shape)):
                seen.set()

        task = asyncio.create_task(consume())
        await seen.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert closed == waiting

    run_clean(main())


def test_leaving_before_the_first_chunk_starts_nothing() -> None:
    """The work begins when the first chunk is requested."""
    sources = Sources()
    stream = sources.leaf("generator").stream(1)
    stream.close()
    assert sources.yielded == {}


def test_stages_are_closed_from_the_last_to_the_first() -> None:
    """A sequence owns its stages: a stage may still use its upstream when it cleans up."""
    order: list[str] = []

    def stage(name: str) -> RunnableGenerator[Any, Any]:
        def flow(chunks: Iterator[Any]) -> Iterator[Any]:
            try:
                yield from steps.uppercase(chunks)
            finally:
                order.append(name)

        return RunnableGenerator(flow)

    chain = stage("1") | stage("2") | stage("3")
    with chain.transform(iter("abc")) as stream:
        next(stream)
    assert order == ["3", "2", "1"]
