"""Every way to leave a stream of every shape, from a real model and a real connection.

tests/laws/test_06_leaving.py proves the law with generators, which only work when they are asked.
Here the source works on its own, and has to be stopped.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runnables_providers.local import LocalChatModel
from tests.both_modes import run_clean
from tests.leaks import nothing_left, open_async_generators, wait_for
from tests.leaving.cells import CELLS, SHAPES, TAKEN, Stages, abreak_off, input_of
from tests.leaving.feed import Feed, serve

AHEAD = 2
"""Chunks that a source may be ahead of the consumer."""

TIMEOUT = 5.0
"""Seconds until a test stops waiting for a stream or a connection to be closed."""

STORY = "Write a very long story about a fox."


def leave(way: Any, runnable: Any, value: Any, check: Callable[[], None]) -> None:
    """Leave a stream, and check what must hold as soon as that has returned."""

    async def main() -> None:
        open_before = open_async_generators()
        await way(runnable, value)
        if way is abreak_off:  # a task of the loop closes what an `async for` leaves
            await until_closed(open_before)
        check()

    if inspect.iscoroutinefunction(way):
        run_clean(main())
    else:
        way(runnable, value)
        check()


async def until_closed(streams: set[Any]) -> None:
    """Let the loop run until no other streams than these are open."""
    until = time.monotonic() + TIMEOUT
    while open_async_generators() - streams and time.monotonic() < until:
        await asyncio.sleep(0.001)


@pytest.fixture(scope="module")
def story_model() -> LocalChatModel:
    """Return the local model, which would write for a minute."""
    return LocalChatModel(max_tokens=2000)


@pytest.mark.local_model
@pytest.mark.leaks(reason="the loaded model keeps its threads and its socket")
@pytest.mark.parametrize(("shape", "way"), CELLS)
def test_leaving_stops_the_model(shape: str, way: Any, story_model: LocalChatModel) -> None:
    """After the exit no stage is open, and the model computes nothing."""
    stages, engine = Stages(), story_model._engine()

    def check() -> None:
        assert stages.all_finished()
        assert engine.calls() == 0
        assert engine.metrics()["requests_processing"] == 0
        assert engine.metrics()["requests_deferred"] == 0

    leave(way, SHAPES[shape](story_model, stages), input_of(shape, STORY), check)


@pytest.fixture(scope="module")
def _feed() -> Iterator[Feed]:
    with serve() as feed:
        yield feed


@pytest.fixture
def feed(_feed: Feed) -> Feed:
    """Return the server, with its counters at zero."""
    _feed.opened = _feed.closed = _feed.pulled = _feed.disconnects = 0
    return _feed


@pytest.mark.leaks(reason="the server of this module; what a test leaves is counted within it")
@pytest.mark.parametrize("path", ["/slow", "/silent"])
@pytest.mark.parametrize(("shape", "way"), CELLS)
def test_leaving_closes_the_connection(shape: str, way: Any, path: str, feed: Feed) -> None:
    """After the exit every connection is closed, no stage is open, and few chunks were pulled.

    `/slow` goes on sending. At `/silent`, code that reads ahead waits for a chunk that never comes.
    """
    stages = Stages()

    def check() -> None:
        assert stages.all_finished()
        assert feed.closed == feed.opened > 0
        assert feed.pulled <= TAKEN + AHEAD * feed.opened

    with nothing_left():
        leave(way, SHAPES[shape](feed.reader(path), stages), input_of(shape, "go"), check)
        assert wait_for(lambda: feed.disconnects == feed.opened, TIMEOUT), "the server saw no end"
