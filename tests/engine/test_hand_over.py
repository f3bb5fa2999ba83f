"""The hand-over between threads: each way out of a state is taken once, by the first that comes."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable

import pytest

from runnables.engine.hand_over import (
    ABANDONED,
    BEGUN,
    DONE,
    QUEUED,
    HandOver,
    HandOvers,
    Job,
    Turn,
)
from tests.leaks import wait_for

LONG = 5
"""Seconds until a test stops waiting for what would never come."""


def together(*functions: Callable[[], object]) -> list[object]:
    """Call functions in a thread each, all at the same moment; return what they return."""
    start = threading.Barrier(len(functions))
    results: list[object] = [None] * len(functions)

    def call(index: int) -> None:
        start.wait(LONG)
        results[index] = functions[index]()

    threads = [threading.Thread(target=call, args=(index,)) for index in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    return results


def test_the_states_are_those_of_the_picture() -> None:
    """Queued, begun, done; abandoned from the first two, and from there nowhere."""
    work = HandOver()
    assert work.state is QUEUED
    assert work.begin()
    assert work.state is BEGUN
    assert work.finish()
    assert work.state is DONE
    assert not work.abandon()
    assert work.state is DONE


def test_what_was_abandoned_before_it_began_never_begins() -> None:
    """Also where it is asked again."""
    work = HandOver()
    assert work.abandon()
    assert work.abandon()
    assert not work.begin()
    assert work.state is ABANDONED


def test_what_was_abandoned_while_it_ran_has_no_outcome() -> None:
    """The side that has begun it learns so at its end."""
    work = HandOver()
    work.begin()
    assert not work.abandon()
    assert work.state is ABANDONED
    assert not work.finish()


@pytest.mark.parametrize("make", [HandOver, HandOvers])
def test_one_of_two_threads_wins(make: Callable[[], HandOver | HandOvers]) -> None:
    """Either it begins, or it is abandoned before; never both, never neither."""
    for _ in range(200):
        work = make()
        began, never = together(work.begin, work.abandon)
        assert began is not never


def test_a_worker_that_was_given_up_during_a_job_ends_it_and_begins_no_other() -> None:
    """The side that gives up has said before that there is no other."""
    jobs = HandOvers()
    assert jobs.begin()
    jobs.finish()
    assert jobs.begin()
    assert not jobs.abandon()
    jobs.finish()
    assert jobs.abandon()
    assert not jobs.begin()


def test_an_abandoned_job_reports_nothing() -> None:
    """It is not called; where it was under way, its result is dropped."""
    reports: list[object] = []
    calls: list[int] = []

    def report(*outcome: object) -> None:
        reports.append(outcome)

    queued = Job(lambda: calls.append(1), report)
    queued.abandon()
    queued()
    running = Job(lambda: running.abandon(), report)
    running()
    assert (calls, reports) == ([], [])
    Job(lambda: 1, report)()
    assert reports == [(1, None)]


def test_something_in_use_is_closed_by_the_thread_in_it_on_its_way_out() -> None:
    """Once, however often it is asked for."""
    closed: list[int] = []
    turn = Turn(lambda: closed.append(threading.get_ident()))
    inside, goes_on = threading.Event(), threading.Event()

    def use() -> None:
        try:
            with turn.lock:
                inside.set()
                goes_on.wait(LONG)
        finally:
            turn.leave()

    user = threading.Thread(target=use)
    user.start()
    assert inside.wait(LONG)
    assert not turn.close()
    assert closed == []
    goes_on.set()
    user.join(LONG)
    assert closed == [user.ident]
    assert turn.close()
    assert closed == [user.ident]


def test_something_is_closed_once_when_it_is_left_and_given_up_at_the_same_moment() -> None:
    """None of the two relies on the other: exactly one of them closes it."""
    for _ in range(200):
        closed: list[int] = []
        turn = Turn(lambda closed=closed: closed.append(1))  # type: ignore[misc]
        turn.lock.acquire()

        def leave(turn: Turn = turn) -> None:
            turn.lock.release()
            turn.leave()

        together(leave, turn.close)
        assert closed == [1]


def test_a_finaliser_in_the_thread_that_is_in_it_does_not_wait_for_itself() -> None:
    """The garbage collector may close a stream within the thread that advances it."""
    closed: list[int] = []
    turn = Turn(lambda: closed.append(1))

    class Left:
        def __del__(self) -> None:
            turn.close()

    left = Left()
    left.itself = left  # type: ignore[attr-defined]
    with turn.lock:
        del left
        gc.collect()
        assert turn.closing
        assert closed == []
    turn.leave()
    assert closed == [1]


def test_threads_that_wait_for_the_turn_go_away_when_it_closes() -> None:
    """The one in it leaves, and so do those that wait, one after another."""
    turn = Turn(lambda: None)
    found: list[bool] = []

    def enter() -> None:
        try:
            with turn.lock:
                found.append(turn.closing)
        finally:
            turn.leave()

    turn.lock.acquire()
    threads = [threading.Thread(target=enter) for _ in range(3)]
    for thread in threads:
        thread.start()
    turn.close()
    turn.lock.release()
    turn.leave()
    assert wait_for(lambda: not any(thread.is_alive() for thread in threads), LONG)
    assert found == [True] * 3
