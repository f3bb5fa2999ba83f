"""The schemas that a tool shows: to programs, and to models."""

from __future__ import annotations

import threading
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from runnables import (
    BaseTool,
    InjectedToolArg,
    InjectedToolCallId,
    RunnableLambda,
    StructuredTool,
    Tool,
    convert_to_openai_tool,
    tool,
)


class Place(BaseModel):
    """Where something is."""

    model_config = ConfigDict(title="A place")

    cities: list[str] = Field(description="the cities", min_length=2)
    lat: float = 0.0


def find(cities: list[str], lat: float = 0.0) -> str:
    """Find it."""
    return f"{cities} {lat}"


PLACE: dict[str, Any] = {
    "type": "object",
    "properties": {"cities": {}, "lat": {}},
    "title": "Place",
}


def test_the_schema_of_a_call_is_named_after_the_tool() -> None:
    """It has the tool's name and description, and the fields of the schema; that stays as it is."""
    made = tool("seek", description="Seek it.", args_schema=Place)(find)
    schema = made.tool_call_schema.model_json_schema()
    assert (schema["title"], schema["description"]) == ("seek", "Seek it.")
    assert schema["properties"] == Place.model_json_schema()["properties"]
    assert made.tool_call_schema is made.tool_call_schema
    assert made.args_schema is made.get_input_schema() is Place
    assert Place.model_json_schema()["title"] == "A place"
    made.description = "Another."
    assert made.tool_call_schema.model_json_schema()["description"] == "Another."


def test_a_json_schema_gets_the_description_of_the_tool() -> None:
    """The dict that was passed is not changed."""
    made = tool("seek", args_schema=PLACE)(find)
    assert made.tool_call_schema == {**PLACE, "description": "Find it."}
    assert made.args_schema == PLACE
    assert "description" not in PLACE


def test_what_a_model_is_sent_does_not_change() -> None:
    """A definition has the name and the description once, outside of its parameters."""
    made = tool("seek", args_schema=Place)(find)
    function = convert_to_openai_tool(made)["function"]
    assert (function["name"], function["description"]) == ("seek", "Find it.")
    assert not {"title", "description"} & function["parameters"].keys()


class Seek(BaseTool):  # type: ignore[type-arg]  # written as for LangChain
    name: str = "seek"
    description: str = "Seek it."

    def _run(self, place: str) -> str:
        """Seek the place."""
        return place


@pytest.mark.parametrize(
    ("made", "arguments"),
    [
        (Seek(), {"place": {"title": "Place", "type": "string"}}),
        (Tool("seek", lambda text: text, "Seek it."), {"tool_input": {"type": "string"}}),
        (tool(infer_schema=False)(find), {"cities": {"type": "string"}}),
        (RunnableLambda(len).as_tool(name="length"), None),
    ],
    ids=["class", "Tool", "infer_schema", "runnable"],
)
def test_a_tool_without_a_schema_has_none(made: Any, arguments: Any) -> None:
    """`args_schema` is what was set; what a model sees is there nevertheless."""
    assert made.args_schema is None
    assert made.args == arguments or arguments is None
    assert made.tool_call_schema is not None
    assert made.get_input_schema().model_json_schema()


def test_a_function_and_a_dict_of_a_runnable_have_a_schema() -> None:
    """It is read from the annotations."""
    assert set(tool(find).args_schema.model_fields) == {"cities", "lat"}
    made = RunnableLambda(lambda given: given["a"]).as_tool(name="a", arg_types={"a": int})
    assert set(made.args_schema.model_fields) == {"a"}


def test_the_input_has_what_the_program_passes() -> None:
    """The schema of a call does not; a type that pydantic does not know is any value."""

    def look(
        x: int,
        user: Annotated[str, InjectedToolArg],
        lock: Annotated[threading.Lock, InjectedToolArg()],
        call_id: Annotated[str, InjectedToolCallId] = "none",
    ) -> str:
        """Look.

        Args:
            x: the place
            user: who looks
        """
        return f"{x} {user} {lock} {call_id}"

    made = StructuredTool.from_function(look)
    schema = made.get_input_schema().model_json_schema()
    assert list(schema["properties"]) == ["x", "user", "lock", "call_id"]
    assert schema["properties"]["user"]["description"] == "who looks"
    assert schema["required"] == ["x", "user", "lock"]
    assert (schema["title"], schema["description"]) == ("look", "Look.")
    assert list(made.tool_call_schema.model_json_schema()["properties"]) == ["x"]
    assert list(made.args) == ["x"]
    assert made.invoke({"x": 1, "user": "ada", "lock": None}) == "1 ada None none"
