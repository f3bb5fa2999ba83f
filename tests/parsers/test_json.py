"""JSON and pydantic parsers: what they show on the way, and what they refuse."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import AliasChoices, BaseModel, Field, PrivateAttr, ValidationError
from pydantic.dataclasses import dataclass as pydantic_dataclass
from typing_extensions import TypedDict

from runnables.errors import ConfigError, OutputParserException
from runnables.parsers import JsonOutputParser, PydanticOutputParser
from tests.both_modes import Call
from tests.parsers.answers import PERSON, Address, Person


def pieces(value: Any, size: int = 5) -> list[str]:
    text = json.dumps(value)
    return [text[at : at + size] for at in range(0, len(text), size)]


def test_json_is_shown_as_it_grows(call: Call) -> None:
    """One piece for every chunk that brings something to show."""
    chunks = ['```json\n{"na', 'me": "A', "da", '", "year": 18', "15", "}", "\n```"]
    assert call.transform(JsonOutputParser(), chunks) == [
        {},
        {"name": "A"},
        {"name": "Ada"},
        {"name": "Ada", "year": 1815},
    ]


def test_the_error_carries_the_text_of_the_model(call: Call) -> None:
    """`llm_output` is all of it, also when it came in pieces."""
    for run in (
        lambda: call.invoke(JsonOutputParser(), 'Well: {"a": '),
        lambda: call.transform(JsonOutputParser(), ["Well: ", '{"a": ']),
    ):
        with pytest.raises(OutputParserException, match="not valid JSON: the text ends") as caught:
            run()
        assert caught.value.llm_output == 'Well: {"a": '


def test_json_instructions_show_the_schema() -> None:
    """Of the type that the parser was told of; else they ask for an object."""
    assert "one JSON object" in JsonOutputParser().get_format_instructions()
    told = JsonOutputParser(pydantic_object=Address).get_format_instructions()
    assert json.dumps(Address.model_json_schema(), ensure_ascii=False) in told
    assert told == PydanticOutputParser(pydantic_object=Address).get_format_instructions()


def test_partial_objects_grow_into_the_validated_one(call: Call) -> None:
    """All are of the class; texts and lists grow, other fields come when they are complete."""
    people = call.transform(PydanticOutputParser(pydantic_object=Person), pieces(PERSON, 1))
    assert {type(person) for person in people} == {Person}
    assert people[-1] == Person.model_validate(PERSON)
    ages = [person.age for person in people]
    assert set(ages) == {None, 36}  # never 3
    names = [person.name for person in people if "name" in person.model_fields_set]
    assert names[:4] == ["", "A", "Ad", "Ada"]
    assert any(person.home == Address.model_construct(street="St", zip=None) for person in people)
    assert max(len(person.friends) for person in people) == 2


def test_partial_objects_can_be_dumped_without_a_warning() -> None:
    """A web front end gets each of them as JSON."""
    parser = PydanticOutputParser(pydantic_object=Person)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dumped = [p.model_dump(exclude_unset=True) for p in parser.transform(pieces(PERSON))]
        whole = [p.model_dump_json() for p in parser.transform(pieces(PERSON))]
    assert dumped[0] == {}
    assert len(whole) == len(dumped)


class Mood(Enum):
    GOOD = "good"


class Odd(BaseModel):
    model_config = {"title": "Strange"}

    mood: Mood | None = None
    kind: Literal["one", "two"] = "one"
    either: Address | Person | None = None
    by_key: dict[str, list[str]] = {}
    anything: Any = None
    short: Annotated[str, Field(max_length=3)] = ""
    named: str = Field(default="", validation_alias=AliasChoices("first", "second"))
    fresh: list[int] = Field(default_factory=lambda: [1])
    _secret: int = PrivateAttr(default=7)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ('{"mood": "go', Odd()),
        ('{"mood": "good"', Odd(mood=Mood.GOOD)),
        ('{"kind": "on', Odd()),
        ('{"either": {"street": "S", ', Odd()),
        ('{"either": {"street": "S"}', Odd(either=Address(street="S"))),
        ('{"by_key": {"a": ["x", "y', Odd(by_key={"a": ["x", "y"]})),
        ('{"anything": {"a": [{"b": "c', Odd(anything={"a": [{"b": "c"}]})),
        ('{"short": "toolong", "', Odd()),
        ('{"second": "x', Odd(second="x")),  # type: ignore[call-arg]  # an alias
        ('{"unknown": [1, 2], "kind": "two", "', Odd(kind="two")),
    ],
)
def test_only_what_fits_its_type_is_shown(sent: str, shown: Odd) -> None:
    """Choices, numbers and unions wait; what does not validate, and what is unknown, is hidden."""
    stream = PydanticOutputParser(pydantic_object=Odd).transform(iter([sent, "\0"]))
    assert next(stream) == shown
    assert shown._secret == 7
    stream.close()


class Tree(TypedDict, total=False):
    label: str
    children: list[Tree]


@dataclass
class Point:
    x: int
    y: int


@pytest.mark.parametrize(
    ("type_", "sent", "shown"),
    [
        (
            list[Address],
            '[{"street": "a"}, {"street": "b',
            [Address(street="a"), Address(street="b")],
        ),
        (Tree, '{"children": [{"label": "x', {"children": [{"label": "x"}]}),
        (dict[str, int], '{"a": 1, "b": 2', {"a": 1}),
        (list[Tree] | None, '[{"label": "x', [{"label": "x"}]),
    ],
)
def test_other_types_than_models_are_shown_too(type_: Any, sent: str, shown: Any) -> None:
    """TypedDicts, lists, dicts, and what may be None."""
    stream = PydanticOutputParser(type_).transform(iter([sent, "\0"]))
    assert next(stream) == shown
    stream.close()


@dataclass(frozen=True, slots=True)
class Line:
    """With what a partial one must not trip over: frozen, no dict, a fault without its fields."""

    label: str
    start: Point
    rest: list[Point] = field(default_factory=list)
    width: int = 1
    length: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        assert self.start is not None


def test_a_dataclass_is_shown_while_it_is_written(call: Call) -> None:
    """What is not there yet is its default, or None; the last piece is the whole one."""
    text = {"label": "ab", "start": {"x": 1, "y": 2}, "rest": [{"x": 3, "y": 4}]}
    found: list[Any] = call.transform(PydanticOutputParser(Line), pieces(text, 1))
    assert found[-1] == Line("ab", Point(1, 2), [Point(3, 4)])
    assert [it.label for it in found][:4] == [None, "", "a", "ab"]
    assert found[0].start is None
    assert (found[0].rest, found[0].width, found[0].length) == ([], 1, 0)
    assert Point(1, None) in [it.start for it in found]  # type: ignore[arg-type]
    assert all("Line(label=" in repr(it) for it in found)


def test_a_dataclass_of_pydantic_is_shown_too(call: Call) -> None:
    """By the keys that it has in JSON."""

    @pydantic_dataclass
    class Spot:
        name: str = Field(alias="called")
        size: int = Field(3, gt=0)

    found: list[Any] = call.transform(PydanticOutputParser(Spot), ['{"called": "a', 'b"}'])
    assert [(it.name, it.size) for it in found] == [("a", 3), ("ab", 3)]


def test_a_type_that_cannot_be_begun_comes_whole(call: Call) -> None:
    """A tuple has no beginning: its only piece is the value."""
    assert call.transform(PydanticOutputParser(tuple[int, str]), ['[1, "', 'a"]']) == [(1, "a")]


def test_a_value_that_does_not_fit_is_an_error_with_every_fault(call: Call) -> None:
    """The message is for the model as much as for us; pydantic's own error is its cause."""
    parser = PydanticOutputParser(pydantic_object=Person)
    with pytest.raises(OutputParserException) as caught:
        call.invoke(parser, 'So: {"fullName": "", "home": {"zip": 1}}')
    assert str(caught.value).splitlines() == [
        "The answer does not fit Person:",
        "- fullName: String should have at least 1 character (got '')",
        "- age: Field required",
        "- home.street: Field required",
    ]
    assert caught.value.llm_output == 'So: {"fullName": "", "home": {"zip": 1}}'
    assert isinstance(caught.value.__cause__, ValidationError)


