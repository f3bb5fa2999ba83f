"""Our chains in graphs of LangGraph, and compiled graphs in our pipes."""

from __future__ import annotations

import operator
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import (
    AIMessage as TheirAIMessage,
    HumanMessage as TheirHumanMessage,
    ToolMessage as TheirToolMessage,
)
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, create_react_agent
from langgraph.types import Command, interrupt

from runnables import (
    AIMessage,
    ChatPromptTemplate,
    ConfigError,
    HumanMessage,
    RunnableLambda,
    RunnablePassthrough,
    StrOutputParser,
    from_langchain,
    to_langchain,
    tool,
    tool_call,
    track_usage,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call

USAGE: Any = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
ADDS = AIMessage(tool_calls=[tool_call(name="add", args={"a": 1, "b": 2}, id="c1")])


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class State(TypedDict, total=False):
    """The state of the graphs below."""

    question: str
    answer: str
    log: Annotated[list[str], operator.add]


def _model(*script: Any) -> ScriptedChatModel:
    return ScriptedChatModel(list(script) or ["Ahoy there!"], cycle=True, usage=USAGE)


def _answering(node: Any) -> Any:
    builder = StateGraph(State)
    builder.add_node("answer", node)
    builder.add_edge(START, "answer")
    builder.add_edge("answer", END)
    return builder.compile()


def _chain(model: Any) -> Any:
    return ChatPromptTemplate.from_template("{question}") | model | StrOutputParser()


# -- ours as nodes, and inside nodes


def test_a_chain_of_ours_is_a_node(call: Call) -> None:
    node = to_langchain(_chain(_model()) | (lambda text: {"answer": text}))
    assert call.invoke(_answering(node), {"question": "Hi"})["answer"] == "Ahoy there!"


def test_the_tokens_of_a_node_stream_in_the_mode_messages(call: Call) -> None:
    node = to_langchain(_chain(_model()) | (lambda text: {"answer": text}))
    pairs = call.stream(_answering(node), {"question": "Hi"}, stream_mode="messages")
    assert "".join(message.content for message, _ in pairs) == "Ahoy there!"
    assert {metadata["langgraph_node"] for _, metadata in pairs} == {"answer"}


def test_a_chain_of_ours_inside_a_node_streams_its_tokens(call: Call) -> None:
    chain = _chain(_model())

    def answer(state: State) -> State:
        return {"answer": chain.invoke(state)}

    async def aanswer(state: State) -> State:
        return {"answer": await chain.ainvoke(state)}

    graph = _answering(answer if call.mode == "sync" else aanswer)
    pairs = call.stream(graph, {"question": "Hi"}, stream_mode="messages")
    assert "".join(message.content for message, _ in pairs) == "Ahoy there!"


def test_usage_inside_nodes_is_counted_once(call: Call) -> None:
    chain = _chain(_model())

    def answer(state: State) -> State:
        return {"answer": chain.invoke(state)}

    with track_usage() as usage:
        call.invoke(_answering(answer), {"question": "Hi"})
        call.invoke(
            _answering(to_langchain(chain | (lambda text: {"answer": text}))), {"question": "?"}
        )
    assert usage.calls == 2


def test_a_model_for_langchain_is_called_inside_a_node(call: Call) -> None:
    model = to_langchain(_model())

    def answer(state: MessagesState) -> Any:
        return {"messages": [model.invoke(state["messages"])]}

    builder = StateGraph(MessagesState)
    builder.add_node("answer", answer)
    builder.add_edge(START, "answer")
    graph = builder.compile()
    with track_usage() as usage:
        state = call.invoke(graph, {"messages": [("human", "Hi")]})
    assert [type(message) for message in state["messages"]] == [TheirHumanMessage, TheirAIMessage]
    assert usage.calls == 1
    pairs = call.stream(graph, {"messages": [("human", "Hi")]}, stream_mode="messages")
    assert "".join(message.content for message, _ in pairs) == "Ahoy there!"


def test_an_interrupt_goes_through_our_retry_and_our_fallbacks(call: Call) -> None:
    asked = []

    def ask(state: State) -> State:
        asked.append(state)
        return {"answer": interrupt("Really?")}

    node = RunnableLambda(ask).with_retry(stop_after_attempt=3).with_fallbacks([lambda _: {}])
    builder = StateGraph(State)
    builder.add_node("ask", to_langchain(node))
    builder.add_edge(START, "ask")
    graph = builder.compile(checkpointer=InMemorySaver())
    thread: Any = {"configurable": {"thread_id": "1"}}
    paused = call.invoke(graph, {"question": "Hi"}, thread)
    assert paused["__interrupt__"][0].value == "Really?"
    assert len(asked) == 1
    assert call.invoke(graph, Command(resume="yes"), thread)["answer"] == "yes"


def test_an_error_of_a_node_keeps_its_class(call: Call) -> None:
    def fail(state: Any) -> Any:
        raise KeyError("no")

    with pytest.raises(KeyError):
        call.invoke(_answering(to_langchain(RunnableLambda(fail))), {"question": "Hi"})


# -- tools and agents


def test_the_tool_node_runs_our_tools(call: Call) -> None:
    builder = StateGraph(MessagesState)
    builder.add_node("tools", ToolNode([to_langchain(add)]))
    builder.add_edge(START, "tools")
    request = {"name": "add", "args": {"a": 1, "b": 2}, "id": "c1", "type": "tool_call"}
    state = call.invoke(builder.compile(), {"messages": [TheirAIMessage("", tool_calls=[request])]})
    answer = state["messages"][-1]
    assert (type(answer), answer.content, answer.tool_call_id) == (TheirToolMessage, "3", "c1")


@pytest.mark.filterwarnings("ignore::langgraph.warnings.LangGraphDeprecatedSinceV10")
def test_the_react_agent_runs_our_model_and_our_tools(call: Call) -> None:
    ours = _model(ADDS, "It is 3.")
    agent = create_react_agent(to_langchain(ours), [to_langchain(add)])
    with track_usage() as usage:
        state = call.invoke(agent, {"messages": [("human", "1 + 2?")]})
    assert [message.content for message in state["messages"]] == ["1 + 2?", "", "3", "It is 3."]
    assert [tool["function"]["name"] for tool in ours.calls[0].options["tools"]] == ["add"]
    assert usage.calls == 2


@pytest.mark.filterwarnings("ignore::langgraph.warnings.LangGraphDeprecatedSinceV10")
def test_a_bare_model_of_ours_is_refused_by_the_react_agent(call: Call) -> None:
    with pytest.raises(TypeError, match="to_langchain"):
        agent = create_react_agent(_model(ADDS), [to_langchain(add)])
        call.invoke(agent, {"messages": [("human", "1 + 2?")]})


# -- graphs in our pipes


def _counting() -> Any:
    builder = StateGraph(State)
    builder.add_node("first", lambda state: {"log": ["first"]})
    builder.add_node("second", lambda state: {"log": ["second"], "answer": "done"})
    builder.add_edge(START, "first")
    builder.add_edge("first", "second")
    return builder.compile()


def test_a_graph_is_a_step_that_returns_its_state(call: Call) -> None:
    chain = RunnablePassthrough() | _counting() | (lambda state: state["answer"])
    assert call.invoke(chain, {"question": "Hi"}) == "done"
    assert call.stream(chain, {"question": "Hi"}) == ["done"]


def test_the_stream_of_a_graph_is_its_state_after_each_step(call: Call) -> None:
    states = call.stream(from_langchain(_counting()), {"question": "Hi", "log": []})
    assert [state["log"] for state in states] == [[], ["first"], ["first", "second"]]
    assert states[-1] == call.invoke(from_langchain(_counting()), {"question": "Hi", "log": []})


def test_another_mode_of_streaming_can_be_asked_for(call: Call) -> None:
    updates = call.stream(from_langchain(_counting()), {"question": "Hi"}, stream_mode="updates")
    assert [list(update) for update in updates] == [["first"], ["second"]]


def test_leaving_a_graph_in_our_pipe_runs_no_more_nodes(call: Call) -> None:
    ran: list[str] = []

    def node(name: str) -> Any:
        def run(state: State) -> State:
            ran.append(name)
            return {"log": [name]}

        return run

    builder = StateGraph(State)
    names = ["a", "b", "c", "d"]
    for name in names:
        builder.add_node(name, node(name))
    for name, following in zip([START, *names], names, strict=False):
        builder.add_edge(name, following)
    chain = from_langchain(builder.compile())
    assert len(call.stream(chain, {"question": "Hi"}, take=2)) == 2
    assert "d" not in ran


def test_messages_of_a_state_are_ours_in_our_pipe(call: Call) -> None:
    builder = StateGraph(MessagesState)
    builder.add_node("answer", lambda state: {"messages": [TheirAIMessage("Ahoy!")]})
    builder.add_edge(START, "answer")
    graph = from_langchain(builder.compile())
    state = call.invoke(graph, {"messages": [HumanMessage("Hi")]})
    assert [type(message) for message in state["messages"]] == [HumanMessage, AIMessage]
    last = call.stream(graph, {"messages": [HumanMessage("Hi")]})[-1]
    assert [message.text for message in last["messages"]] == ["Hi", "Ahoy!"]


def test_a_thread_of_a_checkpointer_goes_on(call: Call) -> None:
    builder = StateGraph(State)
    builder.add_node("note", lambda state: {"log": [state["question"]]})
    builder.add_edge(START, "note")
    graph = from_langchain(builder.compile(checkpointer=InMemorySaver()))
    thread: Any = {"configurable": {"thread_id": "1"}}
    call.invoke(graph, {"question": "one"}, thread)
    assert call.invoke(graph, {"question": "two"}, thread)["log"] == ["one", "two"]


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_an_option_that_langgraph_does_not_know_is_refused(way: str, call: Call) -> None:
    """It would drop the option silently."""
    graph = from_langchain(_counting())
    with pytest.raises(ConfigError, match="Did you mean 'stream_mode'"):
        getattr(call, way)(graph, {"question": "Hi"}, strem_mode="updates")
    assert getattr(call, way)(graph, {"question": "Hi"}, context=None)
