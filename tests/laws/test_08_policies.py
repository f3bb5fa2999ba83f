"""Law 8: retry and fallback work everywhere, and what is out of a stream decides what follows."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import (
    RESET,
    ConfigError,
    RunnableLambda,
    RunnableParallel,
    RunnableRetry,
    SyncAsyncError,
)
from tests.both_modes import Call
from tests.laws import steps
from tests.laws.specimens import AGAIN, NO_BACKOFF
from tests.laws.steps import Flaky


def ways(call: Call, runnable: Any, value: Any) -> Any:
    """The value by every way to call it, each on its own."""
    return [
        lambda: call.invoke(runnable, value),
        lambda: call.batch(runnable, [value])[0],
        lambda: call.batch_as_completed(runnable, [value])[0][1],
        lambda: call.stream(runnable, value)[-1],
        lambda: call.invoke(RunnableParallel(a=runnable), value)["a"],
        lambda: call.invoke(runnable.map(), [value])[0],
    ]


@pytest.mark.parametrize("way", range(6))
def test_a_retry_works_in_every_way_of_calling(way: int, call: Call) -> None:
    """Two failures, then the value."""
    flaky = RunnableLambda(Flaky(2).call).with_retry(**NO_BACKOFF)
    assert ways(call, flaky, 1)[way]() == 2


@pytest.mark.parametrize("way", range(6))
def test_a_fallback_works_in_every_way_of_calling(way: int, call: Call) -> None:
    """The second runnable gets the same input."""
    falls = RunnableLambda(steps.odd_only).with_fallbacks([steps.double])
    assert ways(call, falls, 2)[way]() == 4


def test_items_are_retried_on_their_own(call: Call) -> None:
    """A flaky item takes no attempt away from another."""
    flaky = RunnableLambda(Flaky(2).call).with_retry(**NO_BACKOFF)
    assert call.batch(flaky, range(4)) == [1, 2, 3, 4]


def numbered_failures() -> Any:
    calls: list[int] = []

    def leaf(_: Any) -> Any:
        calls.append(1)
        raise KeyError(len(calls))

    return leaf


def test_in_vain_the_first_error_is_raised_and_the_others_are_its_cause(call: Call) -> None:
    """In order, so that `except` clauses go on working; in whole and in pieces."""
    for do in (call.invoke, call.stream):
        leaf = numbered_failures()
        for policy, where in (
            (RunnableLambda(leaf).with_retry(**NO_BACKOFF), "attempt"),
            (RunnableLambda(leaf).with_fallbacks([leaf, leaf]), "fallback"),
        ):
            with pytest.raises(KeyError) as caught:
                do(policy, 1)
            first, group = caught.value, caught.value.__cause__
            assert isinstance(group, ExceptionGroup)
            others = [it.args[0] for it in group.exceptions]
            assert others == [first.args[0] + 1, first.args[0] + 2]
            assert all(where in it.__notes__[-1] for it in (first, *group.exceptions))


def test_other_errors_are_not_retried(call: Call) -> None:
    """`retry_if_exception_type` decides; one attempt."""
    leaf = numbered_failures()
    policy = RunnableLambda(leaf).with_retry(**NO_BACKOFF, retry_if_exception_type=(OSError,))
    with pytest.raises(KeyError, match="1"):
        call.invoke(policy, 1)
    with pytest.raises(KeyError, match="2"):
        call.invoke(policy, 1)


def test_a_stream_is_retried_until_its_first_chunk_has_left(call: Call) -> None:
    """A failure before the first chunk is not seen by the consumer."""
    early = RunnableLambda(Flaky(2).early).with_retry(**NO_BACKOFF)
    assert call.stream(early, "a b") == ["a", " b"]


def test_after_the_first_chunk_the_error_carries_what_came_out(call: Call) -> None:
    """`on_restart="raise"`: no second attempt, and `error.produced` has the merged chunks."""
    for policy in (
        RunnableLambda(Flaky(1).late).with_retry(**NO_BACKOFF),
        RunnableLambda(Flaky(1).late).with_fallbacks([steps.shout]),
    ):
        with pytest.raises(ValueError, match="failure 1") as caught:
            call.stream(policy, "a b")
        assert caught.value.produced == "<"  # type: ignore[attr-defined]  # set by the policy


def test_the_error_that_is_raised_carries_what_a_later_attempt_gave(call: Call) -> None:
    """An early failure, then a late one, with attempts left or not: the first error says it."""

    def early_then_late() -> Any:
        attempts = iter(range(9))

        def words(_: Any) -> Any:
            if next(attempts) == 0:
                raise KeyError("early")
            yield "<"
            raise ValueError("late")

        return RunnableLambda(words)

    for policy in (
        early_then_late().with_retry(**NO_BACKOFF),
        early_then_late().with_retry(**{**NO_BACKOFF, "stop_after_attempt": 2}),
        (again := early_then_late()).with_fallbacks([again]),
        (again := early_then_late()).with_fallbacks([again], exceptions_to_handle=KeyError),
    ):
        with pytest.raises(KeyError, match="early") as caught:
            call.stream(policy, 1)
        assert caught.value.produced == "<"  # type: ignore[attr-defined]  # set by the policy


@pytest.mark.parametrize(
    ("params", "least", "most"),
    [
        ({"initial": 8, "jitter": 0}, 8, 8),
        ({"initial": 8, "jitter": 2}, 8, 10),
        ({"initial": 8, "max": 3}, 3, 3),
        ({}, 1, 2),
    ],
)
def test_the_first_wait_is_as_long_as_was_said(
    params: dict[str, float], least: float, most: float
) -> None:
    """`initial` seconds and up to `jitter` more, and never more than `max`; no warning."""
    policy = RunnableRetry(steps.shout, exponential_jitter_params=params)
    waited = policy._attempts().wait(KeyError())
    assert waited is not None
    assert least <= waited <= most


def test_restart_sends_a_reset_and_starts_over(call: Call) -> None:
    """The consumer sees the marker; a step downstream sees the last try only."""
    chunks = ["<", RESET, "<", "a", " b"]
    again = RunnableLambda(Flaky(1).late).with_retry(**AGAIN)
    assert call.stream(again, "a b") == chunks
    again = RunnableLambda(Flaky(1).late).with_retry(**AGAIN)
    assert call.stream(again | steps.shout, "a b")[-1] == "<A B!"
    falls = RunnableLambda(Flaky(1).late).with_fallbacks([steps.shout], on_restart="restart")
    assert call.stream(falls, "a b") == ["<", RESET, "A B!"]


def test_a_slip_in_the_call_is_not_tried_again_and_no_fallback_gets_it() -> None:
    """An async function called synchronously, a wrong config key: another try mends neither."""
    tried: list[str] = []

    async def leaf(_: Any) -> None:
        tried.append("leaf")

    def other(_: Any) -> None:
        tried.append("other")

    slow = RunnableLambda(leaf).with_retry(stop_after_attempt=1_000)  # with waits of seconds
    with pytest.raises(SyncAsyncError):
        slow.with_fallbacks([RunnableLambda(other)]).invoke(1)

    def slips(value: Any) -> Any:
        tried.append("slips")
        return RunnableLambda(other).invoke(value, {"tagss": []})  # type: ignore[typeddict-unknown-key]

    with pytest.raises(ConfigError, match="tags"):
        RunnableLambda(slips).with_retry(stop_after_attempt=1_000).invoke(1)
    assert tried == ["slips"]
