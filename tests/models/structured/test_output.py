"""Answers of a declared form: every kind of type, told and read in every way."""

from __future__ import annotations

import json
import pickle
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Literal, NotRequired

import pytest
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from runnables import (
    AIMessage,
    AIMessageChunk,
    ChatModel,
    ConfigError,
    HumanMessage,
    ModelRefusalError,
    OutputParserException,
    RateLimitError,
)
from runnables.messages import tool_call_chunk
from runnables.models import strict_schema, without_references
from runnables.models.structured.json_schema import drop_null_optionals, schema_errors
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call


class Colour(Enum):
    RED = "red"
    GREEN = "green"


class Part(BaseModel):
    kind: Literal["wheel", "door"]
    weight: float | None = None


class Car(BaseModel):
    """A car."""

    name: str
    colour: Colour
    parts: list[Part] = []
    owner: str | None = Field(None, description="Whose it is.")
    doors: int = 4


class Keys(TypedDict):
    """A car, as a dict."""

    name: str
    doors: NotRequired[int]


@dataclass
class Record:
    """A car, as a dataclass."""

    name: str
    tags: list[str] = field(default_factory=list)


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int


class Dog(BaseModel):
    kind: Literal["dog"]
    tricks: list[str]


class Node(BaseModel):
    name: str
    children: list[Node] = []


Pet = Annotated[Cat | Dog, Field(discriminator="kind")]

CAR = {"name": "Käfer 车", "colour": "red", "parts": [{"kind": "wheel", "weight": 7.5}]}
TREE = {"name": "a", "children": [{"name": "b", "children": []}]}

