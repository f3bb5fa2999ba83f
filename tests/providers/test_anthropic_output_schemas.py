"""Structured output of Anthropic: the schemas that the API enforces, and tools for others."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from runnables import AIMessage
from runnables.errors import ConfigError, ModelRefusalError
from runnables.testing import Response
from runnables_providers.anthropic import ChatAnthropic
from runnables_providers.anthropic.output_schemas import claude_schema
from tests.both_modes import Call
from tests.providers.anthropic_events import answer
from tests.sdk.recorder import Recorder


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(9, ge=1, le=9, description="How many.")


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str | None = None


class Home(BaseModel):
    """A home."""

    pets: Annotated[list[Annotated[Cat | Dog, Field(discriminator="kind")]], Field(max_length=3)]
    color: Color = Color.RED
    since: str = Field(json_schema_extra={"format": "date"})


class Tree(BaseModel):
    children: list[Tree] = []


def schema_of(type_: Any) -> dict[str, Any]:
    return claude_schema(TypeAdapter(type_).json_schema())


def objects(schema: Any) -> list[dict[str, Any]]:
    """Return all object schemas inside a schema."""
    if isinstance(schema, list):
        return [inner for part in schema for inner in objects(part)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if schema.get("type") == "object" else []
    return own + [inner for part in schema.values() for inner in objects(part)]


def test_every_object_is_closed() -> None:
    """Objects of unions and definitions have `additionalProperties` False, too."""
    schemas = objects(schema_of(Home))
    assert len(schemas) == 3
    assert all(schema["additionalProperties"] is False for schema in schemas)


def test_unsupported_constraints_go_into_the_description() -> None:
    """The model can still follow them, and the answer is validated in any case."""
    made = schema_of(Home)
    pets = made["properties"]["pets"]
    assert "maxItems" not in pets
    assert pets["description"] == "(maxItems: 3)"
    assert pets["items"] == {"anyOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]}
    lives = made["$defs"]["Cat"]["properties"]["lives"]
    assert lives["description"] == "How many.\n\n(maximum: 9; minimum: 1)"
    assert made["properties"]["since"]["format"] == "date"


def test_converting_a_schema_twice_changes_nothing() -> None:
    """A converted schema is already supported."""
    assert claude_schema(schema_of(Home)) == schema_of(Home)


@pytest.fixture(autouse=True)
def _own_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)


@pytest.mark.parametrize(
    ("described", "what"),
    [
        (dict[str, int], "objects with any keys"),
        (list[Any], "values of any type"),
        (tuple[int, str], "prefixItems"),
        (Tree, "contains itself"),
    ],
)
def test_an_unsupported_schema_is_sent_as_a_tool(described: Any, what: str) -> None:
    """This is the default; with `method="json_schema"` the error names the unsupported part."""
    with pytest.raises(ConfigError, match=what):
        schema_of(described)
    model = ChatAnthropic("claude-x", api_key="k")
    with pytest.raises(ConfigError, match="function_calling"):
        model.with_structured_output(described, method="json_schema")
    chain: Any = model.with_structured_output(described)
    assert "tools" in chain.steps[0].kwargs


def test_compatible_servers_get_the_schema_as_a_tool(call: Call) -> None:
    """Anthropic enforces a schema; servers with the same API may not."""
    own: Any = ChatAnthropic("claude-x", api_key="k").with_structured_output(Home)
    assert "response_format" in own.steps[0].kwargs
    pet = {"type": "tool_use", "id": "t", "name": "Cat", "input": {"kind": "cat", "lives": 3}}
    with Recorder().listening() as server:
        server.enqueue(Response(answer(pet, stop_reason="tool_use")))
        model = ChatAnthropic("claude-x", base_url=server.url)
        assert call.invoke(model.with_structured_output(Cat), "?") == Cat(kind="cat", lives=3)
        body = server.bodies[0]
    assert body["tool_choice"] == {
        "type": "any"
    }  # the only tool; not all servers know a choice by name
    assert body["tools"][0]["input_schema"]["required"] == ["kind"]


def test_a_strict_tool_is_sent_as_strict(call: Call) -> None:
    """`strict=True` marks the tool, and closes its schema."""
    pet = {"type": "tool_use", "id": "t", "name": "Cat", "input": {"kind": "cat"}}
    with Recorder().listening() as server:
        server.enqueue(Response(answer(pet)))
        model = ChatAnthropic("claude-x", base_url=server.url)
        call.invoke(model.with_structured_output(Cat, strict=True), "?")
        (tool,) = server.bodies[0]["tools"]
    assert tool["strict"] is True
    assert tool["input_schema"]["additionalProperties"] is False


def test_the_json_schema_method_returns_the_object(call: Call) -> None:
    """The schema is sent, and the JSON of the answer is parsed."""
    with Recorder().listening() as server:
        server.enqueue(Response(answer({"type": "text", "text": '{"kind": "dog", "name": "Rex"}'})))
        model = ChatAnthropic("claude-x", base_url=server.url)
        chain = model.with_structured_output(Dog, method="json_schema")
        assert call.invoke(chain, "?") == Dog(kind="dog", name="Rex")
        assert server.bodies[0]["output_config"]["format"]["schema"]["required"] == ["kind"]


def test_a_refusal_is_an_error(call: Call) -> None:
    """Both methods raise ModelRefusalError; with `include_raw` it is in the result."""
    details = {"type": "refusal", "category": "bio", "explanation": "Not this."}
    with Recorder().listening() as server:
        server.enqueue(Response(answer(stop_reason="refusal", stop_details=details)))
        model = ChatAnthropic("claude-x", base_url=server.url)
        for method in ("json_schema", "function_calling"):
            chain = model.with_structured_output(Dog, method=method)
            with pytest.raises(ModelRefusalError, match="Not this"):
                call.invoke(chain, "?")
        raw = call.invoke(model.with_structured_output(Dog, include_raw=True), "?")
    assert isinstance(raw["raw"], AIMessage)
    assert isinstance(raw["parsing_error"], ModelRefusalError)
