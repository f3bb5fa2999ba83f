"""Random programs: nestings of everything that fans out, streams, retries or gives up.

A program depends on the dice alone. Its functions and generators report to a ledger what they do.
`soak.py` runs them.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from runnables import Runnable, RunnableLambda, RunnableParallel, is_cancelled
from runnables.engine.cancellation import CancelToken, current_token

KINDS: Final = (
    *("sequence", "parallel", "assign", "map", "retry", "fallback", "timeout"),
    *("batch", "completed", "stream"),
)
LEAVES: Final = ("function", "async function", "generator", "async generator")
ENDS: Final = (
    *("invoke", "batch", "stream", "completed", "cancelled"),
    *("stream, left", "stream, broken off", "completed, left"),
)


class Ledger:
    """What the functions of one program have done.

    Attributes:
        over: whether the program has ended.
        late: how many functions began after that.
        peak: how many ran at once, at most; those of cancelled calls do not count.
        opened: how many generators were begun.
        closed: how many of them have ended.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.over = False
        self.late = self.peak = self.opened = self.closed = 0
        self._running: dict[object, CancelToken | None] = {}

    @contextmanager
    def running(self) -> Generator[None]:
        """Count a function that runs. Only single operations, as no lock may be held here."""
        key = object()
        self.late += self.over
        self._running[key] = current_token.get()
        tokens = list(self._running.copy().values())
        self.peak = max(self.peak, sum(token is None or not token.is_set for token in tokens))
        try:
            yield
        finally:
            del self._running[key]


class Program:
    """A random nesting of runnables, whose leaves report to a ledger, and take a moment each."""

    def __init__(self, dice: random.Random, is_async: bool, pauses: bool = True) -> None:
        self.dice = dice
        self.pauses = pauses
        self.limit = dice.randint(1, 4)
        self.end = dice.choice(ENDS)
        self.is_async = is_async
        self.ledger = Ledger(self.limit)
        self.chain = self.node(dice.randint(1, 3))

    def node(self, depth: int) -> Runnable[Any, Any]:
        """Build a node: a leaf at depth 0, else something around one to three other nodes."""
        if not depth:
            return self.leaf()
        kind = self.dice.choice(KINDS)
        if kind in ("sequence", "parallel", "assign"):
            parts = [self.node(self.dice.randint(0, depth - 1)) for _ in range(3)]
            return _COMBINED[kind](parts)
        return self._around(kind, self.node(depth - 1))

    def _around(self, kind: str, part: Runnable[Any, Any]) -> Runnable[Any, Any]:
        size = self.dice.randint(1, 4)
        if kind == "map":
            return RunnableLambda(lambda value: [value] * size) | part.map()
        if kind == "retry":
            return part.with_retry(stop_after_attempt=2, wait_exponential_jitter=False)
        if kind == "fallback":
            return part.with_fallbacks([RunnableLambda(lambda _: 0)])
        if kind == "timeout":
            return part.with_timeout(self.dice.uniform(0.001, 0.05))
        return RunnableLambda(_nested(kind, part, size, self.is_async))

    def leaf(self) -> Runnable[Any, Any]:
        """Build a function or a generator, which may fail."""
        kind = self.dice.choice(LEAVES if self.is_async else LEAVES[::2])
        steps = self.dice.randint(0, 4) if self.pauses else 0
        fails = self.dice.random() < 0.08
        ledger = self.ledger

        def work() -> None:
            for _ in range(steps):
                if is_cancelled():
                    return
                time.sleep(0.0003)
            if fails:
                raise ValueError("a leaf failed")

        async def awork() -> None:
            for _ in range(steps):
                await asyncio.sleep(0.0003)
            if fails:
                raise ValueError("a leaf failed")

        def function(value: Any) -> Any:
            with ledger.running():
                work()
            return value

        async def afunction(value: Any) -> Any:
            with ledger.running():
                await awork()
            return value

        def generator(value: Any) -> Iterator[str]:
            ledger.late += ledger.over
            ledger.opened += 1
            try:
                for number in range(3):
                    yield str(number)
                    work()
            finally:
                ledger.closed += 1

        async def agenerator(value: Any) -> AsyncIterator[str]:
            ledger.late += ledger.over
            ledger.opened += 1
            try:
                for number in range(3):
                    yield str(number)
                    await awork()
            finally:
                try:
                    await asyncio.sleep(0)  # which a second cancellation may end
                finally:
                    ledger.closed += 1

        made: dict[str, Callable[[Any], Any]] = {
            "function": function,
            "async function": afunction,
            "generator": generator,
            "async generator": agenerator,
        }
        return RunnableLambda(made[kind])

    def run(self) -> None:
        """Run the program in this thread, to its end."""
        config: Any = {"max_concurrency": self.limit}
        items, taken = range(6), self.dice.randint(0, 4)
        if self.end == "batch":
            self.chain.batch(items, config, return_exceptions=True)
        elif self.end in ("invoke", "cancelled"):
            self.chain.invoke(1, config)
        elif self.end.startswith("completed"):
            with self.chain.batch_as_completed(items, config) as results:
                _take(results, taken if self.end.endswith("left") else None)
        elif self.end == "stream, broken off":
            _take(self.chain.stream(1, config), taken)
        else:
            with self.chain.stream(1, config) as chunks:
                _take(chunks, taken if self.end.endswith("left") else None)

    async def arun(self) -> None:
        """Run the program on this event loop, to its end; "cancelled" is cancelled on the way."""
        config: Any = {"max_concurrency": self.limit}
        items, taken = range(6), self.dice.randint(0, 4)
        if self.end == "batch":
            await self.chain.abatch(items, config, return_exceptions=True)
        elif self.end == "invoke":
            await self.chain.ainvoke(1, config)
        elif self.end == "cancelled":
            task = asyncio.ensure_future(self.chain.abatch(items, config))
            await asyncio.sleep(self.dice.uniform(0, 0.004))
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        elif self.end.startswith("completed"):
            async with self.chain.abatch_as_completed(items, config) as results:
                await _atake(results, taken if self.end.endswith("left") else None)
        elif self.end == "stream, broken off":
            await _atake(self.chain.astream(1, config), taken)
        else:
            async with self.chain.astream(1, config) as chunks:
                await _atake(chunks, taken if self.end.endswith("left") else None)


