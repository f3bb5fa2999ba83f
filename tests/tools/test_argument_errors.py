"""The errors of a tool's arguments are pydantic's, too; and what a bare value stands for."""

from __future__ import annotations

import copy
import pickle
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ValidationError, field_validator

from runnables import (
    BaseTool,
    ConfigError,
    InjectedToolArg,
    InjectedToolCallId,
    StructuredTool,
    SyncAsyncError,
    ToolArgumentsError,
    ToolException,
    tool,
    tool_call,
)
from tests.both_modes import Call


class Port(BaseModel):
    name: str
    depth: int = 1

    @field_validator("name")
    @classmethod
    def known(cls, name: str) -> str:
        if name == "{nowhere}":
            raise ValueError("there is no {nowhere}")
        return name


@tool(args_schema=Port)
def moor(name: str, depth: int) -> str:
    """Moor."""
    return f"{name} {depth}"


@pytest.mark.parametrize(
    ("arguments", "types"),
    [
        ({}, ["missing"]),
        ({"name": "Brest", "depth": "deep"}, ["int_parsing"]),
        ({"name": "{nowhere}", "depth": None}, ["value_error", "int_type"]),
    ],
)
def test_bad_arguments_raise_an_error_of_pydantic_too(
    arguments: dict[str, Any], types: list[str], call: Call
) -> None:
    """`except ValidationError` catches it; its text is still the tool's, and it has all details."""
    with pytest.raises(ValidationError) as caught:
        call.invoke(moor, arguments)
    error = caught.value
    assert isinstance(error, ToolArgumentsError)
    assert str(error).startswith("The tool 'moor' was called with bad arguments: ")
    assert [detail["type"] for detail in error.errors()] == types
    assert error.error_count() == len(types)
    assert [set(detail) - {"ctx"} for detail in error.errors(include_input=False)] == [
        {"type", "loc", "msg"} for _ in types
    ]
    assert repr(error) == f"ToolArgumentsError({str(error)!r})"


def test_the_error_copies_and_pickles() -> None:
    """The copy has the same text and the same details."""
    with pytest.raises(ToolArgumentsError) as caught:
        moor.invoke({"name": "Brest", "depth": "deep"})
    for other in (copy.copy(caught.value), pickle.loads(pickle.dumps(caught.value))):
        assert isinstance(other, ValidationError)
        assert (str(other), other.errors()) == (str(caught.value), caught.value.errors())


def test_a_json_schema_raises_the_same_error(call: Call) -> None:
    """There are no details then, and the text says all."""
    schema = {"type": "object", "properties": {"a": {}}, "required": ["a"]}
    made = StructuredTool(lambda a: a, name="f", description="", args_schema=schema)
    with pytest.raises(ValidationError, match="'a' must be given") as caught:
        call.invoke(made, {})
    assert caught.value.errors() == []


def test_a_missing_argument_of_the_program_is_not_answered_to_the_model(call: Call) -> None:
    """It is an error of pydantic, too, and it is always raised, as the model cannot pass it."""

    @tool(handle_validation_error=True)
    def look(x: int, user: Annotated[str, InjectedToolArg]) -> str:
        """Look."""
        return f"{x} {user}"

    with pytest.raises(ValidationError) as caught:
        call.invoke(look, tool_call(name="look", args={"x": 1}, id="1"))
    assert isinstance(caught.value, ConfigError)
    assert not isinstance(caught.value, ToolArgumentsError)
    assert caught.value.errors()[0]["loc"] == ("user",)
    again = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(again, ConfigError)
    assert (str(again), repr(again)) == (str(caught.value), repr(caught.value))


async def test_a_sync_call_of_an_async_tool_is_not_implemented() -> None:
    """The error is a NotImplementedError, as LangChain's tools raise it."""

    async def find(text: str) -> str:
        return text

    made = StructuredTool(name="find", description="", args_schema=Text, coroutine=find)
    assert await made.ainvoke("a") == "a"
    with pytest.raises(NotImplementedError) as caught:
        made.invoke("a")
    assert isinstance(caught.value, SyncAsyncError)


class Text(BaseModel):
    text: str


def test_an_error_without_words_has_an_answer(call: Call) -> None:
    """The model gets to know that the tool has failed."""

    @tool(handle_tool_error=True)
    def fail() -> str:
        """Fail."""
        raise ToolException

    assert call.invoke(fail, {}) == "Tool execution error"


# -- bare values


def test_a_tool_without_arguments_takes_any_text(call: Call) -> None:
    """An agent that writes text always writes an input; a value of another type is refused."""

    @tool
    def now(user: Annotated[str, InjectedToolArg] = "all") -> str:
        """Say the time."""
        return f"noon for {user}"

    for given in ("", "what time is it?", {}):
        assert call.invoke(now, given) == "noon for all"
    with pytest.raises(ToolArgumentsError, match="expected a dict"):
        call.invoke(now, 3)


def test_a_list_of_arguments_is_one_argument(call: Call) -> None:
    """A `*` parameter alone is a list for the model; its items arrive in order."""

    @tool
    def add(*numbers: int, **more: Any) -> str:
        """Add them.

        Args:
            numbers: the numbers
        """
        return f"{sum(numbers)} {more}"

    assert add.args == {
        "numbers": {
            "description": "the numbers",
            "items": {"type": "integer"},
            "title": "Numbers",
            "type": "array",
        }
    }
    assert add.is_single_input
    for given, answer in (
        ("3", "3 {}"),
        ([1, "2"], "3 {}"),
        ({"numbers": [1, 2], "x": 1}, "3 {'x': 1}"),
        ({"x": 1}, "0 {'x': 1}"),
        ({}, "0 {}"),
    ):
        assert call.invoke(add, given) == answer


def test_a_class_may_take_anything(call: Call) -> None:
    """A bare value is the first argument, and the keys of a dict are names; a schema overrides."""

    class Anything(BaseTool):  # type: ignore[type-arg]  # written as for LangChain
        name: str = "anything"
        description: str = "Take anything."

        def _run(self, *args: Any, **kwargs: Any) -> str:
            return f"{args} {kwargs}"

    assert call.invoke(Anything(), "x") == "('x',) {}"
    assert call.invoke(Anything(), {"a": 1}) == "() {'a': 1}"
    assert call.invoke(Anything(args_schema=Text), "x") == "() {'text': 'x'}"


def test_a_parameter_beside_the_list_hides_it() -> None:
    """The model sees the others only, as it cannot pass both in order."""

    @tool
    def search(query: str, *more: str) -> str:
        """Search."""
        return query + "".join(more)

    assert list(search.args) == ["query"]
    assert search.invoke({"query": "sea"}) == "sea"


@tool(infer_schema=False)
def loud(*words: str) -> str:
    """Say it loudly."""
    return "".join(words).upper()


def test_one_string_is_not_a_list_of_letters(call: Call) -> None:
    """With `infer_schema=False` a `*` parameter gets the string whole."""
    assert call.invoke(loud, "ahoy") == "AHOY"


def test_an_injected_id_is_missed_in_the_same_way(call: Call) -> None:
    """A tool that needs the id of a tool call says so."""

    @tool
    def log(call_id: Annotated[str, InjectedToolCallId]) -> str:
        """Log."""
        return call_id

    with pytest.raises(ValidationError, match="needs the id of a tool call"):
        call.invoke(log, {})
