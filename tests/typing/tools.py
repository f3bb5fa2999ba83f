"""The types of tools and agents. mypy and pyright read this file; it is not run."""

from __future__ import annotations

from typing import Any, assert_type

from pydantic import BaseModel

from runnables import (
    Agent,
    AgentAction,
    AgentAnswer,
    AgentExecutor,
    AgentFinish,
    AgentState,
    AIMessage,
    BaseMessage,
    BaseTool,
    CallbackManagerForToolRun,
    ChatPromptTemplate,
    OpenAIToolsAgentOutputParser,
    RunnableLambda,
    RunnableTool,
    StructuredTool,
    Tool,
    ToolMessage,
    create_agent,
    create_tool_calling_agent,
    format_to_openai_tool_messages,
    tool,
)
from runnables_providers.scripted import ScriptedChatModel


@tool
def add(a: int, b: int = 2) -> int:
    """Add."""
    return a + b


@tool
async def aadd(a: int, b: int = 2) -> int:
    """Add."""
    return a + b


@tool("plus", return_direct=True)
async def plus(a: int, b: int = 2) -> float:
    """Add."""
    return a + b


@tool(response_format="content_and_artifact")
def pair(n: int) -> tuple[str, list[int]]:
    """Return a pair."""
    return "", [n]


@tool(response_format="content_and_artifact")
async def apair(n: int) -> tuple[str, list[int]]:
    """Return a pair."""
    return "", [n]


assert_type(add, StructuredTool[int])
assert_type(aadd, StructuredTool[int])
assert_type(plus, StructuredTool[float])
assert_type(pair, StructuredTool[str])
assert_type(apair, StructuredTool[str])

# arguments return the result, a tool call returns a message
assert_type(add.invoke({"a": 1}), int)
assert_type(pair.invoke({"n": 1}), str)
assert_type(add.invoke(AIMessage("").tool_calls[0]), ToolMessage)
assert_type(add.batch([{"a": 1}]), list[int])


async def awaited() -> None:
    assert_type(await aadd.ainvoke({"a": 1}), int)
    assert_type(await aadd.ainvoke(AIMessage("").tool_calls[0]), ToolMessage)


# in a pipe
assert_type((add | str).invoke({"a": 1}), str)

# runnables
length = RunnableLambda[str, int](len)
assert_type(tool("length", length), RunnableTool[int])
assert_type(tool("length", description="Counts.")(length), RunnableTool[int])
assert_type(length.as_tool(), RunnableTool[int])
assert_type(StructuredTool.from_function(len, name="len"), StructuredTool[Any])

# a class, as it is written for LangChain


class Search(BaseTool[str]):
    name: str = "search"
    description: str = "Search."
    args_schema: type[BaseModel] = BaseModel
    limit: int = 3

    def _run(self, query: str, run_manager: CallbackManagerForToolRun | None = None) -> str:
        return query

    async def _arun(self, query: str) -> str:
        return self._run(query)


search = Search(limit=2)
assert_type(search.limit, int)
assert_type(search.name, str)
assert_type(search.invoke({"query": "x"}), str)
assert_type(search.invoke(AIMessage("").tool_calls[0]), ToolMessage)
assert_type(Tool(name="up", func=str.upper, description="").invoke("x"), str)
assert_type(search.run("x", verbose=True, tags=["night"]), Any)


class Quiet(Search):
    tags: list[str] | None = ["quiet"]  # noqa: RUF012  # as people write it
    verbose: bool = True


assert_type(Quiet(limit=2, callbacks=[]).tags, list[str] | None)
assert_type(Tool("up", str.upper, "", tags=["loud"], verbose=True), Tool[str])
assert_type(StructuredTool(len, metadata={"deck": 1}, callbacks=[]).verbose, bool)

# agents


class Total(BaseModel):
    total: int


model = ScriptedChatModel()
plain = create_agent(model, [add, len])
assert_type(plain, Agent[AgentState])
assert_type(plain.invoke("hi")["messages"], list[BaseMessage])
assert_type(plain.invoke({"messages": [("human", "hi")]}), AgentState)
typed = create_agent("local", response_format=Total)
assert_type(typed, Agent[AgentAnswer[Total]])
assert_type(typed.invoke(["hi"])["structured_response"].total, int)
keyed = create_agent(model.with_retry(), response_format={"title": "total"})
assert_type(keyed.invoke("hi")["structured_response"], dict[str, Any])
assert_type((typed | plain).invoke("hi"), AgentState)

agent = create_tool_calling_agent(model, [add], ChatPromptTemplate([("human", "{input}")]))
decision = agent.invoke({"input": "hi", "intermediate_steps": []})
assert_type(decision, list[AgentAction] | AgentFinish)
executor = AgentExecutor(agent=agent, tools=[add], handle_parsing_errors=str, verbose=True)
assert_type(executor.invoke({"input": "hi"}), dict[str, Any])
assert_type(executor.invoke({"input": "hi"})["output"], Any)
assert_type(OpenAIToolsAgentOutputParser().invoke(AIMessage("")), list[AgentAction] | AgentFinish)
assert_type(format_to_openai_tool_messages([]), list[BaseMessage])
by_hand = RunnableLambda(len) | OpenAIToolsAgentOutputParser()
AgentExecutor(agent=by_hand, tools=[add])

# refused
plain.invoke("hi")["structured_response"]  # type: ignore[typeddict-item]  # pyright: ignore[reportGeneralTypeIssues]
create_agent(model, max_step=3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
tool(3)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
tool(respons_format="content")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
tool("x", len)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
