"""Arguments in the wrong place, of the wrong type or under another name: what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from runnables import (
    ChatPromptTemplate,
    ConfigError,
    ConsoleHandler,
    DeterministicFakeEmbedding,
    RouterRunnable,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnablePick,
    tool,
)
from tests.both_modes import Call

STEP: Any = RunnableLambda(len)
LIST: Any = [len]
FUNCTION: Any = len
NUMBERED: Any = {1: len}
PASSTHROUGH: Any = RunnablePassthrough
METHODS = ["batch", "abatch", "batch_as_completed", "abatch_as_completed"]


@tool
def add(a: int) -> int:
    """Add one."""
    return a + 1


def refused(call: Callable[[], Any]) -> str:
    """Return the text of the TypeError; a coroutine is run to its error."""
    with pytest.raises(TypeError) as caught:
        if hasattr(coroutine := call(), "send"):
            coroutine.send(None)
    return str(caught.value)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("runnable", [STEP, STEP | str, STEP.with_retry(), add], ids=repr)
def test_a_batch_without_inputs(runnable: Any, method: str) -> None:
    """It says how to write them, and names no base class."""
    for text in (
        refused(lambda: getattr(runnable, method)()),
        refused(lambda: getattr(runnable, method)(xs=["a"])),
        refused(lambda: getattr(runnable, method)(max_concurrency=3)),
    ):
        assert "batch([value, ...])" in text
        assert "Batching" not in text


@pytest.mark.parametrize("method", METHODS)
def test_a_limit_without_its_name(method: str) -> None:
    """The second value of a batch is a config."""
    text = refused(lambda: getattr(STEP, method)(["a"], 8))
    assert "max_concurrency=8" in text
    assert "is no config" in refused(lambda: getattr(STEP, method)(["a"], "fast"))


@pytest.mark.parametrize("word", ["n_jobs", "max_workers", "concurrency"])
@pytest.mark.parametrize(
    ("runnable", "value"),
    [
        (DeterministicFakeEmbedding(size=2), "a"),
        (add, {"a": 1}),
        (RunnableParallel(a=DeterministicFakeEmbedding(size=2)), "a"),
        (STEP.map(), ["a"]),
    ],
    ids=["embeddings", "tool", "parallel", "map"],
)
def test_the_limit_by_another_word(word: str, runnable: Any, value: Any, call: Call) -> None:
    """Also where the first step is no function, prompt or model."""
    with pytest.raises(TypeError, match="max_concurrency"):
        call.batch(runnable, [value], **{word: 4})


@pytest.mark.parametrize(
    ("wrong", "parts"),
    [
        (lambda: STEP.with_fallbacks(STEP, STEP), ["with_fallbacks([a, b])"]),
        (lambda: STEP.with_fallbacks([STEP], exceptions=()), ["'exceptions_to_handle'"]),
        (lambda: STEP.with_fallbacks([STEP], ValueError), ["exceptions_to_handle=ValueError"]),
        (lambda: STEP.with_retry(ValueError), ["retry_if_exception_type=ValueError"]),
        (lambda: STEP.with_retry(retry_on=ValueError), ["'retry_if_exception_type'"]),
        (lambda: STEP.with_retry(delay=3), ["exponential_jitter_params={'initial'"]),
        (lambda: STEP.assign({"a": len}), ["assign(**{'a'"]),
        (lambda: STEP.assign(len), ["assign(key=...)"]),
        (lambda: PASSTHROUGH.assign({"a": len}), ["assign(**{'a'"]),
        (lambda: PASSTHROUGH().assign(len), ["assign(key=...)"]),
        (lambda: STEP.pick(), ["pick(keys=...)"]),
        (lambda: STEP.pick("a", "b"), ["pick: 'b'"]),
        (lambda: STEP.pick(3), ["RunnablePick(3)", "a list of keys"]),
        (lambda: RunnableParallel(LIST), ["a dict of branches by name"]),
        (lambda: RunnableParallel(FUNCTION), ["a dict of branches by name"]),
        (lambda: RouterRunnable(LIST), ["a dict of runnables by key"]),
    ],
)  # fmt: skip
def test_an_argument_in_the_wrong_place(wrong: Callable[[], Any], parts: list[str]) -> None:
    """The error names the method that was called, and what to write."""
    text = refused(wrong)
    assert [part for part in parts if part not in text] == [], text
    assert "Pipes" not in text


def test_a_branch_may_be_called_name(call: Call) -> None:
    """A string under `name` is the name of the runnable; a step is a branch."""
    chain = RunnableParallel(name=len, size=RunnableLambda(str.upper))
    assert call.invoke(chain, "abc") == {"name": 3, "size": "ABC"}
    assert call.invoke(RunnableParallel(name=RunnablePick("name")), {"name": 1}) == {"name": 1}
    assert RunnableParallel(a=len, name="both").get_name() == "both"


def test_keys_that_are_no_strings(call: Call) -> None:
    """They work, with handlers too, and an error about them names them."""
    steps: Any = {1: len, ("a", 2): str.upper}
    chain = steps | RunnablePassthrough()
    config: Any = {"callbacks": [ConsoleHandler()]}
    assert call.invoke(chain, "abc", config) == {1: 3, ("a", 2): "ABC"}
    assert call.batch(chain, ["abc"], config) == [{1: 3, ("a", 2): "ABC"}]
    assert "is given 1" in refused(lambda: NUMBERED | ChatPromptTemplate([("human", "{x}")]))
    with pytest.raises(KeyError, match="It has: '1'"):
        call.invoke(RunnablePick("x"), {1: 2})


def test_errors_of_settings_are_config_errors() -> None:
    """So one `except` finds them all."""
    with pytest.raises(ConfigError):
        STEP.assign({"a": len})
    with pytest.raises(ConfigError):
        STEP.batch(["a"], 8)
