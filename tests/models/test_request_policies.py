"""A model asks its service again after an error that may pass, in one layer, and as told."""

from __future__ import annotations

import time
import weakref
from typing import Any

import pytest
from hypothesis import given, strategies as st

from runnables import (
    AIMessageChunk,
    AuthenticationError,
    BudgetExceeded,
    ConfigError,
    ContextLengthError,
    InvalidRequestError,
    ModelConnectionError,
    ModelError,
    ModelTimeoutError,
    PermissionDeniedError,
    RateLimitError,
    RunnableLambda,
    RunnableParallel,
    ServerError,
    is_retryable,
)
from runnables.compose.policies.attempts import Attempts, RetryPolicy
from runnables.compose.policies.backoff import NO_BACKOFF, Backoff
from runnables.compose.policies.failures import MANY, FailureLog
from runnables.engine.stream import StreamInfo
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.laws.recorder import Recorder
from tests.laws.specimens import NO_BACKOFF as RETRY_AT_ONCE


class Quick(ScriptedChatModel):
    """Does not wait between attempts, unless its service says so."""

    _pace = NO_BACKOFF


BUSY, DOWN = RateLimitError("busy"), ServerError("down")
PASSING = [BUSY, DOWN, ModelConnectionError("lost"), ModelTimeoutError("late")]
LASTING = [
    AuthenticationError("who?"),
    PermissionDeniedError("no"),
    InvalidRequestError("what?"),
    ContextLengthError("too much"),
    RateLimitError("tomorrow", daily=True),
    ModelError("?"),
    KeyError("own"),
]


class Watches(Recorder):
    """Wants the pieces of an invoked model, so that it is streamed."""

    wants_chunks = True


def ways(call: Call, model: Any) -> dict[str, Any]:
    """The text of an answer by every way to ask for it."""
    return {
        "invoke": lambda: call.invoke(model, "hi").text,
        "watched": lambda: call.invoke(model, "hi", {"callbacks": [Watches()]}).text,
        "batch": lambda: call.batch(model, ["hi"])[0].text,
        "stream": lambda: "".join(it.text for it in call.stream(model, "hi")),
        "in a parallel": lambda: call.invoke(RunnableParallel(a=model), "hi")["a"].text,
    }


