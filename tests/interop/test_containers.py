"""Lists and dicts of objects, such as the state of a graph, that are converted as a whole."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.documents import Document as TheirDocument
from langchain_core.messages import HumanMessage as TheirHumanMessage
from langchain_core.runnables import Runnable as TheirRunnable
from langchain_core.tools import tool as their_tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph

from runnables import Document, HumanMessage, RunnableLambda, from_langchain, to_langchain, tool


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


OURS = [HumanMessage("Hi"), Document("bears"), 3, {"deep": [Document("seas")]}]
THEIRS: list[Any] = [
    TheirHumanMessage("Hi"),
    TheirDocument(page_content="bears"),
    3,
    {"deep": [TheirDocument(page_content="seas")]},
]


@pytest.mark.parametrize("make", [list, tuple], ids=["list", "tuple"])
def test_what_a_list_holds_is_converted_and_the_rest_stays(make: Any) -> None:
    """Documents that a loader has read, for example."""
    assert to_langchain(make(OURS)) == make(THEIRS)
    assert from_langchain(make(THEIRS)) == make(OURS)
    assert type(to_langchain(make(OURS))) is type(from_langchain(make(THEIRS))) is make


def test_a_list_of_tools_becomes_tools() -> None:
    @their_tool
    def double(a: int) -> int:
        """Double a number."""
        return 2 * a

    ours = from_langchain([double, add])
    assert [type(one).__module__.partition(".")[0] for one in ours] == ["runnables"] * 2
    assert ours[1] is add
    assert to_langchain(ours)[0] is double


def test_a_dict_with_messages_is_converted_as_a_value() -> None:
    """It cannot be a dict of steps: no step is a message."""
    state = {"messages": [HumanMessage("Hi")], "count": 1}
    assert to_langchain(state) == {"messages": [TheirHumanMessage("Hi")], "count": 1}
    assert from_langchain(to_langchain(state)) == state
    assert from_langchain({"count": 1}) == {"count": 1}


def test_a_dict_of_steps_is_still_a_runnable() -> None:
    made = to_langchain({"size": len, "same": RunnableLambda(str)})
    assert isinstance(made, TheirRunnable)
    assert made.invoke("abc") == {"size": 3, "same": "abc"}


def test_a_converted_state_updates_a_graph() -> None:
    """LangGraph reads the messages of an update itself, and knows only its own."""
    graph = StateGraph(MessagesState)
    graph.add_node("wait", RunnableLambda(lambda state: {}))
    graph.add_edge(START, "wait")
    compiled = graph.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "1"}}
    compiled.invoke(to_langchain({"messages": [HumanMessage("one")]}), config)
    compiled.update_state(config, to_langchain({"messages": [HumanMessage("two")]}))
    state = from_langchain(compiled.get_state(config).values)
    assert [(type(one), one.text) for one in state["messages"]] == [
        (HumanMessage, "one"),
        (HumanMessage, "two"),
    ]
