"""Tools of LangChain as ours: for models, agents and calls by hand."""

from __future__ import annotations

import asyncio
import pickle
from typing import Annotated, Any

import langchain_core.messages as lc
import pytest
from langchain_core.documents import Document as TheirDocument
from langchain_core.runnables import RunnableConfig, RunnableLambda as TheirLambda
from langchain_core.tools import (
    BaseTool as TheirBaseTool,
    InjectedToolArg,
    InjectedToolCallId,
    StructuredTool,
    Tool,
    ToolException,
    tool,
)
from langchain_core.utils.function_calling import convert_to_openai_tool as their_definition
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import InjectedState, ToolRuntime
from langgraph.types import Command, interrupt
from pydantic import BaseModel, Field, ValidationError

import runnables as ours
from runnables import (
    AIMessage,
    ConfigError,
    Document,
    Event,
    SyncAsyncError,
    ToolArgumentsError,
    ToolMessage,
    convert_to_openai_tool,
    create_agent,
    from_langchain,
    to_langchain,
)
from runnables.models.fakes import FakeMessagesListChatModel
from tests.both_modes import Call


def call_of(name: str, /, **args: Any) -> dict[str, Any]:
    return {"type": "tool_call", "name": name, "args": args, "id": "call_1"}


@tool
def add(a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b


@tool
def greet(
    text: str,
    user: Annotated[str, InjectedToolArg],
    call_id: Annotated[str, InjectedToolCallId],
) -> str:
    """Greet the user."""
    return f"{text}, {user} ({call_id})"


class Query(BaseModel):
    """Ask."""

    words: list[str] = Field(description="What to look for.")
    limit: int = Field(default=3, le=10)
    state: Annotated[dict[str, Any], InjectedState] = Field(default_factory=dict)


@tool(args_schema=Query)
def search(words: list[str], limit: int, state: dict[str, Any]) -> str:
    """Search."""
    return f"{words} {limit} {state}"


@tool(response_format="content_and_artifact")
def find(query: str) -> tuple[str, list[TheirDocument]]:
    """Find documents."""
    return query, [TheirDocument(query)]


@tool
def state_of(key: str, runtime: ToolRuntime) -> str:
    """Read the state."""
    return f"{runtime.state[key]}"


class OfClass(TheirBaseTool):
    """A tool that is a class."""

    name: str = "shout"
    description: str = "Shout."

    def _run(self, text: str, config: RunnableConfig) -> str:
        return text.upper() + str(config.get("configurable", {}).get("mark", ""))


simple = Tool(name="simple", func=lambda text: f"<{text}>", description="Simple.")
by_json = StructuredTool(
    name="by_json",
    description="By JSON.",
    args_schema={"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]},
    func=lambda x: x + 1,
)


@pytest.mark.parametrize(
    "theirs",
    [add, greet, search, find, state_of, by_json],
    ids=["add", "greet", "search", "find", "state_of", "json"],
)
def test_a_model_sees_the_same_schema(theirs: TheirBaseTool) -> None:
    """Names, descriptions, types and what is required; injected arguments are in neither."""
    expected = their_definition(theirs)
    expected["function"]["parameters"].pop("description", None)
    assert convert_to_openai_tool(theirs) == expected
    assert convert_to_openai_tool(from_langchain(theirs)) == expected


def test_a_model_does_not_see_the_config_of_a_method() -> None:
    """LangChain shows it."""
    assert list(from_langchain(OfClass()).args) == ["text"]


def test_a_call_is_answered_by_our_message(call: Call) -> None:
    answer = call.invoke(from_langchain(add), call_of("add", a="1"))
    assert answer == ToolMessage("3", tool_call_id="call_1", name="add")


@pytest.mark.parametrize(
    ("theirs", "value", "expected"),
    [
        (add, {"a": 1, "b": 3}, 4),
        (add, 1, 3),
        (simple, "x", "<x>"),
        (simple, {"tool_input": "x"}, "<x>"),
        (by_json, {"x": 1}, 2),
        (by_json, 1, 2),
        (find, "x", "x"),
    ],
    ids=["dict", "only required", "text", "dict of one", "json", "bare json", "pair"],
)
def test_arguments_without_a_call_give_the_bare_result(
    call: Call, theirs: TheirBaseTool, value: Any, expected: Any
) -> None:
    assert call.invoke(from_langchain(theirs), value) == expected


def test_an_artifact_has_our_documents(call: Call) -> None:
    answer = call.invoke(from_langchain(find), call_of("find", query="x"))
    assert (answer.content, answer.artifact) == ("x", [Document("x")])


def test_hidden_arguments_are_passed_by_the_program(call: Call) -> None:
    made = from_langchain(greet)
    assert made.injected_args == {"user", "call_id"}
    assert list(made.args) == ["text"]
    answer = call.invoke(made.bind(user="Ada"), call_of("greet", text="Ahoy"))
    assert answer.content == "Ahoy, Ada (call_1)"


@pytest.mark.parametrize(
    ("theirs", "value", "missing"),
    [
        (greet, call_of("greet", text="Ahoy"), "needs 'user'"),
        (greet, {"text": "Ahoy", "user": "Ada"}, "needs the id of a tool call"),
        (state_of, call_of("state_of", key="a"), "needs 'runtime'"),
    ],
    ids=["argument", "id", "runtime"],
)
def test_what_the_program_has_not_passed_is_named(
    call: Call, theirs: TheirBaseTool, value: Any, missing: str
) -> None:
    with pytest.raises(ConfigError, match=missing):
        call.invoke(from_langchain(theirs), value)


def test_an_unknown_option_is_a_typo(call: Call) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'user'"):
        call.invoke(from_langchain(greet).bind(usr="Ada"), call_of("greet", text="Ahoy"))


def test_arguments_that_do_not_fit_are_our_error(call: Call) -> None:
    with pytest.raises(ToolArgumentsError, match="a: Input should be a valid integer") as caught:
        call.invoke(from_langchain(add), call_of("add", a="one"))
    assert isinstance(caught.value, ValidationError)


@tool
def fail(how: str) -> str:
    """Fail."""
    if how == "for the model":
        raise ToolException("no such file")
    if how == "in the tool":
        Query.model_validate({})
    raise RuntimeError("broken")


def test_their_tool_exception_is_ours(call: Call) -> None:
    with pytest.raises(ours.ToolException, match="no such file"):
        call.invoke(from_langchain(fail), call_of("fail", how="for the model"))


def test_other_errors_stay_as_they_are(call: Call) -> None:
    with pytest.raises(RuntimeError, match="broken"):
        call.invoke(from_langchain(fail), call_of("fail", how=""))
    with pytest.raises(ValidationError) as caught:
        call.invoke(from_langchain(fail), call_of("fail", how="in the tool"))
    assert not isinstance(caught.value, ToolArgumentsError)


def test_an_error_that_they_handle_is_answered_by_a_message(call: Call) -> None:
    handled = StructuredTool.from_function(
        fail.func, name="fail", description="Fail.", handle_tool_error="sorry"
    )
    answer = call.invoke(from_langchain(handled), call_of("fail", how="for the model"))
    assert (answer.content, answer.status) == ("sorry", "error")


@tool
def go(to: str, call_id: Annotated[str, InjectedToolCallId]) -> Command[Any]:
    """Go to a node."""
    return Command(goto=to, update={"messages": [lc.ToolMessage("gone", tool_call_id=call_id)]})


def test_a_command_is_returned_as_a_command(call: Call) -> None:
    result = call.invoke(from_langchain(go), call_of("go", to="b"))
    assert isinstance(result, Command)
    assert result.update == {"messages": [ToolMessage("gone", tool_call_id="call_1")]}


def test_an_agent_cannot_carry_out_a_command(call: Call) -> None:
    model = FakeMessagesListChatModel(responses=[AIMessage("", tool_calls=[call_of("go", to="b")])])
    agent = create_agent(model, [go])
    with pytest.raises(ConfigError, match="LangGraph"):
        call.invoke(agent, {"messages": ["Go"]})


def test_the_config_of_the_call_reaches_the_tool(call: Call) -> None:
    config = {"configurable": {"mark": "!"}}
    assert call.invoke(from_langchain(OfClass()), {"text": "ahoy"}, config) == "AHOY!"


def test_an_agent_runs_their_tools_beside_ours_and_tells_the_model_of_errors(call: Call) -> None:
    @ours.tool
    def double(a: int) -> int:
        """Double a number."""
        return 2 * a

    def plain(text: str) -> str:
        """Say it plainly."""
        return text

    calls: list[Any] = [
        {**call_of("add", a=1), "id": "1"},
        {**call_of("double", a=4), "id": "2"},
        {**call_of("plain", text="ahoy"), "id": "3"},
        {**call_of("fail", how="for the model"), "id": "4"},
        {**call_of("add", a="one"), "id": "5"},
    ]
    model = FakeMessagesListChatModel(
        responses=[AIMessage("", tool_calls=calls), AIMessage("Done.")]
    )
    agent = create_agent(model, [add, double, plain, fail])
    answer = call.invoke(agent, {"messages": ["Work"]})
    results = [message for message in answer["messages"] if isinstance(message, ToolMessage)]
    assert [result.status for result in results] == ["success"] * 3 + ["error"] * 2
    assert [result.text for result in results[:4]] == ["3", "8", "ahoy", "no such file"]
    assert "valid integer" in results[4].text


def test_a_model_may_not_write_a_hidden_argument(call: Call) -> None:
    forged = {**call_of("greet", text="Ahoy", user="Eve"), "id": "1"}
    model = FakeMessagesListChatModel(
        responses=[AIMessage("", tool_calls=[forged]), AIMessage("Done.")]
    )
    answer = call.invoke(create_agent(model, [greet]), {"messages": ["Greet"]})
    [result] = [message for message in answer["messages"] if isinstance(message, ToolMessage)]
    assert result.status == "error"
    assert "no argument 'user'" in result.text


class Seen:
    """A handler that stores each event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event) -> None:
        self.events.append(event)


@tool
def chain(text: str) -> str:
    """Run a chain."""
    return str(TheirLambda(lambda word: word + "!", name="inner").invoke(text))


def test_one_run_is_reported_and_what_is_inside_below_it(call: Call) -> None:
    seen = Seen()
    config = {"callbacks": [seen]}
    call.invoke(from_langchain(chain), call_of("chain", text="a"), config)
    starts = [event for event in seen.events if event.kind == "start"]
    assert [(event.run_type, event.name) for event in starts] == [
        ("tool", "chain"),
        ("chain", "inner"),
    ]
    assert starts[1].parent_ids == (starts[0].run_id,)
    assert len([event for event in seen.events if event.kind == "end"]) == 2


@tool
def ask(question: str) -> str:
    """Ask the user."""
    return f"The user said {interrupt(question)}"


def test_an_interrupt_in_a_tool_stops_the_graph_around_our_agent(call: Call) -> None:
    """It is no error of the tool, also where the model gets all of these."""
    asks = AIMessage("", tool_calls=[call_of("ask", question="Now?")])
    model = FakeMessagesListChatModel(responses=[asks, asks, AIMessage("Done.")])
    agent = create_agent(model, [ask], handle_tool_errors=True)
    builder = StateGraph(MessagesState)
    builder.add_node("agent", to_langchain(agent))
    builder.add_edge(START, "agent")
    graph = builder.compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    stopped = call.invoke(graph, {"messages": [("human", "Ask")]}, config)
    assert [interrupted.value for interrupted in stopped["__interrupt__"]] == ["Now?"]
    state = call.invoke(graph, Command(resume="yes"), config)
    assert [message.text for message in state["messages"][-2:]] == ["The user said yes", "Done."]


def test_there_and_back_is_the_same_object() -> None:
    assert to_langchain(from_langchain(add)) is add


def test_a_tool_of_theirs_can_be_pickled() -> None:
    again = pickle.loads(pickle.dumps(from_langchain(OfClass())))
    assert again.invoke({"text": "ahoy"}) == "AHOY"


def test_a_sync_call_of_an_async_tool_names_the_tool_and_the_way_out() -> None:
    """As the tools of MCP servers are. LangChain's error names neither."""

    async def look(place: str) -> str:
        """Look somewhere."""
        return f"nothing in {place}"

    theirs = StructuredTool.from_function(coroutine=look)
    with pytest.raises(SyncAsyncError, match=r"The tool 'look' is async.*Use `ainvoke`"):
        from_langchain(theirs).invoke({"place": "the sea"})
    assert asyncio.run(from_langchain(theirs).ainvoke({"place": "the sea"})) == "nothing in the sea"
