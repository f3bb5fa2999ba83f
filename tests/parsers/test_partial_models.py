"""Partial objects of a type, while their JSON is being written."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import AliasChoices, BaseModel, Field, PrivateAttr
from pydantic.dataclasses import dataclass as pydantic_dataclass
from typing_extensions import TypedDict

from runnables.parsers import PydanticOutputParser
from tests.both_modes import Call
from tests.parsers.answers import PERSON, Address, Person, json_parts


def test_partial_objects_grow_into_the_validated_one(call: Call) -> None:
    """All are of the class; strings and lists grow, other fields come when they are complete."""
    people = call.transform(PydanticOutputParser(pydantic_object=Person), json_parts(PERSON, 1))
    assert {type(person) for person in people} == {Person}
    assert people[-1] == Person.model_validate(PERSON)
    ages = [person.age for person in people]
    assert set(ages) == {None, 36}  # never 3
    names = [person.name for person in people if "name" in person.model_fields_set]
    assert names[:4] == ["", "A", "Ad", "Ada"]
    assert any(person.home == Address.model_construct(street="St", zip=None) for person in people)
    assert max(len(person.friends) for person in people) == 2


def test_partial_objects_can_be_dumped_without_a_warning() -> None:
    """So that a web front end can get each of them as JSON."""
    parser = PydanticOutputParser(pydantic_object=Person)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dumped = [p.model_dump(exclude_unset=True) for p in parser.transform(json_parts(PERSON))]
        whole = [p.model_dump_json() for p in parser.transform(json_parts(PERSON))]
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
    """Choices, numbers and unions wait; invalid values and unknown fields are hidden."""
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
    """A dataclass that is hard to make in part: frozen, without a dict, checking its fields."""

    label: str
    start: Point
    rest: list[Point] = field(default_factory=list)
    width: int = 1
    length: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        assert self.start is not None


def test_a_dataclass_is_shown_while_it_is_written(call: Call) -> None:
    """A missing field is its default, or None; the last chunk is the validated object."""
    text = {"label": "ab", "start": {"x": 1, "y": 2}, "rest": [{"x": 3, "y": 4}]}
    found: list[Any] = call.transform(PydanticOutputParser(Line), json_parts(text, 1))
    assert found[-1] == Line("ab", Point(1, 2), [Point(3, 4)])
    assert [line.label for line in found][:4] == [None, "", "a", "ab"]
    assert found[0].start is None
    assert (found[0].rest, found[0].width, found[0].length) == ([], 1, 0)
    assert Point(1, None) in [line.start for line in found]  # type: ignore[arg-type]
    assert all("Line(label=" in repr(line) for line in found)


def test_a_dataclass_of_pydantic_is_shown_too(call: Call) -> None:
    """By the keys that its fields have in JSON."""

    @pydantic_dataclass
    class Spot:
        name: str = Field(alias="called")
        size: int = Field(3, gt=0)

    found: list[Any] = call.transform(PydanticOutputParser(Spot), ['{"called": "a', 'b"}'])
    assert [(spot.name, spot.size) for spot in found] == [("a", 3), ("ab", 3)]


def test_a_type_without_partial_values_comes_complete(call: Call) -> None:
    """A tuple is not shown in part: its only chunk is the value."""
    assert call.transform(PydanticOutputParser(tuple[int, str]), ['[1, "', 'a"]']) == [(1, "a")]
