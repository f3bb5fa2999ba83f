"""Chains to draw, each of another shape."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import itemgetter
from typing import Any

from runnables import (
    ChatPromptTemplate,
    ConfigurableField,
    FakeListChatModel,
    JsonOutputParser,
    RouterRunnable,
    Runnable,
    RunnableBranch,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    RunnablePick,
    RunnableSequence,
    StrOutputParser,
    create_agent,
    tool,
)
from runnables_providers.scripted import ScriptedChatModel


def retrieve(question: str) -> str:
    return question


def words(text: str) -> Iterator[str]:
    yield from text.split()


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


def model() -> FakeListChatModel:
    return FakeListChatModel(responses=["yes"])


def retrieval() -> Runnable[Any, Any]:
    prompt = ChatPromptTemplate.from_template("{context} {question}")
    inputs = {"context": itemgetter("question") | RunnableLambda(retrieve), "question": _question}
    return inputs | prompt | model().with_retry() | StrOutputParser()


_question = RunnableLambda(itemgetter("question"), name="question")


def branch() -> Runnable[Any, Any]:
    sign = RunnableBranch((lambda n: n > 0, str), (is_odd, RunnableLambda(abs) | str), "no".join)
    return sign | len


def is_odd(n: int) -> bool:
    return n % 2 == 1


def fallbacks() -> Runnable[Any, Any]:
    second = ChatPromptTemplate.from_template("{text}") | model()
    return model().with_timeout(30).with_fallbacks([second]) | StrOutputParser()


def assign() -> Runnable[Any, Any]:
    sizes = RunnablePassthrough.assign(size=lambda row: len(row["text"]), words=words)
    return sizes | RunnablePick("size")


def each() -> Runnable[Any, Any]:
    return RunnableLambda(str.split) | (RunnableLambda(str.strip) | len).map() | sum


def agent() -> Runnable[Any, Any]:
    return create_agent(ScriptedChatModel(["5"]), [add, multiply], name="calculator")


def nested() -> Runnable[Any, Any]:
    inner = RunnableSequence(str.upper, str.lower, name="cases")
    return RunnableLambda(str.strip) | (RunnableLambda(str.title) | inner).with_retry() | words


def wide() -> Runnable[Any, Any]:
    many: dict[str, Any] = {f"branch {number}": retrieve for number in range(8)}
    return RunnableParallel({**many, "two": RunnableLambda(retrieve) | len})


def alternatives() -> Runnable[Any, Any]:
    which = ConfigurableField(id="model")
    either = model().configurable_alternatives(which, default_key="fast", slow=model, good=model())
    return either.with_config(run_name="answer") | JsonOutputParser().with_repair(model())


def names() -> Runnable[Any, Any]:
    odd = RunnableLambda(len, name='"end" [x] {y} <b>')
    return RunnableLambda(str, name="日本語 é") | RouterRunnable({"a|b": odd, "subgraph": str})


CHAINS: dict[str, Callable[[], Runnable[Any, Any]]] = {
    function.__name__: function
    for function in (
        *(retrieval, branch, fallbacks, assign, each, agent, nested, wide, alternatives, names),
    )
}
"""The chains whose pictures are kept in `pictures/`."""
