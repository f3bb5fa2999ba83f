"""Our tools in LangChain: for its models, for LangGraph's `ToolNode`, and for its agents."""

from __future__ import annotations

import pickle
from typing import Annotated, Any

import langchain_core.messages as lc
import pytest
from langchain.agents import create_agent as their_agent
from langchain_core.documents import Document as TheirDocument
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.tools import (
    BaseTool as TheirBaseTool,
    InjectedToolArg as TheirInjectedToolArg,
    StructuredTool as TheirStructuredTool,
)
from langchain_core.utils.function_calling import convert_to_openai_tool as their_definition
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import InjectedState, ToolNode, ToolRuntime
from langgraph.types import Command
from pydantic import BaseModel

from runnables import (
    ConfigError,
    Document,
    InjectedToolArg,
    InjectedToolCallId,
    RunnableLambda,
    ToolException,
    ToolMessage,
    convert_to_openai_tool,
    from_langchain,
    to_langchain,
    tool,
)
from tests.both_modes import Call


def call_of(name: str, /, **args: Any) -> dict[str, Any]:
    return {"type": "tool_call", "name": name, "args": args, "id": "call_1"}


@tool
def add(a: int, b: int = 2) -> int:
    """Add two numbers.

    Args:
        a: the first one.
        b: the second one.
    """
    if a < 0:
        raise ToolException("no negative numbers")
    return a + b


@tool
async def later(a: int) -> int:
    """Add one, async."""
    return a + 1


@tool(response_format="content_and_artifact")
def find(query: str) -> tuple[str, list[Document]]:
    """Find documents."""
    return query, [Document(query)]


@tool
def greet(
    text: str,
    user: Annotated[str, InjectedToolArg],
    call_id: Annotated[str, InjectedToolCallId],
) -> str:
    """Greet the user."""
    return f"{text}, {user} ({call_id})"


@tool
def inspect_graph(
    key: str,
    state: Annotated[dict[str, Any], InjectedState],
    question: Annotated[list[Any], InjectedState("messages")],
    runtime: ToolRuntime,
) -> str:
    """Read the state of the graph."""
    return f"{sorted(state)} {question[0].text} {runtime.tool_call_id} {key}"


class Words(BaseModel):
    """Words."""

    words: list[str]
    user: Annotated[str, TheirInjectedToolArg] = "all"


@tool(args_schema=Words)
def join(words: list[str], user: str) -> str:
    """Join words."""
    return " ".join(words) + user


length = RunnableLambda(len).as_tool(name="length", description="The length.")


@pytest.mark.parametrize(
    "made",
    [add, later, find, greet, inspect_graph, join, length],
    ids=lambda made: made.name,
)
def test_a_model_sees_the_same_schema(made: Any) -> None:
    theirs = to_langchain(made)
    assert isinstance(theirs, TheirStructuredTool)
    expected = convert_to_openai_tool(made)["function"]
    definition = their_definition(theirs)["function"]
    definition["parameters"].pop("description", None)
    assert definition == expected


@pytest.mark.parametrize("name", ["state", "runtime", "question"])
def test_marks_of_langgraph_hide_an_argument_of_ours(name: str) -> None:
    assert name in inspect_graph.injected_args
    assert name not in inspect_graph.args


def test_a_call_is_answered_by_their_message(call: Call) -> None:
    answer = call.invoke(to_langchain(add), call_of("add", a="1"))
    assert answer == lc.ToolMessage("3", tool_call_id="call_1", name="add")
    assert call.invoke(to_langchain(add), {"a": 1}) == 3


def test_an_artifact_has_their_documents(call: Call) -> None:
    answer = call.invoke(to_langchain(find), call_of("find", query="x"))
    assert (answer.content, answer.artifact) == ("x", [TheirDocument("x")])


@pytest.mark.parametrize(
    ("args", "words"),
    [({"a": -1}, "no negative numbers"), ({"a": "one"}, "valid integer"), ({}, "Field required")],
    ids=["ToolException", "type", "missing"],
)
def test_an_error_for_the_model_is_a_message(call: Call, args: Any, words: str) -> None:
    """Raised, it would end a `ToolNode`: that knows LangChain's errors only."""
    answer = call.invoke(to_langchain(add), call_of("add", **args))
    assert answer.status == "error"
    assert words in answer.content


def test_other_errors_are_raised(call: Call) -> None:
    @tool
    def broken() -> None:
        """Break."""
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        call.invoke(to_langchain(broken), call_of("broken"))


