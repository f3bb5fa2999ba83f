"""The command `python -m benchmarks.soak`: random programs that try to break the engine.

Each program is a random nesting of everything that fans out, streams, retries or gives up. It is
run under a limit of 1 to 4, and ends in a random way: it completes, fails, is cancelled, is
interrupted, or its stream is left. Four things are counted, and each should be 0:

- **hangs**: a program takes longer than `PATIENCE` seconds. The stacks of all threads are printed,
  and the command exits with 2.
- **late**: a user's function begins after its program has ended.
- **over**: more functions run at once than the limit allows, those that were cancelled left out.
- **open**: a user's generator was begun, and is not closed `GRACE` seconds after the end.

    python -m benchmarks.soak programs --count 3000          # sync, then async
    python -m benchmarks.soak programs --eager --gc          # eager tasks (3.12+), a busy collector
    python -m benchmarks.soak interrupts --count 100         # SIGINT at random moments
    python -m benchmarks.soak handlers --count 500           # signal handlers that run a chain

A run depends on `--seed` and on how threads are scheduled, so one that fails may pass next time.
"""

from __future__ import annotations

import argparse
import asyncio
import faulthandler
import gc
import os
import random
import signal
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from runnables import Runnable, RunnableLambda, RunnableParallel, is_cancelled
from runnables.engine.cancellation import CancelToken, current_token

PATIENCE: Final = 20.0
GRACE: Final = 2.0
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


class Tally:
    """The counts over all programs."""

    def __init__(self) -> None:
        self.programs = self.late = self.over = self.open = self.failed = self.tasks = 0
        self.examples: list[str] = []

    def settle(self, ledger: Ledger, name: str) -> None:
        """Add what a program that has ended did, after giving its threads time to stop."""
        until = time.monotonic() + GRACE
        while ledger.opened > ledger.closed and time.monotonic() < until:
            time.sleep(0.002)
        self._count(ledger, name)

    async def asettle(self, ledger: Ledger, name: str) -> None:
        """Do the same on an event loop, which must have no task left afterwards."""
        until = time.monotonic() + GRACE
        others = asyncio.all_tasks() - {asyncio.current_task()}
        while (ledger.opened > ledger.closed or others) and time.monotonic() < until:
            await asyncio.sleep(0.002)
            others = asyncio.all_tasks() - {asyncio.current_task()}
        self.tasks += len(others)
        self._count(ledger, name)

    def _count(self, ledger: Ledger, name: str) -> None:
        self.programs += 1
        counts = {
            "late": ledger.late,
            "over": int(ledger.peak > ledger.limit),
            "open": max(0, ledger.opened - ledger.closed),
        }
        for key, count in counts.items():
            setattr(self, key, getattr(self, key) + count)
            if count:
                self.examples.append(f"{key}: {name}")

    def report(self, title: str) -> bool:
        """Print the counts; return whether all are as they should be."""
        print(
            f"{title}: {self.programs} programs, {self.failed} of them failed; 0 hangs, "
            f"{self.late} late, {self.over} over the limit, {self.open} left open, "
            f"{self.tasks} tasks left",
            flush=True,
        )
        for example in self.examples[:10]:
            print("   ", example)
        return not (self.late or self.over or self.open or self.tasks)


def _run_one(program: Program, tally: Tally) -> None:
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    try:
        program.run()
    except Exception:
        tally.failed += 1
    program.ledger.over = True


async def _arun_one(program: Program, tally: Tally) -> None:
    faulthandler.dump_traceback_later(PATIENCE, exit=True)
    try:
        await program.arun()
    except Exception:
        tally.failed += 1
    program.ledger.over = True


def soak_programs(count: int, seed: int, eager: bool) -> bool:
    """Run `count` programs in this thread, then as many on an event loop."""
    tally = Tally()
    for number in range(count):
        program = Program(random.Random(f"{seed} sync {number}"), is_async=False)
        _run_one(program, tally)
        tally.settle(program.ledger, f"sync {number}, {program.end}")
    sound = tally.report("sync")

    async def run_all() -> None:
        if eager:
            factory: Any = getattr(asyncio, "eager_task_factory")  # noqa: B009 - new in 3.12
            asyncio.get_running_loop().set_task_factory(factory)
        for number in range(count):
            program = Program(random.Random(f"{seed} async {number}"), is_async=True)
            await _arun_one(program, tally)
            await tally.asettle(program.ledger, f"async {number}, {program.end}")

    tally = Tally()
    asyncio.run(run_all())
    return tally.report("async, eager tasks" if eager else "async") and sound


