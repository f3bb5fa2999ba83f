"""What only a model has works on what stands around it; fields, options and alternatives."""

from __future__ import annotations

import copy
import pickle
from itertools import permutations
from typing import Any

import pytest
from pydantic import BaseModel

from runnables import (
    AIMessage,
    AIMessageChunk,
    ChatModel,
    ConfigError,
    ConfigurableField,
    ConfigurableFieldMultiOption,
    ConfigurableFieldSingleOption,
    FakeListChatModel,
    MergeError,
    Runnable,
    RunnableLambda,
    StrOutputParser,
    chain,
)
from tests.both_modes import Call

NO_BACKOFF: dict[str, Any] = {"wait_exponential_jitter": False}


class Person(BaseModel):
    name: str


def weather(city: str) -> str:
    """The weather of a city."""
    return city


class Model(ChatModel):
    """A model that says which tools it has, or fails."""

    def __init__(self, label: str, fails: bool = False) -> None:
        super().__init__()
        self.label = label
        self.fails = fails

    def _said(self, options: dict[str, Any]) -> str:
        if self.fails:
            raise OSError(self.label)
        tools = [tool["function"]["name"] for tool in options.get("tools") or ()]
        return f"{self.label}: {', '.join(tools) or 'no tools'}"

    def _generate(self, messages: Any, options: dict[str, Any]) -> Any:
        return AIMessage(self._said(options))

    def _stream(self, messages: Any, options: dict[str, Any]) -> Any:
        yield AIMessageChunk(self._said(options))


def told(runnable: Any, config: Any = None) -> str:
    return (runnable | StrOutputParser()).invoke("hi", config)


# --- around -----------------------------------------------------------------------------------


def test_tools_go_to_the_model_and_to_each_fallback() -> None:
    """Bound after the fallbacks, every model has the tools."""
    failing = Model("first", fails=True)
    model = failing.with_fallbacks([Model("second")]).bind_tools([weather])
    assert told(model) == "second: weather"
    assert told(Model("a").with_retry(**NO_BACKOFF).bind_tools([weather])) == "a: weather"
    assert told(Model("a").with_timeout(9).bind_tools([weather])) == "a: weather"


def test_the_policy_stays_around_what_is_made() -> None:
    """What `bind_tools` gives is still tried again, and falls back with the same settings."""
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
    "retry": lambda it: it.with_retry(stop_after_attempt=2, **NO_BACKOFF),
    "timeout": lambda it: it.with_timeout(9),
    "fallbacks": lambda it: it.with_fallbacks([Model("other")]),
    "bind": lambda it: it.bind(stop=["z"]),
    "config": lambda it: it.with_config(tags=["t"]),
    "fields": lambda it: it.configurable_fields(),
}


@pytest.mark.parametrize("order", list(permutations(WRAPPERS, 3)), ids="-".join)
def test_every_layer_stays_in_its_place(order: tuple[str, ...]) -> None:
    """Tools that are bound last, or first, make the same chain of layers."""

    def wrapped(model: Any) -> Any:
        for name in order:
            model = WRAPPERS[name](model)
        return model

    late = wrapped(Model("a")).bind_tools([weather])
    assert told(late) == "a: weather"
    layers = {"retry": "with_retry", "timeout": "with_timeout", "fallbacks": "with_fallbacks"}
    layers |= {"bind": "stop=", "config": "tags=", "fields": "configurable_fields"}
    for name, mark in layers.items():
        assert (mark in repr(late)) == (name in order), name


def test_structured_output_falls_back(call: Call) -> None:
    """Each model answers in the form that was asked for."""
    first = FakeListChatModel(responses=["no json"])
    second = FakeListChatModel(responses=['{"name": "Ada"}'])
    model = first.with_fallbacks([second]).with_structured_output(Person)
    assert call.invoke(model, "who?") == Person(name="Ada")


def test_a_fallback_without_the_method_is_an_error_that_names_it() -> None:
    """What cannot have tools is not left without them silently."""
    mixed = Model("a").with_fallbacks([RunnableLambda(len)])
    with pytest.raises(AttributeError, match="bind_tools"):
        mixed.bind_tools([weather])
    with pytest.raises(AttributeError, match="no attribute 'blind_tools'"):
        _ = Model("a").with_retry().blind_tools


@pytest.mark.parametrize(
    "make", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it))]
)
def test_what_forwards_can_be_copied_and_pickled(make: Any) -> None:
    """Looking for an attribute while it is made anew does not go in circles."""
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


# --- configurable -----------------------------------------------------------------------------


def test_tools_of_a_configurable_model_follow_the_config(call: Call) -> None:
    """The method is called of what the config makes of the model."""
    model = Model("a").configurable_fields(label=ConfigurableField(id="label"))
    with_tools = model.bind_tools([weather])
    chosen = {"configurable": {"label": "b"}}
    assert call.invoke(with_tools, "hi").text == "a: weather"
    assert call.invoke(with_tools, "hi", chosen).text == "b: weather"
    again = with_tools.bind(stop=["z"]) | StrOutputParser()
    assert call.invoke(again, "hi", chosen) == "b: weather"
    assert "label" in with_tools.get_config_jsonschema()["$defs"]["Configurable"]["properties"]


def test_tools_of_alternatives_go_to_the_one_that_is_chosen() -> None:
    """Also one that is made when it is needed."""
    model = Model("a").configurable_alternatives(
        ConfigurableField(id="llm"), other=Model("b"), made=lambda: Model("c")
    )
    with_tools = model.bind_tools([weather])
    for key, answer in {"default": "a", "other": "b", "made": "c"}.items():
        assert told(with_tools, {"configurable": {"llm": key}}) == f"{answer}: weather"


