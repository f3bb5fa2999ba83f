"""Errors of wrong calls name the object and the mistake, and say what to write instead."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from functools import partial, wraps
from operator import itemgetter
from typing import Any

import pytest

from runnables import (
    AsyncStream,
    ChatPromptTemplate,
    ConfigError,
    ConfigurableField,
    MessagesPlaceholder,
    PromptTemplate,
    RouterRunnable,
    Runnable,
    RunnableBranch,
    RunnableConfig,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnablePick,
    RunnableSequence,
    Stream,
    StrOutputParser,
    tool,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call

STEP: Any = RunnableLambda(len)

NUMBERED = map(str, range(10_000))
"""Ids for cases that are all lambdas."""


class Shout(Runnable[Any, Any]):
    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        return input


@tool
def add(a: int) -> int:
    """Add one."""
    return a + 1


RUNNABLES: dict[str, Any] = {
    "function": STEP,
    "sequence": STEP | str,
    "parallel": RunnableParallel(a=STEP),
    "bound": STEP.with_config(tags=["a"]),
    "retry": STEP.with_retry(),
    "prompt": ChatPromptTemplate([("human", "{x}")]),
    "model": ScriptedChatModel(["a"], cycle=True),
    "parser": StrOutputParser(),
    "class": Shout(),
    "tool": add,
    "configurable": RunnablePick("a").configurable_fields(keys=ConfigurableField(id="k")),
}
EACH = pytest.mark.parametrize("runnable", RUNNABLES.values(), ids=RUNNABLES)


def refused(function: Callable[..., Any], *args: Any, **kwargs: Any) -> str:
    """Return the text of the TypeError."""
    with pytest.raises(TypeError) as caught:
        function(*args, **kwargs)
    return str(caught.value)


# -- calls without an input


@EACH
def test_keywords_in_place_of_the_input(runnable: Any) -> None:
    """A dict is written as a dict, in each of the four methods."""
    for method in ("invoke", "stream", "astream"):
        text = refused(getattr(runnable, method), x="a")
        assert f"{method}({{'x': 'a'}})" in text
        assert "BaseRunnable" not in text

    async def main() -> None:
        await runnable.ainvoke(x="a")

    assert "ainvoke({'x': 'a'})" in refused(asyncio.run, main())


@EACH
def test_no_input_at_all(runnable: Any) -> None:
    """Nothing runs, and the error says where the value goes."""
    assert "invoke(value)" in refused(runnable.invoke)
    assert "stream(value)" in refused(runnable.stream)


@EACH
def test_a_runnable_that_is_called_like_a_function(runnable: Any) -> None:
    """The error says how to invoke it, with the value of the call."""
    assert ".invoke('x')" in refused(runnable, "x")
    assert ".invoke({'x': 'a'})" in refused(runnable, x="a")
    assert ".invoke('x')" in refused(runnable, "x", config=None)  # with one, LangChain calls
    assert inspect.signature(runnable.__call__).parameters["config"].kind is (
        inspect.Parameter.KEYWORD_ONLY
    )


@EACH
def test_the_signature_says_that_the_input_is_required(runnable: Any) -> None:
    """People and tools see what they saw before."""
    if not isinstance(runnable, Shout) and runnable is not add:
        parameter = inspect.signature(runnable.invoke).parameters["input"]
        assert parameter.default is parameter.empty


def test_a_callable_runnable_is_still_a_runnable(call: Call) -> None:
    """Where functions and runnables are taken, it is not taken for a function."""
    assert call.invoke(STEP | STEP.__class__(str), "abc") == "3"
    assert call.invoke(RunnableParallel(a=STEP) | itemgetter("a"), "abc") == 3
    with pytest.raises(ConfigError, match="expected a class of exceptions"):
        STEP.with_retry(retry_if_exception_type=STEP)
    with pytest.raises(TypeError, match="a runnable already"):
        RunnableLambda(STEP)


# -- streams


def for_over_astream() -> Any:
    return list(STEP.astream("a"))


def next_of_astream() -> Any:
    return next(STEP.astream("a"))


def with_astream() -> Any:
    with STEP.astream("a"):
        pass


def for_over_astream_events() -> Any:
    return list(STEP.astream_events("a"))


def for_over_abatch_as_completed() -> Any:
    return list(STEP.abatch_as_completed(["a"]))


async def async_for_over_batch_as_completed() -> Any:
    return [pair async for pair in STEP.batch_as_completed(["a"])]


async def await_abatch_as_completed() -> Any:
    return await STEP.abatch_as_completed(["a"])


async def async_for_over_stream_events() -> Any:
    return [event async for event in STEP.stream_events("a")]


async def await_astream() -> Any:
    return await STEP.astream("a")


async def await_stream() -> Any:
    return await STEP.stream("a")


async def async_for_over_stream() -> Any:
    return [chunk async for chunk in STEP.stream("a")]


async def async_with_stream() -> Any:
    async with STEP.stream("a"):
        pass


async def anext_of_stream() -> Any:
    return await anext(STEP.stream("a"))


async def for_over_astream_in_a_task() -> Any:
    return list(STEP.astream("a"))


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        (for_over_astream, "`async for chunk in chain.astream(...)`"),
        (next_of_astream, "`async for chunk in chain.astream(...)`"),
        (with_astream, "`async with`"),
        (for_over_astream_events, "`async for event in chain.astream_events(...)`"),
        (
            for_over_abatch_as_completed,
            "`async for index, output in chain.abatch_as",
        ),
        (async_for_over_batch_as_completed, "`for index, output in chain.batch_as_completed(...)`"),
        (await_abatch_as_completed, "`await chain.abatch(...)`"),
        (async_for_over_stream_events, "`for event in chain.stream_events(...)`"),
        (await_astream, "`async for chunk in chain.astream(...)`"),
        (await_stream, "`await chain.ainvoke(...)`"),
        (async_for_over_stream, "`for chunk in chain.stream(...)`"),
        (async_with_stream, "`with`"),
        (anext_of_stream, "`for chunk in chain.stream(...)`"),
        (for_over_astream_in_a_task, "`async for chunk in chain.astream(...)`"),
    ],
    ids=NUMBERED,
)
def test_a_stream_of_the_other_kind(wrong: Any, right: str) -> None:
    """Each operator raises a TypeError that has the right loop."""
    run = (lambda: asyncio.run(wrong())) if inspect.iscoroutinefunction(wrong) else wrong
    assert right in refused(run)


def test_streams_do_not_pass_for_the_other_kind() -> None:
    """Web frameworks ask whether a stream is async, and whether a result is to be awaited."""
    stream, astream = STEP.stream("a"), STEP.astream("a")
    assert [isinstance(stream, kind) for kind in (Iterable, Iterator)] == [True, True]
    assert [isinstance(astream, kind) for kind in (AsyncIterable, AsyncIterator)] == [True, True]
    for kind in (AsyncIterable, AsyncIterator, Awaitable):
        assert not isinstance(stream, kind)
    for kind in (Iterable, Iterator, Awaitable):
        assert not isinstance(astream, kind)
    assert not inspect.isawaitable(stream)
    assert not inspect.isawaitable(astream)
    assert isinstance(stream, Stream)
    assert isinstance(astream, AsyncStream)
    stream.close()


# -- batches and settings


@pytest.mark.parametrize(
    "word",
    ["workers", "max_workers", "n_jobs", "num_workers", "concurrency", "threads", "processes",
     "parallelism", "max_concurrent_requests", "pool_size"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["function", "sequence", "prompt", "model", "parser", "retry"])
def test_the_limit_of_a_batch_by_another_word(word: str, name: str, call: Call) -> None:
    """The error says `max_concurrency`."""
    inputs = [{"x": "a"}] if name == "prompt" else ["a"]
    text = refused(call.batch, RUNNABLES[name], inputs, **{word: 8})
    assert "max_concurrency" in text
    assert repr(word) in text


def test_a_function_may_have_such_an_option(call: Call) -> None:
    """It is the function's own, so nothing is wrong."""
    step = RunnableLambda(lambda x, workers: (x, workers))
    assert call.batch(step, [1], workers=8) == [(1, 8)]


