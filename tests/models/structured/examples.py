"""Types of answers, and models that write them, for the tests of structured output."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Literal, NotRequired

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from runnables.core.config import RunnableConfig
from runnables.messages import AIMessageChunk, tool_call_chunk
from runnables_providers.scripted import ScriptedChatModel


class Person(BaseModel):
    """A person."""

    name: Annotated[str, Field(description="The full name.")]
    age: int = 0


@dataclass
class Point:
    x: int
    title: str


class Movie(TypedDict):
    """A motion picture."""

    year: int


class Paint(Enum):
    RED = "red"
    GREEN = "green"


class Part(BaseModel):
    kind: Literal["wheel", "horn"]
    weight: float | None = None


class Car(BaseModel):
    """A car."""

    name: str
    paint: Paint
    parts: list[Part] = []
    owner: str | None = Field(None, description="Whose it is.")
    seats: int = 4


class Keys(TypedDict):
    """A car, as a dict."""

    name: str
    seats: NotRequired[int]


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


CAR = {"name": "Käfer 车", "paint": "red", "parts": [{"kind": "wheel", "weight": 7.5}]}


TREE = {"name": "a", "children": [{"name": "b", "children": []}]}


PERSON = '{"name": "Ann", "age": 3}'


def add(first: int, second: int = 2, *, config: RunnableConfig | None = None) -> int:
    """Add two numbers.

    Not more than two.

    Args:
        first: one number,
            the left one
        second (int): another one.

    Returns:
        The sum.
    """
    return first + second


class OnlyObjects(ScriptedChatModel):
    """A model of a service that takes schemas of objects only."""

    structured_objects = True


class ToolsOnly(ScriptedChatModel):
    """A model of a service that takes schemas only for tools."""

    structured_method = "function_calling"


def as_tool_call(args: str, name: str) -> list[Any]:
    """Return the chunks of an answer that is the call of a tool."""
    first = AIMessageChunk(tool_call_chunks=[tool_call_chunk(name=name, args="", id="1", index=0)])
    rest = [AIMessageChunk(tool_call_chunks=[tool_call_chunk(args=char, index=0)]) for char in args]
    return [first, *rest]


def sent_schema(model: ScriptedChatModel) -> dict[str, Any]:
    """Return the name and the schema of the answer that the model was sent last."""
    return model.calls[-1].options["response_format"]["json_schema"]
