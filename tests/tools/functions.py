"""Functions that become tools; at the top level of a module, so that all of it pickles."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any

from pydantic import BaseModel, Field

from runnables import (
    InjectedToolArg,
    InjectedToolCallId,
    RunnableConfig,
    ToolException,
    tool,
)


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


class Place(BaseModel):
    """Where something is."""

    city: str
    lat: float = 0.0


class AddArgs(BaseModel):
    """Adds, says the model."""

    a: int = Field(description="the first")
    b: int = 2


def add(a: int, b: int = 2) -> int:
    """Add two numbers.

    Args:
        a: the first
        b: the second,
            which may be left out

    Returns:
        The sum.
    """
    return a + b


async def aadd(a: int, b: int = 2) -> int:
    """Add two numbers, and wait."""
    return a + b


@tool
def decorated(a: int) -> int:
    """Return the argument."""
    return a


@tool
async def adecorated(a: int) -> int:
    """Return the argument, in async."""
    return a


def rich(
    place: Place,
    sizes: list[Size],
    größe: Annotated[int, "wie groß: 大きさ"],
    either: int | str,
    maybe: float | None = None,
    bounded: Annotated[int, Field(ge=1, description="at least one")] = 1,
    schema: str = "x",
) -> Any:
    """Take arguments of many types."""
    return [place, sizes, größe, either, maybe, bounded, schema]


def whose(
    query: str,
    user: Annotated[str, InjectedToolArg],
    call: Annotated[str, InjectedToolCallId],
    settings: RunnableConfig,
    limit: Annotated[int, InjectedToolArg()] = 5,
) -> str:
    """Look something up."""
    tags = ",".join(settings.get("tags", []))
    return f"{query} for {user} in {call} [{tags}] at most {limit}"


def fails(why: str) -> str:
    """Fail."""
    raise ToolException(f"cannot: {why}")


def breaks(why: str) -> str:
    """Break."""
    raise RuntimeError(why)


def pair(n: int) -> tuple[str, list[int]]:
    """Return a pair."""
    return f"{n} numbers", list(range(n))
