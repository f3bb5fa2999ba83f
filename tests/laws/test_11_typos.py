"""Law 11: a typo in a key, an option or a variable raises before work starts, with a hint."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import (
    Budget,
    ConfigError,
    InMemoryCache,
    InMemoryRateLimiter,
    PromptTemplate,
    RunnableLambda,
    RunnablePassthrough,
    SQLiteCache,
    create_agent,
)
from runnables_providers.local import LocalChatModel, LocalEmbeddings
from runnables_providers.openai import OpenAIEmbeddings
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call


def test_a_typo_in_a_batch_option_pulls_no_input(call: Call) -> None:
    """`max_concurency=` is not taken for an option of the items."""
    pulled: list[int] = []

    def inputs() -> Any:
        pulled.append(1)
        yield 1

    for typo, meant in (
        ("max_concurency", "max_concurrency"),
        ("return_exception", "return_exceptions"),
    ):
        with pytest.raises(TypeError, match=f"{typo!r}.*Did you mean {meant!r}"):
            call.batch(RunnableLambda(str), inputs(), **{typo: 1})
    assert not pulled


def test_options_that_nothing_reads_are_refused(call: Call) -> None:
    """Steps that would never read them refuse them, too."""
    for step in (RunnablePassthrough(), RunnablePassthrough() | str):
        with pytest.raises(TypeError, match="foo"):
            call.invoke(step, 1, foo=2)


@pytest.mark.parametrize("key", ["tag", "call_backs", "runname", "configurabel"])
def test_a_typo_in_a_config_key_is_refused_in_every_call(key: str, call: Call) -> None:
    """A call, a batch and `with_config` refuse it, and the function does not run."""
    ran: list[int] = []
    step = RunnableLambda(ran.append)
    for do in (
        lambda: call.invoke(step, 1, {key: []}),
        lambda: call.stream(step, 1, {key: []}),
        lambda: call.batch(step, [1], {key: []}),
        lambda: call.invoke(step.with_config({key: []}), 1),
    ):
        with pytest.raises(ValueError, match=f"Unknown config key {key!r}.*Did you mean"):
            do()
    assert not ran


def test_a_missing_variable_of_a_template_is_named(call: Call) -> None:
    """The error is raised before the next step runs."""
    ran: list[Any] = []
    with pytest.raises((KeyError, ValueError), match="'question'"):
        call.invoke(PromptTemplate("{question}") | ran.append, {"querstion": "?"})
    assert not ran


@pytest.mark.parametrize(
    ("make", "typo", "message"),
    [
        (Budget, "token", "Budget has no option 'token'. Did you mean 'tokens'"),
        (create_agent, "sytem_prompt", "create_agent has no .* Did you mean 'system_prompt'"),
        (ScriptedChatModel, "temprature", "ScriptedChatModel has no .* mean 'temperature'"),
        (InMemoryCache, "max_size", "InMemoryCache has no .* mean 'maxsize'"),
        (SQLiteCache, "tll", "SQLiteCache has no .* mean 'ttl'"),
        (InMemoryRateLimiter, "request_per_minute", "mean 'requests_per_minute'"),
        (OpenAIEmbeddings, "dimension", "OpenAIEmbeddings has no .* mean 'dimensions'"),
        (OpenAIEmbeddings, "encoding", "OpenAIEmbeddings has no .* mean 'encoding_format'"),
        (OpenAIEmbeddings, "max_batch_sise", "OpenAIEmbeddings has no .* mean 'max_batch_size'"),
        (LocalEmbeddings, "poling", "LocalEmbeddings has no .* mean 'pooling'"),
        (LocalChatModel, "temprature", "LocalChatModel has no .* mean 'temperature'"),
    ],
)
def test_a_typo_in_a_setting_names_the_class_and_a_similar_setting(
    make: Any, typo: str, message: str
) -> None:
    """It does not matter which base class takes the setting."""
    with pytest.raises(ConfigError, match=message):
        make(**{typo: 1})
