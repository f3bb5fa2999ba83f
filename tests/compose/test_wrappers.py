"""Methods that only a model has work on the wrappers around it."""

from __future__ import annotations

import copy
import pickle
from itertools import permutations
from typing import Any

import pytest
from pydantic import BaseModel

from runnables import ConfigurableField, FakeListChatModel, RunnableLambda
from tests.both_modes import Call
from tests.compose.models import Model, answer, weather

NO_BACKOFF: dict[str, Any] = {"wait_exponential_jitter": False}


class Person(BaseModel):
    name: str


def test_tools_go_to_the_model_and_to_each_fallback() -> None:
    """Bound after the fallbacks, every model has the tools."""
    failing = Model("first", fails=True)
    model = failing.with_fallbacks([Model("second")]).bind_tools([weather])
    assert answer(model) == "second: weather"
    assert answer(Model("a").with_retry(**NO_BACKOFF).bind_tools([weather])) == "a: weather"
    assert answer(Model("a").with_timeout(9).bind_tools([weather])) == "a: weather"


def test_the_policy_stays_around_the_model_with_tools() -> None:
    """A model with tools is still tried again, and falls back with the same settings."""
    model = Model("a", fails=True)
    retry = model.with_retry(stop_after_attempt=2, **NO_BACKOFF).bind_tools([weather])
    with pytest.raises(OSError) as caught:
        retry.invoke("hi")
    assert isinstance(caught.value.__cause__, ExceptionGroup)
    assert "attempt 2" in caught.value.__cause__.exceptions[0].__notes__[0]
    fallback = model.with_fallbacks([Model("b")], exceptions_to_handle=(KeyError,))
    with pytest.raises(OSError, match="a"):
        fallback.bind_tools([weather]).invoke("hi")


WRAPPERS: dict[str, Any] = {
    "retry": lambda model: model.with_retry(stop_after_attempt=2, **NO_BACKOFF),
    "timeout": lambda model: model.with_timeout(9),
    "fallbacks": lambda model: model.with_fallbacks([Model("other")]),
    "bind": lambda model: model.bind(stop=["z"]),
    "config": lambda model: model.with_config(tags=["t"]),
    "fields": lambda model: model.configurable_fields(),
}


@pytest.mark.parametrize("order", list(permutations(WRAPPERS, 3)), ids="-".join)
def test_every_layer_stays_in_its_place(order: tuple[str, ...]) -> None:
    """Tools that are bound last, or first, make the same chain of layers."""

    def wrapped(model: Any) -> Any:
        for name in order:
            model = WRAPPERS[name](model)
        return model

    late = wrapped(Model("a")).bind_tools([weather])
    assert answer(late) == "a: weather"
    layers = {"retry": "with_retry", "timeout": "with_timeout", "fallbacks": "with_fallbacks"}
    layers |= {"bind": "stop=", "config": "tags=", "fields": "configurable_fields"}
    for name, mark in layers.items():
        assert (mark in repr(late)) == (name in order), name


def test_structured_output_falls_back(call: Call) -> None:
    """Each model answers with the type that was asked for."""
    first = FakeListChatModel(responses=["no json"])
    second = FakeListChatModel(responses=['{"name": "Ada"}'])
    model = first.with_fallbacks([second]).with_structured_output(Person)
    assert call.invoke(model, "who?") == Person(name="Ada")


def test_a_fallback_without_the_method_is_an_error_that_names_it() -> None:
    """A fallback that cannot have tools is not left without them silently."""
    mixed = Model("a").with_fallbacks([RunnableLambda(len)])
    with pytest.raises(AttributeError, match="bind_tools"):
        mixed.bind_tools([weather])
    with pytest.raises(AttributeError, match="no attribute 'blind_tools'"):
        _ = Model("a").with_retry().blind_tools


@pytest.mark.parametrize(
    "make", [copy.copy, copy.deepcopy, lambda runnable: pickle.loads(pickle.dumps(runnable))]
)
def test_wrappers_can_be_copied_and_pickled(make: Any) -> None:
    """Looking for an attribute while a copy is made does not recurse."""
    model = Model("a")
    for around in (
        model.with_retry(),
        model.with_timeout(1),
        model.with_fallbacks([model]),
        model.bind(stop=["x"]),
        model.configurable_fields(label=ConfigurableField(id="label")).bind_tools([]),
    ):
        assert make(around) == around
        assert make(around).label == "a"
