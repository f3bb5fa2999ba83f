"""Models of ours with configurable fields, which LangChain calls by themselves or in a chain."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.runnables import RunnableLambda as TheirLambda
from pydantic import BaseModel

from runnables import ConfigurableField, FakeListLLM, to_langchain
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call


class Sea(BaseModel):
    """A sea."""

    name: str


def _model(text: str = "Ahoy there!") -> ScriptedChatModel:
    return ScriptedChatModel([text], cycle=True)


def _text(found: Any) -> str:
    return "".join(part.content for part in (found if isinstance(found, list) else [found]))


@pytest.mark.parametrize("streamed", [False, True], ids=["invoke", "stream"])
@pytest.mark.parametrize("within", ["alone", "bound", "chain"])
def test_the_config_of_a_call_sets_a_field(within: str, streamed: bool, call: Call) -> None:
    """LangChain passes the config of a model's own call to nothing that it runs."""
    theirs = to_langchain(_model().configurable_fields(stop=ConfigurableField(id="end")))
    targets: dict[str, Any] = {
        "alone": theirs,
        "bound": theirs.bind(max_tokens=50),
        "chain": TheirLambda(str) | theirs,
    }
    config: Any = {"configurable": {"end": [" "], "thread_id": "1"}}
    run = call.stream if streamed else call.invoke
    assert _text(run(targets[within], "Hi", config)) == "Ahoy"
    assert _text(run(targets[within], "Hi")) == "Ahoy there!"


@pytest.mark.parametrize("streamed", [False, True], ids=["invoke", "stream"])
def test_the_config_of_a_call_chooses_a_model(streamed: bool, call: Call) -> None:
    chosen = _model().configurable_alternatives(
        ConfigurableField(id="which"), default_key="sea", land=_model("Land!")
    )
    run = call.stream if streamed else call.invoke
    land: Any = {"configurable": {"which": "land"}}
    for theirs, config in (
        (to_langchain(chosen), land),
        (to_langchain(chosen).with_config(configurable=land["configurable"]), None),
    ):
        assert _text(run(theirs, "Hi", config)) == "Land!"
    assert _text(run(to_langchain(chosen), "Hi")) == "Ahoy there!"


def test_structured_output_and_models_of_text_take_the_config(call: Call) -> None:
    which = ConfigurableField(id="which")
    chat = _model().configurable_alternatives(
        which, default_key="sea", baltic=_model('{"name": "Baltic"}')
    )
    config: Any = {"configurable": {"which": "baltic"}}
    structured = to_langchain(chat).with_structured_output(Sea)
    assert call.invoke(structured, "Name a sea.", config) == Sea(name="Baltic")
    text = FakeListLLM(responses=["Ahoy!"]).configurable_alternatives(
        which, default_key="sea", baltic=FakeListLLM(responses=["Baltic!"])
    )
    assert call.invoke(to_langchain(text), "Hi", config) == "Baltic!"
