"""What a tool reads of a signature: typed keywords, local types, what belongs to the program."""

from __future__ import annotations

import copy
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Generic, NotRequired, Optional, Required, TypeVar

import pytest
import typing_extensions
from pydantic import BaseModel, Field
from typing_extensions import ReadOnly, TypedDict, Unpack

from runnables.agents import create_agent
from runnables.compose.functions import RunnableLambda
from runnables.core.config import RunnableConfig
from runnables.core.handlers import Event
from runnables.errors import ConfigError, ToolArgumentsError
from runnables.messages import AIMessage, tool_call
from runnables.models.structured.schemas import convert_to_openai_tool
from runnables.tools import InjectedToolArg, InjectedToolCallId, StructuredTool, tool
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call

T = TypeVar("T")


class Options(TypedDict):
    count: int
    label: NotRequired[str]


class Loose(TypedDict, total=False):
    count: Required[int]
    label: str


class Marked(Options):
    note: Annotated[NotRequired[str], "A remark."]
    user: Annotated[str, InjectedToolArg]


class Boxed(TypedDict, Generic[T]):
    item: T
    more: NotRequired[list[T]]


class Frozen(TypedDict):
    count: ReadOnly[int]
    label: ReadOnly[NotRequired[str]]


class StdOptions(typing.TypedDict):
    count: int
    label: typing.NotRequired[str]


def _options(**options: Unpack[Options]) -> str:
    """Set."""
    return repr(options)


def _loose(**options: Unpack[Loose]) -> str:
    """Set."""
    return repr(options)


def _frozen(**options: Unpack[Frozen]) -> str:
    """Set."""
    return repr(options)


def _std(**options: typing.Unpack[StdOptions]) -> str:  # type: ignore[misc]  # made by a call
    """Set."""
    return repr(options)


def _beside(first: str, /, second: int = 2, **options: Unpack[Options]) -> str:
    """Set."""
    return repr(options)


async def _awaited(**options: Unpack[Options]) -> str:
    """Set."""
    return repr(options)


@pytest.mark.parametrize("function", [_options, _loose, _frozen, _std])
def test_typed_keywords_are_arguments(function: Any, call: Call) -> None:
    """The model sees the keys with their types, and they are checked; others are refused."""
    made = tool(function)
    parameters = convert_to_openai_tool(made)["function"]["parameters"]
    assert parameters["properties"] == {"count": {"type": "integer"}, "label": {"type": "string"}}
    assert parameters["required"] == ["count"]
    assert call.invoke(made, {"count": "3"}) == "{'count': 3}"
    assert call.invoke(made, {"count": 3, "label": "x"}) == "{'count': 3, 'label': 'x'}"
    for wrong in ({"count": "many"}, {}, {"count": 1, "labels": "x"}, {"count": 1, "label": [1]}):
        with pytest.raises(ToolArgumentsError):
            call.invoke(made, wrong)


def test_typed_keywords_stand_beside_other_parameters(call: Call) -> None:
    """Those of positions and defaults stay what they are."""
    made = tool(_beside)
    assert list(made.args) == ["first", "second", "count", "label"]
    assert call.invoke(made, {"first": "a", "count": 1, "label": "b"}) == repr(
        {"count": 1, "label": "b"}
    )


async def test_an_async_function_has_typed_keywords() -> None:
    """It is called with them."""
    assert await tool(_awaited).ainvoke({"count": 1}) == "{'count': 1}"


def test_typed_keywords_can_be_generic_injected_and_described(call: Call) -> None:
    """Type variables are replaced; marked keys are the program's."""

    @tool
    def boxed(**options: Unpack[Boxed[int]]) -> str:
        """Box.

        Args:
            item: What is in it.
        """
        return repr(options)

    assert boxed.args["item"]["type"] == "integer"
    assert boxed.args["item"]["description"] == "What is in it."
    assert call.invoke(boxed, {"item": "1", "more": ["2"]}) == "{'item': 1, 'more': [2]}"

    @tool
    def marked(**options: Unpack[Marked]) -> str:
        """Mark."""
        return repr(options)

    assert set(marked.args) == {"count", "label", "note"}
    assert marked.args["note"]["description"] == "A remark."
    got = call.invoke(marked.bind(user="Ada"), {"count": 1})
    assert got == "{'count': 1, 'user': 'Ada'}"


