"""The adaptive limit, step by step, and on simulated services."""

from __future__ import annotations

from collections import deque
from typing import Any

import pytest
from hypothesis import given, strategies as st

from benchmarks.auto_limit import SERVICES, Simulation, simulate
from benchmarks.simulated_services import Service
from runnables import ConfigError
from runnables.jobs.adaptive import MANY, AdaptiveLimit
from runnables.jobs.limits import CallLimit, FixedLimit, LimitedCall

QUICK = (
    "600 a minute, Retry-After",
    "24 at once",
    "slower past 24",
    "60 at once, halves",
    "300,000 tokens, headers",
)
"""The services that are tried by default; the others take minutes on a busy machine."""


def _start(limit: CallLimit, count: int, now: float = 0.0) -> list[LimitedCall]:
    return [limit.started(now) for _ in range(count)]


def _keep_busy(limit: CallLimit, answers: int, now: float = 0.0) -> float:
    """Start what may start, and let the first call end, so many times; return the time."""
    calls = deque[LimitedCall]()
    for _ in range(answers):
        while limit.next_start(now) == 0:
            calls.append(limit.started(now))
        now += 0.1
        limit.succeeded(calls.popleft(), now)
    while calls:
        limit.failed(calls.popleft(), now)
    return now


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow, id=name)
        for name in SERVICES
    ],
)
def test_it_finds_the_limit_of_a_service(name: str) -> None:
    """At least 90 % of its capacity are used, less than 2 % refused, and no row is lost."""
    outcome = simulate(name, seed=1)
    assert outcome.done == outcome.rows >= 10_000
    assert outcome.used >= 0.9
    assert outcome.rejected < 0.02


def test_it_grows_while_all_goes_well() -> None:
    """Each success adds one, until the most."""
    limit = AdaptiveLimit(first=2, most=20)
    _keep_busy(limit, 10)
    assert limit.limit == 12
    _keep_busy(limit, 10, now=10)
    assert limit.limit == 20


def test_it_does_not_grow_beyond_what_is_used() -> None:
    """A job that makes one call at a time says nothing about the service."""
    limit, now = AdaptiveLimit(first=8), 0.0
    for _ in range(50):
        call = limit.started(now)
        now += 1
        limit.succeeded(call, now)
    assert limit.limit == 8


@pytest.mark.parametrize("end", ["failed", "refused once"])
def test_an_error_or_one_refusal_cuts_nothing(end: str) -> None:
    """Errors say nothing about a limit, and one refusal in 200 calls may be chance."""
    limit = AdaptiveLimit(first=8)
    now = _keep_busy(limit, 50)
    before = limit.limit
    calls = _start(limit, 40, now)
    if end == "failed":
        for call in calls:
            limit.failed(call, now + 1)
    else:
        assert limit.refused(calls[0], now + 1, retry_after=3) == 3
    assert (limit.limit, limit.pace) == (before, None)
    assert limit.next_start(now + 1) == 0


def test_several_refusals_stop_all_rows_and_cut() -> None:
    """All wait for as long as the service asks; then one call starts, and the next after it."""
    limit = AdaptiveLimit(first=8)
    now = _keep_busy(limit, 30)
    accepted, refused = _start(limit, 25, now), _start(limit, MANY, now)
    for call in refused:
        limit.refused(call, now + 0.1, retry_after=3)
    assert limit.limit == 25  # less than any number in flight that was refused
    for call in accepted:
        limit.succeeded(call, now + 1)
    assert limit.next_start(now + 1) == pytest.approx(2.1)
    now += 3.2
    assert limit.next_start(now) == 0
    first = limit.started(now)
    assert limit.next_start(now) != 0  # only one, until it is known to be accepted
    limit.succeeded(first, now + 1)
    assert limit.next_start(now + 1) == 0


def test_it_stays_below_what_headers_state() -> None:
    """From the first answer on: 97 % of the limit, and a call of two requests counts twice."""
    limit = AdaptiveLimit()
    headers = {"x-ratelimit-limit-requests": "600"}
    call = limit.started(0)
    limit.succeeded(call, 1, headers=headers)
    assert limit.pace == pytest.approx(9.7)
    for now in range(2, 500):
        call = limit.started(now)
        limit.state(headers, now, call)
        limit.succeeded(call, now + 1, headers=headers)
    assert limit.pace == pytest.approx(4.85, rel=0.01)


def test_of_the_limits_that_are_stated_within_a_minute_the_lowest_holds() -> None:
    """Several models may state different ones; an older one is forgotten."""
    limit, now = AdaptiveLimit(), 0.0
    for now, stated, pace in [(0, "600", 9.7), (1, "60", 0.97), (2, "600", 0.97), (70, "600", 9.7)]:
        limit.succeeded(limit.started(now), now, headers={"x-ratelimit-limit-requests": stated})
        assert limit.pace == pytest.approx(pace)


def test_tokens_that_are_stated_make_a_pace_too() -> None:
    """Large calls wait longer than small ones; unknown ones count as the average."""
    limit = AdaptiveLimit()
    limit.succeeded(
        limit.started(0, 1000), 1, tokens=1000, headers={"x-ratelimit-limit-tokens": "60000"}
    )
    limit.started(2, 1000)
    waits = [limit.next_start(2, tokens) for tokens in (0, 97, 970, 9700)]
    assert waits == pytest.approx([1000 / 970, 0.1, 1, 10], abs=0.1)


@pytest.mark.parametrize("limit", [0, 2.5, True, "auto"])
def test_its_bounds_are_whole_numbers(limit: Any) -> None:
    """The error shows the value."""
    with pytest.raises(ConfigError, match="first="):
        AdaptiveLimit(first=limit)
    with pytest.raises(ConfigError, match="most="):
        AdaptiveLimit(most=limit)


SERVICE = st.builds(
    Service,
    rps=st.none() | st.floats(2, 100),
    at_once=st.none() | st.integers(1, 50),
    tpm=st.none() | st.floats(100_000, 1e6),
    latency=st.floats(0.05, 10),
    sigma=st.floats(0, 1),
    tells=st.booleans(),
    headers=st.booleans(),
    errors=st.sampled_from([0, 0, 0.3]),
    at_random=st.sampled_from([0, 0, 0.1]),
    seed=st.integers(0, 100),
)


@pytest.mark.parametrize(
    "make", [lambda: AdaptiveLimit(most=60), lambda: FixedLimit(60)], ids=["auto", "fixed"]
)
@given(service=SERVICE)
def test_every_row_is_answered_whatever_the_service_does(make: Any, service: Service) -> None:
    """No row is lost or starves, and never more calls are in flight than the most."""
    outcome = Simulation(make(), service, calls=100).run()
    assert outcome.done == 100
    assert outcome.most <= 60
