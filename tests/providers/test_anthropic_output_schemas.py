"""Answers of a form: which schemas the Messages API can hold one to, and what else is done."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from runnables import AIMessage
from runnables.errors import ConfigError, ModelRefusalError
from runnables_providers.anthropic import ChatAnthropic
from runnables_providers.anthropic.output_schemas import claude_schema
from tests.both_modes import Call
from tests.providers.anthropic_events import answer
from tests.sdk.recorder import Said, recording


class Colour(Enum):
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
    colour: Colour = Colour.RED
    since: str = Field(json_schema_extra={"format": "date"})


class Tree(BaseModel):
    children: list[Tree] = []


def form(described: Any) -> dict[str, Any]:
    return claude_schema(TypeAdapter(described).json_schema())


def objects(schema: Any) -> list[dict[str, Any]]:
    """All objects within a schema."""
    if isinstance(schema, list):
        return [found for it in schema for found in objects(it)]
    if not isinstance(schema, dict):
        return []
    own = [schema] if schema.get("type") == "object" else []
    return own + [found for it in schema.values() for found in objects(it)]


def test_every_object_is_closed() -> None:
    """Also those of unions and definitions."""
    found = objects(form(Home))
    assert len(found) == 3
    assert all(it["additionalProperties"] is False for it in found)


def test_what_the_api_does_not_know_is_told_in_words() -> None:
    """So that the model may still hold to it; the answer is checked in any case."""
    made = form(Home)
    pets = made["properties"]["pets"]
    assert "maxItems" not in pets
    assert pets["description"] == "(maxItems: 3)"
    assert pets["items"] == {"anyOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]}
    lives = made["$defs"]["Cat"]["properties"]["lives"]
    assert lives["description"] == "How many.\n\n(maximum: 9; minimum: 1)"
    assert made["properties"]["since"]["format"] == "date"


def test_a_form_made_twice_is_the_same() -> None:
    assert claude_schema(form(Home)) == form(Home)


@pytest.fixture(autouse=True)
def _own_address(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_what_cannot_be_said_is_asked_for_as_a_tool(described: Any, what: str) -> None:
    """By default; where the schema was asked for by name, the error says what is in the way."""
    with pytest.raises(ConfigError, match=what):
        form(described)
    model = ChatAnthropic("claude-x", api_key="k")
    with pytest.raises(ConfigError, match="function_calling"):
        model.with_structured_output(described, method="json_schema")
    told: Any = model.with_structured_output(described)
    assert "tools" in told.steps[0].kwargs


def test_the_form_is_held_by_the_service_or_by_a_tool(call: Call) -> None:
    """Anthropic holds an answer to a schema; servers that only speak alike may not know how."""
    own: Any = ChatAnthropic("claude-x", api_key="k").with_structured_output(Home)
    assert "response_format" in own.steps[0].kwargs
    pet = {"type": "tool_use", "id": "t", "name": "Cat", "input": {"kind": "cat", "lives": 3}}
    with recording() as server:
        server.says(Said(answer(pet, stop_reason="tool_use")))
        model = ChatAnthropic("claude-x", base_url=server.url)
        assert call.invoke(model.with_structured_output(Cat), "?") == Cat(kind="cat", lives=3)
        asked = server.bodies[0]
    assert asked["tool_choice"] == {"type": "any"}  # the only one; not all know one by name
    assert asked["tools"][0]["input_schema"]["required"] == ["kind"]


def test_a_strict_tool_says_so(call: Call) -> None:
    pet = {"type": "tool_use", "id": "t", "name": "Cat", "input": {"kind": "cat"}}
    with recording() as server:
        server.says(Said(answer(pet)))
        model = ChatAnthropic("claude-x", base_url=server.url)
        call.invoke(model.with_structured_output(Cat, strict=True), "?")
        (tool,) = server.bodies[0]["tools"]
    assert tool["strict"] is True
    assert tool["input_schema"]["additionalProperties"] is False


def test_a_schema_by_name_is_read_as_the_object(call: Call) -> None:
    with recording() as server:
        server.says(Said(answer({"type": "text", "text": '{"kind": "dog", "name": "Rex"}'})))
        model = ChatAnthropic("claude-x", base_url=server.url)
        told = model.with_structured_output(Dog, method="json_schema")
        assert call.invoke(told, "?") == Dog(kind="dog", name="Rex")
        assert server.bodies[0]["output_config"]["format"]["schema"]["required"] == ["kind"]


def test_a_refusal_is_no_answer(call: Call) -> None:
    details = {"type": "refusal", "category": "bio", "explanation": "Not this."}
    with recording() as server:
        server.says(Said(answer(stop_reason="refusal", stop_details=details)))
        model = ChatAnthropic("claude-x", base_url=server.url)
        for method in ("json_schema", "function_calling"):
            told = model.with_structured_output(Dog, method=method)
            with pytest.raises(ModelRefusalError, match="Not this"):
                call.invoke(told, "?")
        raw = call.invoke(model.with_structured_output(Dog, include_raw=True), "?")
    assert isinstance(raw["raw"], AIMessage)
    assert isinstance(raw["parsing_error"], ModelRefusalError)
