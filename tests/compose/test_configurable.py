"""A call's config sets attributes of a runnable, or chooses which one runs."""

from __future__ import annotations

import pytest

from runnables import (
    ConfigError,
    ConfigurableField,
    ConfigurableFieldMultiOption,
    ConfigurableFieldSingleOption,
    FakeListChatModel,
    StrOutputParser,
)
from tests.both_modes import Call
from tests.compose.models import Model, answer, weather


def test_tools_of_a_configurable_model_follow_the_config(call: Call) -> None:
    """The method is called on the model that the config chooses."""
    model = Model("a").configurable_fields(label=ConfigurableField(id="label"))
    with_tools = model.bind_tools([weather])
    chosen = {"configurable": {"label": "b"}}
    assert call.invoke(with_tools, "hi").text == "a: weather"
    assert call.invoke(with_tools, "hi", chosen).text == "b: weather"
    again = with_tools.bind(stop=["z"]) | StrOutputParser()
    assert call.invoke(again, "hi", chosen) == "b: weather"
    assert "label" in with_tools.get_config_jsonschema()["$defs"]["Configurable"]["properties"]


def test_tools_of_alternatives_go_to_the_one_that_is_chosen() -> None:
    """So do those of an alternative that is made when it is needed."""
    model = Model("a").configurable_alternatives(
        ConfigurableField(id="llm"), other=Model("b"), made=lambda: Model("c")
    )
    with_tools = model.bind_tools([weather])
    for key, label in {"default": "a", "other": "b", "made": "c"}.items():
        assert answer(with_tools, {"configurable": {"llm": key}}) == f"{label}: weather"


def test_a_call_chooses_one_of_several_options() -> None:
    """The config names one; the default is one of them as well."""
    field = ConfigurableFieldSingleOption(
        id="mood", options={"glad": "hurra", "sad": "oh"}, default="sad"
    )
    model = Model("a").configurable_fields(label=field)
    assert answer(model) == "oh: no tools"
    assert answer(model, {"configurable": {"mood": "glad"}}) == "hurra: no tools"
    with pytest.raises(ConfigError, match="Did you mean 'glad'"):
        answer(model, {"configurable": {"mood": "gled"}})
    with pytest.raises(ConfigError, match="no option 'mad'"):
        ConfigurableFieldSingleOption(id="mood", options={"glad": 1}, default="mad")
    schema = model.get_config_jsonschema()["$defs"]["Configurable"]["properties"]["mood"]
    assert (schema["enum"], schema["default"]) == (["glad", "sad"], "sad")


def test_a_call_chooses_some_of_several_options() -> None:
    """The attribute is the list of their values."""
    field = ConfigurableFieldMultiOption(
        id="which", options={"a": "1", "b": "2"}, default=["b"], name="Which"
    )
    model = FakeListChatModel(responses=["0"]).configurable_fields(responses=field)
    assert answer(model) == "2"
    assert answer(model, {"configurable": {"which": ["a", "b"]}}) == "1"
    with pytest.raises(ConfigError, match="expected a list"):
        answer(model, {"configurable": {"which": "a"}})
    schema = model.get_config_jsonschema()["$defs"]["Configurable"]["properties"]["which"]
    assert schema["items"]["enum"] == ["a", "b"]


def test_keys_of_alternatives_can_have_prefixes() -> None:
    """The choice tells fields of two alternatives apart that have the same id."""
    label = ConfigurableField(id="label")
    one = Model("a").configurable_fields(label=label)
    two = Model("b").configurable_fields(label=label)
    llm = ConfigurableField(id="llm")
    model = one.configurable_alternatives(llm, prefix_keys=True, default_key="one", two=two)
    values = {"llm==one/label": "A", "llm==two/label": "B"}
    assert answer(model, {"configurable": {**values}}) == "A: no tools"
    assert answer(model, {"configurable": {**values, "llm": "two"}}) == "B: no tools"
    fields = model.get_config_jsonschema()["$defs"]["Configurable"]["properties"]
    assert set(fields) == {"llm", *values}
    with pytest.raises(ConfigError, match="prefix_keys"):
        one.configurable_alternatives(llm, prefix_keys=two)  # type: ignore[arg-type]


def test_a_shared_field_keeps_its_key() -> None:
    """All alternatives get its one value."""
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
        assert answer(model, {"configurable": {"llm": key, "label": "c"}}) == "c: no tools"
    assert set(model.get_config_jsonschema()["$defs"]["Configurable"]["properties"]) == {
        "llm",
        "label",
    }
