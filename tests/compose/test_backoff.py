"""The delay before the next attempt grows, and is at least what a service asks for."""

from __future__ import annotations

import pytest

from runnables.compose.policies.backoff import NO_BACKOFF, Backoff
from runnables.errors import RateLimitError


def test_each_delay_is_twice_as_long_as_the_one_before() -> None:
    """The first is `initial`, and none is longer than `max`."""
    backoff = Backoff(initial=1, max=6, jitter=0)
    delays = [backoff.delay(attempt, OSError()) for attempt in (1, 2, 3, 4)]
    assert delays == [1, 2, 4, 6]


def test_jitter_adds_a_bit_at_random() -> None:
    """Two delays after the same attempt are rarely equal, and neither is out of bounds."""
    backoff = Backoff(initial=1, jitter=0.5)
    delays = {backoff.delay(1, OSError()) for _ in range(50)}
    assert len(delays) > 1
    assert all(1 <= delay <= 1.5 for delay in delays)


@pytest.mark.parametrize(("asked", "delay"), [(7, 7), (0.5, 1), (-3, 1), (None, 1)])
def test_a_service_gets_at_least_the_delay_that_it_asks_for(
    asked: float | None, delay: float
) -> None:
    """A shorter delay than our own, none, and one below zero change nothing."""
    error = RateLimitError("slow down", retry_after=asked)
    assert Backoff(initial=1, jitter=0).delay(1, error) == delay


def test_without_backoff_only_the_service_is_waited_for() -> None:
    """Our own delay is zero then, after any attempt."""
    assert NO_BACKOFF.delay(9, OSError()) == 0
    assert NO_BACKOFF.delay(1, RateLimitError("slow down", retry_after=2)) == 2
