"""Constructors in the keywords that LangChain has for them."""

from __future__ import annotations

from operator import itemgetter
from typing import Any

import pytest

from runnables import (
    ConfigError,
    RunnableAssign,
    RunnableBinding,
    RunnableEach,
    RunnableLambda,
    RunnableParallel,
    RunnablePick,
    RunnableRetry,
    RunnableSequence,
    RunnableWithFallbacks,
)
from tests.both_modes import Call

increment = RunnableLambda(lambda number: number + 1)
double = RunnableLambda(lambda number: number * 2)

FORMS: dict[str, tuple[Any, Any, Any]] = {
    "sequence": (RunnableSequence(first=increment, middle=[double], last=str), 1, "4"),
    "sequence of two": (RunnableSequence(first=increment, last=double), 1, 4),
    "retry": (RunnableRetry(bound=increment, max_attempt_number=2), 1, 2),
    "retry with options": (
        RunnableRetry(bound=int, kwargs={"base": 2}, config={"tags": ["a"]}),
        "11",
        3,
    ),
    "parallel": (RunnableParallel(steps__={"a": increment}, b=double), 1, {"a": 2, "b": 2}),
    "a branch named branches": (RunnableParallel(branches=increment), 1, {"branches": 2}),
    "binding": (RunnableBinding(bound=int, kwargs={"base": 2}, config={}), "11", 3),
    "each": (RunnableEach(bound=increment), [1, 2], [2, 3]),
    "fallbacks": (RunnableWithFallbacks(runnable=increment, fallbacks=[len]), "ab", 2),
    "lambda": (RunnableLambda(func=len, name="size"), "ab", 2),
    "assign": (
        RunnableAssign(mapper=RunnableParallel(b=itemgetter("a"))),
        {"a": 1},
        {"a": 1, "b": 1},
    ),
    "pick": (RunnablePick(keys=["a"]), {"a": 1, "b": 2}, {"a": 1}),
}


@pytest.mark.parametrize("form", FORMS)
def test_it_runs(call: Call, form: str) -> None:
    """Each class is made with LangChain's keywords."""
    runnable, value, output = FORMS[form]
    assert call.invoke(runnable, value) == output


def test_what_people_read_off_is_there() -> None:
    """The parts, by the names that they have there."""
    chain = RunnableSequence(first=increment, middle=[double], last=str)
    assert [chain.first, *chain.middle, chain.last] == list(chain.steps)
    assert chain == increment | double | str
    parallel = RunnableParallel(a=increment)
    assert parallel.steps__ == {"a": increment}
    assert RunnableAssign(mapper=parallel).mapper == parallel
    retry = increment.with_retry(stop_after_attempt=2, retry_if_exception_type=(OSError,))
    assert (retry.max_attempt_number, retry.retry_exception_types) == (2, (OSError,))
    bound = RunnableBinding(bound=increment, kwargs={"a": 1}, config={"tags": ["x"]})
    assert (bound.bound, bound.kwargs, bound.config) == (increment, {"a": 1}, {"tags": ["x"]})


@pytest.mark.parametrize(
    "keywords",
    [{"first": increment}, {"last": increment}, {"middle": [increment]}],
    ids=["no last", "no first", "neither"],
)
def test_a_sequence_without_an_end_is_refused(keywords: Any) -> None:
    """It needs its first and its last step."""
    with pytest.raises(TypeError, match="first= and last= are needed"):
        RunnableSequence(**keywords)


def test_steps_are_given_in_one_way() -> None:
    """Steps as arguments and by name would have no order."""
    with pytest.raises(TypeError, match="as arguments, or as first="):
        RunnableSequence(increment, first=double, last=str)


@pytest.mark.parametrize(
    "keywords",
    [
        {"stop_after_attempt": 2, "max_attempt_number": 2},
        {"retry_if_exception_type": OSError, "retry_exception_types": (OSError,)},
    ],
    ids=["attempts", "errors"],
)
def test_both_names_of_one_setting_are_refused(keywords: Any) -> None:
    """One of them would be ignored."""
    with pytest.raises(ConfigError, match=r"are one setting\. Pass one of them"):
        RunnableRetry(increment, **keywords)


def test_a_retry_counts_the_errors_that_its_other_keyword_names() -> None:
    """`retry_exception_types` and `max_attempt_number` decide."""
    calls: list[int] = []

    def fail(number: int) -> int:
        calls.append(number)
        raise OSError(number)

    keywords: Any = {"wait_exponential_jitter": False, "max_attempt_number": 2}
    with pytest.raises(OSError, match="1"):
        RunnableRetry(bound=fail, retry_exception_types=(OSError,), **keywords).invoke(1)
    with pytest.raises(OSError, match="2"):
        RunnableRetry(bound=fail, retry_exception_types=(ValueError,), **keywords).invoke(2)
    assert calls == [1, 1, 2]
