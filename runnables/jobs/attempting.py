"""The attempts of a row: its turns at the gate, and when there is another one."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Literal

from runnables.compose.policies.attempts import RetryPolicy
from runnables.compose.policies.backoff import Backoff
from runnables.core.rows import Call, Routine, Step
from runnables.errors import is_retryable
from runnables.jobs.adaptive import AdaptiveLimit
from runnables.jobs.gate import Gate
from runnables.jobs.limits import FixedLimit

if TYPE_CHECKING:
    from runnables.compose.policies.attempts import Attempts
    from runnables.jobs.gate import Turn

MOST_ADAPTIVE: Final = 256
"""The most rows at once with max_concurrency="auto"."""

_BACKOFF: Final = Backoff(initial=0.5, max=60.0)
"""The delay between attempts: longer than that of a call for which a user waits."""


def gate_for(limit: int | Literal["auto"] | None, slots: int) -> Gate:
    """Return where the rows wait: after refusals together, and with "auto" at a learned pace."""
    return Gate(AdaptiveLimit() if limit == "auto" else FixedLimit(slots))


def attempt(request: Call | Step, attempts: Attempts, turn: Turn | None) -> Routine:
    """Make one attempt of a row, in its turn."""
    if turn is None:
        with attempts:
            return (yield request)
    yield Call(turn.__enter__, turn.__aenter__)
    try:
        with attempts:
            output = yield request
    except GeneratorExit:
        raise
    except BaseException as error:
        yield _leave(turn, error)
        raise
    yield _leave(turn, None)
    return output


def _leave(turn: Turn, error: BaseException | None) -> Call:
    failure = (None, None, None) if error is None else (type(error), error, error.__traceback__)
    return Call(partial(turn.__exit__, *failure), partial(turn.__aexit__, *failure))


def policy(retry_for: float) -> RetryPolicy:
    """Return when a row has another attempt: as often as it takes, within its time."""
    return RetryPolicy(1_000_000 if retry_for else 1, is_retryable, _BACKOFF, retry_for)
