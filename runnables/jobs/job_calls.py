"""Work that is written once for sync and async: a generator yields its calls to a driver."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Generator, Iterator
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

from runnables.engine.cancellation import current_token
from runnables.engine.rows import Call
from runnables.engine.timeouts import async_sleep, sleep

T = TypeVar("T")

Calls: TypeAlias = Generator[Call, Any, T]
"""Work that yields its calls, is sent what comes of each, and returns what comes of them all."""

_GROWTH: Final = 1.5
"""How much longer each wait between two polls is than the one before."""


def run_calls(work: Calls[T]) -> T:
    """Make the calls of some work in this thread; return what the work returns.

    What a call raises is raised in the work, also an interrupt, after which the work may make
    other calls.
    """
    try:
        call = next(work)
        while True:
            try:
                result = call.run()
            except BaseException as error:
                call = work.throw(error)
            else:
                call = work.send(result)
    except StopIteration as end:
        found: T = end.value
        return found


async def arun_calls(work: Calls[T]) -> T:
    """Make the calls of some work in this task; return what the work returns."""
    try:
        call = next(work)
        while True:
            try:
                result = await call.arun()
            except BaseException as error:
                call = work.throw(error)
            else:
                call = work.send(result)
    except StopIteration as end:
        found: T = end.value
        return found


def poll_delays(first: float, longest: float) -> Iterator[float]:
    """Yield the seconds before each poll: each is half as long again as the one before.

    Example:
        >>> from itertools import islice
        >>> list(islice(poll_delays(2, 5), 4))
        [2, 3.0, 4.5, 5]
    """
    delay = first
    while True:
        yield min(delay, longest)
        delay = min(delay * _GROWTH, longest)


def waiting(seconds: float) -> Call:
    """Return the call that waits."""
    return Call(partial(sleep, seconds), partial(async_sleep, seconds))


def though_cancelled(function: Callable[[], T]) -> T:
    """Call a function that makes requests, although the call around it is cancelled."""
    context = contextvars.copy_context()
    context.run(current_token.set, None)
    return context.run(function)
