"""Models of ours under code of LangChain's that binds `functions`, as before there were tools."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_classic.agents import AgentExecutor, create_openai_functions_agent
from langchain_core.messages import (
    AIMessage as TheirAIMessage,
    FunctionMessage,
    HumanMessage as TheirHumanMessage,
)
from langchain_core.output_parsers.openai_functions import JsonOutputFunctionsParser
from langchain_core.prompts import ChatPromptTemplate as TheirPrompt, MessagesPlaceholder
from langchain_core.tools import tool as their_tool

from runnables import (
    AIMessage,
    AIMessageChunk,
    ToolMessage,
    to_langchain,
    tool_call,
    tool_call_chunk,
)
from runnables.errors import ConfigError
from runnables_providers.anthropic import ChatAnthropic
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call

LOOK = {
    "name": "look",
    "description": "Look at something.",
    "parameters": {"type": "object", "properties": {"at": {"type": "string"}}},
}
LOOKS = AIMessage(
    tool_calls=[
        tool_call(name="look", args={"at": "sea"}, id="c1"),
        tool_call(name="look", args={"at": "sky"}, id="c2"),
    ]
)


@their_tool
def look(at: str) -> str:
    """Look at something."""
    return f"{at}: blue"


def test_functions_reach_our_model_as_tools(call: Call) -> None:
    model = ScriptedChatModel([LOOKS])
    bound = to_langchain(model).bind(functions=[LOOK], function_call={"name": "look"})
    answer = call.invoke(bound, "Look!")
    options = model.calls[0].options
    assert options["tools"] == [{"type": "function", "function": LOOK}]
    assert options["tool_choice"] == {"type": "function", "function": {"name": "look"}}
    assert answer.additional_kwargs["function_call"] == {
        "name": "look",
        "arguments": '{"at": "sea"}',
    }
    assert [each["id"] for each in answer.tool_calls] == ["c1"]  # the old form has one


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_a_choice_in_a_word_is_passed_on(choice: str, call: Call) -> None:
    model = ScriptedChatModel(["Ahoy!"])
    answer = call.invoke(to_langchain(model), "Hi", functions=[LOOK], function_call=choice)
    assert model.calls[0].options["tool_choice"] == choice
    assert (answer.content, answer.additional_kwargs) == ("Ahoy!", {})


def test_a_parser_of_function_calls_reads_the_answer_as_it_comes(call: Call) -> None:
    parts = [
        AIMessageChunk("", tool_call_chunks=[chunk])
        for chunk in (
            tool_call_chunk(name="look", args='{"at": "s', id="c1", index=1),
            tool_call_chunk(args='ea"}', index=1),
            tool_call_chunk(name="look", args='{"at": "sky"}', id="c2", index=2),
        )
    ]
    bound = to_langchain(ScriptedChatModel([parts], cycle=True)).bind(functions=[LOOK])
    chain = bound | JsonOutputFunctionsParser()
    assert call.invoke(chain, "Look!") == {"at": "sea"}
    assert call.stream(chain, "Look!") == [{"at": "s"}, {"at": "sea"}]
    total = sum(call.stream(bound, "Look!")[1:], call.stream(bound, "Look!")[0])
    assert [each["id"] for each in total.tool_calls] == ["c1"]


def test_the_agent_of_functions_runs_our_model(call: Call) -> None:
    """It sends the result as a `FunctionMessage`, which is the result of the call before."""
    model = ScriptedChatModel([LOOKS, "The sea is blue."])
    prompt = TheirPrompt.from_messages(
        [("human", "{input}"), MessagesPlaceholder("agent_scratchpad")]
    )
    agent = create_openai_functions_agent(to_langchain(model), [look], prompt)
    executor = AgentExecutor(agent=agent, tools=[look])
    assert call.invoke(executor, {"input": "Look!"})["output"] == "The sea is blue."
    asked, result = model.calls[1].messages[-2:]
    assert isinstance(asked, AIMessage)
    assert [each["id"] for each in asked.tool_calls] == ["c1"]
    assert "function_call" not in asked.additional_kwargs
    assert isinstance(result, ToolMessage)
    assert (result.tool_call_id, result.text) == ("c1", "sea: blue")


@pytest.mark.parametrize(
    ("arguments", "calls", "invalid"),
    [
        ('{"at": "sea"}', [{"at": "sea"}], []),
        ("", [{}], []),
        ('{"at"', [], ['{"at"']),
    ],
    ids=["an object", "nothing", "unreadable"],
)
def test_a_stored_conversation_in_the_old_form_is_read(
    arguments: str, calls: Any, invalid: Any, call: Call
) -> None:
    model = ScriptedChatModel(["Blue."])
    old = {"function_call": {"name": "look", "arguments": arguments}, "kept": 1}
    messages = [
        TheirHumanMessage("Look!"),
        TheirAIMessage("", additional_kwargs=old),
        FunctionMessage("blue", name="look"),
    ]
    call.invoke(to_langchain(model), messages, functions=[LOOK])
    _, asked, result = model.calls[0].messages
    assert [each["args"] for each in asked.tool_calls] == calls
    assert [each["args"] for each in asked.invalid_tool_calls] == invalid
    assert asked.additional_kwargs == {"kept": 1}
    assert result.tool_call_id == (asked.tool_calls or asked.invalid_tool_calls)[0]["id"]
    assert messages[1].additional_kwargs == old  # theirs stays as it was


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"functions": [LOOK], "tools": [LOOK]}, "beside tools"),
        ({"functions": [LOOK], "function_call": "look"}, 'expected "auto", "none"'),
        ({"function_call": "auto"}, "without functions"),
    ],
    ids=["both", "a name", "a choice of nothing"],
)
def test_what_cannot_be_meant_is_refused(options: Any, says: str, call: Call) -> None:
    with pytest.raises(ConfigError, match=says):
        call.invoke(to_langchain(ScriptedChatModel(["Hi"])), "Hi", **options)


def test_models_without_this_option_name_the_way_out() -> None:
    """Code that was moved here binds tools; the service of ChatOpenAI alone takes functions."""
    with pytest.raises(ConfigError, match=r"'functions'.*bind_tools"):
        ChatAnthropic(model="claude-x", api_key="k").invoke("Hi", functions=[LOOK])
