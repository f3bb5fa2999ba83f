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
from collections.abc import Iterator
from typing import Any, Final

from benchmarks.random_programs import Ledger, Program
from runnables import Runnable, RunnableLambda, RunnableParallel, is_cancelled

PATIENCE: Final = 20.0
GRACE: Final = 2.0


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