FORMS: list[Any] = [
    pytest.param(Car, CAR, Car.model_validate(CAR), id="nested"),
    pytest.param(Keys, {"name": "a"}, {"name": "a"}, id="TypedDict"),
    pytest.param(Record, {"name": "a", "tags": ["b"]}, Record("a", ["b"]), id="dataclass"),
    pytest.param(Node, TREE, Node.model_validate(TREE), id="recursive"),
    pytest.param(Colour, "red", Colour.RED, id="enum"),
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


class OnlyObjects(ScriptedChatModel):
    """A model of a service that takes schemas of objects only."""

    structured_objects = True


class Caller(ScriptedChatModel):
    """A model of a service that holds nothing but tools to their schemas."""

    structured_method = "function_calling"


def as_call(args: str, name: str) -> list[Any]:
    """The pieces of an answer that is a call."""
    first = AIMessageChunk(tool_call_chunks=[tool_call_chunk(name=name, args="", id="1", index=0)])
    rest = [AIMessageChunk(tool_call_chunks=[tool_call_chunk(args=it, index=0)]) for it in args]
    return [first, *rest]


def asked(model: ScriptedChatModel, at: int = -1) -> dict[str, Any]:
    """What the model was told of the form."""
    return model.calls[at].options["response_format"]["json_schema"]


@pytest.mark.parametrize(("schema", "said", "value"), FORMS)
@pytest.mark.parametrize("kind", [ScriptedChatModel, OnlyObjects, Caller])
def test_every_kind_of_type_is_asked_for_and_read(
    kind: Any, schema: Any, said: Any, value: Any, call: Call
) -> None:
    """By the model's own method; what is no object is wrapped where only objects can be said."""
    is_object = isinstance(said, dict) and schema not in (Pet, Cat | Dog)
    wraps = kind is not ScriptedChatModel and not is_object
    text = json.dumps({"value": said} if wraps else said, ensure_ascii=False)
    probe: Any = kind(["x"])
    options, _ = probe._structured_request(schema, kind.structured_method, None)
    name = options.get("tool_choice", "")
    model: Any = kind([as_call(text, name) if name else [*text]], cycle=True)
    chain = model.with_structured_output(schema)
    assert call.invoke(chain, "hi") == value
    assert call.stream(chain, "hi")[-1] == value
    form = options["tools"][0]["function"]["parameters"] if name else asked(model)["schema"]
    if kind is not ScriptedChatModel:
        assert form["type"] == "object"
        assert ("value" in form.get("properties", {})) is wraps


@pytest.mark.parametrize("kind", [OnlyObjects, Caller])
def test_what_stands_in_an_object_streams_too(kind: Any, call: Call) -> None:
    """A list shows its items as they come, without the object around it."""
    text = '{"value": [1, 2, 3]}'
    model = kind([as_call(text, "list") if kind is Caller else [*text]], cycle=True)
    found = call.stream(model.with_structured_output(list[int]), "hi")
    assert [1] in found
    assert [1, 2] in found
    assert found[-1] == [1, 2, 3]


@pytest.mark.parametrize("schema", [Record, Keys, Car.model_json_schema()], ids=str)
def test_the_arguments_of_a_call_stream_for_every_kind(schema: Any, call: Call) -> None:
    """Dataclasses and dicts show what they have."""
    text = '{"name": "abc", "colour": "red"}'
    model = Caller([as_call(text, "Record" if schema is Record else "")], cycle=True)
    name = model._structured_request(schema, "function_calling", None)[0]["tool_choice"]
    model = Caller([as_call(text, name)], cycle=True)
    found = call.stream(model.with_structured_output(schema), "hi")
    names = [it.name if schema is Record else it.get("name") for it in found]
    assert names[:5] == [None, "", "a", "ab", "abc"]
    assert found[-1] == call.invoke(model.with_structured_output(schema), "hi")


def test_a_call_without_arguments_is_an_empty_object(call: Call) -> None:
    """Some services send no text at all."""
    model = Caller([as_call("", "Free")], cycle=True)

    class Free(BaseModel):
        note: str = "none"

    assert call.invoke(model.with_structured_output(Free), "hi") == Free()
    assert call.stream(model.with_structured_output(Free), "hi")[-1] == Free()


def test_another_tool_is_no_answer(call: Call) -> None:
    """The error names what was called instead."""
    model = Caller([as_call("{}", "other")], cycle=True)
    chain = model.with_structured_output(Car)
    for run in (call.invoke, call.stream):
        with pytest.raises(OutputParserException, match="did not call 'Car'.*'other' instead"):
            run(chain, "hi")


# -- strict


def test_strict_closes_objects_and_requires_every_field() -> None:
    """What may be left out may be null; defaults and other words that are not allowed go."""
    form = strict_schema(Car.model_json_schema())
    assert form["additionalProperties"] is False
    assert form["required"] == ["name", "colour", "parts", "owner", "doors"]
    assert form["properties"]["doors"]["anyOf"][1] == {"type": "null"}
    assert form["properties"]["owner"]["anyOf"] == [{"type": "string"}, {"type": "null"}]
    assert form["properties"]["owner"]["description"] == "Whose it is."
    assert "default" not in json.dumps(form)
    assert form["$defs"]["Part"]["required"] == ["kind", "weight"]
    assert "oneOf" not in json.dumps(strict_schema({"type": "object", "properties": {}}))
    assert strict_schema(Node.model_json_schema())["type"] == "object"


@pytest.mark.parametrize(
    "wrong",
    [dict[str, int], Any, tuple[int, str], dict[str, Any]],
    ids=["keys", "any", "tuple", "d"],
)
def test_what_cannot_be_strict_is_told(wrong: Any) -> None:
    """With the name of the field, and the way out."""

    class Loose(BaseModel):
        some: wrong

    with pytest.raises(ConfigError, match=r"the answer\.some has .*leave strict= out"):
        ScriptedChatModel().with_structured_output(Loose, strict=True)


@pytest.mark.parametrize("kind", [ScriptedChatModel, Caller])
def test_strict_reaches_the_service_and_null_means_left_out(kind: Any, call: Call) -> None:
    """The default of the field is used then; where null is a value, it stays."""
    said = {**CAR, "parts": None, "owner": None, "doors": None}
    text = json.dumps(said)
    model = kind([as_call(text, "Car") if kind is Caller else text], cycle=True)
    chain = model.with_structured_output(Car, strict=True)
    car = call.invoke(chain, "hi")
    assert (car.doors, car.parts, car.owner) == (4, [], None)
    assert call.stream(chain, "hi")[-1] == car
    options = model.calls[-1].options
    told = options["tools"][0]["function"] if kind is Caller else asked(model)
    assert told["strict"] is True
    assert told.get("schema", told.get("parameters"))["additionalProperties"] is False


def test_null_means_left_out_for_dicts_too(call: Call) -> None:
    """Of TypedDicts and of JSON schemas."""
    text = '{"name": "a", "doors": null}'
    for schema in (Keys, strictless := {**_schema_of(Keys), "title": "keys"}):
        model = ScriptedChatModel([text], cycle=True)
        assert call.invoke(model.with_structured_output(schema), "hi") == {"name": "a"}
    assert drop_null_optionals(
        {"x": None}, {"properties": {"x": {"type": ["null", "string"]}}}
    ) == {"x": None}
    assert drop_null_optionals([{"doors": None}], {"items": strictless}) == [{}]


def _schema_of(schema: Any) -> dict[str, Any]:
    return ScriptedChatModel()._structured_request(schema, "json_schema", None)[0][
        "response_format"
    ]["json_schema"]["schema"]


def test_references_can_be_written_out() -> None:
    """For services that know none; a type that contains itself has no such form."""
    form = without_references(Car.model_json_schema())
    assert "$" not in json.dumps(form)
    assert form["properties"]["parts"]["items"]["properties"]["kind"]["enum"] == ["wheel", "door"]
    with pytest.raises(ConfigError, match="contains itself"):
        without_references(Node.model_json_schema())


def test_a_provider_says_how_its_service_takes_schemas(call: Call) -> None:
    """The hook sees the schema and what the caller wants; what it gives is sent."""

    class Own(ScriptedChatModel):
        def _fitted_schema(self, schema: dict[str, Any], strict: bool | None) -> Any:
            return {**schema, "x-strict": strict}, None

    model = Own(['{"name": "a"}'])
    call.invoke(model.with_structured_output(Keys, strict=False), "hi")
    assert asked(model)["schema"]["x-strict"] is False
    assert "strict" not in asked(model)


# -- JSON schemas are looked at

SCHEMA = {
    "title": "trip",
    "type": "object",
    "properties": {
        "to": {"enum": ["Rome", "Oslo"]},
        "days": {"type": "integer", "minimum": 1, "maximum": 9},
        "notes": {"type": "array", "items": {"type": "string", "minLength": 2}, "maxItems": 2},
        "at": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/Time"}]},
    },
    "required": ["to", "days"],
    "additionalProperties": False,
    "$defs": {"Time": {"type": "object", "properties": {"h": {"type": "number"}}}},
}


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ({"to": "Rome", "days": 2, "at": {"h": 1.5}}, None),
        ({"to": "Rome", "days": 2.0, "notes": ["ab"], "at": None}, None),
        ({"to": "Rom", "days": 2}, 'to: expected one of ["Rome", "Oslo"], got "Rom"'),
        ({"to": "Rome"}, "days: is missing"),
        ({"to": "Rome", "days": True}, "days: expected integer, got true"),
        ({"to": "Rome", "days": 2.5}, "days: expected integer, got 2.5"),
        ({"to": "Rome", "days": 10}, "days: 10 is more than 9"),
        ({"to": "Rome", "days": 0}, "days: 0 is less than 1"),
        ({"to": "Rome", "days": 1, "notes": ["a"]}, "notes.0: has fewer than 2 characters"),
        ({"to": "Rome", "days": 1, "notes": ["ab"] * 3}, "notes: has more than 2 items"),
        ({"to": "Rome", "days": 1, "by": 1}, "by: is no field"),
        ({"to": "Rome", "days": 1, "at": {"h": "x"}}, 'at.h: expected number, got "x"'),
        ([], "expected object, got []"),
    ],
    ids=str,
)
def test_a_json_schema_is_held_to(value: Any, fault: str | None, call: Call) -> None:
    """The error says what is wrong with which part; also at the end of a stream."""
    assert schema_errors(value, SCHEMA) == ([] if fault is None else [fault])
    model = ScriptedChatModel([json.dumps(value)], cycle=True)
    chain: Any = model.with_structured_output(SCHEMA)
    if fault is None:
        assert call.stream(chain, "hi")[-1] == call.invoke(chain, "hi") == value
        return
    for run in (call.invoke, call.stream):
        with pytest.raises(OutputParserException) as caught:
            run(chain, "hi")
        assert fault in str(caught.value)
        assert caught.value.llm_output == json.dumps(value)