def soak_interrupts(count: int, seed: int) -> bool:
    """Send SIGINT at a random moment of each program, sync and async in turns."""
    tally, interrupted = Tally(), 0
    for number in range(count):
        dice = random.Random(f"{seed} interrupt {number}")
        program = Program(dice, is_async=bool(number % 2))
        delay = dice.uniform(0.0005, 0.02)
        try:
            if program.is_async:
                asyncio.run(_interrupted(program, tally, delay))
            else:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                _send_later(delay)
                _run_one(program, tally)
            time.sleep(0.03)  # the signal comes, at the latest, here
        except KeyboardInterrupt:
            interrupted += 1
        program.ledger.over = True
        tally.settle(program.ledger, f"interrupt {number}, {program.end}")
    print(f"{interrupted} of {count} interrupts were raised")
    return tally.report("interrupts") and interrupted == count


async def _interrupted(program: Program, tally: Tally, delay: float) -> None:
    _send_later(delay)
    await _arun_one(program, tally)
    await asyncio.sleep(0.03)


def _send_later(delay: float) -> None:
    threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT)).start()


def soak_handlers(count: int, seed: int) -> bool:
    """Run a chain in a signal handler, `count` times, at random moments of other programs."""
    pair = RunnableParallel(a=RunnableLambda(lambda x: x), b=RunnableLambda(lambda x: x + 1))
    letters = RunnableParallel(a=RunnableLambda(_letters), b=RunnableLambda(_letters))
    nested: Runnable[int, Any] = RunnableLambda(lambda value: pair.batch([value] * 4))
    finished = wrong = 0
    inside = False

    def handler(number: int, frame: object) -> None:
        nonlocal finished, wrong, inside
        if inside or finished >= count or is_cancelled():  # in a cancelled call, a chain is, too
            return
        inside = True
        try:
            wrong += pair.batch([1, 2, 3]) != [{"a": n, "b": n + 1} for n in (1, 2, 3)]
            wrong += len(list(letters.stream(1))) != 20
            finished += 1
        finally:
            inside = False

    signal.signal(signal.SIGALRM, handler)
    tally, number = Tally(), 0
    signal.setitimer(signal.ITIMER_REAL, 0.0015, 0.0015)
    while finished < count:
        dice = random.Random(f"{seed} handler {number}")
        program = Program(dice, is_async=False, pauses=number % 4 == 0)  # else the engine is busy
        _run_one(program, tally)
        tally.settle(program.ledger, f"handler {number}, {program.end}")
        number += 1
        for _ in range(20):  # trivial steps, so that most signals find the engine at work
            nested.invoke(1, {"max_concurrency": 3})
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(f"{finished} signal handlers ran a chain, {wrong} with a wrong result")
    return tally.report("handlers") and not wrong


def _letters(_: object) -> Iterator[str]:
    yield from "xxxxxxxxxx"


def main() -> int:
    """Run what the command line names; return 1 where a count is not 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("what", choices=["programs", "interrupts", "handlers"])
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--eager", action="store_true", help="eager tasks (Python 3.12 and newer)")
    parser.add_argument("--gc", action="store_true", help="set the collector's thresholds to 1")
    options = parser.parse_args()
    if options.gc:
        gc.set_threshold(1, 1, 1)
    print(f"Python {sys.version.split()[0]}, seed {options.seed}", flush=True)
    if options.what == "programs":
        sound = soak_programs(options.count, options.seed, options.eager)
    elif options.what == "interrupts":
        sound = soak_interrupts(options.count, options.seed)
    else:
        sound = soak_handlers(options.count, options.seed)
    faulthandler.cancel_dump_traceback_later()
    return 0 if sound else 1


if __name__ == "__main__":
    sys.exit(main())