WAYS = ["invoke", "watched", "batch", "stream", "in a parallel"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("error", PASSING, ids=lambda it: type(it).__name__)
def test_what_may_pass_is_tried_again(error: Exception, way: str, call: Call) -> None:
    """Two failures, then the answer, in every way of calling."""
    model = Quick([error, error, "a b"], max_retries=2)
    assert ways(call, model)[way]() == "a b"
    assert (model.opened, model.closed) == (3, 3)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("error", LASTING, ids=lambda it: f"{type(it).__name__}: {it}")
def test_what_lasts_is_not(error: Exception, way: str, call: Call) -> None:
    """A client's fault, a daily quota, and errors that no service sent: one attempt."""
    model = Quick([error, "a b"], max_retries=2)
    with pytest.raises(type(error)) as caught:
        ways(call, model)[way]()
    assert caught.value is error
    assert model.opened == 1
    assert "attempt" not in "".join(getattr(error, "__notes__", []))


def test_without_the_setting_there_is_one_attempt(call: Call) -> None:
    """`max_retries` is nothing by default, in the base of all models."""
    for settings in ({}, {"max_retries": 0}):
        model = Quick([BUSY, "a"], **settings)  # type: ignore[arg-type]  # of the dict
        with pytest.raises(RateLimitError):
            call.invoke(model, "hi")
        assert model.opened == 1


@pytest.mark.parametrize("way", WAYS)
def test_in_vain_the_first_error_is_raised_with_the_others(way: str, call: Call) -> None:
    """As with `with_retry`: `except` fits, and nothing is lost."""
    errors = [ServerError("1"), RateLimitError("2"), ServerError("3")]
    model = Quick(errors, max_retries=2)
    with pytest.raises(ServerError) as caught:
        ways(call, model)[way]()
    assert caught.value is errors[0]
    group = caught.value.__cause__
    assert isinstance(group, ExceptionGroup)
    assert list(group.exceptions) == errors[1:]
    notes = [it.__notes__[-1].split(",")[0] for it in errors]
    assert notes == ["in attempt 1", "in attempt 2", "in attempt 3"]


def test_items_are_retried_on_their_own(call: Call) -> None:
    """One item's failures take no attempt from another."""
    seen: list[str] = []

    def answer(messages: Any) -> Any:
        text = messages[-1].text
        seen.append(text)
        return BUSY if seen.count(text) < 3 else text

    model = Quick([answer], cycle=True, max_retries=2)
    texts = [str(number) for number in range(8)]
    assert [it.text for it in call.batch(model, texts)] == texts
    assert sorted(seen) == sorted(texts * 3)


# -- how long it waits


def seconds_of(error: Exception, rules: RetryPolicy) -> float | None:
    return Attempts(rules).wait(error)


def test_the_service_says_how_long_up_to_a_cap() -> None:
    """At least what it says; above the cap there is no other attempt; nonsense is nothing."""
    rules = RetryPolicy(3, is_retryable, Backoff(initial=2, max=2, jitter=0), max_delay=60)
    for asked, waited in (
        (None, 2),
        (1, 2),
        (60, 60),
        (60.1, None),
        (float("inf"), None),
        (-5, 2),
        (float("nan"), 2),
    ):
        for kind in (RateLimitError, ServerError):
            assert seconds_of(kind("x", retry_after=asked), rules) == waited


def test_the_cap_is_a_setting(call: Call) -> None:
    """The error is raised at once, with the service's delay, for who wants to wait longer."""
    began = time.monotonic()
    for cap in (None, 30):
        model = Quick(
            [RateLimitError("x", retry_after=61), "a"], max_retries=2, max_retry_delay=cap
        )
        with pytest.raises(RateLimitError) as caught:
            call.invoke(model, "hi")
        assert caught.value.retry_after == 61
    model = Quick([RateLimitError("x", retry_after=0.2), "a"], max_retries=2, max_retry_delay=0.1)
    with pytest.raises(RateLimitError):
        call.invoke(model, "hi")
    assert time.monotonic() - began < 30


def test_it_really_waits_as_long_as_the_service_says(call: Call) -> None:
    """Not less, by the clock."""
    model = Quick([RateLimitError("x", retry_after=0.15), "a"], max_retries=1)
    began = time.monotonic()
    assert call.invoke(model, "hi").text == "a"
    assert time.monotonic() - began >= 0.15


# -- streams


def test_a_stream_is_tried_again_until_its_first_chunk_has_left(call: Call) -> None:
    """Then the error carries what came out."""
    model = Quick([[DOWN], ["a", DOWN], "never"], max_retries=5)
    with pytest.raises(ServerError) as caught:
        call.stream(model, "hi")
    assert model.opened == model.closed == 2
    assert caught.value.produced.text == "a"  # type: ignore[attr-defined]  # set by the policy


def test_without_retries_the_error_of_a_stream_carries_what_came_out(call: Call) -> None:
    """`max_retries=0` forbids the second attempt, not the knowledge of the first."""
    with pytest.raises(ServerError) as caught:
        call.stream(Quick([["a", "b", DOWN]], max_retries=0), "hi")
    assert caught.value.produced.text == "ab"  # type: ignore[attr-defined]  # set by the policy


def test_the_error_of_a_long_stream_carries_all_that_came_out(call: Call) -> None:
    """Also where the chunks were joined on the way, and only some of the last were not."""
    words = [f"{number} " for number in range(3 * MANY + 5)]
    with pytest.raises(ServerError) as caught:
        call.stream(Quick([[*words, DOWN]], max_retries=1), "hi")
    assert caught.value.produced.text == "".join(words)  # type: ignore[attr-defined]  # set by the policy


def test_of_a_long_stream_few_chunks_are_kept() -> None:
    """What an error would carry is joined on the way, where chunks are parts that can be joined."""
    tries, declared = FailureLog("raise"), StreamInfo(ScriptedChatModel.merge)
    alive: list[weakref.ref[Any]] = []
    for _ in range(1000):
        alive.append(weakref.ref(tries.record_chunk(AIMessageChunk("a"), declared)))
    assert sum(it() is not None for it in alive) < MANY


def test_an_invoked_model_is_tried_again_whatever_its_watchers_saw(call: Call) -> None:
    """Who invokes has seen no piece yet: watching changes nothing in the answer."""
    seen = Watches()
    model = Quick([["a", DOWN], ["b", "c"]], max_retries=1)
    assert call.invoke(model, "hi", {"callbacks": [seen]}).text == "bc"
    pieces = [it.chunk for it in seen.events if it.kind == "chunk"]
    texts = [it.text if isinstance(it, AIMessageChunk) else repr(it) for it in pieces]
    assert texts == ["a", "RESET", "b", "c", ""]
    assert seen.events[-1].output.text == "bc"


def test_a_stream_that_is_left_is_not_tried_again(call: Call) -> None:
    """And it is closed."""
    model = Quick([DOWN, ["a", "b"]], max_retries=5)
    assert [it.text for it in call.stream(model, "hi", take=1)] == ["a"]
    assert model.opened == model.closed == 2


# -- exactly one layer


@pytest.mark.parametrize("way", WAYS)
def test_under_a_retry_the_model_makes_one_attempt(way: str, call: Call) -> None:
    """Three attempts of the retry are three calls, not nine."""
    model = Quick([BUSY], cycle=True, max_retries=2)
    with pytest.raises(RateLimitError):
        ways(call, model.with_retry(**RETRY_AT_ONCE))[way]()
    assert model.opened == 3


@pytest.mark.parametrize("way", WAYS)
def test_also_deep_inside_of_what_is_retried(way: str, call: Call) -> None:
    """Steps, branches, functions and fallbacks in between change nothing."""
    model = Quick([BUSY], cycle=True, max_retries=2)
    other = Quick([BUSY], cycle=True, max_retries=2)
    inner = RunnableLambda(lambda it: model.with_fallbacks([other]))
    deep = (RunnableLambda(str) | {"a": inner} | RunnableLambda(dict)).with_retry(**RETRY_AT_ONCE)
    with pytest.raises(RateLimitError):
        ways(call, deep)[way]()
    assert (model.opened, other.opened) == (3, 3)


def test_a_retry_that_does_not_cover_the_error_leaves_it_to_the_model(call: Call) -> None:
    """Another class, no second attempt, or a function that says no."""
    for outer in (
        {"retry_if_exception_type": (KeyError,)},
        {"stop_after_attempt": 1},
        {"retry_if_exception_type": lambda error: False},
    ):
        model = Quick([BUSY], cycle=True, max_retries=2)
        with pytest.raises(RateLimitError):
            call.invoke(model.with_retry(**RETRY_AT_ONCE, **outer), "hi")
        assert model.opened == 3


def test_it_covers_a_stream_until_its_first_chunk_has_left(call: Call) -> None:
    """After that the retry can do nothing, so a model that begins later helps itself."""
    later = Quick([BUSY, BUSY, "b"], max_retries=2)
    first = Quick(["a"], max_retries=2)

    def both(it: str) -> Any:
        yield from (chunk.text for chunk in first.stream(it))
        yield later.invoke(it).text

    async def aboth(it: str) -> Any:
        async for chunk in first.astream(it):
            yield chunk.text
        yield (await later.ainvoke(it)).text

    chain = RunnableLambda(both, aboth).with_retry(**RETRY_AT_ONCE)
    assert "".join(call.stream(chain, "hi")) == "ab"
    assert later.opened == 3


def test_a_branch_that_begins_after_that_helps_itself(call: Call) -> None:
    """Also where it was set up before: what counts is what has left when it fails."""
    later = Quick([BUSY, BUSY, "b"], max_retries=2)
    both = RunnableParallel(a=Quick(["a"]), b=later).with_retry(**RETRY_AT_ONCE)
    chunks = call.stream(both, "hi", {"max_concurrency": 1})
    assert "".join(it["b"].text for it in chunks if "b" in it) == "b"
    assert later.opened == 3


def test_a_retry_that_restarts_covers_all_of_a_stream(call: Call) -> None:
    """The model is asked once in each of its attempts."""
    model = Quick([["a", DOWN]], cycle=True, max_retries=2)
    again = model.with_retry(**RETRY_AT_ONCE, on_restart="restart", stop_after_attempt=2)
    with pytest.raises(ServerError):
        call.stream(again, "hi")
    assert model.opened == 2


def test_a_model_asked_after_the_retry_is_over_helps_itself(call: Call) -> None:
    """Nothing of a retry is left behind in the context."""
    RunnableLambda(str).with_retry().invoke(1)
    model = Quick([BUSY, "a"], max_retries=1)
    assert call.invoke(model.with_retry(**RETRY_AT_ONCE), "hi").text == "a"
    model = Quick([BUSY, "a"], max_retries=1)
    assert call.invoke(model, "hi").text == "a"


# -- with_retry


@pytest.mark.parametrize("error", LASTING[:-2], ids=lambda it: f"{type(it).__name__}: {it}")
def test_with_retry_does_not_repeat_a_clients_fault(error: Exception, call: Call) -> None:
    """Unless that class of errors, or a function, is what it was told."""
    for told, attempts in (
        ({}, 1),
        ({"retry_if_exception_type": (Exception,)}, 1),
        ({"retry_if_exception_type": (ValueError, KeyError, RateLimitError)}, None),
        ({"retry_if_exception_type": type(error)}, 3),
        ({"retry_if_exception_type": (KeyError, type(error))}, 3),
        ({"retry_if_exception_type": lambda error: True}, 3),
    ):
        model = Quick([error], cycle=True)
        with pytest.raises(type(error)):
            call.invoke(model.with_retry(**RETRY_AT_ONCE, **told), "hi")  # type: ignore[arg-type]  # of the dict
        expected = attempts or (3 if isinstance(error, RateLimitError) else 1)
        assert model.opened == expected


def test_with_retry_waits_as_the_service_says() -> None:
    """At least so long, up to its cap."""
    retry = RunnableLambda(str).with_retry(**RETRY_AT_ONCE, max_retry_delay=40)
    assert retry._attempts().wait(RateLimitError("x", retry_after=40)) == 40
    assert retry._attempts().wait(RateLimitError("x", retry_after=41)) is None
    assert retry._attempts().wait(KeyError("x")) == 0


def test_a_spent_budget_is_not_tried_again(call: Call) -> None:
    """No attempt mends it."""
    model = Quick([BudgetExceeded("spent")], cycle=True, max_retries=2)
    with pytest.raises(BudgetExceeded):
        call.invoke(model.with_retry(**RETRY_AT_ONCE), "hi")
    assert model.opened == 1


def test_a_wrong_setting_is_refused_where_it_is_made() -> None:
    """No number, or one below zero."""
    for wrong in (-1, 1.5, "2", True):
        with pytest.raises(ConfigError, match="max_retries"):
            Quick(max_retries=wrong)
    for wrong in (-1, "2", float("nan")):
        with pytest.raises(ConfigError, match="max_retry_delay"):
            Quick(max_retry_delay=wrong)
        with pytest.raises(ConfigError, match="max_retry_delay"):
            RunnableLambda(str).with_retry(max_retry_delay=wrong)  # type: ignore[arg-type]  # wrong on purpose


# -- any script, by a model of what should happen


FAULTS = [*PASSING, *LASTING]


@given(
    script=st.lists(st.sampled_from([*range(len(FAULTS)), -1]), min_size=12, max_size=12),
    retries=st.integers(0, 3),
    outer=st.integers(0, 3),
    way=st.sampled_from(WAYS),
)
def test_any_script_is_played_as_the_rules_say(
    script: list[int], retries: int, outer: int, way: str, call: Call
) -> None:
    """How many requests are made, and whose error is raised: a loop over the script knows."""
    answers: list[Any] = [_made_anew(FAULTS[it]) if it >= 0 else "a b" for it in script]
    model = Quick([*answers, "a b"], max_retries=retries)
    policed: Any = model
    if outer:
        policed = model.with_retry(**RETRY_AT_ONCE, stop_after_attempt=outer)
    attempts, raised = _expected(answers, outer if outer > 1 else 1 + retries, outer > 1)
    try:
        assert ways(call, policed)[way]() == "a b"
        assert raised is None
    except Exception as error:
        assert error is raised
    assert model.opened == model.closed == attempts


def _made_anew(error: Exception) -> Exception:
    """An error without the notes of earlier runs."""
    daily: Any = {"daily": error.daily} if isinstance(error, RateLimitError) else {}
    return type(error)(*error.args, **daily)


def _expected(answers: list[Any], most: int, covers_all: bool) -> tuple[int, Exception | None]:
    """The number of requests, and the error, where one layer makes so many attempts at most."""
    for number, answer in enumerate(answers, start=1):
        if not isinstance(answer, Exception):
            return number, None
        own = not isinstance(answer, ModelError)
        again = is_retryable(answer) or (covers_all and own)
        if number == most or not again:
            return number, answers[0]
    raise AssertionError("the script is too short")
