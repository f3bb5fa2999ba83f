"""Models with tools, and with a type for their answers."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from runnables.agents import create_agent
from runnables.compose.functions import RunnableLambda
from runnables.core.config import RunnableConfig
from runnables.errors import ConfigError, OutputParserException
from runnables.messages import AIMessage, AIMessageChunk, tool_call_chunk
from runnables.models import convert_to_openai_tool
from runnables.tools import RunnableTool
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call


class Person(BaseModel):
    """Somebody."""

    name: Annotated[str, Field(description="The full name.")]
    age: int = 0


@dataclass
class Point:
    x: int
    title: str


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Movie(TypedDict):
    """A film."""

    year: int


def add(first: int, second: int = 2, *, config: RunnableConfig | None = None) -> int:
    """Add two numbers.

    Not more than two.

    Args:
        first: one number,
            the left one
        second (int): another one.

    Returns:
        The sum.
    """
    return first + second


def function(tool: Any) -> dict[str, Any]:
    """The inner part of a definition."""
    definition = convert_to_openai_tool(tool)
    assert definition["type"] == "function"
    found: dict[str, Any] = definition["function"]
    return found


def test_a_function_is_described_by_its_signature_and_docstring() -> None:
    """Types, defaults and what is said of each argument; the config is ours."""
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
    """A field may be called "title"; other titles say nothing."""
    assert function(Person) == {
        "name": "Person",
        "description": "Somebody.",
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
    assert function(Movie)["description"] == "A film."


def test_runnables_are_tools() -> None:
    """With their own schema, or as a RunnableTool with another one."""
    tool = RunnableTool(RunnableLambda(add), name="plus", args_schema=Person, description="Adds.")
    assert (function(tool)["name"], function(tool)["description"]) == ("plus", "Adds.")
    assert set(function(tool)["parameters"]["properties"]) == {"name", "age"}
    assert function(RunnableLambda(add))["name"] == "add"


def test_definitions_of_other_dialects_are_read() -> None:
    """OpenAI's, Anthropic's, a JSON schema; tools of a provider's servers pass."""
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


@pytest.mark.parametrize("tools", [abs, "abs", {"name": "abs"}, 3], ids=str)
def test_tools_are_bound_as_a_list(tools: Any) -> None:
    """One that stands alone is told from a list."""
    with pytest.raises(ConfigError, match="takes a list of tools, got "):
        ScriptedChatModel().bind_tools(tools)
    with pytest.raises(ConfigError, match="takes a list of tools, got "):
        create_agent(ScriptedChatModel(), tools)


@pytest.mark.parametrize("tool", [3, {}, {"type": "object"}], ids=str)
def test_what_is_no_tool_is_an_error(tool: Any) -> None:
    """It says what is expected."""
    with pytest.raises(ConfigError, match="cannot be a tool"):
        convert_to_openai_tool(tool)


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
    """Whatever they were; and the bound model can be pickled, since they are plain data now."""
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
    """Before anything runs, with the near name."""
    with pytest.raises(ConfigError, match="Did you mean 'add'"):
        ScriptedChatModel().bind_tools([add], tool_choice="ad")
    with pytest.raises(ConfigError, match="Did you mean 'temperature'"):
        ScriptedChatModel().bind_tools([add], temperatur=1)


PERSON = '{"name": "Ann", "age": 3}'


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (Person, PERSON, Person(name="Ann", age=3)),
        (Movie, '{"year": 1999}', {"year": 1999}),
        (Point, '{"x": 1, "title": "a"}', Point(1, "a")),
        (Colour, '"red"', Colour.RED),
        (list[int], "[1, 2]", [1, 2]),
        ({"title": "p", "type": "object", "properties": {}}, PERSON, {"name": "Ann", "age": 3}),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
def test_an_answer_becomes_an_object(
    schema: Any, text: str, value: Any, method: Any, call: Call
) -> None:
    """Of every kind of type; streamed, the last object is the whole one."""
    model = ScriptedChatModel([[*text]], cycle=True)
    chain: Any = model.with_structured_output(schema, method=method)
    assert call.invoke(chain, "hi") == value
    assert call.stream(chain, "hi")[-1] == value


@pytest.mark.parametrize(
    ("schema", "name", "value"),
    [
        (Person, "Person", Person(name="Ann", age=3)),
        ({"title": "person", "properties": {}}, "person", {"name": "Ann", "age": 3}),
        (
            TypedDict("Named", {"name": str, "age": float}),
            "Named",
            {"name": "Ann", "age": 3.0},
        ),
    ],
    ids=["pydantic", "schema", "TypedDict"],
)
def test_an_answer_may_be_the_call_of_a_tool(
    schema: Any, name: str, value: Any, call: Call
) -> None:
    """With `function_calling` the model must call one tool, and its arguments are the object."""
    pieces = [
        AIMessageChunk(tool_call_chunks=[tool_call_chunk(name=name, args="", id="1", index=0)]),
        *(AIMessageChunk(tool_call_chunks=[tool_call_chunk(args=it, index=0)]) for it in PERSON),
    ]
    model = ScriptedChatModel([pieces], cycle=True)
    chain: Any = model.with_structured_output(schema, method="function_calling")
    assert call.invoke(chain, "hi") == value
    assert call.stream(chain, "hi")[-1] == value
    assert model.calls[0].options["tool_choice"]["function"]["name"] == name


