"""Sections that no fork interrupts."""

from __future__ import annotations

import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from runnables.engine.fork_barrier import FORKS, ForkBarrier
from tests.leaks import wait_for


def test_a_fork_waits_until_no_other_thread_is_in_a_section() -> None:
    """And what is done before a fork is done then."""
    barrier, seen = ForkBarrier(), list[str]()
    barrier.before_fork(lambda: seen.append("before"))
    section = barrier.enter("a")
    with ThreadPoolExecutor(1) as pool:
        forking = pool.submit(barrier.wait)
        assert wait_for(lambda: barrier.is_forking, 60)
        assert not forking.done() and seen == []
        barrier.leave(section)
        forking.result()
    assert seen == ["before"]


def test_no_thread_enters_a_section_while_one_forks() -> None:
    """It goes on in the parent, when the fork is done."""
    barrier, entered = ForkBarrier(), threading.Event()

    def enter() -> None:
        barrier.leave(barrier.enter("a"))
        entered.set()

    barrier.wait()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(enter)
        assert not entered.is_set()
        barrier.go_on()
        waiting.result()
    assert entered.is_set()


def test_a_thread_in_a_section_enters_another_one() -> None:
    """Else the fork waited for it, and it for the fork; the thread that forks, too."""
    barrier = ForkBarrier()
    outer = barrier.enter("a")
    with ThreadPoolExecutor(1) as pool:
        forking = pool.submit(barrier.wait)
        assert wait_for(lambda: barrier.is_forking, 60)
        barrier.leave(barrier.enter("b"))
        barrier.leave(outer)
        forking.result()
    barrier.go_on()
    own = barrier.enter("c")
    barrier.wait()
    barrier.leave(barrier.enter("d"))
    barrier.leave(own)


def test_a_section_that_outlasts_the_wait_is_interrupted() -> None:
    """The child knows it, and so do its own children; the parent goes on."""
    barrier = ForkBarrier(seconds=0)
    section = barrier.enter("a")
    with ThreadPoolExecutor(1) as pool:
        pool.submit(barrier.wait).result()
        barrier.go_on()
        assert not barrier.was_interrupted("a")
        pool.submit(barrier.wait).result()
    barrier.start_child()  # what runs in the child
    assert barrier.was_interrupted("a") and not barrier.was_interrupted("b")
    barrier.leave(section)
    barrier.wait()
    barrier.start_child()
    assert barrier.was_interrupted("a") and not barrier.is_forking
    barrier.leave(barrier.enter("b"))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_fork_by_python_goes_through_the_barrier() -> None:
    """The hooks are registered, and the child begins without sections."""
    section = FORKS.enter("of the parent")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: there are threads
            child = os.fork()
        if child == 0:
            os._exit(0 if FORKS.was_interrupted("of the parent") and not FORKS.is_forking else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert not FORKS.is_forking and not FORKS.was_interrupted("of the parent")
    finally:
        FORKS.leave(section)