def test_one_of_several_options() -> None:
    """The config names one; the default is one of them as well."""
    field = ConfigurableFieldSingleOption(
        id="mood", options={"glad": "hurra", "sad": "oh"}, default="sad"
    )
    model = Model("a").configurable_fields(label=field)
    assert told(model) == "oh: no tools"
    assert told(model, {"configurable": {"mood": "glad"}}) == "hurra: no tools"
    with pytest.raises(ConfigError, match="Did you mean 'glad'"):
        told(model, {"configurable": {"mood": "gled"}})
    with pytest.raises(ConfigError, match="no option 'mad'"):
        ConfigurableFieldSingleOption(id="mood", options={"glad": 1}, default="mad")
    schema = model.get_config_jsonschema()["$defs"]["Configurable"]["properties"]["mood"]
    assert (schema["enum"], schema["default"]) == (["glad", "sad"], "sad")


def test_some_of_several_options() -> None:
    """The attribute is the list of the values."""
    field = ConfigurableFieldMultiOption(
        id="which", options={"a": "1", "b": "2"}, default=["b"], name="Which"
    )
    model = FakeListChatModel(responses=["0"]).configurable_fields(responses=field)
    assert told(model) == "2"
    assert told(model, {"configurable": {"which": ["a", "b"]}}) == "1"
    with pytest.raises(ConfigError, match="expected a list"):
        told(model, {"configurable": {"which": "a"}})
    schema = model.get_config_jsonschema()["$defs"]["Configurable"]["properties"]["which"]
    assert schema["items"]["enum"] == ["a", "b"]


def test_keys_of_alternatives_can_have_prefixes() -> None:
    """Two alternatives with a field of the same id are set apart by the choice."""
    label = ConfigurableField(id="label")
    one = Model("a").configurable_fields(label=label)
    two = Model("b").configurable_fields(label=label)
    llm = ConfigurableField(id="llm")
    model = one.configurable_alternatives(llm, prefix_keys=True, default_key="one", two=two)
    values = {"llm==one/label": "A", "llm==two/label": "B"}
    assert told(model, {"configurable": {**values}}) == "A: no tools"
    assert told(model, {"configurable": {**values, "llm": "two"}}) == "B: no tools"
    fields = model.get_config_jsonschema()["$defs"]["Configurable"]["properties"]
    assert set(fields) == {"llm", *values}
    with pytest.raises(ConfigError, match="prefix_keys"):
        one.configurable_alternatives(llm, prefix_keys=two)  # type: ignore[arg-type]


def test_a_shared_field_keeps_its_key() -> None:
    """One value for all alternatives."""
    label = ConfigurableField(id="label", is_shared=True)
    model = (
        Model("a")
        .configurable_fields(label=label)
        .configurable_alternatives(
            ConfigurableField(id="llm"),
            prefix_keys=True,
            other=Model("b").configurable_fields(label=label),
        )
    )
    for key in ("default", "other"):
        assert told(model, {"configurable": {"llm": key, "label": "c"}}) == "c: no tools"
    assert set(model.get_config_jsonschema()["$defs"]["Configurable"]["properties"]) == {
        "llm",
        "label",
    }


# --- which errors -----------------------------------------------------------------------------


def test_a_function_may_say_which_errors_count(call: Call) -> None:
    """Retries and fallbacks ask it of each error."""
    seen: list[int] = []

    def fails(value: int) -> int:
        seen.append(value)
        raise OSError(value)

    step: Runnable[int, int] = RunnableLambda(fails)
    again = step.with_retry(retry_if_exception_type=lambda it: it.args[0] > 1, **NO_BACKOFF)
    for value, times in ((1, 1), (2, 3)):
        seen.clear()
        with pytest.raises(OSError):
            call.invoke(again, value)
        assert seen == [value] * times
    other = step.with_fallbacks([RunnableLambda(abs)], exceptions_to_handle=lambda it: False)
    with pytest.raises(OSError):
        call.invoke(other, 1)


async def _async(error: BaseException) -> bool:
    return True


@pytest.mark.parametrize(
    "junk",
    ["OSError", [OSError], int, (OSError, int), None, _async],
    ids=["string", "list", "other class", "tuple with another class", "None", "async function"],
)
def test_what_names_no_errors_is_refused_at_once(junk: Any) -> None:
    """Not at the first error, which it would hide."""
    step = RunnableLambda(abs)
    with pytest.raises(ConfigError, match="retry_if_exception_type=.*expected a class"):
        step.with_retry(retry_if_exception_type=junk)
    with pytest.raises(ConfigError, match="exceptions_to_handle=.*expected a class"):
        step.with_fallbacks([abs], exceptions_to_handle=junk)


def test_one_class_of_errors_needs_no_tuple() -> None:
    """As `except` does not."""
    step = RunnableLambda(lambda it: 1 // it).with_fallbacks(
        [lambda it: -1], exceptions_to_handle=ZeroDivisionError
    )
    assert step.invoke(0) == -1


# --- @chain -----------------------------------------------------------------------------------


def test_chain_takes_a_merge(call: Call) -> None:
    """Pieces that do not add up by themselves are declared at the function."""

    @chain(merge=sum, name="counts")
    def numbers(text: str) -> Any:
        yield 1
        yield 2

    assert call.invoke(numbers, "") == 3
    assert numbers.get_name() == "counts"

    @chain
    def undeclared(text: str) -> Any:
        yield 1
        yield 2

    with pytest.raises(MergeError, match="@chain"):
        call.invoke(undeclared, "")
