"""Functions and tools as types of answers: their arguments are the answer, and they never run."""

from __future__ import annotations

import functools
import json
import pickle
from copy import deepcopy
from enum import Enum
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict, Unpack

from runnables.agents import create_agent
from runnables.core.config import RunnableConfig
from runnables.errors import ConfigError, OutputParserException
from runnables.messages import AIMessage, tool_call
from runnables.parsers import JsonOutputParser, PydanticOutputParser
from runnables.tools import InjectedToolArg, tool
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call


class Place(BaseModel):
    name: str


class Unit(Enum):
    METRES = "m"


class Options(TypedDict):
    place: Place
    unit: Unit


def explode(place: Place, unit: Unit = Unit.METRES, depth: Annotated[int, Field(ge=1)] = 3) -> None:
    """Blow up a place.

    Args:
        place: Where.
    """
    raise AssertionError("it was called")


async def explode_later(place: Place, unit: Unit = Unit.METRES, depth: int = 3) -> None:
    """Blow up a place."""
    raise AssertionError("it was called")


def explode_with(config: RunnableConfig, user: Annotated[str, InjectedToolArg], place: Place,
                 unit: Unit = Unit.METRES, depth: int = 3) -> None:  # fmt: skip
    """Blow up a place."""
    raise AssertionError("it was called")


class Bomb:
    def explode(self, place: Place, unit: Unit = Unit.METRES, depth: int = 3) -> None:
        """Blow up a place."""
        raise AssertionError("it was called")

    @classmethod
    def explode_all(cls, place: Place, unit: Unit = Unit.METRES, depth: int = 3) -> None:
        """Blow up a place."""
        raise AssertionError("it was called")


FUNCTIONS: dict[str, Any] = {
    "function": explode,
    "async function": explode_later,
    "with hidden parameters": explode_with,
    "bound method": Bomb().explode,
    "class method": Bomb.explode_all,
    "partial": functools.partial(explode, unit=Unit.METRES),
    "tool": tool(explode),
    "async tool": tool(explode_later),
    "tool with a retry": tool(explode).with_retry(),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode"])
def test_the_answer_is_a_dict_of_arguments(name: str, method: Any, call: Call) -> None:
    """They are validated, with defaults; the function is not called, whole or streamed."""
    function = FUNCTIONS[name]
    given = {"place": {"name": "Brest"}, "unit": "m"}
    if name == "partial":
        given.pop("unit")
    called = "explode_later" if "async" in name else function_name(function)
    answers = {
        "function_calling": AIMessage(tool_calls=[tool_call(name=called, args=given, id="1")]),
    }
    answer = answers.get(method, AIMessage(json.dumps(given)))
    scripted = ScriptedChatModel([answer], cycle=True)
    model = scripted.with_structured_output(function, method=method)
    expected = {"place": Place(name="Brest"), "unit": Unit.METRES, "depth": 3}
    if name == "partial":
        expected.pop("unit")
    assert call.invoke(model, "q") == expected
    assert call.stream(model, "q")[-1] == expected
    options = str(scripted.calls[-1].options)
    assert "config" not in options and "user" not in options
    if method != "json_mode":
        assert "Blow up a place." in options


def function_name(function: Any) -> str:
    name = getattr(function, "__name__", None) or getattr(function, "name", None)
    return str(name or "explode")


@pytest.mark.parametrize(
    "arguments",
    [
        {"place": "Brest"},
        {"place": {"name": 1}},
        {"unit": "m"},
        {"depth": 0, "place": {"name": "a"}},
    ],
    ids=str,
)
def test_arguments_that_do_not_fit_are_an_error(arguments: Any, call: Call) -> None:
    """It is that of any answer, so that repair can show it to the model."""
    model = ScriptedChatModel([json.dumps(arguments), '{"place": {"name": "Brest"}}'])
    repaired = model.with_structured_output(explode, repair=1)
    assert call.invoke(repaired, "q")["place"] == Place(name="Brest")
    broken = ScriptedChatModel([json.dumps(arguments)]).with_structured_output(explode)
    with pytest.raises(OutputParserException):
        call.invoke(broken, "q")


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("options", [{}, {"include_raw": True}, {"repair": 1}], ids=str)
def test_a_chain_with_a_function_is_pickled_and_copied(name: str, options: Any, call: Call) -> None:
    """As one with a type is, also after it has run; the type of the arguments is made again."""
    model = ScriptedChatModel(['{"place": {"name": "Brest"}, "depth": 2}'], cycle=True)
    chain = model.with_structured_output(FUNCTIONS[name], **options)
    answer = call.invoke(chain, "q")
    copied: Any = pickle.loads(pickle.dumps(chain))
    for copy in (copied, deepcopy(chain)):
        assert call.invoke(copy, "q") == answer
        assert call.stream(copy, "q")[-1] == answer


def test_a_function_without_a_name_is_an_answer(call: Call) -> None:
    """A model sees the arguments of a lambda; only a tool needs the name."""
    for function in (lambda place, depth=3: 1 / 0, functools.partial(lambda place, depth=3: 1 / 0)):
        calls = [tool_call(name="answer", args={"place": "Brest"}, id="1")]
        model = ScriptedChatModel([AIMessage(tool_calls=calls)])
        chain = model.with_structured_output(function, method="function_calling")
        assert call.invoke(chain, "q") == {"place": "Brest", "depth": 3}


def test_typed_keywords_and_raw_answers(call: Call) -> None:
    """`**options: Unpack[Options]` has its keys; `include_raw` has the message beside them."""

    def explode_all(**options: Unpack[Options]) -> None:
        """Blow up."""
        raise AssertionError("it was called")

    answer = '{"place": {"name": "Brest"}, "unit": "m"}'
    model = ScriptedChatModel([answer]).with_structured_output(explode_all, include_raw=True)
    got = call.invoke(model, "q")
    assert got["parsed"] == {"place": Place(name="Brest"), "unit": Unit.METRES}
    assert got["raw"].text == answer


def test_an_agent_answers_with_arguments(call: Call) -> None:
    """`response_format` takes a function, too, and its schema can be asked for."""
    model = ScriptedChatModel(["It is Brest.", '{"place": {"name": "Brest"}}'], cycle=True)
    agent = create_agent(model, response_format=explode)
    assert call.invoke(agent, "q")["structured_response"]["place"] == Place(name="Brest")
    assert "structured_response" in agent.get_output_schema().model_json_schema()["properties"]


def test_a_function_is_no_type_elsewhere() -> None:
    """A parser that would call it with the model's words refuses it when it is made or used."""
    for make in (
        lambda: PydanticOutputParser(pydantic_object=explode).invoke('{"place": {"name": "a"}}'),  # type: ignore[arg-type]
        lambda: JsonOutputParser(pydantic_object=explode).get_format_instructions(),  # type: ignore[arg-type]
    ):
        with pytest.raises((ConfigError, TypeError), match=r"explode|function|type"):
            make()


def test_a_tool_of_a_json_schema_keeps_it(call: Call) -> None:
    """The answer is a dict that fits."""
    schema = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}

    def anywhere(place: str) -> None:
        """Go."""
        raise AssertionError("it was called")

    made = tool(args_schema=schema)(anywhere)
    model = ScriptedChatModel(['{"place": "Brest"}']).with_structured_output(made)
    assert call.invoke(model, "q") == {"place": "Brest"}
