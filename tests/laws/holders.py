"""Users' functions and generators that hold something, and the places of a chain they stand in."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Any

from runnables import (
    Budget,
    Runnable,
    RunnableBranch,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    get_openai_callback,
    track_usage,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.laws.recorder import Recorder
from tests.laws.specimens import NO_BACKOFF

SPAN: ContextVar[object] = ContextVar("SPAN", default="none")
NO_DEFAULT: ContextVar[object] = ContextVar("NO_DEFAULT")
USAGE: Any = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
CHUNKS = 12  # more than the steps for which an iterator that sets nothing is watched


def model() -> ScriptedChatModel:
    return ScriptedChatModel(["x"], cycle=True, usage=USAGE)


class Held:
    """A thing that code holds; `check` fails where it does not hold any more."""

    def __init__(self, name: str) -> None:
        self.name = name

    def open(self) -> AbstractContextManager[Callable[[], None]]:
        made: Any = globals()[f"_{self.name}"]
        return made()  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return self.name


@contextmanager
def _span() -> Generator[Callable[[], None]]:
    mine = object()
    token = SPAN.set(mine)
    other = NO_DEFAULT.set(mine)
    try:
        yield lambda: _same(SPAN.get(), mine)
    finally:
        NO_DEFAULT.reset(other)
        SPAN.reset(token)


@contextmanager
def _sqlite() -> Generator[Callable[[], None]]:
    connection = sqlite3.connect(":memory:", check_same_thread=True)
    try:
        yield lambda: _same(connection.execute("select 1").fetchone(), (1,))
    finally:
        connection.close()


@contextmanager
def _lock() -> Generator[Callable[[], None]]:
    lock = threading.RLock()
    with lock:
        owned: Any = lock
        yield lambda: _same(owned._is_owned(), True)


@contextmanager
def _usage() -> Generator[Callable[[], None]]:
    calls = 0

    def check() -> None:
        nonlocal calls
        model().invoke("q")
        calls += 1
        _same(usage.calls, calls)

    with track_usage() as usage:
        yield check


@contextmanager
def _openai() -> Generator[Callable[[], None]]:
    calls = 0

    def check() -> None:
        nonlocal calls
        model().invoke("q")
        calls += 1
        _same(callback.successful_requests, calls)

    with get_openai_callback() as callback:
        yield check


@contextmanager
def _budget() -> Generator[Callable[[], None]]:
    spent = 0

    def check() -> None:
        nonlocal spent
        model().invoke("q")
        spent += 2
        _same(budget.spent_tokens, spent)

    with Budget(tokens=1000) as budget:
        yield check


def _same(found: Any, wanted: Any) -> None:
    assert found is wanted or found == wanted, f"{found!r} is not {wanted!r}"


HELD = [Held(name) for name in ("span", "sqlite", "lock", "usage", "openai", "budget")]
OF_ANY_THREAD = ("span", "usage", "openai", "budget")


def whole(held: Held) -> Any:
    def chunks(_: Any) -> Iterator[str]:
        with held.open() as check:
            for _ in range(CHUNKS):
                check()
                yield "a"
                check()

    return RunnableLambda(chunks)


def late(held: Held) -> Any:
    """Opens after the first chunk, and again for each of the others."""

    def chunks(_: Any) -> Iterator[str]:
        yield "a"
        for _ in range(CHUNKS - 1):
            with held.open() as check:
                check()
                yield "a"
                check()

    return RunnableLambda(chunks)


def helper(held: Held) -> Any:
    def inner() -> Iterator[str]:
        with held.open() as check:
            for _ in range(CHUNKS):
                yield "a"
                check()

    def chunks(_: Any) -> Iterator[str]:
        yield from inner()

    return RunnableLambda(chunks)


def parts(held: Held) -> Any:
    def chunks(given: Iterator[Any]) -> Iterator[str]:
        with held.open() as check:
            for _ in given:
                for _ in range(CHUNKS):
                    check()
                    yield "a"
                    check()

    return RunnableGenerator(chunks)


def own_class(held: Held) -> Any:
    class Streams(Runnable[Any, Any]):
        def stream(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
            with held.open() as check:
                for _ in range(CHUNKS):
                    check()
                    yield "a"

    return Streams()


def awhole(held: Held) -> Any:
    async def chunks(_: Any) -> AsyncIterator[str]:
        with held.open() as check:
            for _ in range(CHUNKS):
                check()
                yield "a"
                await asyncio.sleep(0)
                check()

    return RunnableLambda(chunks)


def aparts(held: Held) -> Any:
    async def chunks(given: AsyncIterator[Any]) -> AsyncIterator[str]:
        with held.open() as check:
            async for _ in given:
                for _ in range(CHUNKS):
                    check()
                    yield "a"
                    await asyncio.sleep(0)
                    check()

    return RunnableGenerator(chunks)


def function(held: Held) -> Any:
    def run(_: Any) -> str:
        with held.open() as check:
            check()
            RunnableLambda(lambda _: check()).invoke(1)
        return "a" * CHUNKS

    return RunnableLambda(run)


def afunction(held: Held) -> Any:
    async def run(_: Any) -> str:
        with held.open() as check:
            check()
            await asyncio.sleep(0)
            check()
        return "a" * CHUNKS

    return RunnableLambda(run)


SYNC_KINDS = (whole, late, helper, parts, own_class, function)
ASYNC_KINDS = (awhole, aparts, afunction)


def passes(chunks: Iterator[Any]) -> Iterator[Any]:
    yield from chunks


async def apasses(chunks: AsyncIterator[Any]) -> AsyncIterator[Any]:
    async for chunk in chunks:
        yield chunk


def value_of(chunks: Any) -> Any:
    return chunks["k"]


PLACES: dict[str, Callable[[Any], Any]] = {
    "alone": lambda step: step,
    "first": lambda step: step | RunnableGenerator(passes),
    "first, of an async one": lambda step: step | RunnableGenerator(passes, apasses),
    "last": lambda step: RunnableGenerator(passes, apasses) | step,
    "in a mapping": lambda step: RunnableParallel(k=step, b=len) | value_of,
    "before a mapping": lambda step: (
        step | RunnableParallel(k=RunnableGenerator(passes, apasses), b=len, c=passes) | value_of
    ),
    "assigned": lambda step: (lambda _: {"x": "a"}) | RunnablePassthrough.assign(k=step) | value_of,
    "mapped": lambda step: (lambda value: [value]) | step.map() | (lambda values: values[0]),
    "tried again": lambda step: step.with_retry(**NO_BACKOFF),
    "with a time limit": lambda step: step.with_timeout(60),
    "chosen": lambda step: RunnableBranch((bool, step), step),
    "returned": lambda step: RunnableLambda(lambda _: step),
    "instead": lambda step: RunnableLambda(_fails).with_fallbacks([step]),
}
CONFIGS: dict[str, Callable[[], Any]] = {
    "no config": lambda: None,
    "tags": lambda: {"tags": ["t"]},
    "a limit": lambda: {"max_concurrency": 1},
    "a handler": lambda: Recorder().config,
}


def _fails(_: Any) -> Any:
    raise ValueError("no")


def steps(call: Call, held: Held) -> list[Any]:
    kinds = [*SYNC_KINDS, *(ASYNC_KINDS if call.mode == "async" else ())]
    kept = [kind for kind in kinds if held.name in OF_ANY_THREAD or kind not in ASYNC_KINDS]
    return [kind(held) for kind in kept]
