"""Calls at the end of the interpreter: they are done in their own thread, and nothing hangs."""

from __future__ import annotations

import subprocess
import sys

import pytest

CALLS = {
    "batch": ("RunnableLambda(double).batch([1, 2, 3])", "[2, 4, 6]"),
    "limited": ("RunnableLambda(double).batch([1, 2, 3], max_concurrency=2)", "[2, 4, 6]"),
    "completed": ("sorted(RunnableLambda(double).batch_as_completed([1, 2]))", "[(0, 2), (1, 4)]"),
    "mapping": ("RunnableParallel(a=double, b=double).invoke(1)", "{'a': 2, 'b': 2}"),
    "map": ("RunnableLambda(double).map().invoke([1, 2])", "[2, 4]"),
    "nested": ("RunnableParallel(a=RunnableLambda(double).map()).batch([[1], [2]])",
               "[{'a': [2]}, {'a': [4]}]"),
    "time limit": ("RunnableLambda(double).with_timeout(30).invoke(1)", "2"),
    "streams": (
        "sorted(map(str, RunnableParallel(a=letters, b=letters).stream('x')))",
        '''["{'a': 'x'}", "{'b': 'x'}"]''',
    ),
    "stream with a time limit": (
        "list(RunnableLambda(double).with_timeout(30).stream(1))", "[2]"
    ),
    "events": ("len(list(RunnableLambda(double).stream_events(1)))", "3"),
    "async batch": ("asyncio.run(RunnableLambda(double).abatch([1, 2]))", "[2, 4]"),
    "async stream": ("asyncio.run(read(RunnableGenerator(letters).astream('ab')))", "['a', 'b']"),
    "retry": ("RunnableLambda(double).with_retry().batch([1, 2])", "[2, 4]"),
}  # fmt: skip
"""Calls that use threads, and what they print."""

START = """
import asyncio, atexit, sys, threading, time
from runnables import RunnableGenerator, RunnableLambda, RunnableParallel

def double(x):
    return 2 * x

def letters(chunks):
    for chunk in chunks:
        yield from chunk

async def read(chunks):
    return [chunk async for chunk in chunks]

def call():
    print({call}, flush=True)

if {warm}:  # threads are idle
    RunnableLambda(lambda x: time.sleep(0.01)).batch(range(4))
"""

WAYS = {
    "atexit": "atexit.register(call)",
    "a thread that outlives main": """
def late():
    threading.main_thread().join()
    call()
threading.Thread(target=late).start()
""",
    "a thread of a thread": """
def late():
    threading.main_thread().join()
    try:
        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
    except RuntimeError:  # Python starts no threads any more
        call()
threading.Thread(target=late).start()
""",
}


def _run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30
    )


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_calls_at_the_end_are_done(way: str, warm: bool) -> None:
    """Each of them prints what it prints at any other time."""
    calls = "\n".join(f"    print({call}, flush=True)" for call, _ in CALLS.values())
    script = START.replace("    print({call}, flush=True)", calls).replace("{warm}", str(warm))
    done = _run(script + way)
    expected = [text for _, text in CALLS.values()]
    assert (done.stdout.splitlines(), done.stderr, done.returncode) == (expected, "", 0)


# Functions of `__main__` would keep its objects alive until there is nothing left to call.
IN_FINALISERS = {
    "batch": ("RunnableLambda(str)", "batch([1, 2])", "['1', '2']"),
    "limited": ("RunnableLambda(str)", "batch([1, 2, 3], max_concurrency=2)", "['1', '2', '3']"),
    "mapping": ("RunnableParallel(a=str, b=repr)", "invoke(1)", "{'a': '1', 'b': '1'}"),
    "nested": ("RunnableParallel(a=RunnableLambda(str).map())", "batch([[1]])", "[{'a': ['1']}]"),
    "time limit": ("RunnableLambda(str).with_timeout(30)", "invoke(1)", "1"),
    "stream": ("RunnableParallel(a=str)", "stream(1).__next__()", "{'a': '1'}"),
}


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("left", ["log = Log()", "log = Log(); log.itself = log"])
@pytest.mark.parametrize(("chain", "call", "text"), IN_FINALISERS.values(), ids=IN_FINALISERS)
def test_a_finaliser_at_the_end_may_call(
    chain: str, call: str, text: str, left: str, warm: bool
) -> None:
    """No other thread runs any more, also none that was idle before."""
    done = _run(f"""
from runnables import RunnableLambda, RunnableParallel
class Log:
    def __del__(self, chain={chain}): print(chain.{call})
{left}
if {warm}:
    RunnableLambda(str).batch(range(9))
""")
    assert (done.stdout, done.stderr, done.returncode) == (text + "\n", "", 0)


@pytest.mark.parametrize("call", [call for call, _ in CALLS.values()], ids=CALLS)
def test_a_finaliser_at_the_very_end_ends(call: str) -> None:
    """When Python imports nothing any more, a call may fail, but does not hang."""
    script = START.replace("{call}", call).replace("{warm}", "True")
    done = _run(f"{script}\nclass Log:\n    def __del__(self): call()\nlog = Log()\n")
    assert done.returncode == 0


UNDER_WAY = {
    "a batch": "RunnableLambda(wait).batch(range(8), max_concurrency=4)",
    "a nested batch": "RunnableLambda(lambda x: RunnableLambda(wait).batch([x] * 4)).batch([1, 2])",
    "a stream": "list(RunnableParallel(a=waits, b=waits).stream(1))",
    "a time limit": "RunnableLambda(wait).with_timeout(60).invoke(1)",
    "events": "list(RunnableLambda(wait).stream_events(1))",
    "an async batch": "asyncio.run(RunnableLambda(wait).abatch(range(4)))",
}


@pytest.mark.parametrize("call", UNDER_WAY.values(), ids=UNDER_WAY)
def test_a_program_ends_while_daemon_threads_are_in_calls(call: str) -> None:
    """And what `atexit` calls meanwhile is done, whatever the threads are doing."""
    done = _run(f"""
import asyncio, atexit, threading, time
from runnables import RunnableLambda, RunnableParallel

def wait(x):
    time.sleep(0.0005)
    return x

def waits(chunks):
    for chunk in chunks:
        for _ in range(10):
            time.sleep(0.0005)
            yield chunk

def forever():
    while True:
        {call}

atexit.register(lambda: print(RunnableLambda(str).batch([1, 2])))
for _ in range(3):
    threading.Thread(target=forever, daemon=True).start()
time.sleep(0.05)
""")
    assert (done.stdout, done.returncode) == ("['1', '2']\n", 0)


def test_an_error_at_the_end_is_raised() -> None:
    """A failed item is an error there, too, with its note."""
    done = _run("""
import atexit
from runnables import RunnableLambda

@atexit.register
def end():
    try:
        RunnableLambda(lambda x: 1 // x).batch([1, 0])
    except ZeroDivisionError as error:
        print(error.__notes__)
""")
    assert "batch item 1" in done.stdout