def test_untyped_keywords_stay_open(call: Call) -> None:
    """A function with plain `**` takes any names, as before."""

    @tool
    def anything(a: int, **more: Any) -> str:
        """Take it."""
        return repr((a, more))

    assert list(anything.args) == ["a"]
    assert call.invoke(anything, {"a": 1, "b": 2}) == "(1, {'b': 2})"


# -- local types


def test_a_tool_may_use_types_of_the_function_around_it(call: Call) -> None:
    """All kinds of classes, at any depth, although the annotations are strings here."""

    class Place(BaseModel):
        name: str

    class Unit(Enum):
        METRES = "m"

    class Keys(TypedDict):
        place: Place

    @dataclass
    class Size:
        width: int

    class Store:
        pass

    def factory() -> StructuredTool[Any]:
        class Inner(BaseModel):
            place: Place

        @tool
        def all_of(
            place: Place,
            unit: Unit,
            size: Size,
            inner: list[Inner],
            store: Annotated[Store, InjectedToolArg],
            maybe: Optional[Place] = None,  # noqa: UP045 - an annotation as users write them
            **keys: Unpack[Keys2],
        ) -> str:
            """Take all."""
            return (
                f"{place.name} {unit.name} {size.width} {inner[0].place.name} {keys['other'].name}"
            )

        return all_of

    class Keys2(TypedDict):
        other: Place

    made = factory()
    arguments = {
        "place": {"name": "Brest"},
        "unit": "m",
        "size": {"width": 3},
        "inner": [{"place": {"name": "Dover"}}],
        "other": {"name": "Quimper"},
        "store": Store(),
    }
    assert call.invoke(made, arguments) == "Brest METRES 3 Dover Quimper"
    assert set(made.args) == {"place", "unit", "size", "inner", "maybe", "other"}
    copied = copy.copy(made)
    assert call.invoke(copied, arguments) == "Brest METRES 3 Dover Quimper"


def test_the_innermost_of_two_local_types_counts(call: Call) -> None:
    """As Python itself would read the name."""

    class Kind(Enum):
        OUTER = "outer"

    def factory() -> StructuredTool[Any]:
        class Kind(Enum):
            INNER = "inner"

        @tool
        def show_kind(kind: Kind) -> str:
            """Show."""
            return kind.name

        return show_kind

    assert call.invoke(factory(), {"kind": "inner"}) == "INNER"
    assert Kind.OUTER.value == "outer"


def test_methods_and_unnamed_ways_to_make_a_tool_know_local_types(call: Call) -> None:
    """Bound methods, `from_function`, `bind_tools`, agents and runnables as tools."""

    class Place(BaseModel):
        name: str

    class Atlas:
        def find(self, place: Place) -> str:
            """Find a place."""
            return f"found {place.name}"

    def find(place: Place) -> str:
        """Find a place."""
        return f"found {place.name}"

    argument = {"place": {"name": "Brest"}}
    assert call.invoke(tool(Atlas().find), argument) == "found Brest"
    assert call.invoke(StructuredTool.from_function(find), argument) == "found Brest"
    assert "place" in convert_to_openai_tool(find)["function"]["parameters"]["properties"]
    assert RunnableLambda(find).InputType is Place
    assert list(RunnableLambda(find).as_tool(name="find").args) == ["name"]
    request = tool_call(name="find", args=argument, id="1")
    agent = create_agent(ScriptedChatModel([AIMessage(tool_calls=[request]), "ok"]), [find])
    assert call.invoke(agent, "go")["messages"][2].text == "found Brest"


def test_an_unknown_name_is_an_error() -> None:
    """It is one when the tool is made, and says where types can be."""

    def lost(place: Nowhere) -> str:  # type: ignore[name-defined]  # noqa: F821
        """Find."""
        return ""

    with pytest.raises(ConfigError, match="around the place where the tool is made"):
        tool(lost)


# -- what belongs to the program


