"""The types of the methods that make runnables. mypy and pyright read this file; it is not run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypedDict, assert_type

from pydantic import BaseModel

from runnables import (
    AIMessage,
    ChatPromptTemplate,
    InMemoryCache,
    RawAnswer,
    Runnable,
    RunnableBinding,
    RunnableBranch,
    RunnableCache,
    RunnableConfig,
    RunnableGenerator,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnableRetry,
    RunnableSequence,
    RunnableTimeout,
    RunnableWithFallbacks,
    StrOutputParser,
    chain,
)
from runnables_providers.scripted import ScriptedChatModel


class Person(BaseModel):
    name: str


class Keys(TypedDict):
    name: str


@dataclass
class Record:
    name: str


class Color(Enum):
    RED = "red"


def length(text: str) -> int:
    return len(text)


first = RunnableLambda(length)

# a wrapper keeps the types of its runnable
assert_type(first.bind(a=1), RunnableBinding[str, int])
assert_type(first.with_config(tags=["a"]), RunnableBinding[str, int])
assert_type(first.with_types(input_type=str), RunnableBinding[str, int])
assert_type(first.with_listeners(on_end=print), RunnableBinding[str, int])
assert_type(first.with_retry(), RunnableRetry[str, int])
assert_type(first.with_fallbacks([first]), RunnableWithFallbacks[str, int])
assert_type(first.with_timeout(1), RunnableTimeout[str, int])
assert_type(first.with_cache(), RunnableCache[str, int])
assert_type(first.with_cache(InMemoryCache(), key="a").invoke("x"), int)
first.with_retry(stop_after_attempts=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
first.with_fallbacks([], on_restart="x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
StrOutputParser().with_repair(first, attempt=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
assert_type(first.with_retry().with_timeout(1).bind().invoke("x"), int)

# dicts
fan = RunnableParallel[str](a=first, b=length)
assert_type(fan.invoke("x"), dict[str, Any])
assert_type(fan.assign(c=len).invoke("x"), dict[str, Any])
assert_type(fan.pick(["a"]).invoke("x"), dict[str, Any])
assert_type(fan.pick("a"), RunnableSequence[str, Any])


# functions of every kind, decorated
@chain
def plain(text: str) -> int:
    return len(text)


@chain
async def awaited(text: str) -> int:
    return len(text)


@chain
def chunks(text: str) -> Iterator[int]:
    yield len(text)


@chain
async def achunks(text: str) -> AsyncIterator[int]:
    yield len(text)


@chain
def configured(text: str, config: RunnableConfig) -> int:
    return len(text)


@chain(name="chunks")
def configured_chunks(text: str, config: RunnableConfig) -> Iterator[int]:
    yield len(text)


assert_type(plain, RunnableLambda[str, int])
assert_type(configured, RunnableLambda[str, int])
assert_type(configured_chunks, RunnableLambda[str, int])
assert_type(awaited, RunnableLambda[str, int])
assert_type(chunks, RunnableLambda[str, int])
assert_type(achunks, RunnableLambda[str, int])


# every overload of `|`, on either side
def flow(strings: Iterator[str]) -> Iterator[int]:
    yield from map(len, strings)


async def aflow(strings: AsyncIterator[str]) -> AsyncIterator[int]:
    async for text in strings:
        yield len(text)


async def alength(text: str) -> int:
    return len(text)


text = RunnableLambda(str.upper)
number = RunnableLambda(float)
assert_type(text | first, RunnableSequence[str, int])
assert_type(text | length, RunnableSequence[str, int])
assert_type(text | alength, RunnableSequence[str, int])
assert_type(text | flow, RunnableSequence[str, int])
assert_type(text | aflow, RunnableSequence[str, int])
assert_type(text | {"a": first}, RunnableSequence[str, dict[str, Any]])
assert_type(RunnableGenerator(flow), RunnableGenerator[str, int])
wide: Runnable[float, str] = RunnableLambda(str)
assert_type(length | wide, RunnableSequence[str, str])
assert_type(alength | wide, RunnableSequence[str, str])
assert_type(flow | wide, RunnableSequence[str, str])
assert_type(aflow | wide, RunnableSequence[str, str])

# many inputs
assert_type(first.batch(["x"]), list[int])
assert_type(first.batch(["x"], return_exceptions=False), list[int])
assert_type(first.batch(["x"], return_exceptions=True), list[int | Exception])
for pair in first.batch_as_completed(["x"], return_exceptions=True):
    assert_type(pair, tuple[int, int | Exception])


async def in_async() -> None:
    assert_type(await first.abatch(["x"], return_exceptions=True), list[int | Exception])
    async for pair in first.abatch_as_completed(["x"]):
        assert_type(pair, tuple[int, int])


# models
model = ScriptedChatModel(["hello"])
prompt = ChatPromptTemplate.from_template("{question}")
assert_type(model.invoke("x"), AIMessage)
assert_type((prompt | model).invoke({"question": "?"}), AIMessage)
assert_type((prompt | model | StrOutputParser()).invoke({"question": "?"}), str)
assert_type(model.with_structured_output(Person).invoke("x"), Person)
assert_type((prompt | model.with_structured_output(Person)).batch([]), list[Person])
assert_type(model.with_structured_output(Keys).invoke("x"), Keys)
assert_type(model.with_structured_output(Record).invoke("x"), Record)
assert_type(model.with_structured_output(Color).invoke("x"), Color)
assert_type(model.with_structured_output(list[Person]).invoke("x"), list[Person])
assert_type(model.with_structured_output({"type": "object"}).invoke("x"), dict[str, Any])
assert_type(model.with_structured_output(Person, strict=True, repair=1).invoke("x"), Person)
assert_type(model.with_structured_output(Person, include_raw=True).invoke("x"), RawAnswer[Person])
assert_type(model.with_structured_output(Keys, include_raw=True).invoke("x")["parsed"], Keys | None)
assert_type(
    model.with_structured_output({"type": "object"}, include_raw=True).invoke("x"),
    RawAnswer[dict[str, Any]],
)
assert_type(next(model.with_structured_output(Record).stream("x")), Record)
model.with_structured_output(Person, method="json")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]

# a branch has explicit types, because its pairs may hold anything that `|` takes
branch = RunnableBranch[str, int]((bool, first), first)
assert_type(branch.invoke("x"), int)

# without types, the input and the output are Any
assert_type(RunnableParallel(a=first, b=length).invoke("x"), dict[str, Any])
assert_type(RunnableBranch((bool, first), first).invoke("x"), Any)
assert_type(RunnablePassthrough().invoke("x"), Any)

# `map` takes and returns lists of the types of its runnable
assert_type(first.map().invoke(["a"]), list[int])
first.map().invoke([1])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]


def total(numbers: list[int]) -> int:
    return sum(numbers)


assert_type((first.map() | total).invoke(["a"]), int)