def _parallel(parts: list[Runnable[Any, Any]]) -> Runnable[Any, Any]:
    return RunnableParallel({str(index): part for index, part in enumerate(parts)})


def _assign(parts: list[Runnable[Any, Any]]) -> Runnable[Any, Any]:
    first: Runnable[Any, Any] = RunnableLambda(lambda value: {"value": value})
    return first.assign(**{f"key{index}": part for index, part in enumerate(parts)})


_COMBINED: Final[dict[str, Callable[[list[Runnable[Any, Any]]], Runnable[Any, Any]]]] = {
    "sequence": lambda parts: parts[0] | parts[1] | parts[2],
    "parallel": _parallel,
    "assign": _assign,
}


def _nested(kind: str, part: Runnable[Any, Any], size: int, is_async: bool) -> Callable[..., Any]:
    """Return a function that runs `part` in one of the ways that call it many times."""

    def call(value: Any) -> Any:
        if kind == "batch":
            return part.batch([value] * size)
        if kind == "completed":
            with part.batch_as_completed([value] * size) as results:
                return len(list(results))
        with part.stream(value) as chunks:
            return next(iter(chunks), None)

    async def acall(value: Any) -> Any:
        if kind == "batch":
            return await part.abatch([value] * size)
        if kind == "completed":
            async with part.abatch_as_completed([value] * size) as results:
                return len([pair async for pair in results])
        async with part.astream(value) as chunks:
            return await anext(aiter(chunks), None)

    return acall if is_async else call


def _take(chunks: Iterator[Any], count: int | None) -> None:
    for number, _ in enumerate(chunks):
        if number == count:
            return


async def _atake(chunks: AsyncIterator[Any], count: int | None) -> None:
    number = 0
    async for _ in chunks:
        if number == count:
            return
        number += 1