def test_a_partial_object_is_shown_while_it_is_written(call: Call) -> None:
    """Field by field, as it grows."""
    model = ScriptedChatModel([['{"name": "A', 'nn", ', '"age": 3}']])
    found = call.stream(model.with_structured_output(Person), "hi")
    assert [person.name for person in found] == ["A", "Ann", "Ann"]
    assert found[-1] == Person(name="Ann", age=3)


def test_the_schema_goes_to_the_provider(call: Call) -> None:
    """In OpenAI's form, with a name in the letters that are allowed."""
    model = ScriptedChatModel([PERSON])
    call.invoke(model.with_structured_output(Person, temperature=0), "hi")
    options = model.calls[0].options
    form = options["response_format"]["json_schema"]
    assert (options["temperature"], form["name"]) == (0, "Person")
    assert form["schema"] == Person.model_json_schema()


def test_the_raw_answer_can_be_had_too(call: Call) -> None:
    """With the object, or the reason why there is none."""
    model = ScriptedChatModel([PERSON, "no"])
    chain = model.with_structured_output(Person, include_raw=True)
    good, bad = call.invoke(chain, "hi"), call.invoke(chain, "hi")
    assert good == {
        "raw": AIMessage(PERSON),
        "parsed": Person(name="Ann", age=3),
        "parsing_error": None,
    }
    assert (bad["raw"], bad["parsed"]) == (AIMessage("no"), None)
    assert isinstance(bad["parsing_error"], OutputParserException)


def test_an_answer_that_does_not_fit_is_an_error(call: Call) -> None:
    """Text that is no JSON, JSON of another form, no call where one was asked for."""
    model = ScriptedChatModel(["no", json.dumps({"age": "x"}), "no call"])
    chain = model.with_structured_output(Person)
    for _ in range(2):
        with pytest.raises(OutputParserException):
            call.invoke(chain, "hi")
    with pytest.raises(OutputParserException, match="did not call 'Person'.* It said: 'no call'"):
        call.invoke(model.with_structured_output(Person, method="function_calling"), "hi")


@pytest.mark.parametrize("tells", ["finish_reason", "stop_reason"])
@pytest.mark.parametrize("method", ["json_schema", "function_calling"])
def test_where_the_model_was_stopped_at_its_limit_the_error_says_so(
    tells: str, method: Any, call: Call
) -> None:
    """And says nothing of it where it was not."""
    reason = {"finish_reason": "length", "stop_reason": "max_tokens"}[tells]
    for facts, told in (({tells: reason}, True), ({tells: "stop"}, False)):
        cut = AIMessage('{"name": "A', response_metadata=facts)
        chain = ScriptedChatModel([cut], cycle=True).with_structured_output(Person, method=method)
        for run in (call.invoke, call.stream):
            with pytest.raises(OutputParserException) as caught:
                run(chain, "hi")
            assert ("raise max_tokens" in str(caught.value)) is told


def test_a_tool_has_a_name() -> None:
    """A lambda has none, so that no model could call it."""
    with pytest.raises(ConfigError, match="lambda x: x cannot be a tool: it has no name"):
        ScriptedChatModel().bind_tools([lambda x: x])


def test_a_slip_in_the_words_of_structured_output_is_refused() -> None:
    """Its own words are among those that were meant."""
    with pytest.raises(ConfigError, match="'include_row'. Did you mean 'include_raw'"):
        ScriptedChatModel().with_structured_output(Person, include_row=True)
    nothing: Any = None
    with pytest.raises(ConfigError, match="got None"):
        ScriptedChatModel().with_structured_output(nothing)


def test_the_definition_of_a_function_counts_as_the_schema_of_its_parameters(call: Call) -> None:
    """In OpenAI's form, as it stands or within a tool, and in Anthropic's."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
    function = {"name": "count", "description": "Counts.", "parameters": schema}
    other = {"name": "count", "input_schema": schema}
    for form in (function, {"type": "function", "function": function}, other):
        model = ScriptedChatModel(['{"a": 1}', '{"a": "x"}'])
        chain = model.with_structured_output(form)
        assert call.invoke(chain, "hi") == {"a": 1}
        assert model.calls[0].options["response_format"]["json_schema"]["name"] == "count"
        with pytest.raises(OutputParserException, match="does not fit count"):
            call.invoke(chain, "hi")


def test_wrong_schemas_and_methods_are_errors_before_anything_runs() -> None:
    """They name the way out."""
    model = ScriptedChatModel()
    with pytest.raises(ConfigError, match="Did you mean 'json_mode'"):
        model.with_structured_output(Person, method="json_mod")  # type: ignore[call-overload]
    with pytest.raises(ConfigError, match="has no JSON schema"):
        model.with_structured_output(ScriptedChatModel)
    with pytest.raises(ConfigError, match="is no JSON schema: none of its keys"):
        model.with_structured_output({"name": "string", "age": "int"})
    with pytest.raises(ConfigError, match="repair=-1"):
        model.with_structured_output(Person, repair=-1)
    with pytest.raises(ConfigError, match="temperature"):
        model.with_structured_output(Person, temperatur=1)
