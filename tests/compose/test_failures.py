"""Retries and fallbacks act on the errors that their settings name."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import ConfigError, Runnable, RunnableLambda
from tests.both_modes import Call

NO_BACKOFF: dict[str, Any] = {"wait_exponential_jitter": False}


def test_a_function_may_say_which_errors_count(call: Call) -> None:
    """Retries and fallbacks call it with each error."""
    seen: list[int] = []

    def fails(value: int) -> int:
        seen.append(value)
        raise OSError(value)

    step: Runnable[int, int] = RunnableLambda(fails)
    again = step.with_retry(retry_if_exception_type=lambda error: error.args[0] > 1, **NO_BACKOFF)
    for value, times in ((1, 1), (2, 3)):
        seen.clear()
        with pytest.raises(OSError):
            call.invoke(again, value)
        assert seen == [value] * times
    other = step.with_fallbacks([RunnableLambda(abs)], exceptions_to_handle=lambda error: False)
    with pytest.raises(OSError):
        call.invoke(other, 1)


async def _async(error: BaseException) -> bool:
    return True


@pytest.mark.parametrize(
    "junk",
    ["OSError", [OSError], int, (OSError, int), None, _async],
    ids=["string", "list", "other class", "tuple with another class", "None", "async function"],
)
def test_a_setting_that_names_no_errors_is_refused_at_once(junk: Any) -> None:
    """It does not wait for the first error, which it would hide."""
    step = RunnableLambda(abs)
    with pytest.raises(ConfigError, match="retry_if_exception_type=.*expected a class"):
        step.with_retry(retry_if_exception_type=junk)
    with pytest.raises(ConfigError, match="exceptions_to_handle=.*expected a class"):
        step.with_fallbacks([abs], exceptions_to_handle=junk)


def test_one_class_of_errors_needs_no_tuple() -> None:
    """A class by itself works, as in `except`."""
    step = RunnableLambda(lambda number: 1 // number).with_fallbacks(
        [lambda number: -1], exceptions_to_handle=ZeroDivisionError
    )
    assert step.invoke(0) == -1
