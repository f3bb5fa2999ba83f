"""Names of tools and schemas: services take them, and answers are matched with the same ones."""

from __future__ import annotations

import json
import re
from typing import Any, Generic, TypeVar

import pytest
from hypothesis import given, strategies as st
from pydantic import BaseModel, ConfigDict, create_model

from runnables.agents import create_agent
from runnables.compose.functions import RunnableLambda
from runnables.messages import AIMessage, ToolMessage, tool_call
from runnables.messages.tool_names import service_name
from runnables.models.structured.schemas import convert_to_openai_tool
from runnables.parsers import JsonOutputKeyToolsParser, PydanticToolsParser
from runnables.tools import StructuredTool, tool
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call

ACCEPTED = re.compile(r"[a-zA-Z0-9_-]{1,64}")
T = TypeVar("T")
U = TypeVar("U")


class Page(BaseModel, Generic[T]):
    """A page."""

    item: T


class Pair(BaseModel, Generic[T, U]):
    """A pair."""

    item: T
    other: U | None = None


class Größe(BaseModel):
    """A size."""

    item: int


class Titled(BaseModel):
    """A form."""

    model_config = ConfigDict(title="My form: new!")
    item: int


MODELS: list[type[BaseModel]] = [
    Page[int], Page[str], Page[Page[int]], Pair[int, list[str]], Größe, Titled,
    create_model("数据", item=(int, ...)), create_model("工具", item=(int, ...)),
    create_model("a.b", item=(int, ...)), create_model("a b", item=(int, ...)),
    create_model("x" * 70, item=(int, ...)), create_model("x" * 71, item=(int, ...)),
]  # fmt: skip


def sent_names(model: ScriptedChatModel) -> list[str]:
    return [one["function"]["name"] for one in model.calls[-1].options["tools"]]


@given(st.text(max_size=80))
def test_every_name_becomes_one_that_services_accept(name: str) -> None:
    """One that they accept stays as it is, also one that was made."""
    made = service_name(name)
    assert ACCEPTED.fullmatch(made)
    assert service_name(made) == made
    assert made == name or not ACCEPTED.fullmatch(name)


@given(st.lists(st.text(max_size=80), unique=True))
def test_two_names_stay_two(names: list[str]) -> None:
    """Also those that differ in refused characters alone, or behind the 64th."""
    assert len(set(map(service_name, names))) == len(names)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: ascii(model.__name__))
@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_answers_are_matched_with_the_names_that_were_sent(
    model: type[BaseModel], method: Any, call: Call
) -> None:
    """The same name is in tools, schemas, parsers and answers of a type."""
    name = convert_to_openai_tool(model)["function"]["name"]
    assert ACCEPTED.fullmatch(name)
    value: Any = {"item": 1}
    if model in (Page[str], Page[Page[int]]):
        value = {"item": "a"} if model is Page[str] else {"item": {"item": 1}}
    answer = AIMessage(tool_calls=[tool_call(name=name, args=value, id="1")])
    text = AIMessage(json.dumps(value)) if method == "json_schema" else answer
    scripted = ScriptedChatModel([answer, answer, text], cycle=True)
    bound = scripted.bind_tools(
        [model], tool_choice=model.__name__ if model is not Titled else name
    )
    assert call.invoke(bound | PydanticToolsParser([model], first_tool_only=True), "q").item
    assert sent_names(scripted) == [name]
    assert scripted.calls[-1].options["tool_choice"]["function"]["name"] == name
    if model is not Titled:
        assert call.invoke(bound | JsonOutputKeyToolsParser(model.__name__), "q") == [value]
    assert call.invoke(ScriptedChatModel([text]).with_structured_output(model, method=method), "q")
    asked = ScriptedChatModel([text])
    call.invoke(asked.with_structured_output(model, method=method), "q")
    options = asked.calls[-1].options
    sent = sent_names(asked)[0] if method == "function_calling" else (
        options["response_format"]["json_schema"]["name"]
    )  # fmt: skip
    assert sent == name


def test_tools_of_odd_names_stay_apart_in_an_agent(call: Call) -> None:
    """Each is called by the name that was sent, which is the tool's own name."""

    def größe(a: int) -> str:
        """Tell a size."""
        return f"size {a}"

    def grüße(a: int) -> str:
        """Greet."""
        return f"greetings {a}"

    tools: list[Any] = [
        größe,
        grüße,
        tool("look up: a thing")(größe),
        StructuredTool(größe, name="look up; a thing"),
        RunnableLambda(lambda text: f"ran {text}", name="my | chain").as_tool(),
        tool("数据", RunnableLambda(lambda text: f"data {text}")),
    ]
    names = [convert_to_openai_tool(one)["function"]["name"] for one in tools]
    assert len(set(names)) == len(tools)
    assert all(map(ACCEPTED.fullmatch, names))
    assert [one.name for one in tools[2:]] == names[2:]
    arguments: list[dict[str, Any]] = [{"a": 1}] * 4 + [{"input": "it"}] * 2
    requests = [
        tool_call(name=name, args=args, id=str(place))
        for place, (name, args) in enumerate(zip(names, arguments, strict=True))
    ]
    model = ScriptedChatModel([AIMessage(tool_calls=requests), "ok"])
    messages = call.invoke(create_agent(model, tools), "go")["messages"]
    assert sent_names(model) == names
    results = [message for message in messages if isinstance(message, ToolMessage)]
    assert [result.text for result in results] == [
        "size 1", "greetings 1", "size 1", "size 1", "ran it", "data it"
    ]  # fmt: skip
    assert [result.name for result in results] == names


def test_a_schema_with_a_title_is_sent_under_a_name(call: Call) -> None:
    """A JSON schema's title may have spaces; the name of a definition stays as it was written."""
    schema = {"title": "My form!", "type": "object", "properties": {"a": {"type": "integer"}}}
    name = convert_to_openai_tool(schema)["function"]["name"]
    assert ACCEPTED.fullmatch(name)
    answer = AIMessage(tool_calls=[tool_call(name=name, args={"a": 1}, id="1")])
    model = ScriptedChatModel([answer]).with_structured_output(schema, method="function_calling")
    assert call.invoke(model, "q") == {"a": 1}
    assert (
        convert_to_openai_tool({"name": "a.b", "parameters": schema})["function"]["name"] == "a.b"
    )
