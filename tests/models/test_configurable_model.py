"""Models that a call chooses."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from runnables.errors import ConfigError
from runnables.models import init_chat_model
from runnables.parsers import StrOutputParser
from tests.both_modes import Call


def _answer(call: Call, chat: Any, **configurable: Any) -> str:
    answer: str = call.invoke(chat | StrOutputParser(), "?", {"configurable": configurable})
    assert (
        "".join(call.stream(chat | StrOutputParser(), "?", {"configurable": configurable}))
        == answer
    )
    return answer


def test_a_call_sets_the_fields_that_are_named(call: Call) -> None:
    """The others stay, and without a choice the settings hold."""
    model = init_chat_model("scripted", script=["a"], cycle=True, configurable_fields=["script"])
    assert _answer(call, model) == "a"
    assert _answer(call, model, script=["b"]) == "b"
    assert _answer(call, model, script=["b"], name="other") == "b"  # a key of another step


def test_any_field_with_a_prefix(call: Call) -> None:
    """Two models in one chain are chosen apart."""
    first: Any = init_chat_model(
        "scripted:x", script=["a"], cycle=True, configurable_fields="any", config_prefix="first"
    )
    assert _answer(call, first, first_script=["b"], script=["c"], second_script=["d"]) == "b"
    assert _answer(call, first, script=["c"]) == "a"


def test_without_a_model_the_call_names_one(call: Call) -> None:
    """Else the error says how."""
    model: Any = init_chat_model(script=["a"], cycle=True)
    assert _answer(call, model, model="scripted") == "a"
    assert _answer(call, model, model="scripted", model_provider="scripted") == "a"
    with pytest.raises(ConfigError, match=r"no model was named.*\{'model': 'openai:gpt-5-mini'\}"):
        call.invoke(model, "?")
    prefixed: Any = init_chat_model(config_prefix="my")
    with pytest.raises(ConfigError, match="'my_model'"):
        call.invoke(prefixed, "?")


def test_what_a_model_can_do_is_done_by_the_chosen_one(call: Call) -> None:
    """Tools are bound to the one that the call chooses."""
    bound: Any = init_chat_model(script=["a"], cycle=True)
    bound = bound.bind_tools([{"name": "add", "description": "Add.", "parameters": {}}])
    assert _answer(call, bound, model="scripted") == "a"


def test_what_the_chosen_one_knows_is_left_to_it(call: Call) -> None:
    """Where no model is named, an option of any model can be bound."""
    bound: Any = init_chat_model(script=["a"], cycle=True)
    bound = bound.bind(reasoning_effort="low").bind(temperature=0)
    with pytest.raises(ConfigError, match="ScriptedChatModel has no option 'reasoning_effort'"):
        call.invoke(bound, "?", {"configurable": {"model": "scripted"}})


def test_a_call_chooses_a_setting_by_any_of_its_names() -> None:
    """The settings that hold otherwise may have the other name."""
    model: Any = init_chat_model(
        "openai:a", openai_api_key="key-1", max_tokens=1, configurable_fields="any"
    )
    chosen = model.prepared({"configurable": {"api_key": "key-2", "max_completion_tokens": 2}})
    assert (chosen.model, chosen.max_tokens) == ("a", 2)
    assert chosen.api_key.get_secret_value() == "key-2"
    assert model.prepared({"configurable": {"model_name": "openai:b"}}).model == "b"
    assert model.prepared({"configurable": {"model": "c", "model_provider": "openai"}}).model == "c"


def test_a_key_never_shows() -> None:
    """Whatever its name is, and wherever the settings are."""
    for name in ("api_key", "openai_api_key"):
        model: Any = init_chat_model(
            "openai:a", configurable_fields=["model"], **{name: "sk-very-secret"}
        )
        assert "very-secret" not in f"{model!r} {vars(model)!r} {model | StrOutputParser()!r}"


def test_it_pickles_and_prints() -> None:
    """And the copy chooses, too."""
    model: Any = init_chat_model("scripted", script=["a"], configurable_fields=("script",))
    again = pickle.loads(pickle.dumps(model))
    assert repr(again) == repr(model)
    assert repr(model) == (
        "init_chat_model(model='scripted', script=['a'], configurable_fields=('script',))"
    )
    assert again.invoke("?", {"configurable": {"script": ["b"]}}).text == "b"


def test_fields_are_a_list() -> None:
    """A single name would be read letter by letter."""
    with pytest.raises(ConfigError, match="expected 'any', or a list of names"):
        init_chat_model("scripted", configurable_fields="model")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("gpt-5-mini", "ChatOpenAI"),
        ("o3-mini", "ChatOpenAI"),
        ("claude-9", "ChatAnthropic"),
        ("gemini-9", "ChatGoogleGenerativeAI"),
    ],
)
def test_the_provider_of_a_known_family_may_be_left_out(name: str, cls: str) -> None:
    """As in LangChain."""
    model = init_chat_model(name, api_key="key")
    assert (type(model).__name__, model.model) == (cls, name)