def test_the_limit_in_a_config_by_another_word(call: Call) -> None:
    """The key of the config has the same name as the argument."""
    assert "Did you mean 'max_concurrency'" in refused(call.invoke, STEP, "a", {"workers": 8})


@pytest.mark.parametrize(
    ("wrong", "parts"),
    [
        (lambda: STEP.with_retry(3), ["with_retry(3)", "with_retry(stop_after_attempt=3)"]),
        (lambda: STEP.with_retry(False), ["with_retry(wait_exponential_jitter=False)"]),
        (lambda: STEP.with_retry(60.0), ["with_retry(max_retry_delay=60.0)"]),
        (lambda: STEP.with_retry(max_attempts=3), ["with_retry", "stop_after_attempt=3"]),
        (lambda: STEP.with_retry(retries=3), ["with_retry", "stop_after_attempt=3"]),
        (
            lambda: STEP.with_fallbacks([STEP], ValueError),
            ["with_fallbacks", "exceptions_to_handle"],
        ),
        (lambda: STEP.with_timeout(), ["with_timeout(seconds=...)"]),
        (lambda: STEP.with_timeout(timeout=3), ["with_timeout", "'seconds'"]),
        (lambda: STEP.with_timeout(1, 2), ["with_timeout: 2", "seconds"]),
        (lambda: STEP.as_tool(None, "name"), ["as_tool('name')", "name='name'"]),
    ],
    ids=NUMBERED,
)
def test_a_setting_without_its_name(wrong: Callable[[], Any], parts: list[str]) -> None:
    """The error names the method, not a base class, and the setting."""
    text = refused(wrong)
    assert [part for part in parts if part not in text] == [], text
    assert "Runnable." not in text


