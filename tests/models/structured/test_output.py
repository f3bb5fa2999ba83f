"""Structured output of models: every kind of type, by every method."""

from __future__ import annotations

import doctest
import json
import pickle
from typing import Any, Literal

import pytest
from typing_extensions import TypedDict

from runnables import ChatModel
from runnables.errors import ConfigError, OutputParserException
from runnables.models import strict_schema, without_references
from runnables.models.structured.output import StructuredOutput
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.docs.examples import run
from tests.models.structured.examples import (
    CAR,
    PERSON,
    TREE,
    Car,
    Cat,
    Dog,
    Keys,
    Movie,
    Node,
    OnlyObjects,
    Paint,
    Person,
    Pet,
    Point,
    Record,
    ToolsOnly,
    as_tool_call,
    sent_schema,
)

TYPES: list[Any] = [
    pytest.param(Car, CAR, Car.model_validate(CAR), id="nested"),
    pytest.param(Keys, {"name": "a"}, {"name": "a"}, id="TypedDict"),
    pytest.param(Record, {"name": "a", "tags": ["b"]}, Record("a", ["b"]), id="dataclass"),
    pytest.param(Node, TREE, Node.model_validate(TREE), id="recursive"),
    pytest.param(Paint, "red", Paint.RED, id="enum"),
    pytest.param(Literal["yes", "no"], "no", "no", id="literal"),
    pytest.param(list[Keys], [{"name": "a"}], [{"name": "a"}], id="list"),
    pytest.param(Cat | Dog, {"kind": "cat", "lives": 9}, Cat(kind="cat", lives=9), id="union"),
    pytest.param(Pet, {"kind": "dog", "tricks": []}, Dog(kind="dog", tricks=[]), id="tagged"),
    pytest.param(int | None, None, None, id="optional"),
    pytest.param(Car.model_json_schema(), CAR, CAR, id="schema"),
    pytest.param(
        {"title": "n", "type": "array", "items": {"type": "integer"}}, [1], [1], id="list by schema"
    ),
]


@pytest.mark.parametrize(("schema", "answer", "value"), TYPES)
@pytest.mark.parametrize("kind", [ScriptedChatModel, OnlyObjects, ToolsOnly])
def test_every_kind_of_type_is_sent_and_parsed(
    kind: Any, schema: Any, answer: Any, value: Any, call: Call
) -> None:
    """By the model's own method; where it takes only objects, other types are wrapped in one."""
    is_object = isinstance(answer, dict) and schema not in (Pet, Cat | Dog)
    wraps = kind is not ScriptedChatModel and not is_object
    text = json.dumps({"value": answer} if wraps else answer, ensure_ascii=False)
    probe: Any = kind(["x"])
    options, _ = probe._structured_request(schema, kind.structured_method, None)
    name = options.get("tool_choice", "")
    model: Any = kind([as_tool_call(text, name) if name else [*text]], cycle=True)
    chain = model.with_structured_output(schema)
    assert call.invoke(chain, "hi") == value
    assert call.stream(chain, "hi")[-1] == value
    sent = options["tools"][0]["function"]["parameters"] if name else sent_schema(model)["schema"]
    if kind is not ScriptedChatModel:
        assert sent["type"] == "object"
        assert ("value" in sent.get("properties", {})) is wraps


