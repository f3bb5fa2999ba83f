"""Sync programs run without asyncio, and are cancelled as those are that have loaded it."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from runnables.engine import lazy_asyncio

FAILING_BATCH = """
import sys
import threading
from runnables import RunnableLambda
from runnables.engine.timeouts import sleep

ended = []
all_began = threading.Barrier(3)

def work(item):
    all_began.wait()
    if item == 2:
        raise ValueError("two")
    try:
        sleep(60)
    except BaseException as error:
        ended.append(error)
        raise

assert "asyncio" not in sys.modules
try:
    RunnableLambda(work).batch(range(3), max_concurrency=3)
except ValueError:
    from asyncio import CancelledError
    print([type(error) is CancelledError for error in ended])
"""

LEFT_STREAM = """
import sys
from runnables import RunnableGenerator, RunnableParallel

closed = []

def count(chunks):
    try:
        for chunk in chunks:
            yield from range(1000)
    finally:
        closed.append("closed")

assert "asyncio" not in sys.modules
begun = set()
with RunnableParallel(a=RunnableGenerator(count), b=RunnableGenerator(count)).stream(1) as chunks:
    while len(begun) < 2:
        begun.update(next(chunks))
print(closed)
"""


def _printed(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_failure_cancels_the_other_items_before_asyncio_is_loaded() -> None:
    """The workers that sleep get asyncio's own CancelledError."""
    assert _printed(FAILING_BATCH) == "[True, True]\n"


def test_a_stream_is_left_before_asyncio_is_loaded() -> None:
    """The threads that advance the branches close them before the exit returns."""
    assert _printed(LEFT_STREAM) == "['closed', 'closed']\n"


def test_the_names_are_those_of_asyncio() -> None:
    """A name is asyncio's own; one that asyncio does not have is an AttributeError."""
    assert lazy_asyncio.CancelledError is asyncio.CancelledError
    with pytest.raises(AttributeError, match="has no attribute 'CanceledError'"):
        _ = lazy_asyncio.CanceledError
