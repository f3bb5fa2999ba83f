"""`Tool`, a function of one string; `run`; tools as text, as definitions and as messages."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from runnables import (
    ConfigError,
    StructuredTool,
    Tool,
    ToolArgumentsError,
    convert_to_openai_function,
    convert_to_openai_tool,
    render_text_description,
    render_text_description_and_args,
    tool_example_to_messages,
)
from tests.both_modes import Call


class Question(BaseModel):
    """Ask."""

    question: str
    limit: int = 1


class One(BaseModel):
    question: str


def search(query: str) -> str:
    return f"<{query}>"


async def asearch(query: str) -> str:
    return f"<{query}>"


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


TOOL = Tool(name="search", func=search, description="Search.")


@pytest.mark.parametrize("given", ["x", {"query": "x"}, {"__arg1": "x"}])
def test_a_tool_takes_one_string(given: Any, call: Call) -> None:
    """It is bare, or the only item of a dict, whatever its name."""
    both = Tool.from_function(search, "search", "Search.", coroutine=asearch)
    assert call.invoke(TOOL, given) == call.invoke(both, given) == "<x>"
    assert TOOL.is_single_input


def test_a_schema_checks_the_string(call: Call) -> None:
    """With an `args_schema`, the string goes through its one field."""
    tool = Tool(name="ask", func=search, description="", args_schema=One)
    assert call.invoke(tool, "x") == call.invoke(tool, {"question": "x"}) == "<x>"
    with pytest.raises(ToolArgumentsError, match="valid string"):
        call.invoke(tool, 3)


def test_a_tool_refuses_several_arguments() -> None:
    """A call with two, a function or a schema of two."""
    with pytest.raises(ToolArgumentsError, match="expected one argument, got: a, b"):
        TOOL.invoke({"a": 1, "b": 2})
    with pytest.raises(ConfigError, match="takes one argument, and this has: a, b"):
        Tool(name="add", func=add, description="")
    with pytest.raises(ConfigError, match="question, limit"):
        Tool(name="ask", func=search, description="", args_schema=Question)
    with pytest.raises(ConfigError, match="takes no option"):
        TOOL.invoke("x", user="ada")


async def test_run_is_invoke_with_parts_of_the_config() -> None:
    """`run` and `arun` take a config's parts as keywords, and the id of a call."""
    seen: list[Any] = []

    class Tags:
        def on_event(self, event: Any) -> None:
            seen.append((event.kind, event.tags))

    tool = StructuredTool.from_function(add)
    assert tool.run({"a": 1, "b": 2}, tags=["t"], callbacks=[Tags()]) == 3
    assert await tool.arun({"a": 1, "b": 2}, config={"tags": ["u"]}, callbacks=[Tags()]) == 3
    assert seen == [("start", ("t",)), ("end", ("t",)), ("start", ("u",)), ("end", ("u",))]
    assert tool.run({"a": 1, "b": 2}, tool_call_id="7").tool_call_id == "7"


def test_tools_are_described_as_text() -> None:
    """A line for each: name, parameters, description, arguments."""
    tools = [TOOL, StructuredTool.from_function(add)]
    assert render_text_description(tools).splitlines()[1].endswith(" - Add two numbers.")
    assert render_text_description_and_args([TOOL]).endswith(
        " - Search., args: {'tool_input': {'type': 'string'}}"
    )


@pytest.mark.parametrize("strict", [None, True, False])
@pytest.mark.parametrize("source", [add, Question, TOOL, {"name": "f", "parameters": {}}])
def test_a_definition_may_be_strict(source: Any, strict: bool | None) -> None:
    """With True, objects require all their fields and allow no others."""
    function = convert_to_openai_function(source, strict=strict)
    assert convert_to_openai_tool(source, strict=strict)["function"] == function
    assert function.get("strict") is strict
    parameters = function["parameters"]
    assert ("additionalProperties" in parameters) == bool(strict)
    if strict:
        assert parameters["required"] == list(parameters["properties"])


def test_every_service_s_definition_is_read() -> None:
    """OpenAI's, Anthropic's and Bedrock's definitions become the same."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    made = [
        convert_to_openai_function({"name": "f", "description": "d", "parameters": schema}),
        convert_to_openai_function({"name": "f", "description": "d", "input_schema": schema}),
        convert_to_openai_function(
            {"toolSpec": {"name": "f", "description": "d", "inputSchema": {"json": schema}}}
        ),
    ]
    assert made == [made[0]] * 3
    with pytest.raises(ConfigError, match="is no function"):
        convert_to_openai_function({"type": "web_search"})
    with pytest.raises(ConfigError, match="has strict=False"):
        convert_to_openai_function({"name": "f", "strict": False}, strict=True)


def test_an_example_becomes_messages() -> None:
    """What was asked, the calls, their results, and the answer."""
    messages = tool_example_to_messages("in", [One(question="q")], ai_response="out")
    assert [message.type for message in messages] == ["human", "ai", "tool", "ai"]
    call: Any = messages[1]
    assert call.tool_calls[0]["args"] == {"question": "q"}
    assert messages[2].tool_call_id == call.tool_calls[0]["id"]  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="one for each"):
        tool_example_to_messages("in", [One(question="q")], ["a", "b"])