# -- raw


def test_the_raw_answer_streams_beside_the_object(call: Call) -> None:
    """Each piece has the message and the object so far; the last is what invoke gives."""
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    model = ScriptedChatModel([['{"name": "a', "b", '"}']], cycle=True, usage=usage)  # type: ignore[arg-type]
    chain = model.with_structured_output(Keys, include_raw=True)
    found = call.stream(chain, "hi")
    assert [it["parsed"] for it in found[:2]] == [{"name": "a"}, {"name": "ab"}]
    assert [it["raw"].text for it in found[:2]] == ['{"name": "a', '{"name": "ab']
    assert found[-1] == call.invoke(chain, "hi")
    assert type(found[-1]["raw"]) is AIMessage
    assert found[-1]["raw"].usage_metadata == usage


def test_a_raw_answer_that_does_not_parse_ends_with_its_reason(call: Call) -> None:
    """The pieces before stay; nothing is raised."""
    model = ScriptedChatModel([['{"name": "ab', '", "doors": "x"}']], cycle=True)
    *_, last = call.stream(model.with_structured_output(Keys, include_raw=True), "hi")
    assert last["parsed"] is None
    assert "doors" in str(last["parsing_error"])
    assert last["raw"].text == '{"name": "ab", "doors": "x"}'


# -- repair