def test_validation_is_that_of_json(call: Call) -> None:
    """A strict model takes a date from a text there, and a tuple from a list."""

    class Strict(BaseModel, strict=True):
        pair: tuple[int, int]

    parser = PydanticOutputParser(pydantic_object=Strict)
    assert call.invoke(parser, '{"pair": [1, 2]}') == Strict(pair=(1, 2))


def test_a_post_init_runs_for_the_validated_object_only() -> None:
    """It may rely on fields that a partial object does not have."""
    runs: list[str] = []

    class Greeting(BaseModel):
        text: str

        def model_post_init(self, context: Any, /) -> None:
            runs.append(self.text.upper())

    chunks = list(
        PydanticOutputParser(pydantic_object=Greeting).transform(pieces({"text": "hi"}, 1))
    )
    assert len(chunks) > 2
    assert runs == ["HI"]


Old = type("Old", (type("BaseModel", (), {"__module__": "pydantic.v1.main"}),), {})
"""As a model of the first version of pydantic, which newer Pythons do not import in silence."""


@pytest.mark.parametrize("parser", [JsonOutputParser, PydanticOutputParser])
def test_models_of_the_first_pydantic_are_refused_at_once(parser: Any) -> None:
    """When the parser is made, with the way out."""
    with pytest.raises(ConfigError, match=r"is a model of pydantic\.v1.*subclass pydantic"):
        parser(pydantic_object=Old)
