"""A pipe whose types cannot fit is refused when it is made; one that may work never is."""

from __future__ import annotations

import functools
from collections import OrderedDict, UserString, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from operator import itemgetter
from pathlib import Path
from types import FunctionType
from typing import Annotated, Any, Literal, NewType, Protocol, TypedDict, TypeVar, Union

import pytest
from hypothesis import given, strategies as st
from pydantic import BaseModel

from runnables import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatPromptTemplate,
    ConfigurableField,
    FakeListChatModel,
    HumanMessage,
    JsonOutputToolsParser,
    RouterRunnable,
    Runnable,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnablePick,
    StrOutputParser,
    chain,
)
from runnables.compose.compatibility import explain_mismatch, is_compatible
from tests.laws.registry import REGISTRY
from tests.laws.registry_combinators import shapes
from tests.laws.registry_models import models, parsers, prompts
from tests.laws.specimens import Specimen

T = TypeVar("T")
UserId = NewType("UserId", int)
MODEL = FakeListChatModel(responses=["x"])
TWO_VALUES = ChatPromptTemplate.from_template("{a} {b}")


class Point(TypedDict):
    x: int


class Person(BaseModel):
    age: int


@dataclass
class Invoice:
    total: int


class Level(Enum):
    LOW = "low"


class Named:
    """A mixin: a value may be a `Named` and also something else."""


class NamedInvoice(Named, Invoice):
    pass


class Speaks(Protocol):
    def speak(self) -> str: ...


class Lookup:
    def __getitem__(self, key: str) -> int:
        return 1


REFUSED: list[tuple[Any, Any]] = [
    (int, str),
    (str, int),
    (str, list[str]),
    (str, dict),
    (str, bytes),
    (int, list),
    (list[int], dict[str, int]),
    (dict[str, Any], str),
    (dict[str, Any], list[int]),
    (Point, str),
    (str, Point),
    (None, str),
    (Person, str),
    (dict, Person),
    (Person, dict),
    (Person, Invoice),
    (Invoice, Person),
    (Level, int),
    (AIMessage, str),
    (AIMessage, HumanMessage),
    (UserId, str),
    (Annotated[int, "a number"], str),
    (Literal["a", "b"], int),
    (int | None, str),
    (int | list[int], str | dict[str, int]),
    (int, Iterable[str]),
    (str, Callable[[], Any]),
]
FITTING: list[tuple[Any, Any]] = [
    (Any, str),
    (int, Any),
    (object, int),
    (int, object),
    (T, str),
    (int, T),
    ("Unknown", int),
    (int, float),
    (bool, int),
    (int, complex),
    (Decimal, float),
    (float, int),
    (str, Sequence[str]),
    (str, Iterable[str]),
    (list[int], tuple[int, ...]),
    (tuple[int, int], list[int]),
    (set[int], list[int]),
    (deque, list),
    (Iterator[int], list[int]),
    (list[int], Iterator[int]),
    (list[int], list[str]),
    (OrderedDict, dict),
    (Mapping[str, int], dict[str, int]),
    (Point, dict[str, Any]),
    (dict[str, Any], Point),
    (Lookup, Mapping[str, int]),
    (Path, str),
    (str, Path),
    (UserString, str),
    (str, None),
    (int | None, int),
    (Union[str, None], str),  # noqa: UP007 - the other way to write it
    (int | str, str | list[str]),
    (Literal[1], int),
    (UserId, int),
    (BaseMessage, AIMessage),
    (AIMessage, AIMessageChunk),
    (AIMessage, BaseMessage),
    (Person, BaseModel),
    (Named, Invoice),
    (Speaks, Invoice),
    (str, Speaks),
    (Invoice, Callable[[], Any]),
    (type, Callable[[], Any]),
]


def step(takes: Any, gives: Any) -> RunnableLambda[Any, Any]:
    """Return a function with these types."""

    def function(value: Any) -> Any:
        return value

    function.__annotations__ = {"value": takes, "return": gives}
    return RunnableLambda(function)


