"""`typing.TypedDict` as the type of an answer, also on Python 3.11, where pydantic refuses it."""

from __future__ import annotations

import json
import typing
from collections.abc import Mapping
from typing import Annotated, Any, Generic, Optional, TypeVar, Union

import pytest
import typing_extensions
from pydantic import Field

from runnables.compose.functions import RunnableLambda
from runnables.core.schemas import adapter_of
from runnables.messages import AIMessageChunk, tool_call_chunk
from runnables.models import convert_to_openai_tool
from runnables.parsers import PydanticOutputParser
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call

T = TypeVar("T")


class Port(typing.TypedDict):
    """Where ships lie."""

    name: Annotated[str, Field(description="As on the chart.")]
    berths: typing.NotRequired[int]


class Extra(Port, total=False):
    """A port with more fields."""

    pilots: list[str]
    sister: typing.Required[Port | None]


class Node(typing.TypedDict):
    """A tree."""

    name: str
    children: list[Node]


class Boxed(typing.TypedDict, Generic[T]):
    """Anything in a box."""

    inside: T


class Like(typing_extensions.TypedDict):
    """As `Port`, of typing_extensions, which pydantic takes: its schema is the expected one."""

    name: Annotated[str, Field(description="As on the chart.")]
    berths: typing_extensions.NotRequired[int]


ANSWER = '{"name": "Brest", "berths": 4}'


@pytest.mark.parametrize("method", ["json_schema", "json_mode", "function_calling"])
def test_a_typed_dict_is_the_type_of_an_answer(method: Any, call: Call) -> None:
    """The model is sent its docstring, and the answer is a plain dict."""
    called = [tool_call_chunk(name="Port", args=ANSWER, id="1", index=0)]
    answer: Any = [AIMessageChunk(tool_call_chunks=called)]
    model = ScriptedChatModel([answer if method == "function_calling" else ANSWER], cycle=True)
    chain: Any = model.with_structured_output(Port, method=method)
    assert call.invoke(chain, "hi") == {"name": "Brest", "berths": 4}
    assert type(call.invoke(chain, "hi")) is dict
    if method == "json_schema":
        sent = model.calls[0].options["response_format"]["json_schema"]
        assert (sent["name"], sent["schema"]["description"]) == ("Port", "Where ships lie.")


def test_the_schema_is_that_of_the_other_typed_dict() -> None:
    """Required and optional keys, descriptions; only the name and the docstring differ."""
    own, other = adapter_of(Port).json_schema(), adapter_of(Like).json_schema()
    differing = {"title", "description"}
    assert own | dict.fromkeys(differing) == other | dict.fromkeys(differing)
    assert (own["title"], own["description"]) == ("Port", "Where ships lie.")
    assert own["required"] == ["name"]


def test_a_typed_dict_is_shown_while_it_is_written(call: Call) -> None:
    """Inside of others, too; each chunk is a plain dict."""
    parser = PydanticOutputParser(Extra)
    chunks = ['{"name": "Br', 'est", "sister": {"na', 'me": "Cork"}, "pilots": ["A', 'nn"]}']
    found: list[Any] = call.transform(parser, chunks)
    assert found[0] == {"name": "Br"}
    assert found[-1] == {"name": "Brest", "sister": {"name": "Cork"}, "pilots": ["Ann"]}
    assert all(type(chunk) is dict for chunk in found)
    assert adapter_of(Extra).json_schema()["required"] == ["name", "sister"]


def test_a_typed_dict_may_contain_itself(call: Call) -> None:
    """Also one that is local to a function, where only its own name can be looked up."""

    class Local(typing.TypedDict):
        name: str
        children: list[Local]

    class Likewise(typing_extensions.TypedDict):
        name: str
        children: list[Likewise]

    for kind in (Node, Local, Likewise):
        text = '{"name": "a", "children": [{"name": "b", "children": []}]}'
        assert call.invoke(PydanticOutputParser(kind), text) == json.loads(text)
        assert call.transform(PydanticOutputParser(kind), list(text))[-1] == json.loads(text)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (list[Port], [{"name": "a"}]),
        (typing.List[Port], [{"name": "a"}]),  # noqa: UP006 - the older spelling is meant
        (dict[str, Port | None], {"x": {"name": "a"}, "y": None}),
        (Mapping[str, list[Port]], {"x": [{"name": "a"}]}),
        (Optional[Port], {"name": "a"}),  # noqa: UP045 - as above
        (Union[int, Port], {"name": "a"}),  # noqa: UP007 - as above
        (Annotated[list[Port], Field(max_length=1)], [{"name": "a"}]),
        (tuple[Port, ...], ({"name": "a"},)),
        (Boxed[Port], {"inside": {"name": "a"}}),
        (Boxed[int], {"inside": 3}),
    ],
    ids=str,
)
def test_a_typed_dict_may_be_inside_of_other_types(kind: Any, value: Any, call: Call) -> None:
    """Wherever a type has arguments."""
    assert call.invoke(PydanticOutputParser(kind), json.dumps(value)) == value
    with pytest.raises(ValueError, match="does not fit"):
        call.invoke(PydanticOutputParser(kind), '"text"')


def test_a_typed_dict_describes_a_tool() -> None:
    """As the tool itself, as a parameter, in the input of a runnable."""

    def moor(port: Port, others: list[Port]) -> str:
        return str((port, others))

    async def sail(trip: Trip) -> str:
        return str(trip)

    function = convert_to_openai_tool(Port)["function"]
    assert (function["name"], function["description"]) == ("Port", "Where ships lie.")
    assert set(function["parameters"]["properties"]) == {"name", "berths"}
    parameters = convert_to_openai_tool(moor)["function"]["parameters"]
    assert list(parameters["$defs"]) == ["Port"]
    assert "$defs" in RunnableLambda(sail).as_tool().args_jsonschema
    assert "$defs" in RunnableLambda(sail).as_tool(arg_types={"to": Port}).args_jsonschema


class Trip(typing.TypedDict):
    """There and back."""

    to: Port
    back: Port
