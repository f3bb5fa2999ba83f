"""What goes in any 60 seconds of ten thousand calls, by a simulated clock."""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given, settings, strategies as st

from runnables.models.rate_limits import FairQueue, QueueEntry
from tests.models.test_rate_limits import Wakeup

CALLS = 10_000


def _run(
    rate: float | None, size: float, tokens: float | None, seed: int
) -> list[tuple[float, float]]:
    """Return when each call went, and its tokens; half of the calls come at once, half later."""
    now, rng = 0.0, random.Random(seed)
    queue = FairQueue((rate, size, tokens), lambda: now)
    went = list[tuple[float, float]]()
    for number in range(CALLS):
        if number > CALLS // 2 and rng.random() < 0.01:
            now += rng.expovariate(1 / 60)  # a quiet time, after which a bucket is full
        entry = QueueEntry(rng.lognormvariate(6.5, 0.8), Wakeup())
        queue.enqueue(entry)
        while seconds := queue.seconds_until(entry):
            now += seconds
        went.append((now, entry.tokens))
    return went


def _most_in_a_minute(went: Sequence[tuple[float, float]]) -> tuple[int, float]:
    """Return the most calls, and the most tokens, of all spans of 60 seconds without their end."""
    first, calls, tokens, total = 0, 0, 0.0, 0.0
    for last, (now, amount) in enumerate(went):
        total += amount
        while now - went[first][0] >= 60 - 1e-9:
            total -= went[first][1]
            first += 1
        calls, tokens = max(calls, last - first + 1), max(tokens, total)
    return calls, tokens


@settings(max_examples=5)
@given(limit=st.integers(60, 2400), seed=st.integers(0, 99))
def test_no_minute_has_more_requests_than_the_limit(limit: int, seed: int) -> None:
    """With one request at once, as is the default, and up to 40 requests a second."""
    assert _most_in_a_minute(_run(limit / 60, 1, None, seed))[0] <= limit


@settings(max_examples=5)
@given(limit=st.integers(100_000, 2_000_000), seed=st.integers(0, 99))
def test_no_minute_has_more_tokens_than_a_full_bucket_and_what_it_gets(
    limit: int, seed: int
) -> None:
    """After a quiet time a minute's tokens may go at once, and those of a minute in the next."""
    assert _most_in_a_minute(_run(None, 1, limit, seed))[1] <= 2 * limit + 1e-3
