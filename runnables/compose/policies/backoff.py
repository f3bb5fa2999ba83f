"""The delay before the next attempt: what a service asks for, and what we wait by ourselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from runnables.client_errors import seconds_until_retry
from runnables.errors import ModelError

MAX_RETRY_DELAY: Final = 60.0
"""The longest delay, in seconds, that a service may ask for and still get another attempt.
A limit per minute is over by then. A longer delay means a used-up quota, and a user is waiting."""


@dataclass(frozen=True)
class Backoff:
    """The delay between attempts: longer after each one, and a bit at random.

    Attributes:
        initial: seconds to wait after the first attempt.
        max: the most seconds to wait.
        exp_base: how many times as long each further delay is.
        jitter: up to so many seconds more, at random.
    """

    initial: float = 1.0
    max: float = 1e9  # the most that a thread can sleep, nearly
    exp_base: float = 2.0
    jitter: float = 1.0

    def delay(self, attempt: int, error: Exception) -> float:
        """Return the seconds to wait after a failed attempt: at least what its service asks for.

        Args:
            attempt: the number of the attempt that failed, from 1.
            error: its error.
        """
        # here, as most programs never wait for another attempt
        from tenacity import RetryCallState, Retrying, wait_exponential, wait_random

        state = RetryCallState(Retrying(), None, (), {})
        state.attempt_number = attempt
        # Put together, as tenacity's own wait_exponential_jitter has two names for `initial`,
        # and warns of the older one.
        growing = wait_exponential(self.initial, self.max, self.exp_base)
        extra = wait_random(0, min(self.jitter, self.max))(state)
        seconds = min(growing(state) + extra, self.max)
        return max(requested_delay(error), float(seconds))


NO_BACKOFF: Final = Backoff(initial=0, max=0, jitter=0)


def requested_delay(error: Exception) -> float:
    """Return the seconds that a service asks us to wait; 0 where it asks for nothing."""
    asked = error.retry_after if isinstance(error, ModelError) else seconds_until_retry(error)
    return asked if asked is not None and asked > 0 else 0.0
