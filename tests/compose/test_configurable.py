"""A call's config sets attributes of a runnable, or chooses which one runs."""

from __future__ import annotations

from typing import Any

import pytest

from runnables import (
    ConfigError,
    ConfigurableField,
    ConfigurableFieldMultiOption,
    ConfigurableFieldSingleOption,
    ConfigurableFieldSpec,
    FakeListChatModel,
    InMemoryChatMessageHistory,
    Runnable,
    RunnableConfig,
    RunnableLambda,
    RunnableSerializable,
    RunnableWithMessageHistory,
    StrOutputParser,
    coerce_to_runnable,
    merge_chunks,
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


class Sized(Runnable[str, str]):
    """A step with methods of its own."""

    def __init__(self, size: int) -> None:
        self.size = size

    def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
        return input * self.size

    def doubled(self) -> int:
        """Return twice the size."""
        return self.size * 2

    def plus(self, more: int, config: RunnableConfig | None = None) -> int:
        """Return the size, and more."""
        return self.size + more


def chosen(size: int) -> RunnableConfig:
    return {"configurable": {"size": size}}


def test_a_method_follows_a_config_that_is_passed() -> None:
    """By keyword or by position; without one it is a method of the default."""
    step: Any = Sized(2).configurable_fields(size=ConfigurableField(id="size"))
    assert step.plus(1) == 3
    assert step.plus(1, chosen(5)) == 6
    assert step.plus(1, config=chosen(5)) == 6
    assert step.plus(1, {"tags": ["a"]}) == 3


def test_a_method_follows_a_config_that_is_bound() -> None:
    """What is passed goes before it."""
    step: Any = Sized(2).configurable_fields(size=ConfigurableField(id="size"))
    bound = step.with_config(chosen(5))
    assert (bound.doubled(), bound.plus(1)) == (10, 6)
    assert bound.plus(1, config=chosen(7)) == 8


def test_a_method_follows_the_config_through_what_is_around() -> None:
    """A retry around fields, and alternatives around both, change nothing of that."""
    fields = Sized(2).configurable_fields(size=ConfigurableField(id="size"))
    step: Any = fields.with_retry().configurable_alternatives(
        ConfigurableField(id="which"), other=Sized(9)
    )
    assert step.plus(1, chosen(5)) == 6
    assert step.with_config(chosen(5)).doubled() == 10
    assert step.with_config(configurable={"which": "other"}).doubled() == 18


def test_tools_of_a_bound_choice_still_follow_each_call(call: Call) -> None:
    """A method that makes a runnable is called on the one that the config of each call chooses."""
    model = Model("a").configurable_fields(label=ConfigurableField(id="label"))
    with_tools: Any = model.with_config(configurable={"label": "b"}).bind_tools([weather])
    assert call.invoke(with_tools, "hi").text == "b: weather"
    later = {"configurable": {"label": "c"}}
    assert call.invoke(with_tools, "hi", later).text == "c: weather"


class Suffix(RunnableSerializable[str, str]):
    """Adds a suffix, which is a field."""

    suffix: str

    def invoke(self, input: str, config: RunnableConfig | None = None, **kwargs: Any) -> str:
        return input + self.suffix


def test_a_field_beside_configurable_counts_as_one_within_it(call: Call) -> None:
    """At the top of a config, as LangChain takes it: for each kind of call, and inside a pipe."""
    step = Suffix(suffix="a").configurable_fields(suffix=ConfigurableField(id="end"))
    config: Any = {"end": "c", "tags": ["t"]}
    assert call.invoke(step, "d", config) == "dc"
    for made in (step | str.upper, step.with_retry() | str.upper, {"x": step | str.upper}):
        made = coerce_to_runnable(made)
        whole = call.invoke(made, "d", config)
        assert whole in ("DC", {"x": "DC"})
        assert call.batch(made, ["d", "d"], config) == [whole] * 2
        assert call.batch(made, ["d", "d"], [config, {"tags": ["t"]}])[1] in ("DA", {"x": "DA"})
        assert merge_chunks(call.stream(made, "d", config)) == whole
    events = list((step | str.upper).stream_events("d", config))
    assert events[-1]["data"]["output"] == "DC"
    bound = (step | str.upper).with_config(tags=["x"])
    assert call.invoke(bound, "d", config) == "DC"
    assert call.invoke((step | str.upper).with_config(config), "d") == "DC"
    assert call.invoke((step | str.upper).with_config(config), "d", {"end": "e"}) == "DE"


def test_the_session_of_a_history_may_be_beside_configurable(call: Call) -> None:
    """So may the other values that name it."""
    asked: list[tuple[str, int]] = []

    def history(session_id: str, k: int) -> InMemoryChatMessageHistory:
        asked.append((session_id, k))
        return InMemoryChatMessageHistory()

    model = FakeListChatModel(responses=["yes"])
    fields = [ConfigurableFieldSpec(id="session_id"), ConfigurableFieldSpec(id="k")]
    chat = RunnableWithMessageHistory(model, history, history_factory_config=fields)
    call.invoke(chat | StrOutputParser(), "Hi", {"session_id": "ada", "k": 4})
    call.invoke(chat, "Hi", {"session_id": "bob", "configurable": {"k": 5}})
    assert asked == [("ada", 4), ("bob", 5)]


def test_other_unknown_keys_stay_errors(call: Call) -> None:
    """No field, a typo of one, or the same field twice."""
    step = Suffix(suffix="a").configurable_fields(suffix=ConfigurableField(id="ending"))
    for made in (step, step | str.upper, step.with_config(tags=["t"]), RunnableLambda(len)):
        for config, hint in (
            ({"custom": 1}, "Unknown config key 'custom'"),
            ({"max_concurency": 1}, "Did you mean 'max_concurrency'"),
        ):
            with pytest.raises(ConfigError, match=hint):
                call.invoke(made, "d", config)
            with pytest.raises(ConfigError, match=hint):
                call.batch(made, ["d"], config)
            with pytest.raises(ConfigError, match=hint):
                made.with_config(config)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="Did you mean 'ending', a configurable field"):
        call.invoke(step, "d", {"endin": "c"})
    with pytest.raises(ConfigError, match="Write it there only"):
        call.invoke(step, "d", {"ending": "c", "configurable": {"ending": "d"}})


def test_a_field_with_the_id_of_a_config_key_is_within_configurable(call: Call) -> None:
    """What the config itself reads, it keeps."""
    step = Suffix(suffix="a").configurable_fields(suffix=ConfigurableField(id="run_name"))
    assert call.invoke(step, "d", {"run_name": "x"}) == "da"
    assert call.invoke(step, "d", {"configurable": {"run_name": "x"}}) == "dx"