@pytest.mark.parametrize(
    "annotation",
    [None, Any, dict, dict[str, Any], Optional[dict], Mapping[str, Any], RunnableConfig,  # noqa: UP045 - as users write it
     RunnableConfig | None],
    ids=str,
)  # fmt: skip
def test_a_config_is_the_programs(annotation: Any, call: Call) -> None:
    """A parameter named `config` gets that of the call, unless its type says something else."""

    def show_tags(a: int, config=None):  # type: ignore[no-untyped-def]
        """Show."""
        return config["tags"]

    if annotation is not None:
        show_tags.__annotations__["config"] = annotation
    made = tool(show_tags)
    assert list(made.args) == ["a"]
    assert call.invoke(made, {"a": 1}, {"tags": ["t"]}) == ["t"]
    with pytest.raises(ToolArgumentsError, match="no argument 'config'"):
        call.invoke(made, {"a": 1, "config": {"tags": ["forged"]}})


def test_a_config_of_another_type_is_an_argument(call: Call) -> None:
    """So is one that the schema names."""

    class Settings(BaseModel):
        depth: int

    @tool
    def dig(config: Settings) -> int:
        """Dig."""
        return config.depth

    assert call.invoke(dig, {"config": {"depth": 3}}) == 3

    class Named(BaseModel):
        config: dict[str, int]

    def deep(config: dict[str, int]) -> int:
        """Dig."""
        return config["depth"]

    assert call.invoke(tool(args_schema=Named)(deep), {"config": {"depth": 3}}) == 3


@pytest.mark.parametrize("with_default", [True, False])
def test_callbacks_and_run_managers_are_the_programs(with_default: bool, call: Call) -> None:
    """They are the handlers of the call, and nested calls report to each of them once."""
    inner = RunnableLambda(lambda text: text.upper(), name="inner")

    def shout(text: str, callbacks: Unknown, run_manager: Unknown) -> str:  # type: ignore[name-defined]  # noqa: F821
        """Shout."""
        given = inner.invoke(text, {"callbacks": callbacks})
        return given + inner.invoke("!", {"callbacks": run_manager.get_child()})

    if with_default:
        shout.__defaults__ = (None, None)
    seen: list[str] = []

    class Names:
        def on_event(self, event: Event) -> None:
            if event.kind == "start":
                seen.append(event.name)

    made = tool(shout)
    assert list(made.args) == ["text"]
    assert "callbacks" not in str(convert_to_openai_tool(made))
    assert call.invoke(made, {"text": "a"}, {"callbacks": [Names()]}) == "A!"
    assert seen == ["shout", "inner", "inner"]
    assert call.invoke(made, {"text": "a"}) == "A!"
    with pytest.raises(ToolArgumentsError, match="no argument 'callbacks'"):
        call.invoke(made, {"text": "a", "callbacks": []})


def test_a_call_id_is_the_programs(call: Call) -> None:
    """It comes from the call, also beside typed keywords."""

    @tool
    def log(call_id: Annotated[str, InjectedToolCallId], **options: Unpack[Options]) -> str:
        """Log."""
        return f"{call_id} {options}"

    request = tool_call(name="log", args={"count": 1}, id="7")
    assert call.invoke(log, request).content == "7 {'count': 1}"


# -- definitions


class Harbour(BaseModel):
    name: str = Field(description="Its name.")


class Cat(BaseModel):
    kind: typing_extensions.Literal["cat"]


class Dog(BaseModel):
    kind: typing_extensions.Literal["dog"]


class Tree(BaseModel):
    children: list[Tree] = []
    harbour: Harbour


def test_each_argument_has_the_definitions_that_it_refers_to() -> None:
    """A part of `args` is a schema by itself; only recursive types still need definitions."""

    @tool
    def plant(
        tree: Tree,
        harbours: dict[str, list[Harbour]],
        pet: Annotated[Cat | Dog, Field(discriminator="kind")],
        harbour: Annotated[Harbour, "Where."],
        count: int = 1,
    ) -> str:
        """Plant."""
        return ""

    args = plant.args
    assert "$ref" not in str({name: args[name] for name in args if name != "tree"})
    name = {"description": "Its name.", "title": "Name", "type": "string"}
    assert args["harbours"]["additionalProperties"]["items"]["properties"] == {"name": name}
    assert args["harbour"]["description"] == "Where."
    assert args["pet"]["discriminator"] == {"propertyName": "kind"}
    assert args["tree"]["$ref"] == "#/$defs/Tree"
    assert set(args["tree"]["$defs"]) == {"Tree"}
    assert args["tree"]["$defs"]["Tree"]["properties"]["harbour"]["properties"] == {"name": name}
    assert set(plant.args_jsonschema["$defs"]) >= {"Tree", "Harbour", "Cat", "Dog"}
