"""Tools for the zoo."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from hypothesis import strategies as st

from runnables import InjectedToolArg, RunnableConfig, StructuredTool, ToolException, tool
from tests.laws.specimens import INTS, TEXTS, Specimen, it


def divided(number: int, by: int = 1, *, config: RunnableConfig) -> str:
    """Divide a number, which may be impossible."""
    if by == 0:
        raise ToolException("not by zero")
    if by < 0:
        raise ValueError("not by what is below zero")
    return f"{number / by:g} {sorted(config.get('tags', []))}"


async def adivided(number: int, by: int = 1, *, config: RunnableConfig) -> str:
    """Divide a number, which may be impossible."""
    return divided(number, by, config=config)


def signed(text: str, by: Annotated[str, InjectedToolArg] = "nobody") -> tuple[str, dict[str, str]]:
    """Sign a text."""
    return f"{text} ({by})", {"by": by}


ARGS = st.fixed_dictionaries({"number": INTS | st.just("x")}, optional={"by": INTS, "bye": INTS})


def called(args: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_call", "name": "it", "args": args, "id": "1"}


def tools() -> Iterator[Specimen]:
    given = ARGS | ARGS.map(called) | INTS
    handled = {"handle_tool_error": True, "handle_validation_error": True}
    yield it("tool: a function", lambda: tool(divided), given)
    yield it("tool: an async function", lambda: tool(adivided), given, sync=False)
    yield it("tool: both halves", lambda: StructuredTool(divided, adivided), given)
    yield it("tool: its errors are answers", lambda: tool(**handled)(divided), given)
    yield it(
        "tool: a pair",
        lambda: tool(response_format="content_and_artifact")(signed).bind(by="Ada"),
        TEXTS | TEXTS.map(lambda text: called({"text": text})),
    )
