"""A number of seconds is checked in one way wherever it is set, and any size of it works."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from runnables import ConfigError, InMemoryCache, RunnableLambda
from runnables.cache.sqlite import SQLiteCache
from runnables.core.bounds import check_seconds
from runnables.engine.cancellation import CancelToken, cancelled_error, current_token
from runnables.engine.timeouts import sleep
from runnables_providers.anthropic import ChatAnthropic
from runnables_providers.openai import ChatOpenAI, Timeouts
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call

HUGE: list[Any] = [math.inf, 1e12, 1e308, 10**9, 10**400]
SIZES = ["infinite", "1e12", "1e308", "years", "no float"]
NONE_AT_ALL: list[Any] = [-1, -math.inf, math.nan, True, "5", None, [5], 5j, timedelta(seconds=5)]

STEP = RunnableLambda(len)
ABOVE_ZERO: dict[str, Callable[[Any], Any]] = {
    "with_timeout": STEP.with_timeout,
    "ttl": lambda seconds: InMemoryCache(ttl=seconds),
    "ttl=": lambda seconds: SQLiteCache(":memory:", ttl=seconds),
    "timeout=": lambda seconds: ChatOpenAI("gpt-5", api_key="x", timeout=seconds),
    "ChatAnthropic: timeout=": lambda seconds: ChatAnthropic("c", api_key="x", timeout=seconds),
    "connect=": lambda seconds: Timeouts(connect=seconds),
    "first=": lambda seconds: Timeouts(first=seconds),
    "between=": lambda seconds: Timeouts(between=seconds),
    "total=": lambda seconds: Timeouts(total=seconds),
}
FROM_ZERO: dict[str, Callable[[Any], Any]] = {
    "max_retry_delay=": lambda seconds: STEP.with_retry(max_retry_delay=seconds),
    "max_retry_delay": lambda seconds: ScriptedChatModel(["a"], max_retry_delay=seconds),
    "'initial'": lambda seconds: STEP.with_retry(exponential_jitter_params={"initial": seconds}),
    "'max'": lambda seconds: STEP.with_retry(exponential_jitter_params={"max": seconds}),
    "'jitter'": lambda seconds: STEP.with_retry(exponential_jitter_params={"jitter": seconds}),
}
MAY_BE_NONE = ("ttl", "ttl=", "timeout=", "ChatAnthropic: timeout=", "max_retry_delay",
               "connect=", "first=", "between=", "total=")  # fmt: skip


@pytest.mark.parametrize("seconds", [*NONE_AT_ALL, 0], ids=str)
@pytest.mark.parametrize("setting", [*ABOVE_ZERO, *FROM_ZERO])
def test_what_is_no_number_of_seconds_is_refused(setting: str, seconds: Any) -> None:
    """The error is a ConfigError, which is a ValueError; it names the setting and the value."""
    if seconds is None and setting in MAY_BE_NONE:
        return
    if setting in FROM_ZERO and seconds == 0 and seconds is not False:
        FROM_ZERO[setting](seconds)
        return
    make = {**ABOVE_ZERO, **FROM_ZERO}[setting]
    with pytest.raises(ConfigError, match="expected a number of seconds") as caught:
        make(seconds)
    assert setting in str(caught.value)
    assert repr(seconds) in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_a_timedelta_is_refused_with_the_way_out() -> None:
    """It has a method that returns the seconds."""
    with pytest.raises(ConfigError, match="total_seconds"):
        STEP.with_timeout(timedelta(minutes=1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - what a user may try


@pytest.mark.parametrize("seconds", HUGE, ids=SIZES)
@pytest.mark.parametrize("setting", [*ABOVE_ZERO, *FROM_ZERO])
def test_any_size_is_accepted(setting: str, seconds: Any) -> None:
    """Infinity is no limit, and so is what a clock cannot count to."""
    {**ABOVE_ZERO, **FROM_ZERO}[setting](seconds)


@pytest.mark.parametrize("seconds", HUGE, ids=SIZES)
def test_a_huge_timeout_is_no_limit(seconds: Any, call: Call) -> None:
    """The work runs as without one, invoked, streamed and in a batch."""
    limited = STEP.with_timeout(seconds)
    assert call.invoke(limited, "abc") == 3
    assert call.stream(limited, "abc") == [3]
    assert call.batch(limited, ["a", "bc"]) == [1, 2]
    assert call.invoke(limited.with_retry(max_retry_delay=seconds), "abc") == 3


def test_a_huge_delay_ends_with_the_call() -> None:
    """A thread that sleeps for ever is woken when its call is cancelled."""
    token, ended = CancelToken(None), threading.Event()

    def work(seconds: Any) -> None:
        current_token.set(token)
        with pytest.raises(cancelled_error()):
            sleep(seconds)
        ended.set()

    threads = [threading.Thread(target=work, args=(seconds,)) for seconds in (math.inf, 1e12)]
    for thread in threads:
        thread.start()
    token.cancel()
    for thread in threads:
        thread.join(5)
    assert ended.is_set()


def test_an_infinite_timeout_of_a_request_is_no_limit() -> None:
    """The HTTP client itself takes no infinity."""
    assert Timeouts(connect=math.inf, total=math.inf) == Timeouts(connect=None, total=None)


@pytest.mark.parametrize("cache", [InMemoryCache(ttl=math.inf), SQLiteCache(":memory:", ttl=1e300)])
def test_an_endless_ttl_keeps_the_entry(cache: Any) -> None:
    """A cache whose entries never expire returns them."""
    cache.set("k", "v")
    assert cache.get("k") == "v"


@pytest.mark.parametrize(
    "params", [{"initial": math.inf, "max": 0}, {"jitter": math.inf, "max": 0}]
)
def test_a_huge_backoff_is_cut_at_its_maximum(params: Any, call: Call) -> None:
    """`max` holds for the growing part and for the random one."""
    tries: list[int] = []

    def second(x: int) -> int:
        tries.append(x)
        if len(tries) == 1:
            raise OSError
        return x

    assert call.invoke(RunnableLambda(second).with_retry(exponential_jitter_params=params), 1) == 1


def test_the_number_is_returned_as_it_is() -> None:
    """An int stays an int, so a repr shows what was written."""
    assert repr(check_seconds("x={}", 3)) == "3"
    assert STEP.with_timeout(3).seconds == 3
    assert check_seconds("x={}", 10**400) == math.inf