BAD, GOOD = '{"name": "a", "doors": "many"}', '{"name": "a", "doors": 5}'


@pytest.mark.parametrize("method", ["json_schema", "function_calling", "json_mode"])
def test_a_model_is_shown_what_is_wrong_and_answers_again(method: Any, call: Call) -> None:
    """In the same conversation, told the same form; the new answer is the value."""
    script = [BAD, GOOD]
    if method == "function_calling":
        script = [as_call(it, "Keys") for it in script]  # type: ignore[misc]
    model: Any = ScriptedChatModel(script, cycle=True)
    chain = model.with_structured_output(Keys, method=method, repair=1)
    assert call.invoke(chain, "How many doors?") == {"name": "a", "doors": 5}
    first, second = model.calls
    assert second.options == first.options
    question, answer, told = second.messages
    assert question == HumanMessage("How many doors?")
    assert answer == AIMessage(BAD)
    assert "doors" in told.text
    assert call.stream(chain, "hi")[-1] == {"name": "a", "doors": 5}


def test_a_repair_that_is_not_needed_costs_nothing(call: Call) -> None:
    """One call, and one stream that is passed on as it comes."""
    model = ScriptedChatModel([GOOD], cycle=True)
    chain = model.with_structured_output(Keys, repair=3)
    assert call.invoke(chain, "hi")["name"] == "a"
    found = call.stream(chain, "hi", take=1)
    assert found
    assert (model.opened, model.closed) == (2, 2)


@pytest.mark.parametrize("run", ["invoke", "stream"])
def test_where_no_repair_helps_the_first_error_is_raised(run: str, call: Call) -> None:
    """Its cause is the group of the others; each says which repair it was."""
    model = ScriptedChatModel([BAD, '{"name": 1}', "no"], cycle=True)
    with pytest.raises(OutputParserException, match="doors") as caught:
        getattr(call, run)(model.with_structured_output(Keys, repair=2), "hi")
    group = caught.value.__cause__
    assert isinstance(group, ExceptionGroup)
    assert ["repair" in "".join(it.__notes__) for it in group.exceptions] == [True, True]
    assert len(model.calls) == 3


def test_raw_answers_are_repaired_too(call: Call) -> None:
    """The message is that of the answer which parsed; or the error is given, with its cause."""
    model = ScriptedChatModel([BAD, GOOD], cycle=True)
    chain = model.with_structured_output(Keys, include_raw=True, repair=1)
    for found in (call.invoke(chain, "hi"), call.stream(chain, "hi")[-1]):
        assert (found["raw"].text, found["parsing_error"]) == (GOOD, None)
        assert found["parsed"] == {"name": "a", "doors": 5}
    model = ScriptedChatModel([BAD], cycle=True)
    chain = model.with_structured_output(Keys, include_raw=True, repair=1)
    for found in (call.invoke(chain, "hi"), call.stream(chain, "hi")[-1]):
        assert (found["raw"].text, found["parsed"]) == (BAD, None)
        assert isinstance(found["parsing_error"].__cause__, ExceptionGroup)


@pytest.mark.parametrize("run", ["invoke", "stream"])
def test_only_what_does_not_parse_is_repaired(run: str, call: Call) -> None:
    """A refusal and an error of the service are raised as they are, after one call."""
    refusal = AIMessage("", additional_kwargs={"refusal": "I will not."})
    for said, kind in ((refusal, ModelRefusalError), (RateLimitError("slow"), RateLimitError)):
        model = ScriptedChatModel([said, GOOD], max_retries=0)
        with pytest.raises(kind):
            getattr(call, run)(model.with_structured_output(Keys, repair=1), "hi")
        assert len(model.calls) == 1


def test_a_structured_model_is_a_value() -> None:
    """It compares, prints and pickles."""
    model: ChatModel = ScriptedChatModel([GOOD])
    one, other = (model.with_structured_output(Car, repair=1) for _ in range(2))
    assert one == other == pickle.loads(pickle.dumps(one))
    assert "Car" in repr(one)
    assert one != model.with_structured_output(Car, repair=2)
