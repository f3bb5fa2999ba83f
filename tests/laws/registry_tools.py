"""Tools and agents for the registry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from hypothesis import strategies as st
from pydantic import BaseModel

from runnables import (
    AIMessage,
    HumanMessage,
    InjectedToolArg,
    RateLimitError,
    RunnableConfig,
    StructuredTool,
    ToolException,
    create_agent,
    tool,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.laws.specimens import AGAIN, INTS, TEXTS, Specimen, it


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


# --- agents -----------------------------------------------------------------------------------


class Sum(BaseModel):
    """A form for answers."""

    total: int


def asks(*args: dict[str, Any], name: str = "divided") -> AIMessage:
    calls = [{"name": name, "args": it, "id": str(at)} for at, it in enumerate(args)]
    return AIMessage("Let me see.", tool_calls=calls)


def agents() -> Iterator[Specimen]:
    said = TEXTS | st.just({"messages": [HumanMessage("a")]}) | INTS
    good = asks({"number": 1}, {"number": 2, "by": 2}, {"number": 3, "by": 0}, {"numbr": 1})
    bad = asks({"number": 1}, {"number": 1, "by": -1})
    for title, function in (("", divided), (" of async tools", adivided)):
        sync = function is divided
        yield it(
            f"agent{title}",
            lambda function=function: create_agent(  # type: ignore[misc]  # a default binds the loop's value
                ScriptedChatModel([good, "It is 1."], cycle=True),
                [tool("divided", description="Divide.")(function)],
                system_prompt="Be brief.",
            ),
            said,
            sync=sync,
            remembers=True,
        )
    yield it(
        "agent: a form for its answer",
        lambda: create_agent(
            ScriptedChatModel([asks({"number": 1}), "It is 1.", '{"total": 1}'], cycle=True),
            [tool(divided)],
            response_format=Sum,
        ),
        said,
        remembers=True,
    )
    yield it(
        "agent: a tool fails",
        lambda: create_agent(ScriptedChatModel([bad], cycle=True), [tool(divided)]),
        said,
        ordered=False,
    )
    yield it(
        "agent: goes on and on",
        lambda: create_agent(
            ScriptedChatModel([asks({"number": 1})], cycle=True), [tool(divided)], max_steps=2
        ),
        said,
    )
    yield it(
        "agent: starts over",
        lambda: create_agent(
            ScriptedChatModel(
                [["a", "b", RateLimitError("slow down")], asks({"number": 1}), "It is 1."],
                cycle=True,
                max_retries=0,
            ).with_retry(**AGAIN),
            [tool(divided)],
        ),
        said,
        remembers=True,
    )
