"""Fixed limits, and the wait that rows share after refusals."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables import ConfigError
from runnables.jobs.limits import (
    FIRST_DELAY,
    LONGEST_DELAY,
    LONGEST_REQUESTED,
    CoolDown,
    FixedLimit,
)


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "8", None])
def test_a_limit_is_a_whole_number(limit: Any) -> None:
    """Anything else is refused, with its value."""
    with pytest.raises(ConfigError, match=f"FixedLimit.{limit!r}.: expected a whole number"):
        FixedLimit(limit)


@given(st.integers(1, 5), st.lists(st.sampled_from(["start", "end", "fail", "refuse"])))
def test_no_more_calls_are_in_flight_than_the_limit(limit: int, steps: list[str]) -> None:
    """Whatever ends how, the next call may start only below the limit."""
    fixed, now, calls = FixedLimit(limit), 0.0, list[Any]()
    for step in steps:
        now += 0.1
        if step == "start":
            may_start = fixed.next_start(now)
            assert (may_start is None) == (len(calls) == limit)
            if may_start == 0:
                calls.append(fixed.started(now))
        elif calls:
            call = calls.pop()
            {"end": fixed.succeeded, "fail": fixed.failed, "refuse": fixed.refused}[step](call, now)
        assert fixed.in_flight == len(calls) <= fixed.limit


def test_one_refused_row_waits_alone() -> None:
    """Others start meanwhile: a service may refuse a call at random."""
    limit = FixedLimit(4)
    call = limit.started(0)
    assert limit.refused(call, 1, retry_after=5) == 5
    assert limit.next_start(1) == 0


def test_from_the_second_refusal_on_all_rows_wait() -> None:
    """Until the first may come again, a second says that the service is busy."""
    limit = FixedLimit(4)
    calls = [limit.started(0) for _ in range(3)]
    limit.refused(calls[0], 1, retry_after=5)
    limit.refused(calls[1], 2, retry_after=5)
    assert limit.next_start(2) == 5
    assert limit.next_start(7) == 0
    limit.refused(calls[2], 8, retry_after=5)
    assert limit.next_start(8) == 0


def test_without_a_delay_of_the_service_the_wait_doubles_until_a_success() -> None:
    """Refusals that come together count once; a success starts from the beginning."""
    cool_down, now, waits = CoolDown(), 0.0, list[float]()
    for _ in range(8):
        waits.append(cool_down.delay(None))
        cool_down.refused(now, waits[-1])
        cool_down.refused(now, waits[-1])
        now = cool_down.until
    assert waits == [min(FIRST_DELAY * 2**n, LONGEST_DELAY) for n in range(8)]
    cool_down.succeeded()
    assert cool_down.delay(None) == FIRST_DELAY


def test_what_the_service_asks_for_is_followed_up_to_a_bound() -> None:
    """A wait of days would look like a job that hangs; a negative one is no request."""
    cool_down = CoolDown()
    assert cool_down.delay(0) == 0
    assert cool_down.delay(17.5) == 17.5
    assert cool_down.delay(4e9) == LONGEST_REQUESTED
    assert cool_down.delay(-1) == FIRST_DELAY