# -- parts


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        (lambda: RunnableParallel({"size": 1}), 'branch "size": 1 (of type int)'),
        (lambda: RunnableParallel(fine=len, size=None), 'branch "size": None'),
        (lambda: STEP | {"size": 1}, 'branch "size"'),
        (lambda: {"size": 1} | STEP, 'branch "size"'),
        (lambda: STEP | {"a": {"b": 1}}, 'branch "a": branch "b": 1'),
        (lambda: STEP.assign(size="x"), "branch \"size\": 'x'"),
        (lambda: RunnablePassthrough.assign(size=1), 'branch "size"'),
        (lambda: RouterRunnable({"size": 1}), "key 'size': 1"),
        (lambda: RunnableBranch((len, 1), len), "branch 1: 1"),
        (lambda: RunnableBranch((len, len), (2), 3), "argument 2"),
        (lambda: RunnableBranch((len, len), 3), "the default: 3"),
        (lambda: STEP.with_fallbacks([len, 7]), "fallback 2: 7"),
        (
            lambda: STEP.configurable_alternatives(ConfigurableField(id="a"), other=1),
            "alternative 'other': 1",
        ),
    ],
    ids=NUMBERED,
)
def test_a_part_that_is_no_step_is_named(wrong: Callable[[], Any], part: str) -> None:
    """Its key or number comes first."""
    assert part in refused(wrong)


