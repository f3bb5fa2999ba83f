"""Mistakes of users raise at once, with an error that names the mistake and the way out."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import (
    ChatPromptTemplate,
    ConfigError,
    ConsoleHandler,
    EmptyStream,
    RunnableLambda,
    RunnablePassthrough,
    StrOutputParser,
    convert_to_messages,
)
from tests.both_modes import Call


@pytest.mark.parametrize("thing", [1, "text", None, [len]])
def test_a_value_that_is_no_runnable_is_refused_in_a_pipe(thing: Any) -> None:
    """The error names the value, and what is accepted."""
    with pytest.raises(TypeError, match=r"is not a runnable.*expected a Runnable, a function"):
        RunnablePassthrough() | thing


def test_a_class_in_a_pipe_is_refused() -> None:
    """`model | StrOutputParser` raises where the pipe is made, and the error shows the call."""
    with pytest.raises(TypeError, match=r"StrOutputParser is a class.*write StrOutputParser\("):
        RunnablePassthrough() | StrOutputParser  # type: ignore[operator]  # that is the mistake


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda step: step.with_fallbacks(step), "fallbacks=.*expected a list of runnables"),
        (lambda step: step.with_fallbacks({"a": step}), "expected a list of runnables"),
        (lambda step: step.with_fallbacks([]), r"fallbacks=\[\]: expected at least one"),
        (lambda step: step.with_retry(stop_after_attempt="3"), "'3'.*a whole number from 1"),
        (lambda step: step.with_retry(stop_after_attempt=0), "expected a whole number from 1"),
        (lambda step: step.with_timeout("5"), "'5'.*expected a number of seconds, more than 0"),
        (lambda step: step.with_timeout(0), "expected a number of seconds, more than 0"),
        (lambda step: step.with_config(tags="a"), "'tags': 'a' is not a list of strings"),
        (lambda step: step.with_config(callbacks=ConsoleHandler()), "is not a list of handlers"),
        (lambda step: step.with_config(callbacks=[ConsoleHandler]), "is a class, expected a handl"),
        (lambda step: step.with_config(metadata=["a"]), "is not a dict"),
        (lambda step: step.with_config(run_name=3), "is not a string"),
        (lambda step: step.with_config(max_concurrency="8"), "'8' is not a whole number"),
        (lambda _: ChatPromptTemplate("hello"), "takes a list.*the string 'hello'.*from_temp"),
        (lambda _: ChatPromptTemplate(("human", "x")), r"the pair.*\[\('human', 'x'\)\]"),
        (lambda _: ChatPromptTemplate([]).extend(("human", "x")), "a list of messages.*the pair"),
        (lambda _: ChatPromptTemplate([]).extend("hello"), "takes a list.*the string 'hello'"),
        (
            lambda _: convert_to_messages(3),
            r"3 \(of type int\) is no conversation: expected a string",
        ),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_what_was_expected(
    make: Any, expected: str
) -> None:
    """Arguments are checked when the object is made, values of a config when it is called."""
    with pytest.raises((TypeError, ValueError), match=expected):
        make(RunnablePassthrough()).invoke(1)


def test_a_mistyped_config_key_is_refused_before_work_starts(call: Call) -> None:
    """The error suggests a similar key."""
    ran: list[int] = []
    with pytest.raises(ValueError, match=r"'max_concurency'.*Did you mean 'max_concurrency'"):
        call.invoke(RunnableLambda(ran.append), 1, {"max_concurency": 2})
    assert not ran


@pytest.mark.parametrize("limit", [0, -1, "8", 1.5])
def test_a_limit_must_be_a_whole_number_from_one(limit: Any, call: Call) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match=r"max_concurrency"):
        call.batch(RunnableLambda(str), [1], {"max_concurrency": limit})


def test_a_sync_call_of_an_async_step_names_the_call_to_use() -> None:
    """The error is raised deep in a chain, too, with a note that says which step it was."""

    async def asynchronous(value: int) -> int:
        return value

    with pytest.raises(TypeError, match="Use `ainvoke` instead") as caught:
        (RunnablePassthrough() | asynchronous).invoke(1)
    assert caught.value.__notes__ == ["in step 2 of 2 (asynchronous)"]


def test_a_generator_that_yields_nothing_has_no_value(call: Call) -> None:
    """Its stream is empty. Where a value is needed, the error says what to yield."""

    def nothing(_: Any) -> Any:
        yield from ()

    step = RunnableLambda(nothing)
    assert call.stream(step, 1) == []
    with pytest.raises(EmptyStream, match=r"yielded no chunk.*yield at least one"):
        call.invoke(step, 1)


def test_chunks_that_do_not_add_up_say_how_to_declare_it(call: Call) -> None:
    """Numbers could be summed or replaced, so the merge must be declared."""

    def numbers(_: Any) -> Any:
        yield from (1, 2)

    with pytest.raises(TypeError, match=r"'int' have no declared way.*merge='last'"):
        call.invoke(RunnableLambda(numbers), 1)


@pytest.mark.parametrize("inputs", ["text", {"a": 1}, 3])
def test_a_batch_needs_many_inputs(inputs: Any, call: Call) -> None:
    """A string is not a batch of letters, and a mapping is not a batch of keys."""
    with pytest.raises(TypeError, match="expected a list or another iterable"):
        call.batch(RunnableLambda(str), inputs)


@pytest.mark.parametrize("on", ["on_start", "on_end", "on_error"])
@pytest.mark.parametrize(
    "function",
    [lambda run, other: None, lambda: None, 3],
    ids=["two parameters", "no parameters", "no function"],
)
def test_a_listener_is_a_function_of_an_event(on: str, function: Any) -> None:
    """A listener with other parameters is refused when it is bound, not at the first call."""

    async def two(run: Any, other: Any) -> None: ...

    step = RunnablePassthrough()
    with pytest.raises(ConfigError, match=f"{on}=.*expected a function of one argument, the event"):
        step.with_listeners(**{on: function})
    with pytest.raises(ConfigError, match=f"{on}=.*expected a function of one argument, the event"):
        step.with_alisteners(**{on: two})


def test_listeners_may_have_more_parameters_with_defaults(call: Call) -> None:
    """Built-in functions, whose parameters cannot be read, are taken as they are."""
    seen: list[Any] = []
    step: Any = RunnablePassthrough().with_listeners(
        on_start=lambda event, log=seen: log.append(event.input), on_end=str
    )
    for listener in (print, seen.append, lambda *events: None):
        RunnablePassthrough().with_listeners(on_end=listener)
    call.invoke(step, 1)
    assert seen == [1]
