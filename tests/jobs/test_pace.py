"""The pace of starts: what it lets through, how it is cut, and how it grows."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from runnables.jobs.pace import SLACK, Pace


def _starts(pace: Pace, amounts: list[float], now: float = 0.0) -> list[float]:
    """Return the times at which calls of these amounts start, each as early as it may."""
    times = list[float]()
    for amount in amounts:
        now += pace.seconds_until(amount, now)
        pace.take(amount, now, 1.0)
        times.append(now)
    return times


@given(st.floats(0.1, 1000), st.lists(st.floats(0, 500), min_size=2, max_size=30))
def test_no_span_of_time_has_more_than_the_pace(rate: float, amounts: list[float]) -> None:
    """What starts in a span was paid for in it, but for what a late start makes up for."""
    pace = Pace()
    pace.stated = rate
    times = _starts(pace, amounts)
    assert pace.rate is not None
    for first in range(len(times)):
        for last in range(first + 1, len(times)):
            span = times[last] - times[first] + SLACK
            assert sum(amounts[first + 1 : last + 1]) <= pace.rate * span + 1e-6


def test_the_lower_one_of_learned_and_stated_holds() -> None:
    """Of what is stated, 97 %."""
    pace = Pace()
    assert pace.rate is None
    pace.stated = 10
    assert pace.rate == pytest.approx(9.7)
    pace.learned = 4
    assert pace.rate == 4
    pace.learned = 40
    assert pace.rate == pytest.approx(9.7)


def test_a_cut_is_small_unless_much_less_was_measured() -> None:
    """5 % where the measured rate is near, and half at most."""
    pace = Pace()
    pace.cut(100, now=0)
    assert pace.learned == pytest.approx(95)
    for measured, learned in [(90, 90.25), (None, 85.7375), (60, 57), (1, 28.5)]:
        pace.cut(measured, now=0)
        assert pace.learned == pytest.approx(learned)


@pytest.mark.parametrize("searching", [False, True])
def test_a_pace_grows_only_while_calls_wait_for_it(searching: bool) -> None:
    """Where none had to wait, nothing is known about a higher one."""
    pace = Pace()
    pace.cut(50, now=0)
    before = pace.rate
    for now in range(60):
        pace.take(1, now, 50, searching=searching)
    assert pace.rate == before
    now = 60.0
    for _ in range(2000):
        now += pace.seconds_until(1, now)
        pace.take(1, now, 50, searching=searching)
    assert before is not None
    assert pace.rate > before * (2 if searching else 1.2)


def test_a_correction_moves_the_next_start() -> None:
    """A call that took more tokens than expected delays others, one that took less does not."""
    pace = Pace()
    pace.stated = 100
    pace.take(100, 0, 1)
    wait = pace.seconds_until(100, 0)
    pace.correct(97)
    assert pace.seconds_until(100, 0) == pytest.approx(wait + 1)
    pace.correct(-97)
    assert pace.seconds_until(100, 0) == pytest.approx(wait)