def fixed(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that passes the second value itself."""

    @wraps(function)
    def wrapped(value: Any) -> Any:
        return function(value, 2)

    return wrapped


def two(a: Any, b: Any) -> Any:
    return (a, b)


async def atwo(a: Any, b: Any) -> Any:
    return (a, b)


class Two:
    def __init__(self, a: Any, b: Any) -> None:
        self.values = (a, b)

    def method(self, a: Any, b: Any) -> Any:
        return (a, b)


@pytest.mark.parametrize(
    "function",
    [two, atwo, Two, Two(1, 2).method, lambda a, b: a, lambda: 1, lambda a, *, k: a, str.replace],
    ids=NUMBERED,
)
def test_a_function_of_two_values_is_refused_in_a_pipe(function: Any) -> None:
    """It could only fail when it runs; the error says what it takes."""
    for wrong in (
        lambda: STEP | function,
        lambda: RunnableSequence(STEP, function),
        lambda: STEP.pipe(function),
        lambda: STEP | RunnableLambda(function),
        lambda: STEP | {"a": function, "b": len},
    ):
        assert "cannot be called with one value" in refused(wrong)


@pytest.mark.parametrize(
    "function",
    [
        lambda a, b=1: (a, b),
        lambda *values: values,
        lambda a, **options: a,
        lambda a, config: a,
        lambda a, *, config: a,
        partial(two, b=2),
        partial(two, 1),
        fixed(two),
        str,
        int.__add__,
        print,
        itemgetter(0),
        max,
        dict,
    ],
    ids=NUMBERED,
)
def test_a_function_of_one_value_and_more_is_a_step(function: Any) -> None:
    """Defaults, a config and what a partial or a decorator passes are no values of the pipe."""
    if function is int.__add__:
        function = (1).__add__
    assert isinstance(STEP | function, RunnableSequence)


def test_the_first_function_of_a_pipe_may_get_options(call: Call) -> None:
    """Options of a call go to the first step, so it may have more parameters."""
    assert call.invoke(RunnableLambda(two) | str, 1, b=2) == "(1, 2)"


# -- names


@pytest.mark.parametrize(
    ("wrong", "right", "not_offered"),
    [
        (lambda: PromptTemplate("{name}").invoke({"nmae": 1}), "'name' by 'nmae'", "mean 'nmae'"),
        (lambda: {"qestion": len} | PromptTemplate("{question}"), "'question' by 'qestion'",
         "mean 'qestion'"),
        (lambda: STEP.with_retry(stop_after_atempt=3), "mean 'stop_after_attempt'", "atempt'?"),
        (lambda: STEP.batch(["a"], max_concurency=3), "mean 'max_concurrency'", "concurency'?"),
        (lambda: STEP.invoke("a", {"tag": ["a"]}), "mean 'tags'", "mean 'tag'"),
    ],
    ids=NUMBERED,
)  # fmt: skip
def test_did_you_mean_offers_the_right_side(
    wrong: Callable[[], Any], right: str, not_offered: str
) -> None:
    """What was given as wrong is never what is offered."""
    with pytest.raises((TypeError, ValueError, KeyError)) as caught:
        wrong()
    assert right in str(caught.value)
    assert not_offered not in str(caught.value)


@pytest.mark.parametrize(
    "chat",
    [
        ChatPromptTemplate([MessagesPlaceholder("history"), ("human", "{x}")]),
        ChatPromptTemplate([("placeholder", ["{history}", False]), ("human", "{x}")]),
        ChatPromptTemplate([("human", "{x}")]) + MessagesPlaceholder("history"),
    ],
    ids=NUMBERED,
)
def test_a_missing_placeholder_says_how_it_is_optional(chat: Any, call: Call) -> None:
    """It is no variable whose braces are to be written twice."""
    with pytest.raises(
        ValueError, match=r"MessagesPlaceholder\('history', optional=True\)"
    ) as caught:
        call.invoke(chat, {"x": "a"})
    assert "braces" not in str(caught.value)


def test_an_option_of_a_batch_that_does_not_exist_names_the_object(call: Call) -> None:
    """The runnable is in the error."""
    text = refused(call.batch, STEP, ["a"], return_exception=True)
    assert "RunnableLambda(len)" in text
    assert "'return_exceptions'" in text


# -- configurable


FLEXIBLE: Any = RunnablePick("name").configurable_fields(keys=ConfigurableField(id="key"))


@pytest.mark.parametrize("typo", ["kye", "kee", "keys", "Key"])
@pytest.mark.parametrize(
    "chain",
    [
        FLEXIBLE,
        RunnablePassthrough() | FLEXIBLE,
        RunnableParallel(a=FLEXIBLE),
        FLEXIBLE.with_retry(),
    ],
    ids=["itself", "sequence", "parallel", "retry"],
)
def test_a_misspelt_configurable_field(chain: Any, typo: str, call: Call) -> None:
    """It would be ignored, so it is an error: in a call, in a batch, and where it is bound."""
    if typo == "kee":  # a third of it is wrong, which may be a key of the user's own
        return
    config: RunnableConfig = {"configurable": {typo: "born"}}
    for wrong in (
        lambda: call.invoke(chain, {"name": 1}, config),
        lambda: call.stream(chain, {"name": 1}, config),
        lambda: call.batch(chain, [{"name": 1}], config),
        lambda: call.batch(chain, [{"name": 1}], [config]),
        lambda: chain.with_config(configurable={typo: "born"}),
    ):
        text = refused(wrong)
        assert f"no configurable field {typo!r}. Did you mean 'key'?" in text


def test_other_keys_of_configurable_are_the_users_own(call: Call) -> None:
    """Functions read them in their config."""

    def session(_: Any, config: RunnableConfig) -> Any:
        return config["configurable"]["session_id"]

    config: RunnableConfig = {"configurable": {"session_id": "s", "key": "born", "keys": 1}}
    chain = RunnableParallel(a=FLEXIBLE, b=session)
    assert call.invoke(chain, {"name": 1, "born": 2}, config) == {"a": 2, "b": "s"}
    assert call.invoke(RunnableLambda(session), 1, {"configurable": {"session_id": "s"}}) == "s"
