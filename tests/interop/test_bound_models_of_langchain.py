"""Models of LangChain with options, tools, a retry or fallbacks: they stay models here."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.embeddings import Embeddings as TheirEmbeddings
from langchain_core.output_parsers import StrOutputParser as TheirStrOutputParser
from langchain_core.runnables import RunnableLambda as TheirLambda
from langchain_core.tools import tool as their_tool
from pydantic import BaseModel

from runnables import (
    ConfigError,
    RunnablePassthrough,
    create_agent,
    from_langchain,
    to_langchain,
    tool,
)
from tests.both_modes import Call
from tests.interop.their_models import AsyncTheirModel, TheirModel, asks_for


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@their_tool
def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


class Sum(BaseModel):
    """A sum."""

    value: int


class Lost(Exception):
    """An error of a service."""


def _names(model: TheirModel, number: int = 0) -> list[str]:
    """Return the names of the tools that a call got."""
    return [one["function"]["name"] for one in model.calls[number][1].get("tools", [])]


WAYS: dict[str, Callable[[TheirModel], Any]] = {
    "options": lambda model: model.bind(effort="low"),
    "a config": lambda model: model.with_config(tags=["a"]),
    "options and a config": lambda model: model.bind(effort="low").with_config(tags=["a"]),
    "a retry": lambda model: model.with_retry(wait_exponential_jitter=False),
    "options and a retry": lambda model: model.bind(effort="low").with_retry(),
    "fallbacks": lambda model: model.with_fallbacks([TheirModel(script=["spare"])]),
    "a retry and fallbacks": lambda model: model.with_retry().with_fallbacks(
        [TheirModel(script=["spare"]).with_retry()]
    ),
    "tools": lambda model: model.bind_tools([multiply]),
    "tools and a config": lambda model: model.bind_tools([multiply]).with_config(tags=["a"]),
    "tools and a retry": lambda model: model.bind_tools([multiply]).with_retry(),
    "tools and fallbacks": lambda model: model.bind_tools([multiply]).with_fallbacks(
        [TheirModel(script=["spare"]).bind_tools([multiply])]
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_our_agent_takes_it_and_gives_it_the_tools_of_the_agent(way: str, call: Call) -> None:
    """Tools that were bound before are replaced, as those of a model of ours are."""
    model = TheirModel(script=[asks_for("add", {"a": 1, "b": 2}), "It is 3."])
    state = call.invoke(create_agent(WAYS[way](model), [add]), "1 + 2?")
    assert [message.text for message in state["messages"]] == ["1 + 2?", "", "3", "It is 3."]
    assert _names(model) == _names(model, 1) == ["add"]
    assert model.calls[0][1].get("effort") == ("low" if "options" in way else None)


@pytest.mark.parametrize("way", WAYS)
def test_its_answers_are_held_to_a_schema(way: str, call: Call) -> None:
    model = TheirModel(script=[asks_for("Sum", {"value": 3})])
    structured = from_langchain(WAYS[way](model)).with_structured_output(Sum)
    assert call.invoke(structured, "1 + 2?") == Sum(value=3)
    assert _names(model) == ["Sum"]


@pytest.mark.parametrize("way", WAYS)
def test_it_calls_what_it_has_bound_and_streams(way: str, call: Call) -> None:
    model = TheirModel(script=["Ahoy there!"])
    chain = RunnablePassthrough() | WAYS[way](model) | TheirStrOutputParser()
    assert call.invoke(chain, "Hello") == "Ahoy there!"
    assert [part for part in call.stream(chain, "Hello") if part] == ["Ahoy ", "there!"]
    assert _names(model) == _names(model, 1) == (["multiply"] if "tools" in way else [])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", [TheirModel, AsyncTheirModel])
def test_leaving_a_stream_closes_that_of_the_model(kind: Any, way: str, call: Call) -> None:
    """Before the return, also where a model of LangChain is within bindings of its own."""
    model = kind(script=["one two three four"])
    assert len(call.stream(from_langchain(WAYS[way](model)), "Hello", take=1)) == 1
    assert model.open_streams == 0


def test_a_retry_and_fallbacks_are_made_here(call: Call) -> None:
    flaky = TheirModel(script=[Lost("1"), Lost("2"), "Hi"])
    retried = flaky.with_retry(wait_exponential_jitter=False)
    assert call.invoke(from_langchain(retried), "Hello").text == "Hi"
    other = TheirModel(script=[Lost("1"), "Hi"])
    chosen = other.with_retry(retry_if_exception_type=(ValueError,))
    with pytest.raises(Lost):
        call.invoke(from_langchain(chosen), "Hello")
    both = TheirModel(script=[Lost("1")]).with_fallbacks([TheirModel(script=["spare"])])
    assert call.invoke(from_langchain(both), "Hello").text == "spare"


def test_a_retry_of_theirs_around_no_model_is_a_leaf(call: Call) -> None:
    retried = TheirLambda(str).with_retry()
    assert to_langchain(from_langchain(retried)) is retried
    assert call.invoke(RunnablePassthrough() | retried, 1) == "1"


def test_bound_tools_are_passed_on_as_they_are(call: Call) -> None:
    """They are as the own service of the model takes them, which may be none that we know."""
    theirs = TheirModel(script=["Hi"])
    own_form = {"functionDeclarations": [{"name": "look"}]}
    bound = theirs.bind(tools=[own_form], tool_choice="look", parallel_tool_calls=False)
    ours = from_langchain(bound)
    call.invoke(ours, "Hello", stop=["."])
    kept = {"tools": [own_form], "tool_choice": "look", "parallel_tool_calls": False}
    assert theirs.calls[0][1] == {"stop": ["."], **kept}
    call.invoke(ours.bind_tools([add], tool_choice="none"), "Hello")
    assert theirs.calls[1][1] == {}
    assert to_langchain(ours) is bound
    copy = pickle.loads(pickle.dumps(ours))
    assert call.invoke(copy, "Hello").text == "Hi"


def test_a_choice_among_tools_that_were_bound_there_is_refused(call: Call) -> None:
    ours: Any = from_langchain(TheirModel(script=["Hi"]).bind_tools([multiply]))
    with pytest.raises(ConfigError, match="tool"):
        call.invoke(ours, "Hello", tool_choice="multiply")
    with pytest.raises(ConfigError, match="bound in LangChain"):
        call.invoke(ours, "Hello", tool_choice="any")


SECRET = "sk-0123456789abcdef"


class Keyed(TheirModel):
    """A model that shows its key, as those without pydantic's SecretStr do."""

    api_key: str = "none"


class KeyedEmbeddings(TheirEmbeddings):
    """Embeddings that show their key."""

    def __repr__(self) -> str:
        return f"KeyedEmbeddings(api_key={SECRET!r})"

    def embed_documents(self, strings: list[str]) -> list[list[float]]:
        return [[1.0] for _ in strings]

    def embed_query(self, text: str) -> list[float]:
        return [1.0]


@pytest.mark.parametrize(
    "theirs",
    [
        Keyed(script=["Hi"], api_key=SECRET),
        Keyed(script=["Hi"]).bind(api_key=SECRET),
        Keyed(script=["Hi"]).bind(tools=[{}], api_key=SECRET),
        Keyed(script=["Hi"], api_key=SECRET).with_retry(),
        Keyed(script=["Hi"], api_key=SECRET) | TheirLambda(str),
        TheirLambda(str).bind(api_key=SECRET),
        KeyedEmbeddings(),
    ],
    ids=["model", "options", "tools", "retry", "chain", "leaf", "embeddings"],
)
def test_a_key_that_langchain_shows_is_hidden_here(theirs: Any) -> None:
    assert SECRET in repr(theirs)
    assert SECRET not in repr(from_langchain(theirs))