@pytest.mark.parametrize(
    ("schema", "text", "value"),
    [
        (Person, PERSON, Person(name="Ann", age=3)),
        (Movie, '{"year": 1999}', {"year": 1999}),
        (Point, '{"x": 1, "title": "a"}', Point(1, "a")),
        (Paint, '"red"', Paint.RED),
        (list[int], "[1, 2]", [1, 2]),
        ({"title": "p", "type": "object", "properties": {}}, PERSON, {"name": "Ann", "age": 3}),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
def test_an_answer_becomes_an_object(
    schema: Any, text: str, value: Any, method: Any, call: Call
) -> None:
    """Of every kind of type; streamed, the last chunk is the object."""
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
    model = ScriptedChatModel([as_tool_call(PERSON, name)], cycle=True)
    chain: Any = model.with_structured_output(schema, method="function_calling")
    assert call.invoke(chain, "hi") == value
    assert call.stream(chain, "hi")[-1] == value
    assert model.calls[0].options["tool_choice"]["function"]["name"] == name


def test_json_mode_takes_any_object(call: Call) -> None:
    """Without a schema the answer is a dict; the other methods need one."""
    model = ScriptedChatModel([[*PERSON]], cycle=True)
    for chain in (
        model.with_structured_output(None, method="json_mode"),
        model.with_structured_output(method="json_mode"),
    ):
        assert call.invoke(chain, "hi") == {"name": "Ann", "age": 3}
        assert call.stream(chain, "hi")[-1] == {"name": "Ann", "age": 3}
    assert model.calls[0].options["response_format"] == {"type": "json_object"}
    with pytest.raises(OutputParserException):
        call.invoke(
            ScriptedChatModel(["[1]"]).with_structured_output(None, method="json_mode"), "hi"
        )
    for method in (None, "json_schema", "function_calling"):
        with pytest.raises(ConfigError, match="method='json_mode'"):
            model.with_structured_output(None, method=method)


def test_a_partial_object_is_shown_while_it_is_written(call: Call) -> None:
    """Field by field, as it grows."""
    model = ScriptedChatModel([['{"name": "A', 'nn", ', '"age": 3}']])
    found = call.stream(model.with_structured_output(Person), "hi")
    assert [person.name for person in found] == ["A", "Ann", "Ann"]
    assert found[-1] == Person(name="Ann", age=3)


@pytest.mark.parametrize("kind", [OnlyObjects, ToolsOnly])
def test_a_wrapped_value_streams_too(kind: Any, call: Call) -> None:
    """A list shows its items as they come, without the object that wraps it."""
    text = '{"value": [1, 2, 3]}'
    model = kind([as_tool_call(text, "list") if kind is ToolsOnly else [*text]], cycle=True)
    found = call.stream(model.with_structured_output(list[int]), "hi")
    assert [1] in found
    assert [1, 2] in found
    assert found[-1] == [1, 2, 3]


@pytest.mark.parametrize("schema", [Record, Keys, Car.model_json_schema()], ids=str)
def test_the_arguments_of_a_call_stream_for_every_kind(schema: Any, call: Call) -> None:
    """Dataclasses and dicts show the fields that have come."""
    text = '{"name": "abc", "paint": "red"}'
    model = ToolsOnly([as_tool_call(text, "Record" if schema is Record else "")], cycle=True)
    name = model._structured_request(schema, "function_calling", None)[0]["tool_choice"]
    model = ToolsOnly([as_tool_call(text, name)], cycle=True)
    found = call.stream(model.with_structured_output(schema), "hi")
    names = [chunk.name if schema is Record else chunk.get("name") for chunk in found]
    assert names[:5] == [None, "", "a", "ab", "abc"]
    assert found[-1] == call.invoke(model.with_structured_output(schema), "hi")


def test_the_schema_goes_to_the_provider(call: Call) -> None:
    """As OpenAI's `response_format`, with a name and next to other options."""
    model = ScriptedChatModel([PERSON])
    call.invoke(model.with_structured_output(Person, temperature=0), "hi")
    options = model.calls[0].options
    sent = options["response_format"]["json_schema"]
    assert (options["temperature"], sent["name"]) == (0, "Person")
    assert sent["schema"] == Person.model_json_schema()


def test_a_provider_converts_schemas_for_its_service(call: Call) -> None:
    """The hook receives the schema and `strict`; its results are sent."""

    class Own(ScriptedChatModel):
        def _fitted_schema(self, schema: dict[str, Any], strict: bool | None) -> Any:
            return {**schema, "x-strict": strict}, None

    model = Own(['{"name": "a"}'])
    call.invoke(model.with_structured_output(Keys, strict=False), "hi")
    assert sent_schema(model)["schema"]["x-strict"] is False
    assert "strict" not in sent_schema(model)


@pytest.mark.parametrize("kind", [ScriptedChatModel, ToolsOnly])
def test_strict_reaches_the_service_and_null_means_left_out(kind: Any, call: Call) -> None:
    """The default of the field is used then; a null that the field accepts stays."""
    answer = {**CAR, "parts": None, "owner": None, "seats": None}
    text = json.dumps(answer)
    model = kind([as_tool_call(text, "Car") if kind is ToolsOnly else text], cycle=True)
    chain = model.with_structured_output(Car, strict=True)
    car = call.invoke(chain, "hi")
    assert (car.seats, car.parts, car.owner) == (4, [], None)
    assert call.stream(chain, "hi")[-1] == car
    options = model.calls[-1].options
    sent = options["tools"][0]["function"] if kind is ToolsOnly else sent_schema(model)
    assert sent["strict"] is True
    assert sent.get("schema", sent.get("parameters"))["additionalProperties"] is False


def test_an_unknown_option_of_structured_output_is_refused() -> None:
    """With the near name, which may be an option of its own; and so is None as the type."""
    with pytest.raises(ConfigError, match="'include_row'. Did you mean 'include_raw'"):
        ScriptedChatModel().with_structured_output(Person, include_row=True)
    nothing: Any = None
    with pytest.raises(ConfigError, match="got None"):
        ScriptedChatModel().with_structured_output(nothing)


def test_wrong_schemas_and_methods_are_errors_before_anything_runs() -> None:
    """The errors name the way out."""
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


def test_a_structured_model_is_a_value() -> None:
    """It compares, prints its type and pickles."""
    model: ChatModel = ScriptedChatModel(["{}"])
    one, other = (model.with_structured_output(Car, repair=1) for _ in range(2))
    assert one == other == pickle.loads(pickle.dumps(one))
    assert "Car" in repr(one)
    assert one != model.with_structured_output(Car, repair=2)


@pytest.mark.parametrize(
    "documented", [StructuredOutput.with_structured_output, strict_schema, without_references]
)
def test_the_examples_in_docstrings_are_right(documented: Any) -> None:
    """Those that the tests of the public names do not collect: an inherited method, helpers."""
    (example,) = doctest.DocTestFinder().find(documented, documented.__name__, module=False)
    assert example.examples
    assert run(example) == ""
