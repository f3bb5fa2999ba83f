"""Models of LangChain with `configurable_fields` and `configurable_alternatives`, in our pipes."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.language_models import FakeListLLM
from langchain_core.runnables import ConfigurableField, ConfigurableFieldSingleOption
from pydantic import BaseModel

from runnables import (
    ChatPromptTemplate,
    StrOutputParser,
    create_agent,
    from_langchain,
    to_langchain,
    tool,
    track_usage,
)
from runnables.compose.coerce import coerce_to_runnable
from runnables.compose.wrappers import innermost
from runnables.errors import ConfigError
from runnables.models.chat import ChatModel
from runnables.models.text import TextModel
from tests.both_modes import Call
from tests.interop.their_models import AsyncTheirModel, TheirModel, asks_for
from tests.interop.watching import Log

ID = ConfigurableField(id="model")


class Weather(BaseModel):
    """The weather."""

    sky: str


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def _fields(*script: Any) -> Any:
    model = AsyncTheirModel(script=list(script) or ["Ahoy there!"])
    return model.configurable_fields(model=ID, script=ConfigurableField(id="script"))


def _alternatives(**others: Any) -> Any:
    model = AsyncTheirModel(script=["Ahoy there!"])
    return model.configurable_alternatives(ID, default_key="sea", **others)


@pytest.mark.parametrize("make", [_fields, _alternatives], ids=["fields", "alternatives"])
def test_a_configurable_model_is_a_chat_model_that_streams(make: Any, call: Call) -> None:
    log = Log()
    model = coerce_to_runnable(make())
    assert isinstance(innermost(model, None), ChatModel)
    chain = ChatPromptTemplate.from_template("{x}") | make() | StrOutputParser()
    with track_usage() as usage:
        chunks = call.stream(chain, {"x": "Hi"}, {"callbacks": [log]})
        assert call.invoke(chain, {"x": "Hi"}) == "Ahoy there!"
    assert chunks == ["Ahoy ", "there!"]
    assert (usage.calls, usage.total["input_tokens"]) == (2, 6)
    assert [event.run_type for event in log.events if event.kind == "start"] == [
        *("chain", "prompt", "chat_model", "parser")
    ]
    log.check()


def test_a_call_sets_a_field_however_deep_the_model_is(call: Call) -> None:
    chain = ChatPromptTemplate.from_template("{x}") | (_fields() | StrOutputParser())
    values = {"configurable": {"script": ["Land!"]}}
    assert call.invoke(chain, {"x": "Hi"}, values) == "Land!"
    assert call.invoke(chain, {"x": "Hi"}) == "Ahoy there!"
    assert call.invoke(chain.with_config(values), {"x": "Hi"}) == "Land!"


def test_a_call_chooses_an_alternative(call: Call) -> None:
    model = _alternatives(
        land=TheirModel(script=["Land!"]), made=lambda: TheirModel(script=["Made."])
    )
    chain = model | StrOutputParser()
    found = [call.invoke(chain, "Hi", {"configurable": {"model": key}}) for key in ("land", "made")]
    assert found == ["Land!", "Made."]
    assert call.stream(chain, "Hi", {"configurable": {"model": "land"}}) == ["Land!"]


def test_fields_of_alternatives_have_their_prefix(call: Call) -> None:
    inner = AsyncTheirModel(script=["Land!"]).configurable_fields(
        script=ConfigurableField(id="script")
    )
    model = AsyncTheirModel(script=["Ahoy!"]).configurable_alternatives(
        ID, default_key="sea", prefix_keys=True, land=inner
    )
    chain = model | StrOutputParser()
    values = {"model": "land", "model==land/script": ["Hills!"]}
    assert call.invoke(chain, "Hi", {"configurable": values}) == "Hills!"


def test_a_field_with_options_has_its_default(call: Call) -> None:
    options = ConfigurableFieldSingleOption(
        id="mood", options={"calm": ["Ahoy."], "wild": ["AHOY!"]}, default="calm"
    )
    chain = AsyncTheirModel(script=["never"]).configurable_fields(script=options)
    ours = from_langchain(chain) | StrOutputParser()
    assert call.invoke(ours, "Hi") == "Ahoy."
    assert call.invoke(ours, "Hi", {"configurable": {"mood": "wild"}}) == "AHOY!"


def test_tools_are_bound_to_what_a_call_chooses(call: Call) -> None:
    ours: Any = from_langchain(_fields(asks_for("add", {"a": 1, "b": 2})))
    answer = call.invoke(ours.bind_tools([add]), "1 + 2?")
    assert [each["name"] for each in answer.tool_calls] == ["add"]
    values = {"configurable": {"script": [asks_for("add", {"a": 5, "b": 5})]}}
    answer = call.invoke(ours.bind_tools([add]), "5 + 5?", values)
    assert answer.tool_calls[0]["args"] == {"a": 5, "b": 5}


def test_it_answers_with_a_type(call: Call) -> None:
    ours: Any = from_langchain(_fields(asks_for("Weather", {"sky": "blue"})))
    assert call.invoke(ours.with_structured_output(Weather), "?") == Weather(sky="blue")


def test_an_agent_of_ours_calls_it(call: Call) -> None:
    agent = create_agent(_fields(asks_for("add", {"a": 1, "b": 2}), "It is 3."), [add])
    state = call.invoke(agent, {"messages": ["1 + 2?"]})
    assert [message.text for message in state["messages"]] == ["1 + 2?", "", "3", "It is 3."]


def test_a_bound_config_holds(call: Call) -> None:
    """LangChain stores it in the configurable model itself."""
    log = Log()
    bound = _fields().with_config(configurable={"script": ["Land!"]}, tags=["mine"])
    chain = from_langchain(bound) | StrOutputParser()
    assert call.invoke(chain, "Hi", {"callbacks": [log]}) == "Land!"
    (model,) = [event for event in log.events if event.run_type == "chat_model"][:1]
    assert "mine" in model.tags


def test_a_typo_in_the_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="'script'"):
        from_langchain(_fields()).invoke("Hi", {"configurable": {"scripd": []}})


def test_a_model_of_text_is_one_here_too(call: Call) -> None:
    theirs = FakeListLLM(responses=["Ahoy!"]).configurable_fields(
        responses=ConfigurableField(id="answers")
    )
    ours = from_langchain(theirs)
    assert isinstance(innermost(ours, None), TextModel)
    assert call.invoke(ours, "Hi", {"configurable": {"answers": ["Land!"]}}) == "Land!"


def test_it_is_given_back_as_it_was() -> None:
    theirs = _fields()
    assert to_langchain(from_langchain(theirs)) is theirs
    assert repr(from_langchain(theirs)).startswith("from_langchain(")
