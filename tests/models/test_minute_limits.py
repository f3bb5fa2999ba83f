"""What goes in any 60 seconds of ten thousand calls, by a simulated clock."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from runnables.models.rate_limits import FairQueue, Limits, QueueEntry
from tests.models.test_rate_limits import Wakeup

CALLS = 10_000

Went = list[tuple[float, float]]
"""When each call went, and its tokens."""


def _run(limits: Limits, tokens: Callable[[int], float], rests: Callable[[int], float]) -> Went:
    """Return what went of calls that come as soon as the one before has gone, or after a rest."""
    now, went = 0.0, Went()
    queue = FairQueue(limits, lambda: now)
    for number in range(CALLS):
        now += rests(number)
        entry = QueueEntry(tokens(number), Wakeup())
        queue.enqueue(entry)
        while seconds := queue.seconds_until(entry):
            now += seconds
        went.append((now, entry.tokens))
    return went


def _most_in_a_minute(went: Went) -> tuple[int, float]:
    """Return the most calls, and the most tokens, of all spans of 60 seconds with their ends."""
    first, calls, tokens, total = 0, 0, 0.0, 0.0
    for last, (now, amount) in enumerate(went):
        total += amount
        while now - went[first][0] > 60:
            total -= went[first][1]
            first += 1
        calls, tokens = max(calls, last - first + 1), max(tokens, total)
    return calls, tokens


@settings(max_examples=8)
@given(
    requests=st.none() | st.integers(30, 60_000),
    tokens=st.none() | st.integers(100_000, 2_000_000),
    size=st.integers(1, 50),
    seed=st.integers(0, 99),
)
def test_no_minute_has_more_than_the_limits(
    requests: int | None, tokens: int | None, size: int, seed: int
) -> None:
    """Neither more requests nor more tokens, however many may go at once after a quiet time."""
    rng = random.Random(seed)

    def rest(number: int) -> float:
        is_quiet = number > CALLS // 2 and rng.random() < 0.01
        return rng.expovariate(1 / 60) if is_quiet else 0.0

    rate = None if requests is None else requests / 60
    limits = Limits(rate, size, tokens, requests)
    most, most_tokens = _most_in_a_minute(
        _run(limits, lambda _: rng.lognormvariate(6.5, 0.8), rest)
    )
    assert requests is None or most <= requests
    assert tokens is None or most_tokens <= tokens * (1 + 1e-6)


@pytest.mark.parametrize("part", [0.001, 0.01, 0.05])
def test_a_steady_flow_gets_all_of_the_limit_without_a_pause(part: float) -> None:
    """Half of it at once, half over the first minute, then all; no call waits for a minute's end.

    The calls are alike, and take this part of a minute's tokens.
    """
    limit = 100_000
    went = _run(Limits(tokens=limit), lambda _: part * limit, lambda _: 0.0)
    times = [when for when, _ in went]
    assert times.count(0.0) == pytest.approx(0.5 / part, abs=1)
    pace = 60 * part
    gaps = [after - before for before, after in pairwise(times)]
    assert max(gaps) <= 2 * pace + 0.2
    for minute in range(int(times[-1] // 60)):
        calls = bisect_right(times, 60 * minute + 60) - bisect_right(times, 60 * minute - 1e-9)
        assert calls >= (0.99 - part) / part


@given(
    limits=st.builds(
        Limits,
        rate=st.none() | st.floats(0.2, 20),
        size=st.integers(1, 9),
        tokens=st.integers(100, 1000),
        requests=st.none() | st.integers(1, 60),
    ),
    steps=st.lists(
        st.one_of(
            st.floats(0, 70),  # seconds pass
            st.integers(1, 400),  # a call of so many tokens comes
            st.tuples(st.integers(0, 30), st.integers(0, 600)),  # a call is answered: its usage
        ),
        max_size=60,
    ),
)
def test_no_call_goes_beyond_what_is_known_by_then(
    limits: Limits, steps: Sequence[float | int | tuple[int, int]]
) -> None:
    """Of a call that is answered, what it used counts; of others, what they reserved.

    So what goes is within the limits, whatever the estimates were. Beyond them is only what calls
    turn out to have used after they went.
    """
    now, calls = 0.0, list[tuple[float, int]]()
    reserved = dict[int, int]()
    queue = FairQueue(limits, lambda: now)
    for step in steps:
        if isinstance(step, float):
            now += step
        elif isinstance(step, tuple):
            place, used = step
            if place in reserved:
                when, tokens = calls[place][0], reserved.pop(place)
                queue.settle(tokens, used, now - when)
                calls[place] = (when, used)
        else:
            entry = QueueEntry(step, Wakeup())
            queue.enqueue(entry)
            while seconds := queue.seconds_until(entry):
                now += seconds
            known = sum(tokens for when, tokens in calls if now - when <= 60)
            assert limits.tokens is not None
            assert known + min(step, limits.tokens) <= limits.tokens + 1e-6
            recent = sum(now - when <= 60 for when, _ in calls) + 1
            assert limits.requests is None or recent <= limits.requests
            reserved[len(calls)] = step
            calls.append((now, step))


def test_tokens_that_were_reserved_and_not_used_let_others_go() -> None:
    """A call that is answered within the minute frees what it did not use, at once."""
    queue = FairQueue(Limits(tokens=1000), lambda: 10.0)
    entries = [QueueEntry(1000, Wakeup()), QueueEntry(400, Wakeup())]
    for entry in entries:
        queue.enqueue(entry)
    assert queue.seconds_until(entries[0]) == 0
    assert queue.seconds_until(entries[1]) > 59
    queue.settle(1000, 50, 5.0)
    assert queue.seconds_until(entries[1]) == 0


def test_a_call_that_took_more_than_a_minute_frees_nothing() -> None:
    """What it had reserved does not count any more, so none of it can be given back."""
    now = 0.0
    queue = FairQueue(Limits(tokens=1000), lambda: now)
    for _ in range(2):
        entry = QueueEntry(1000, Wakeup())
        queue.enqueue(entry)
        assert queue.seconds_until(entry) == 0
        now += 61
    entry = QueueEntry(1000, Wakeup())
    now -= 1
    queue.settle(1000, 0, 121.0)
    queue.enqueue(entry)
    assert queue.seconds_until(entry) > 0
