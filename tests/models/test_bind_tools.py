"""Models with tools."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from runnables.agents import create_agent
from runnables.errors import ConfigError
from runnables.models import convert_to_openai_tool
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.models.structured.examples import Person, add


@pytest.mark.parametrize("tools", [abs, "abs", {"name": "abs"}, 3], ids=str)
def test_tools_are_bound_as_a_list(tools: Any) -> None:
    """A single tool is refused, and so is anything else."""
    with pytest.raises(ConfigError, match="takes a list of tools, got "):
        ScriptedChatModel().bind_tools(tools)
    with pytest.raises(ConfigError, match="takes a list of tools, got "):
        create_agent(ScriptedChatModel(), tools)


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        ("auto", "auto"),
        ("any", "required"),
        (True, "required"),
        (False, "none"),
        ("add", {"type": "function", "function": {"name": "add"}}),
        ({"type": "x"}, {"type": "x"}),
    ],
    ids=str,
)
def test_bound_tools_reach_the_provider_as_definitions(choice: Any, sent: Any, call: Call) -> None:
    """Definitions are plain data, so the bound model can be pickled."""
    model = ScriptedChatModel("ok", cycle=True)
    bound = model.bind_tools([add, Person], tool_choice=choice)
    call.invoke(bound, "hi")
    options = model.calls[0].options
    assert options["tools"] == [convert_to_openai_tool(add), convert_to_openai_tool(Person)]
    assert options["tool_choice"] == sent
    assert pickle.loads(pickle.dumps(bound)) == bound
    call.invoke(model, "hi", tools=[add])
    assert model.calls[1].options == {"tools": [convert_to_openai_tool(add)]}


def test_a_choice_that_is_no_tool_is_an_error_when_it_is_bound() -> None:
    """The error comes before anything runs, with the near name."""
    with pytest.raises(ConfigError, match="Did you mean 'add'"):
        ScriptedChatModel().bind_tools([add], tool_choice="ad")
    with pytest.raises(ConfigError, match="Did you mean 'temperature'"):
        ScriptedChatModel().bind_tools([add], temperatur=1)


def test_a_tool_without_a_name_is_refused() -> None:
    """No model could call a lambda."""
    with pytest.raises(ConfigError, match="lambda x: x cannot be a tool: it has no name"):
        ScriptedChatModel().bind_tools([lambda x: x])
