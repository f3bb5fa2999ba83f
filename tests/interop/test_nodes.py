"""Our chains in LangGraph's nodes: configs, interrupts, streams, and calls without a config."""

from __future__ import annotations

from typing import Any, TypedDict

import pytest
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.config import get_stream_writer
from langgraph.errors import GraphInterrupt
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

from runnables import RemoveMessage, RunnableLambda, ensure_config, to_langchain
from tests.both_modes import Call
from tests.interop.watching import Log, Trace


class State(TypedDict):
    """What the nodes pass on."""

    text: str


def graph(*nodes: Any) -> Any:
    """Return a compiled graph of nodes, one after the other."""
    made: Any = StateGraph(State)
    names = [START]
    for index, node in enumerate(nodes):
        made.add_node(f"node{index}", node)
        names.append(f"node{index}")
    for before, after in zip(names, [*names[1:], END], strict=True):
        made.add_edge(before, after)
    return made.compile(checkpointer=InMemorySaver())


def thread(**more: Any) -> Any:
    """Return the config of a conversation."""
    return {"configurable": {"thread_id": "1"}, **more}


UPPER = RunnableLambda(lambda state: {"text": state["text"].upper()}, name="upper")


@pytest.mark.parametrize("made", [UPPER, to_langchain(UPPER)], ids=["ours", "theirs"])
def test_our_runnable_is_a_node(made: Any, call: Call) -> None:
    """As it is, and converted."""
    trace = Trace()
    assert call.invoke(graph(made), {"text": "a"}, thread(callbacks=[trace])) == {"text": "A"}
    assert [name for _, name in trace.tree()][-1] == "upper"


INNER = RunnableLambda(str.upper) | (lambda text: text + "!")


def _implicit(state: Any) -> Any:
    return {"text": INNER.invoke(state["text"])}


def _explicit(state: Any, config: RunnableConfig) -> Any:
    return {"text": INNER.invoke(state["text"], config)}  # type: ignore[arg-type]


@pytest.mark.parametrize("node", [_implicit, _explicit], ids=["without a config", "with it"])
def test_a_chain_of_ours_in_a_node_is_reported_to_both(node: Any, call: Call) -> None:
    """Its runs are below the node, once, also where LangGraph's config is passed on."""
    trace, log = Trace(), Log()
    config = thread(callbacks=[trace, to_langchain(log)])
    assert call.invoke(graph(node), {"text": "a"}, config) == {"text": "A!"}
    log.check()
    expected = [(0, "LangGraph"), (1, "node0"), (2, "RunnableSequence")]
    expected += [(3, "upper"), (3, "RunnableLambda")]
    assert log.tree() == trace.tree() == expected


def test_a_node_removes_messages_of_the_state(call: Call) -> None:
    """By marks of ours, which become LangGraph's."""

    def only_last(state: Any) -> Any:
        return {"messages": [RemoveMessage(id=message.id) for message in state["messages"][:-1]]}

    made: Any = StateGraph(MessagesState)
    made.add_node("only_last", to_langchain(only_last))
    made.add_edge(START, "only_last")
    given = {"messages": [HumanMessage("a"), HumanMessage("b")]}
    assert [m.content for m in call.invoke(made.compile(), given)["messages"]] == ["b"]


def test_langgraphs_own_keys_do_not_reach_our_configurable(call: Call) -> None:
    """The user's do."""
    seen: list[dict[str, Any]] = []

    def node(state: Any) -> Any:
        seen.append(dict(ensure_config()["configurable"]))
        return state

    call.invoke(graph(RunnableLambda(node)), {"text": "a"}, thread())
    (configurable,) = seen
    assert configurable["thread_id"] == "1"
    assert not [key for key in configurable if key.startswith("__pregel_")]


def _ask(state: Any) -> Any:
    get_stream_writer()("asking")
    return {"text": f"{interrupt('name?')} {state['text']}"}


def test_an_interrupt_passes_our_policies(call: Call) -> None:
    """No retry runs the node again, and no fallback takes its place; it resumes."""
    tries: list[str] = []

    def ask(state: Any) -> Any:
        tries.append(state["text"])
        return _ask(state)

    node = RunnableLambda(ask).with_retry(wait_exponential_jitter=False)
    app = graph(node.with_fallbacks([lambda state: {"text": "swallowed"}]))
    stopped = call.invoke(app, {"text": "a"}, thread())
    assert [one.value for one in stopped["__interrupt__"]] == ["name?"]
    assert call.invoke(app, Command(resume="Bob"), thread()) == {"text": "Bob a"}
    assert tries == ["a", "a"]


def test_an_interrupt_is_no_failed_row(call: Call) -> None:
    """A batch that collects errors raises it."""

    def stop(_: Any) -> Any:
        raise GraphInterrupt

    with pytest.raises(GraphInterrupt):
        call.batch(RunnableLambda(stop), [1], return_exceptions=True)


def test_a_node_of_ours_writes_to_langgraphs_stream(call: Call) -> None:
    """`get_stream_writer` works in functions of ours, also in worker threads."""
    app = graph(RunnableLambda(_ask))

    async def collected() -> list[Any]:
        return [part async for part in app.astream({"text": "a"}, thread(), stream_mode="custom")]

    parts = call.run(
        lambda: list(app.stream({"text": "a"}, thread(), stream_mode="custom")), collected
    )
    assert parts == ["asking"]
