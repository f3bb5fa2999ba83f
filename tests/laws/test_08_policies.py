"""Law 8: retry and fallback work in every call; in a stream, until the first chunk is emitted."""

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
    """Return a call for each way to get the output."""
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
    """Two failures are followed by the output."""
    flaky = RunnableLambda(Flaky(2).call).with_retry(**NO_BACKOFF)
    assert ways(call, flaky, 1)[way]() == 2


@pytest.mark.parametrize("way", range(6))
def test_a_fallback_works_in_every_way_of_calling(way: int, call: Call) -> None:
    """The second runnable receives the same input."""
    falls = RunnableLambda(steps.odd_only).with_fallbacks([steps.double])
    assert ways(call, falls, 2)[way]() == 4


def test_items_are_retried_on_their_own(call: Call) -> None:
    """A flaky item uses no attempt of another one."""
    flaky = RunnableLambda(Flaky(2).call).with_retry(**NO_BACKOFF)
    assert call.batch(flaky, range(4)) == [1, 2, 3, 4]


def numbered_failures() -> Any:
    calls: list[int] = []

    def leaf(_: Any) -> Any:
        calls.append(1)
        raise KeyError(len(calls))

    return leaf


def test_when_all_attempts_fail_the_others_are_the_cause_of_the_first_error(call: Call) -> None:
    """The first error is raised, so that `except` clauses work as before."""
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
            others = [error.args[0] for error in group.exceptions]
            assert others == [first.args[0] + 1, first.args[0] + 2]
            assert all(where in error.__notes__[-1] for error in (first, *group.exceptions))


def test_other_errors_are_not_retried(call: Call) -> None:
    """`retry_if_exception_type` decides; any other error is raised after one attempt."""
    leaf = numbered_failures()
    policy = RunnableLambda(leaf).with_retry(**NO_BACKOFF, retry_if_exception_type=(OSError,))
    with pytest.raises(KeyError, match="1"):
        call.invoke(policy, 1)
    with pytest.raises(KeyError, match="2"):
        call.invoke(policy, 1)


def test_a_stream_is_retried_until_its_first_chunk(call: Call) -> None:
    """The consumer does not see a failure before the first chunk."""
    early = RunnableLambda(Flaky(2).early).with_retry(**NO_BACKOFF)
    assert call.stream(early, "a b") == ["a", " b"]


def test_after_the_first_chunk_the_error_has_the_output_so_far(call: Call) -> None:
    """With `on_restart="raise"` it is not retried, and `error.produced` has the merged chunks."""
    for policy in (
        RunnableLambda(Flaky(1).late).with_retry(**NO_BACKOFF),
        RunnableLambda(Flaky(1).late).with_fallbacks([steps.shout]),
    ):
        with pytest.raises(ValueError, match="failure 1") as caught:
            call.stream(policy, "a b")
        assert caught.value.produced == "<"  # type: ignore[attr-defined]  # set by the policy


def test_the_raised_error_has_the_output_of_a_later_attempt(call: Call) -> None:
    """An early failure is raised with the chunks of a late one, with or without attempts left."""

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
    ("params", "shortest", "longest"),
    [
        ({"initial": 8, "jitter": 0}, 8, 8),
        ({"initial": 8, "jitter": 2}, 8, 10),
        ({"initial": 8, "max": 3}, 3, 3),
        ({}, 1, 2),
    ],
)
def test_the_first_wait_is_as_long_as_was_set(
    params: dict[str, float], shortest: float, longest: float
) -> None:
    """It takes `initial` seconds and up to `jitter` more, but never more than `max`."""
    policy = RunnableRetry(steps.shout, exponential_jitter_params=params)
    waited = policy._attempts().wait(KeyError())
    assert waited is not None
    assert shortest <= waited <= longest


def test_restart_sends_a_reset_and_starts_over(call: Call) -> None:
    """The consumer sees the marker; the next step sees the last attempt only."""
    chunks = ["<", RESET, "<", "a", " b"]
    again = RunnableLambda(Flaky(1).late).with_retry(**AGAIN)
    assert call.stream(again, "a b") == chunks
    again = RunnableLambda(Flaky(1).late).with_retry(**AGAIN)
    assert call.stream(again | steps.shout, "a b")[-1] == "<A B!"
    falls = RunnableLambda(Flaky(1).late).with_fallbacks([steps.shout], on_restart="restart")
    assert call.stream(falls, "a b") == ["<", RESET, "A B!"]


def test_a_mistake_in_the_call_reaches_no_retry_and_no_fallback() -> None:
    """A retry fixes neither a sync call of an async function nor a wrong config key."""
    called: list[str] = []

    async def leaf(_: Any) -> None:
        called.append("leaf")

    def other(_: Any) -> None:
        called.append("other")

    slow = RunnableLambda(leaf).with_retry(stop_after_attempt=1_000)  # with waits of seconds
    with pytest.raises(SyncAsyncError):
        slow.with_fallbacks([RunnableLambda(other)]).invoke(1)

    def mistaken(value: Any) -> Any:
        called.append("mistaken")
        return RunnableLambda(other).invoke(value, {"tagss": []})  # type: ignore[typeddict-unknown-key]

    with pytest.raises(ConfigError, match="tags"):
        RunnableLambda(mistaken).with_retry(stop_after_attempt=1_000).invoke(1)
    assert called == ["mistaken"]