def test_an_error_that_ours_handles_keeps_its_status(call: Call) -> None:
    handled = tool(handle_tool_error="sorry")(add.func)
    answer = call.invoke(to_langchain(handled), call_of("add", a=-1))
    assert (answer.content, answer.status) == ("sorry", "error")


def test_arguments_that_the_program_passes_arrive(call: Call) -> None:
    answer = call.invoke(to_langchain(greet), call_of("greet", text="Ahoy", user="Ada"))
    assert answer.content == "Ahoy, Ada (call_1)"


def graph_of(*tools: Any) -> Any:
    """Return a graph with one node, which runs the calls of the last message."""
    builder = StateGraph(MessagesState)
    builder.add_node("tools", ToolNode([to_langchain(made) for made in tools]))
    builder.add_edge(START, "tools")
    return builder.compile()


def asked(*calls: Any) -> dict[str, Any]:
    return {"messages": [lc.HumanMessage("Hi"), lc.AIMessage("", tool_calls=list(calls))]}


def test_a_tool_node_runs_ours_and_passes_the_state(call: Call) -> None:
    state = call.invoke(
        graph_of(add, inspect_graph),
        asked(
            {**call_of("add", a=1), "id": "1"},
            {**call_of("inspect_graph", key="k", state="forged"), "id": "2"},
            {**call_of("add", a=-1), "id": "3"},
        ),
    )
    results = state["messages"][2:]
    assert [result.content for result in results] == [
        "3",
        "['messages'] Hi 2 k",
        "no negative numbers",
    ]
    assert [result.status for result in results] == ["success", "success", "error"]


def test_a_tool_of_ours_may_return_a_command_or_their_message(call: Call) -> None:
    @tool
    def remember(call_id: Annotated[str, InjectedToolCallId]) -> Command[Any]:
        """Remember."""
        return Command(update={"messages": [ToolMessage("kept", tool_call_id=call_id)]})

    @tool
    def answer(call_id: Annotated[str, InjectedToolCallId]) -> lc.ToolMessage:
        """Answer."""
        return lc.ToolMessage("theirs", tool_call_id=call_id)

    calls = [{**call_of("remember"), "id": "1"}, {**call_of("answer"), "id": "2"}]
    state = call.invoke(graph_of(remember, answer), asked(*calls))
    assert [message.content for message in state["messages"][2:]] == ["kept", "theirs"]


class TheirModel(GenericFakeChatModel):
    """A model of LangChain's that is bound to tools, and says what it says anyway."""

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        assert all(isinstance(each, (TheirBaseTool, dict)) for each in tools)
        return self


def test_their_agent_runs_ours(call: Call) -> None:
    said = [lc.AIMessage("", tool_calls=[{**call_of("add", a=1)}]), lc.AIMessage("It is 3.")]
    agent = their_agent(TheirModel(messages=iter(said)), [to_langchain(add)])
    state = call.invoke(agent, {"messages": [("human", "1 + 2?")]})
    assert [message.text for message in state["messages"]] == ["1 + 2?", "", "3", "It is 3."]


async def test_an_async_tool_runs_in_the_loop_of_the_caller() -> None:
    answer = await to_langchain(later).ainvoke(call_of("later", a=1))
    assert answer.content == "2"


def test_a_tool_that_needs_approval_is_refused() -> None:
    """LangChain's agents would run it without a word."""
    dangerous = tool(needs_approval=True)(add.func)
    with pytest.raises(ConfigError, match="HumanInTheLoopMiddleware"):
        to_langchain(dangerous)


def test_a_tool_with_a_binding_or_a_policy_is_a_tool(call: Call) -> None:
    bound = greet.bind(user="Ada").with_retry()
    theirs = to_langchain(bound)
    assert isinstance(theirs, TheirStructuredTool)
    assert theirs.name == "greet"
    answer = call.invoke(theirs, call_of("greet", text="Ahoy"))
    assert answer.content == "Ahoy, Ada (call_1)"
    assert from_langchain(theirs) is bound


@pytest.mark.parametrize("ours", [add, greet, greet.with_retry()], ids=["plain", "hidden", "retry"])
def test_it_can_be_pickled(ours: Any, call: Call) -> None:
    """The class of its schema, which is made of a function, is made again."""
    made = to_langchain(ours)
    copy = pickle.loads(pickle.dumps(made))
    assert (copy.name, copy.description) == (made.name, made.description)
    assert their_definition(copy) == their_definition(made)
    if ours is add:
        assert call.invoke(copy, call_of("add", a=1)).content == "3"


def test_there_and_back_is_the_same_object() -> None:
    assert from_langchain(to_langchain(add)) is add