@pytest.mark.parametrize(("gives", "takes"), REFUSED, ids=str)
def test_types_that_no_value_has_both_are_refused(gives: Any, takes: Any) -> None:
    """An int is no str, a message no string, a dict no pydantic model."""
    assert not is_compatible(gives, takes)
    with pytest.raises(TypeError, match="gives"):
        _ = step(Any, gives) | step(takes, Any)


@pytest.mark.parametrize(("gives", "takes"), FITTING, ids=str)
def test_types_that_may_fit_are_accepted(gives: Any, takes: Any) -> None:
    """What is uncertain, and what acts alike, is left to the call."""
    assert is_compatible(gives, takes)


def test_the_error_names_both_steps_and_both_types() -> None:
    """It names the way out too."""

    def count(text: str) -> int:
        return len(text)

    def shout(text: str) -> str:
        return text.upper()

    with pytest.raises(TypeError) as caught:
        _ = RunnableLambda(count) | shout
    assert str(caught.value).startswith(
        "count | shout: RunnableLambda(count) gives int, and RunnableLambda(shout) takes str."
    )
    declared = RunnableLambda(count).with_types(output_type=Any) | shout
    assert len(declared.steps) == 2


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (MODEL, TWO_VALUES),
        (MODEL, lambda: RunnablePassthrough.assign(a=len)),
        (StrOutputParser(), JsonOutputToolsParser()),
        (step(Any, int), MODEL),
        (step(Any, None), StrOutputParser()),
        (MODEL, RunnableParallel(a=step(str, str))),
        (MODEL, step(str, str).with_retry()),
        (step(Any, str), step(int, int).map()),
        (MODEL.with_fallbacks([MODEL]), step(dict, Any)),
    ],
    ids=lambda part: "function" if isinstance(part, FunctionType) else str(part),
)
def test_our_own_runnables_declare_their_types(before: Any, after: Any) -> None:
    """A message is no dict of values, a string has no tool calls, a number is no prompt."""
    after = after() if type(after).__name__ == "function" else after
    with pytest.raises(TypeError, match="gives"):
        _ = before | after


def test_doubtful_annotations_refuse_nothing() -> None:
    """Decorators, awaitables, returned runnables and iterators, own merges, alternatives."""

    def as_text(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any) -> str:
            return str(function(*args))

        return wrapped

    @as_text
    def decorated(number: int) -> int:
        return number

    def awaits(number: int) -> Awaitable[str]:
        raise NotImplementedError

    @chain
    def routes(number: int) -> Runnable[int, str]:
        return RunnableLambda(str)

    def numbers(text: str) -> Iterator[int]:
        yield len(text)

    def listed(text: str) -> Iterable[str]:
        return [text]

    strings = step(str, str)
    for before in (
        RunnableLambda(decorated),
        RunnableLambda(awaits),
        routes,
        RunnableLambda(numbers, merge=str),
        step(Any, int).configurable_alternatives(ConfigurableField(id="a"), b=step(Any, str)),
    ):
        assert explain_mismatch(before, strings) is None, before
    assert explain_mismatch(RunnableLambda(listed), step(list[str], Any)) is None
    assert (
        explain_mismatch(step(Any, int), RunnableGenerator(lambda chunks: (yield from chunks)))
        is None
    )


# --- keys -------------------------------------------------------------------------------------


