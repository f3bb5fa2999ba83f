"""Tools and agents for the registry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from hypothesis import strategies as st
from pydantic import BaseModel

from runnables import (
    AgentExecutor,
    AIMessage,
    BaseTool,
    ChatPromptTemplate,
    HumanMessage,
    InjectedToolArg,
    RateLimitError,
    RunnableConfig,
    StructuredTool,
    Tool,
    ToolException,
    create_agent,
    create_tool_calling_agent,
    tool,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.laws.specimens import AGAIN, INTS, STRINGS, Specimen, specimen


def divided(number: int, by: int = 1, *, config: RunnableConfig) -> str:
    """Divide a number, which may be impossible."""
    if by == 0:
        raise ToolException("not by zero")
    if by < 0:
        raise ValueError("not by a negative number")
    return f"{number / by:g} {sorted(config.get('tags', []))}"


async def adivided(number: int, by: int = 1, *, config: RunnableConfig) -> str:
    """Divide a number, which may be impossible."""
    return divided(number, by, config=config)


def is_far(arguments: dict[str, Any]) -> bool:
    """Tell whether a division needs approval."""
    return bool(arguments["number"] > 1)


def loud(text: str) -> str:
    """Say it loudly."""
    return text.upper()


def signed(
    text: str, by: Annotated[str, InjectedToolArg] = "unknown"
) -> tuple[str, dict[str, str]]:
    """Sign a message."""
    return f"{text} ({by})", {"by": by}


ARGS = st.fixed_dictionaries({"number": INTS | st.just("x")}, optional={"by": INTS, "bye": INTS})


class Divide(BaseTool[str]):
    name: str = "divide"
    description: str = "Divide a number, which may be impossible."
    by: int = 1

    def _run(self, number: int, config: RunnableConfig, by: int | None = None) -> str:
        return divided(number, self.by if by is None else by, config=config)


def called(args: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_call", "name": "called", "args": args, "id": "1"}


def tools() -> Iterator[Specimen]:
    inputs = ARGS | ARGS.map(called) | INTS
    handled = {"handle_tool_error": True, "handle_validation_error": True}
    yield specimen("tool: a function", lambda: tool(divided), inputs)
    yield specimen("tool: an async function", lambda: tool(adivided), inputs, sync=False)
    yield specimen("tool: both halves", lambda: StructuredTool(divided, adivided), inputs)
    yield specimen("tool: a class", Divide, inputs)
    yield specimen("tool: one string", lambda: Tool("up", loud, "Loud."), STRINGS)
    yield specimen("tool: its errors are answers", lambda: tool(**handled)(divided), inputs)
    yield specimen(
        "tool: a pair",
        lambda: tool(response_format="content_and_artifact")(signed).bind(by="Ada"),
        STRINGS | STRINGS.map(lambda text: called({"text": text})),
    )


# --- agents -----------------------------------------------------------------------------------


class Sum(BaseModel):
    """A schema for answers."""

    total: int


def asking(*args: dict[str, Any], name: str = "divided") -> AIMessage:
    calls = [{"name": name, "args": arg, "id": str(index)} for index, arg in enumerate(args)]
    return AIMessage("Let me see.", tool_calls=calls)


def agents() -> Iterator[Specimen]:
    inputs = STRINGS | st.just({"messages": [HumanMessage("a")]}) | INTS
    good = asking({"number": 1}, {"number": 2, "by": 2}, {"number": 3, "by": 0}, {"numbr": 1})
    bad = asking({"number": 1}, {"number": 1, "by": -1})
    for title, function in (("", divided), (" of async tools", adivided)):
        sync = function is divided
        yield specimen(
            f"agent{title}",
            lambda function=function: create_agent(  # type: ignore[misc]  # a default binds the loop's value
                ScriptedChatModel([good, "It is 1."], cycle=True),
                [tool("divided", description="Divide.")(function)],
                system_prompt="Be brief.",
            ),
            inputs,
            sync=sync,
            remembers=True,
        )
    yield specimen(
        "agent: a schema for its answer",
        lambda: create_agent(
            ScriptedChatModel([asking({"number": 1}), "It is 1.", '{"total": 1}'], cycle=True),
            [tool(divided)],
            response_format=Sum,
        ),
        inputs,
        remembers=True,
    )
    yield specimen(
        "agent: a tool fails",
        lambda: create_agent(ScriptedChatModel([bad], cycle=True), [tool(divided)]),
        inputs,
        ordered=False,
    )
    yield specimen(
        "agent: asks for approval",
        lambda: create_agent(
            ScriptedChatModel([good], cycle=True), [tool(needs_approval=is_far)(divided)]
        ),
        inputs,
    )
    yield specimen(
        "agent: never stops",
        lambda: create_agent(
            ScriptedChatModel([asking({"number": 1})], cycle=True), [tool(divided)], max_steps=2
        ),
        inputs,
    )
    yield specimen(
        "agent: restarts",
        lambda: create_agent(
            ScriptedChatModel(
                [["a", "b", RateLimitError("slow down")], asking({"number": 1}), "It is 1."],
                cycle=True,
                max_retries=0,
            ).with_retry(**AGAIN),
            [tool(divided)],
        ),
        inputs,
        remembers=True,
    )
    yield from executors()


def executors() -> Iterator[Specimen]:
    inputs = st.fixed_dictionaries({"input": STRINGS}, optional={"messages": INTS}) | INTS
    prompt = ChatPromptTemplate([("human", "{input}"), ("placeholder", "{agent_scratchpad}")])
    good = asking({"number": 1}, {"number": 2, "by": 2}, {"number": 3, "by": 0}, {"numbr": 1})
    broken = AIMessage(
        "", invalid_tool_calls=[{"name": "divided", "args": "{", "id": "1", "error": "cut off"}]
    )

    def executor(function: Any, *script: Any, **options: Any) -> AgentExecutor:
        tools = [tool("divided", description="Divide.")(function)]
        model = ScriptedChatModel(list(script), cycle=True)
        return AgentExecutor(create_tool_calling_agent(model, tools, prompt), tools, **options)

    for title, function in (("", divided), (" of async tools", adivided)):
        sync = function is divided
        yield specimen(
            f"executor{title}",
            lambda function=function: executor(  # type: ignore[misc]  # a default binds the loop's value
                function, good, "It is 1.", return_intermediate_steps=True
            ),
            inputs,
            sync=sync,
            remembers=True,
        )
    yield specimen(
        "executor: a tool fails",
        lambda: executor(divided, asking({"number": 1}, {"number": 1, "by": -1})),
        inputs,
        ordered=False,
    )
    yield specimen(
        "executor: never stops",
        lambda: executor(divided, asking({"number": 1}), max_iterations=2),
        inputs,
    )
    yield specimen(
        "executor: an answer that cannot be parsed",
        lambda: executor(divided, broken, "It is 1.", handle_parsing_errors=True),
        inputs,
        remembers=True,
    )
