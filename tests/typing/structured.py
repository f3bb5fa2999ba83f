"""What type checkers infer of structured output. Read by mypy and pyright; not run.

A type form that is no class (a `Literal`, a union) is inferred as PEP 747 says, by the mypy and the
pyright that this project pins. Older ones see Any there (mypy 1.18, pyright 1.1.407), and the other
types as here.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Literal, Optional, TypedDict, TypeVar, Union, assert_type

from pydantic import BaseModel, Field

from runnables import LanguageModelInput, RawAnswer, Runnable
from runnables_providers.scripted import ScriptedChatModel

T = TypeVar("T")


class Sea(BaseModel):
    name: str


class Lake(BaseModel):
    depth: float


class Port(TypedDict):
    name: str


@dataclass
class Ship:
    name: str


class Tide(Enum):
    EBB = "ebb"


Water = Sea | Lake
Tagged = Annotated[Sea | Lake, Field(description="A body of water.")]

model = ScriptedChatModel()
described: dict[str, object] = {"type": "object"}
anything: Any = Sea

# classes
assert_type(model.with_structured_output(Sea), Runnable[LanguageModelInput, Sea])
assert_type(model.with_structured_output(Port).invoke("x"), Port)
assert_type(model.with_structured_output(Ship).invoke("x"), Ship)
assert_type(model.with_structured_output(Tide).invoke("x"), Tide)
assert_type(model.with_structured_output(int).invoke("x"), int)
assert_type(model.with_structured_output(list[Sea]).invoke("x"), list[Sea])
assert_type(model.with_structured_output(dict[str, int]).invoke("x"), dict[str, int])

# type forms that are no classes
assert_type(model.with_structured_output(Literal["a", "b"]).invoke("x"), Literal["a", "b"])
assert_type(model.with_structured_output(Optional[Sea]).invoke("x"), Sea | None)  # noqa: UP045 - the older spelling is meant
assert_type(model.with_structured_output(Sea | None).invoke("x"), Sea | None)
assert_type(model.with_structured_output(Sea | Lake).invoke("x"), Sea | Lake)
assert_type(model.with_structured_output(Union[Sea, Lake]).invoke("x"), Sea | Lake)  # noqa: UP007 - as above
assert_type(model.with_structured_output(Water).invoke("x"), Sea | Lake)
assert_type(model.with_structured_output(Tagged).invoke("x"), Sea | Lake)
assert_type(model.with_structured_output(Annotated[int, Field(gt=0)]).invoke("x"), int)
assert_type(model.with_structured_output(list[Sea] | None).invoke("x"), list[Sea] | None)
assert_type(model.with_structured_output(list[Sea | Lake]).invoke("x"), list[Sea | Lake])

# dicts (of a `dict[str, Any]` mypy says Any, as it does of any overload that may match)
assert_type(model.with_structured_output(described).invoke("x"), dict[str, Any])
assert_type(model.with_structured_output({"type": "object"}).invoke("x"), dict[str, Any])
assert_type(model.with_structured_output(anything).invoke("x"), Any)
assert_type(model.with_structured_output(None, method="json_mode").invoke("x"), dict[str, Any])
assert_type(model.with_structured_output(method="json_mode").invoke("x"), dict[str, Any])

# with the message
assert_type(model.with_structured_output(Sea, include_raw=True).invoke("x"), RawAnswer[Sea])
assert_type(
    model.with_structured_output(Sea | Lake, include_raw=True).invoke("x"), RawAnswer[Sea | Lake]
)
assert_type(
    model.with_structured_output(described, include_raw=True).invoke("x"),
    RawAnswer[dict[str, Any]],
)
assert_type(
    model.with_structured_output(Literal[1, 2], include_raw=True).invoke("x")["parsed"],
    Literal[1, 2] | None,
)

# with other options
assert_type(model.with_structured_output(Sea | None, repair=1).invoke("x"), Sea | None)
assert_type(next(model.with_structured_output(Sea | Lake).stream("x")), Sea | Lake)


def ask(schema: type[T]) -> T:
    """A caller's own function of a class."""
    return model.with_structured_output(schema).invoke("x")


assert_type(ask(Sea), Sea)

# refused
model.with_structured_output(Sea | Lake, method="json")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
