"""Definitions of tools, and JSON schemas of answers."""

from __future__ import annotations

from typing import Any

import pytest

from runnables.compose.functions import RunnableLambda
from runnables.errors import ConfigError, OutputParserException
from runnables.models import convert_to_openai_tool
from runnables.tools import RunnableTool
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.models.structured.examples import Movie, Person, Point, add


def function(tool: Any) -> dict[str, Any]:
    """Return the inner part of a definition."""
    definition = convert_to_openai_tool(tool)
    assert definition["type"] == "function"
    found: dict[str, Any] = definition["function"]
    return found


def test_a_function_is_described_by_its_signature_and_docstring() -> None:
    """Types, defaults and the description of each argument, without the config."""
    assert function(add) == {
        "name": "add",
        "description": "Add two numbers.\n\nNot more than two.",
        "parameters": {
            "type": "object",
            "properties": {
                "first": {"type": "integer", "description": "one number, the left one"},
                "second": {"type": "integer", "default": 2, "description": "another one."},
            },
            "required": ["first"],
        },
    }


def test_types_with_fields_are_tools() -> None:
    """A field may be called "title"; titles of the schema are dropped."""
    assert function(Person) == {
        "name": "Person",
        "description": "A person.",
        "parameters": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "description": "The full name."},
                "age": {"type": "integer", "default": 0},
            },
            "required": ["name"],
        },
    }
    assert set(function(Point)["parameters"]["properties"]) == {"x", "title"}
    assert function(Point)["description"] == ""
    assert function(Movie)["description"] == "A motion picture."


def test_runnables_are_tools() -> None:
    """With their own schema, or as a RunnableTool with another one."""
    tool = RunnableTool(RunnableLambda(add), name="plus", args_schema=Person, description="Adds.")
    assert (function(tool)["name"], function(tool)["description"]) == ("plus", "Adds.")
    assert set(function(tool)["parameters"]["properties"]) == {"name", "age"}
    assert function(RunnableLambda(add))["name"] == "add"


def test_definitions_of_several_services_are_read() -> None:
    """OpenAI's, Anthropic's, a JSON schema; tools of a provider's servers stay as they are."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    definition = function({"name": "f", "description": "d", "parameters": schema})
    assert definition == {"name": "f", "description": "d", "parameters": schema}
    assert function({"name": "f", "description": "d", "input_schema": schema}) == definition
    assert function({"title": "f", "description": "d", **schema}) == definition
    assert convert_to_openai_tool({"type": "function", "function": definition}) == {
        "type": "function",
        "function": definition,
    }
    assert convert_to_openai_tool({"type": "web_search"}) == {"type": "web_search"}


@pytest.mark.parametrize("tool", [3, {}, {"type": "object"}], ids=str)
def test_a_value_that_is_no_tool_is_refused(tool: Any) -> None:
    """The error lists what can be one."""
    with pytest.raises(ConfigError, match="cannot be a tool"):
        convert_to_openai_tool(tool)


def test_the_definition_of_a_function_counts_as_the_schema_of_its_parameters(call: Call) -> None:
    """OpenAI's definition, on its own or within a tool, and Anthropic's."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    function = {"name": "count", "description": "Counts.", "parameters": schema}
    other = {"name": "count", "input_schema": schema}
    for definition in (function, {"type": "function", "function": function}, other):
        model = ScriptedChatModel(['{"a": 1}', '{"a": "x"}'])
        chain = model.with_structured_output(definition)
        assert call.invoke(chain, "hi") == {"a": 1}
        assert model.calls[0].options["response_format"]["json_schema"]["name"] == "count"
        with pytest.raises(OutputParserException, match="does not fit count"):
            call.invoke(chain, "hi")