def test_a_prompt_after_a_dict_of_steps_needs_all_its_values() -> None:
    """A dict of steps has exactly its keys: a prompt that lacks one always lacks it."""
    with pytest.raises(
        TypeError, match=r"needs 'b', and is given 'a', 'bb'. Did you mean 'b' by 'bb'"
    ):
        _ = RunnableParallel(a=len, bb=len) | TWO_VALUES
    with pytest.raises(TypeError, match="needs 'a', 'b', and is given 'c'"):
        _ = {"c": len} | RunnablePassthrough() | RunnableParallel(x=TWO_VALUES)
    with pytest.raises(TypeError, match="needs 'b', and is given 'a'"):
        _ = (RunnableParallel(a=len, b=len) | RunnablePick(["a"])) | TWO_VALUES.with_config(
            tags=["t"]
        )
    with pytest.raises(TypeError, match="needs 'k', and is given 'a', 'c'"):
        _ = RunnableParallel(a=len).assign(c=len) | itemgetter("k")
    with pytest.raises(TypeError, match="needs 'input', 'key', and is given 'a'"):
        _ = RunnableParallel(a=len) | RouterRunnable({"x": len})


def test_unknown_keys_are_not_missing() -> None:
    """Functions return any dict, partial values are there, more keys than needed are welcome."""

    class Fills(ChatPromptTemplate):
        def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
            return super().invoke({"b": 1, **input}, config, **kwargs)

    class Adds(RunnableParallel[Any]):
        def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
            return {**super().invoke(input, config, **kwargs), "b": 1}

    only_a = RunnableParallel(a=len)
    fitting = [
        only_a | (lambda values: {**values, "b": 1}) | TWO_VALUES,
        only_a | RunnablePassthrough(lambda values: values.update(b=1)) | TWO_VALUES,
        only_a | TWO_VALUES.partial(b=1),
        only_a | Fills([("human", "{a} {b}")]),
        Adds({"a": len}) | TWO_VALUES,
        only_a.assign(b=len, c=len) | TWO_VALUES,
        RunnablePassthrough.assign(b=len) | TWO_VALUES,
        step(dict, dict) | TWO_VALUES,
    ]
    for pipe in fitting[:-2]:
        assert pipe.invoke("xyz").to_string()
    assert fitting[-2].invoke({"a": 1}).to_string() == "Human: 1 1"
    assert fitting[-1].invoke({"a": 1, "b": 2}).to_string() == "Human: 1 2"


def test_brackets_do_not_change_what_is_refused() -> None:
    """Each pair of neighbours is checked once, wherever the brackets are."""
    a, b, c = step(int, int), step(int, str), step(int, int)
    for make in (lambda: (a | b) | c, lambda: a | (b | c)):
        with pytest.raises(TypeError, match="gives str"):
            make()


# --- nothing that works is refused ------------------------------------------------------------


def _is_ours(specimen: Specimen) -> bool:
    """Tell whether the first step is no function: those may take more than they declare."""
    first = next(iter(getattr(specimen.make(), "steps", ())), None)
    return specimen.sync and not isinstance(first, RunnableLambda | RunnableGenerator)


SPECIMENS = (*shapes(), *prompts(), *models(), *parsers())
OURS = [specimen for specimen in SPECIMENS if _is_ours(specimen)]
SYNC = [specimen for specimen in REGISTRY if specimen.sync]


@given(data=st.data())
@pytest.mark.parametrize("specimen", SYNC, ids=str)
def test_inputs_and_outputs_fit_the_declared_types(specimen: Specimen, data: Any) -> None:
    """A runnable accepts the type of a value that works, and returns the type it declares."""
    value = data.draw(specimen.inputs)
    runnable = specimen.make()
    try:
        output = runnable.invoke(value)
    except Exception:
        return
    assert is_compatible(type(output), runnable.OutputType)
    if specimen.title in {other.title for other in OURS}:
        assert is_compatible(type(value), runnable._accepted_type)


@given(data=st.data())
@pytest.mark.parametrize("second", OURS, ids=str)
def test_a_refused_pipe_would_not_have_worked(second: Specimen, data: Any) -> None:
    """The second fails on every output of the first."""
    first = data.draw(st.sampled_from(SYNC))
    if explain_mismatch(first.make(), second.make()) is None:
        return
    value = data.draw(first.inputs)
    try:
        between = first.make().invoke(value)
    except Exception:
        return
    with pytest.raises(Exception):  # noqa: B017 - each its own
        second.make().invoke(between)
