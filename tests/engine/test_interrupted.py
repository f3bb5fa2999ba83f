"""Signal handlers and finalisers run calls of their own, wherever they come in between."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

HANDLERS = 100
"""How many signal handlers run their chain to its end, in each test."""

START = """
import asyncio, faulthandler, gc, os, signal, sys, threading, time
from runnables import RunnableGenerator, RunnableLambda, RunnableParallel, RunnablePassthrough

faulthandler.dump_traceback_later(40, exit=True)  # a hang shows where

def letters(chunks):
    for chunk in chunks:
        yield from "abcdefgh"

def fails(x):
    raise ValueError("own")

both = RunnableParallel(a=lambda x: x, b=lambda x: x + 1)
streams = RunnableParallel(a=letters, b=letters)
tee = RunnableLambda(lambda x: x) | RunnableParallel(a=RunnablePassthrough(), b=letters)

def failing(x):
    try:
        RunnableParallel(a=fails, b=lambda x: x, c=fails).invoke(x)
    except ValueError:
        return x

def leave(x):
    with streams.stream(x) as chunks:
        next(chunks)

def all_kinds(x):
    both.batch([x] * 4)
    list(streams.stream(x))
    list(tee.stream(x))
    RunnableLambda(lambda y: y).with_timeout(20).invoke(x)
    sorted(RunnableLambda(lambda y: y).batch_as_completed(range(6), max_concurrency=3))
    leave(x)
    failing(x)
    list(both.stream_events(x))
"""

SIGNALS = """
ran, inside = [0], [False]
def handler(*_):
    if not inside[0]:
        inside[0] = True
        try:
            {handled}
            ran[0] += 1
        finally:
            inside[0] = False

all_kinds(1)  # a handler cannot import what was being imported when it came
{interrupted}
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 0.0007, 0.0011)
while ran[0] < {handlers}:
    {interrupted}
signal.setitimer(signal.ITIMER_REAL, 0)
print("went on")
"""

WORK = {
    "batch": "both.batch([1, 2, 3, 4], max_concurrency=3)",
    "nested batch": "RunnableLambda(lambda x: both.batch([x] * 4)).batch([1], max_concurrency=3)",
    "limit of 1": "RunnableLambda(lambda x: both.batch([x] * 4)).invoke(1, {'max_concurrency': 1})",
    "streams": "RunnableLambda(lambda x: list(streams.stream(x))).invoke(1)",
    "one stream for several": "list(tee.stream(1, {'max_concurrency': 2}))",
    "streams that are left": "leave(1)",
    "completed": "list(both.batch_as_completed(range(9), max_concurrency=2))",
    "failures": "failing(1)",
    "time limits": "both.with_timeout(20).batch([1, 2])",
    "events": "list(streams.stream_events(1))",
    "async": "asyncio.run(both.abatch([1, 2, 3], max_concurrency=2))",
    "async streams": "asyncio.run(read(RunnableParallel(a=letters, b=both).astream(1)))",
}

READ = """
async def read(chunks):
    return [chunk async for chunk in chunks]
"""


def _run(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="this system has no timers that signal")
@pytest.mark.parametrize("work", WORK.values(), ids=WORK)
def test_a_signal_handler_may_run_a_chain(work: str) -> None:
    """It comes in between any two lines of a call, and runs calls of every kind to their end."""
    script = SIGNALS.format(handled="all_kinds(1)", interrupted=work, handlers=HANDLERS)
    assert _run(START + READ + script) == "went on\n"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="this system has no timers that signal")
def test_a_signal_handler_that_raises_ends_the_call() -> None:
    """As Ctrl-C does; the calls after it have all their slots and threads."""
    script = """
class Stop(Exception):
    pass

def handler(*_):
    raise Stop

signal.signal(signal.SIGALRM, handler)
rounds = 0
while rounds < 200:
    try:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.0001 + 0.00001 * rounds)
            all_kinds(1)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Stop:
        pass
    rounds += 1
barrier = threading.Barrier(4)
RunnableLambda(lambda x: barrier.wait(5)).batch(range(4), max_concurrency=4)
print("went on")
"""
    assert _run(START + script) == "went on\n"


COLLECTED = """
gc.set_threshold({thresholds})
died = []
threading.excepthook = lambda args: died.append(args.exc_value)
sys.unraisablehook = lambda args: died.append(args.exc_value)

class Holder:
    pass

def left_in_a_cycle(chunks, taken):
    holder = Holder()
    holder.chunks, holder.itself = chunks, holder
    for _ in range(taken):
        next(holder.chunks, None)

def leaf(x):
    left_in_a_cycle(streams.stream(1), x % 4)
    left_in_a_cycle(both.batch_as_completed([1, 2, 3], max_concurrency=2), x % 2)
    left_in_a_cycle(both.stream_events(1), x % 3)
    return x

fan = RunnableLambda(lambda x: [x] * 4) | RunnableLambda(leaf).map() | RunnableLambda(sum)
until = time.monotonic() + 3
while time.monotonic() < until:
    fan.batch(range(6), max_concurrency=4)
    RunnableParallel(a=leaf, b=fan).invoke(2, {{"max_concurrency": 3}})
    both.batch(range(9), max_concurrency=2)
gc.set_threshold(700, 10, 10)
gc.collect()
print(died)
"""


@pytest.mark.slow
@pytest.mark.parametrize("thresholds", ["1, 1, 1", "13, 1, 1", "40, 1, 1"])
def test_the_collector_may_close_streams_anywhere(thresholds: Any) -> None:
    """Also in the release of a slot, and in the threads of the stream itself; none of them dies."""
    assert _run(START + COLLECTED.format(thresholds=thresholds)) == "[]\n"


@pytest.mark.slow
def test_a_finaliser_may_run_a_chain() -> None:
    """The garbage collector runs it in any thread, between any two lines."""
    script = """
gc.set_threshold(5, 1, 1)
ran = []

class Log:
    def __init__(self):
        self.itself = self
    def __del__(self):
        if len(ran) < 2000:
            ran.append(both.batch([1, 2]))
            leave(1)

def leaf(x):
    Log()
    return x

until = time.monotonic() + 3
while time.monotonic() < until:
    RunnableLambda(leaf).batch(range(8), max_concurrency=3)
    RunnableParallel(a=leaf, b=RunnableLambda(leaf).map()).batch([[1, 2]] * 2, max_concurrency=2)
print(len(ran) > 10)

"""
    assert _run(START + script) == "True\n"
