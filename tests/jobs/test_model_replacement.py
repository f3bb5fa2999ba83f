"""Chains with other models in the places of their chat models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from runnables import (
    ChatModel,
    ChatPromptTemplate,
    ConfigError,
    ConfigurableField,
    FakeListChatModel,
    ParrotFakeChatModel,
    RouterRunnable,
    Runnable,
    RunnableBranch,
    RunnableLambda,
    RunnableParallel,
    RunnablePassthrough,
    StrOutputParser,
    create_agent,
    init_chat_model,
)
from runnables.core.description import walk
from runnables.jobs.model_replacement import replace_models
from tests.both_modes import Call

Chain = Runnable[Any, Any]

PLACES: dict[str, Callable[[Chain], Chain]] = {
    "alone": lambda model: model,
    "in a sequence": lambda model: RunnableLambda(str) | model | StrOutputParser(),
    "in a named sequence": lambda model: RunnableLambda(str).pipe(model, name="inner"),
    "bound": lambda model: model.bind(temperature=0).with_config(tags=["a"]),
    "with types": lambda model: model.with_types(input_type=str),
    "in a parallel": lambda model: RunnableParallel(a=model, b=RunnableLambda(len)),
    "in an assign": lambda model: (
        RunnableParallel(x=RunnablePassthrough())
        | RunnablePassthrough.assign(y=lambda v: "y")
        | {"y": RunnableLambda(lambda v: v["y"]) | model}
    ),
    "with retry": lambda model: model.with_retry(),
    "with fallbacks": lambda model: RunnableLambda(_fail).with_fallbacks([model]),
    "in a branch": lambda model: RunnableBranch((lambda _: True, model), RunnableLambda(str)),
    "behind a router": lambda model: (
        RunnableLambda(lambda v: {"key": "a", "input": v}) | RouterRunnable({"a": model})
    ),
    "in a map": lambda model: RunnableLambda(lambda v: [v]) | model.map(),
    "an alternative": lambda model: RunnableLambda(str).configurable_alternatives(
        ConfigurableField(id="which"), model=model
    ),
    "cached": lambda model: (RunnableLambda(str) | model).with_cache(key="a"),
    "with a type of answers": lambda model: model.with_structured_output(  # type: ignore[attr-defined]
        {"title": "a", "type": "object", "properties": {}}
    ),
}


def _fail(_: object) -> Any:
    raise KeyError("not this one")


def models_in(chain: Chain) -> list[type]:
    """Return the classes of the chat models in a chain."""
    return [type(part) for part in walk(chain) if isinstance(part, ChatModel)]


@pytest.mark.parametrize("place", PLACES)
def test_a_model_is_replaced_wherever_it_is(place: str) -> None:
    """The chain around it is equal to one that was made with the other model."""
    old, new = FakeListChatModel(responses=["old"]), ParrotFakeChatModel()
    chain = PLACES[place](old)
    replaced = replace_models(chain, lambda model: new, gathers=True)
    assert models_in(chain) == [FakeListChatModel]
    assert models_in(replaced) == [ParrotFakeChatModel]
    assert type(replaced) is type(chain) or place == "alone"


def test_what_has_no_model_is_the_same_object() -> None:
    """So that what a step caches or holds is not lost."""
    prompt = ChatPromptTemplate.from_template("{a}")
    parser = StrOutputParser()
    chain: Any = prompt | FakeListChatModel(responses=["a"]) | parser
    replaced = replace_models(chain, lambda model: ParrotFakeChatModel(), gathers=True)
    assert replaced.steps[0] is prompt
    assert replaced.steps[2] is parser


def test_the_replaced_chain_runs(call: Call) -> None:
    """With the other model's answers."""
    chain = ChatPromptTemplate.from_template("{a}") | FakeListChatModel(responses=["old"])
    replaced = replace_models(
        chain | StrOutputParser(), lambda _: ParrotFakeChatModel(), gathers=True
    )
    assert call.batch(replaced, [{"a": "ahoy"}, {"a": "tide"}]) == ["ahoy", "tide"]


def _configurable_model(model: Chain) -> Chain:
    return init_chat_model("scripted", script=["a"], configurable_fields="any")


REFUSED: dict[str, tuple[Callable[[Chain], Any], str]] = {
    "an agent": (lambda model: create_agent(model, []), "Agent calls its model row by row"),
    "a timeout": (lambda model: model.with_timeout(5), "calls its model row by row"),
    "a model that calls choose": (_configurable_model, "by the config of each call"),
    "settings that calls choose": (
        lambda model: model.configurable_fields(responses=ConfigurableField(id="r")),
        "by the config of each call",
    ),
    "an alternative that is made later": (
        lambda model: model.configurable_alternatives(
            ConfigurableField(id="which"), other=lambda: model
        ),
        "made when it is chosen",
    ),
    "no model": (lambda model: RunnableLambda(str), "has no chat model"),
    "no runnable": (lambda model: "gpt-5-mini", "is no runnable"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_replaced_is_an_error(case: str) -> None:
    """It says which part of the chain, and why."""
    make, words = REFUSED[case]
    model = FakeListChatModel(responses=["a"])
    with pytest.raises(ConfigError, match=words):
        replace_models(make(model), lambda model: ParrotFakeChatModel(), gathers=True)


def test_parts_without_rows_are_fine_where_nothing_gathers() -> None:
    """Flex calls are single calls, so an agent may make them."""
    agent = create_agent(FakeListChatModel(responses=["a"]), [])
    replaced = replace_models(agent, lambda model: ParrotFakeChatModel(), gathers=False)
    assert models_in(replaced) == [ParrotFakeChatModel]
