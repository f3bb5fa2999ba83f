"""Retries of models: which errors, how often, after which delay, and in one layer only."""

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
    message_chunk_to_message,
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
    """A model that does not wait between attempts, unless its service asks for a delay."""

    _backoff = NO_BACKOFF


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


class ChunkHandler(Recorder):
    """A handler that wants the chunks of an invoked model, so that it is streamed."""

    wants_chunks = True


def ways(call: Call, model: Any) -> dict[str, Any]:
    """Return functions that get the text of an answer, by every way to call a model."""
    return {
        "invoke": lambda: call.invoke(model, "hi").text,
        "observed": lambda: call.invoke(model, "hi", {"callbacks": [ChunkHandler()]}).text,
        "batch": lambda: call.batch(model, ["hi"])[0].text,
        "stream": lambda: "".join(chunk.text for chunk in call.stream(model, "hi")),
        "in a parallel": lambda: call.invoke(RunnableParallel(a=model), "hi")["a"].text,
    }


WAYS = ["invoke", "observed", "batch", "stream", "in a parallel"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("error", PASSING, ids=lambda error: type(error).__name__)
def test_an_error_that_may_pass_is_retried(error: Exception, way: str, call: Call) -> None:
    """After two errors the answer comes, by every way to call."""
    model = Quick([error, error, "a b"], max_retries=2)
    assert ways(call, model)[way]() == "a b"
    assert (model.opened, model.closed) == (3, 3)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("error", LASTING, ids=lambda error: f"{type(error).__name__}: {error}")
def test_a_lasting_error_is_not_retried(error: Exception, way: str, call: Call) -> None:
    """Invalid requests, daily quotas, and errors of no service get one attempt."""
    model = Quick([error, "a b"], max_retries=2)
    with pytest.raises(type(error)) as caught:
        ways(call, model)[way]()
    assert caught.value is error
    assert model.opened == 1
    assert "attempt" not in "".join(getattr(error, "__notes__", []))


def test_without_the_setting_there_is_one_attempt(call: Call) -> None:
    """`max_retries` is None by default, in the base of all models."""
    for settings in ({}, {"max_retries": 0}):
        model = Quick([BUSY, "a"], **settings)  # type: ignore[arg-type]  # of the dict
        with pytest.raises(RateLimitError):
            call.invoke(model, "hi")
        assert model.opened == 1


@pytest.mark.parametrize("way", WAYS)
def test_if_all_attempts_fail_the_first_error_is_raised_with_the_others(
    way: str, call: Call
) -> None:
    """It is, as with `with_retry`, so that `except` fits and no error is lost."""
    errors = [ServerError("1"), RateLimitError("2"), ServerError("3")]
    model = Quick(errors, max_retries=2)
    with pytest.raises(ServerError) as caught:
        ways(call, model)[way]()
    assert caught.value is errors[0]
    group = caught.value.__cause__
    assert isinstance(group, ExceptionGroup)
    assert list(group.exceptions) == errors[1:]
    notes = [error.__notes__[-1].split(",")[0] for error in errors]
    assert notes == ["in attempt 1", "in attempt 2", "in attempt 3"]


def test_items_are_retried_on_their_own(call: Call) -> None:
    """One item's failures take no attempt from another."""
    seen: list[str] = []

    def answer(messages: Any) -> Any:
        text = messages[-1].text
        seen.append(text)
        return BUSY if seen.count(text) < 3 else text

    model = Quick([answer], cycle=True, max_retries=2)
    inputs = [str(number) for number in range(8)]
    assert [answer.text for answer in call.batch(model, inputs)] == inputs
    assert sorted(seen) == sorted(inputs * 3)


# -- delays


def seconds_of(error: Exception, policy: RetryPolicy) -> float | None:
    return Attempts(policy).wait(error)


def test_the_delay_of_a_service_counts_up_to_a_limit() -> None:
    """Above the limit there is no other attempt; a delay that makes no sense is ignored."""
    policy = RetryPolicy(3, is_retryable, Backoff(initial=2, max=2, jitter=0), max_delay=60)
    for delay, waited in (
        (None, 2),
        (1, 2),
        (60, 60),
        (60.1, None),
        (float("inf"), None),
        (-5, 2),
        (float("nan"), 2),
    ):
        for kind in (RateLimitError, ServerError):
            assert seconds_of(kind("x", retry_after=delay), policy) == waited


def test_the_longest_delay_is_a_setting(call: Call) -> None:
    """Above it, the error is raised at once, with the service's delay."""
    began = time.monotonic()
    for limit in (None, 30):
        model = Quick(
            [RateLimitError("x", retry_after=61), "a"], max_retries=2, max_retry_delay=limit
        )
        with pytest.raises(RateLimitError) as caught:
            call.invoke(model, "hi")
        assert caught.value.retry_after == 61
    model = Quick([RateLimitError("x", retry_after=0.2), "a"], max_retries=2, max_retry_delay=0.1)
    with pytest.raises(RateLimitError):
        call.invoke(model, "hi")
    assert time.monotonic() - began < 30


def test_a_retry_waits_as_long_as_the_service_asks_for(call: Call) -> None:
    """It does not wait less, by the clock."""
    model = Quick([RateLimitError("x", retry_after=0.15), "a"], max_retries=1)
    began = time.monotonic()
    assert call.invoke(model, "hi").text == "a"
    assert time.monotonic() - began >= 0.15


# -- streams


def test_a_stream_is_retried_until_its_first_chunk_is_emitted(call: Call) -> None:
    """After that, the error carries the chunks that were emitted."""
    model = Quick([[DOWN], ["a", DOWN], "never"], max_retries=5)
    with pytest.raises(ServerError) as caught:
        call.stream(model, "hi")
    assert model.opened == model.closed == 2
    assert caught.value.produced.text == "a"  # type: ignore[attr-defined]  # set by the policy


def test_without_retries_the_error_of_a_stream_carries_its_chunks(call: Call) -> None:
    """It does, with `max_retries=0`."""
    with pytest.raises(ServerError) as caught:
        call.stream(Quick([["a", "b", DOWN]], max_retries=0), "hi")
    assert caught.value.produced.text == "ab"  # type: ignore[attr-defined]  # set by the policy


def test_the_error_of_a_long_stream_carries_all_its_chunks(call: Call) -> None:
    """All but the last of them are merged on the way."""
    words = [f"{number} " for number in range(3 * MANY + 5)]
    with pytest.raises(ServerError) as caught:
        call.stream(Quick([[*words, DOWN]], max_retries=1), "hi")
    assert caught.value.produced.text == "".join(words)  # type: ignore[attr-defined]  # set by the policy


def test_few_chunks_of_a_long_stream_stay_in_memory() -> None:
    """Chunks that can be merged are merged on the way, for the error that may come."""
    log, info = FailureLog("raise"), StreamInfo(ScriptedChatModel.merge)
    alive: list[weakref.ref[Any]] = []
    for _ in range(1000):
        alive.append(weakref.ref(log.record_chunk(AIMessageChunk("a"), info)))
    assert sum(reference() is not None for reference in alive) < MANY


@pytest.mark.parametrize("other", [{"name": "Ada"}, {"id": "2"}, {"chunk_position": "last"}])
def test_chunks_with_more_than_text_are_merged_in_their_place(other: Any) -> None:
    """Between runs of text, of which only the strings are stored."""
    log, info = FailureLog("raise"), StreamInfo(ScriptedChatModel.merge)
    chunks_of_text = [AIMessageChunk(letter, id="1") for letter in "abcdef"]
    chunks = [*chunks_of_text[:3], AIMessageChunk("X", **other), *chunks_of_text[3:]]
    for chunk in chunks:
        assert log.record_chunk(chunk, info) is chunk
    error = ServerError("down")
    log.failed(error, None)
    assert log.already_emitted(info)
    whole = message_chunk_to_message(AIMessageChunk.merge_chunks(chunks))
    assert error.produced == whole  # type: ignore[attr-defined]  # as above


def test_an_invoked_model_is_retried_though_handlers_got_chunks(call: Call) -> None:
    """Its caller has got no chunk yet, so the handler does not change the answer."""
    seen = ChunkHandler()
    model = Quick([["a", DOWN], ["b", "c"]], max_retries=1)
    assert call.invoke(model, "hi", {"callbacks": [seen]}).text == "bc"
    chunks = [event.chunk for event in seen.events if event.kind == "chunk"]
    assert [getattr(chunk, "text", repr(chunk)) for chunk in chunks] == ["a", "RESET", "b", "c", ""]
    assert seen.events[-1].output.text == "bc"


def test_a_stream_that_is_closed_early_is_not_retried(call: Call) -> None:
    """Each of its attempts is closed."""
    model = Quick([DOWN, ["a", "b"]], max_retries=5)
    assert [chunk.text for chunk in call.stream(model, "hi", take=1)] == ["a"]
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
def test_so_does_a_model_deep_inside_of_a_retry(way: str, call: Call) -> None:
    """Steps, branches, functions and fallbacks in between change nothing."""
    model = Quick([BUSY], cycle=True, max_retries=2)
    other = Quick([BUSY], cycle=True, max_retries=2)
    inner = RunnableLambda(lambda _: model.with_fallbacks([other]))
    deep = (RunnableLambda(str) | {"a": inner} | RunnableLambda(dict)).with_retry(**RETRY_AT_ONCE)
    with pytest.raises(RateLimitError):
        ways(call, deep)[way]()
    assert (model.opened, other.opened) == (3, 3)


def test_a_retry_that_does_not_cover_the_error_leaves_it_to_the_model(call: Call) -> None:
    """It has another class, no second attempt, or a function that returns False."""
    for outer in (
        {"retry_if_exception_type": (KeyError,)},
        {"stop_after_attempt": 1},
        {"retry_if_exception_type": lambda error: False},
    ):
        model = Quick([BUSY], cycle=True, max_retries=2)
        with pytest.raises(RateLimitError):
            call.invoke(model.with_retry(**RETRY_AT_ONCE, **outer), "hi")
        assert model.opened == 3


def test_a_retry_covers_a_stream_until_its_first_chunk_is_emitted(call: Call) -> None:
    """After that the retry can do nothing, so a model that begins later retries by itself."""
    later = Quick([BUSY, BUSY, "b"], max_retries=2)
    first = Quick(["a"], max_retries=2)

    def both(text: str) -> Any:
        yield from (chunk.text for chunk in first.stream(text))
        yield later.invoke(text).text

    async def aboth(text: str) -> Any:
        async for chunk in first.astream(text):
            yield chunk.text
        yield (await later.ainvoke(text)).text

    chain = RunnableLambda(both, aboth).with_retry(**RETRY_AT_ONCE)
    assert "".join(call.stream(chain, "hi")) == "ab"
    assert later.opened == 3


def test_a_branch_that_fails_after_that_retries_by_itself(call: Call) -> None:
    """It does, even if it was set up before the first chunk was emitted."""
    later = Quick([BUSY, BUSY, "b"], max_retries=2)
    both = RunnableParallel(a=Quick(["a"]), b=later).with_retry(**RETRY_AT_ONCE)
    chunks = call.stream(both, "hi", {"max_concurrency": 1})
    assert "".join(chunk["b"].text for chunk in chunks if "b" in chunk) == "b"
    assert later.opened == 3


def test_a_retry_that_restarts_covers_all_of_a_stream(call: Call) -> None:
    """The model makes one request in each of its attempts."""
    model = Quick([["a", DOWN]], cycle=True, max_retries=2)
    again = model.with_retry(**RETRY_AT_ONCE, on_restart="restart", stop_after_attempt=2)
    with pytest.raises(ServerError):
        call.stream(again, "hi")
    assert model.opened == 2


def test_a_model_called_after_a_retry_retries_by_itself(call: Call) -> None:
    """A retry leaves nothing in the context."""
    RunnableLambda(str).with_retry().invoke(1)
    model = Quick([BUSY, "a"], max_retries=1)
    assert call.invoke(model.with_retry(**RETRY_AT_ONCE), "hi").text == "a"
    model = Quick([BUSY, "a"], max_retries=1)
    assert call.invoke(model, "hi").text == "a"


# -- with_retry


@pytest.mark.parametrize(
    "error", LASTING[:-2], ids=lambda error: f"{type(error).__name__}: {error}"
)
def test_with_retry_does_not_repeat_an_invalid_request(error: Exception, call: Call) -> None:
    """It does, if that class of errors, or a function, is set."""
    for settings, attempts in (
        ({}, 1),
        ({"retry_if_exception_type": (Exception,)}, 1),
        ({"retry_if_exception_type": (ValueError, KeyError, RateLimitError)}, None),
        ({"retry_if_exception_type": type(error)}, 3),
        ({"retry_if_exception_type": (KeyError, type(error))}, 3),
        ({"retry_if_exception_type": lambda error: True}, 3),
    ):
        model = Quick([error], cycle=True)
        with pytest.raises(type(error)):
            call.invoke(model.with_retry(**RETRY_AT_ONCE, **settings), "hi")  # type: ignore[arg-type]  # of the dict
        expected = attempts or (3 if isinstance(error, RateLimitError) else 1)
        assert model.opened == expected


def test_with_retry_waits_as_long_as_the_service_asks_for() -> None:
    """It does, up to its longest delay."""
    retry = RunnableLambda(str).with_retry(**RETRY_AT_ONCE, max_retry_delay=40)
    assert retry._attempts().wait(RateLimitError("x", retry_after=40)) == 40
    assert retry._attempts().wait(RateLimitError("x", retry_after=41)) is None
    assert retry._attempts().wait(KeyError("x")) == 0


def test_a_spent_budget_is_not_retried(call: Call) -> None:
    """No attempt could succeed."""
    model = Quick([BudgetExceeded("spent")], cycle=True, max_retries=2)
    with pytest.raises(BudgetExceeded):
        call.invoke(model.with_retry(**RETRY_AT_ONCE), "hi")
    assert model.opened == 1


def test_a_wrong_setting_is_refused_when_a_model_is_made() -> None:
    """It must be a number that is not below zero."""
    for wrong in (-1, 1.5, "2", True):
        with pytest.raises(ConfigError, match="max_retries"):
            Quick(max_retries=wrong)
    for wrong in (-1, "2", float("nan")):
        with pytest.raises(ConfigError, match="max_retry_delay"):
            Quick(max_retry_delay=wrong)
        with pytest.raises(ConfigError, match="max_retry_delay"):
            RunnableLambda(str).with_retry(max_retry_delay=wrong)  # type: ignore[arg-type]  # wrong on purpose


# -- any script, compared with a simple loop


ERRORS = [*PASSING, *LASTING]


@given(
    script=st.lists(st.sampled_from([*range(len(ERRORS)), -1]), min_size=12, max_size=12),
    retries=st.integers(0, 3),
    outer=st.integers(0, 3),
    way=st.sampled_from(WAYS),
)
def test_any_script_leads_to_the_expected_requests(
    script: list[int], retries: int, outer: int, way: str, call: Call
) -> None:
    """A loop over the script predicts how many requests are made, and which error is raised."""
    answers: list[Any] = [_fresh(ERRORS[index]) if index >= 0 else "a b" for index in script]
    model = Quick([*answers, "a b"], max_retries=retries)
    wrapped: Any = model
    if outer:
        wrapped = model.with_retry(**RETRY_AT_ONCE, stop_after_attempt=outer)
    attempts, raised = _expected(answers, outer if outer > 1 else 1 + retries, outer > 1)
    try:
        assert ways(call, wrapped)[way]() == "a b"
        assert raised is None
    except Exception as error:
        assert error is raised
    assert model.opened == model.closed == attempts


def _fresh(error: Exception) -> Exception:
    """Return a copy of an error, without the notes of earlier runs."""
    daily: Any = {"daily": error.daily} if isinstance(error, RateLimitError) else {}
    return type(error)(*error.args, **daily)


def _expected(answers: list[Any], limit: int, covers_all: bool) -> tuple[int, Exception | None]:
    """Return the number of requests and the error, if one layer makes so many attempts at most."""
    for number, answer in enumerate(answers, start=1):
        if not isinstance(answer, Exception):
            return number, None
        own = not isinstance(answer, ModelError)
        again = is_retryable(answer) or (covers_all and own)
        if number == limit or not again:
            return number, answers[0]
    raise AssertionError("the script is too short")
