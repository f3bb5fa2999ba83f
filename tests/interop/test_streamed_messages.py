"""LangGraph's `stream_mode="messages"` with models and chains of ours: each answer comes once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk as TheirAIMessageChunk
from langgraph.graph import START, MessagesState, StateGraph

from runnables import (
    AIMessage,
    AIMessageChunk,
    ChatModel,
    ChatPromptTemplate,
    FakeMessagesListChatModel,
    HumanMessage,
    InMemoryCache,
    MessagesPlaceholder,
    RunnableLambda,
    create_agent,
    to_langchain,
    tool,
    tool_call,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.interop.watching import Log

CONVERSATION = {"messages": [("human", "Hi")]}
PROMPT = ChatPromptTemplate([("system", "Be short."), MessagesPlaceholder("messages")])
TEXT = "Ahoy there, friend!"


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def _as_state(message: Any) -> dict[str, Any]:
    return {"messages": [message]}


def _sum(chunks: Any) -> Any:
    total: Any = None
    for chunk in chunks:
        total = chunk if total is None else total + chunk
    return total


class Named(ChatModel):
    """A model whose service sends an id with its first chunk alone."""

    def _stream(self, messages: Any, options: Any) -> Iterator[AIMessageChunk]:
        for number, word in enumerate(TEXT.split(" ")):
            yield AIMessageChunk(word, id="msg_1" if number == 0 else None)


class Whole(ChatModel):
    """A model that does not stream."""

    def _generate(self, messages: Any, options: Any) -> AIMessage:
        return AIMessage(TEXT)


def _scripted(**settings: Any) -> ScriptedChatModel:
    return ScriptedChatModel([TEXT], cycle=True, **settings)


MODELS = {
    "streams": _scripted,
    "has an id": Named,
    "does not stream": Whole,
    "same object again": lambda: FakeMessagesListChatModel(responses=[AIMessage(TEXT)]),
    "cached": lambda: _scripted(cache=InMemoryCache()),
    "retried": lambda: _scripted(max_retries=1),
}


def _chain(model: Any) -> Any:
    return PROMPT | model | _as_state


NODES: dict[str, Any] = {
    "a bare chain": _chain,
    "a converted chain": lambda model: to_langchain(_chain(model)),
    "a converted model": lambda model: (
        lambda state: _as_state(to_langchain(model).invoke(state["messages"]))
    ),
    "a function of ours": lambda model: to_langchain(
        RunnableLambda(lambda state: _as_state(model.invoke(state["messages"])))
    ),
    "invoked in a node": lambda model: (
        lambda state: _as_state(to_langchain((PROMPT | model).invoke(state)))
    ),
    "streamed in a node": lambda model: (
        lambda state: _as_state(to_langchain(_sum((PROMPT | model).stream(state))))
    ),
    "with a retry": lambda model: _chain(model.with_retry()),
}


def _graph(node: Any) -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node("answer", node)
    builder.add_edge(START, "answer")
    return builder.compile()


@pytest.mark.parametrize("node", NODES)
@pytest.mark.parametrize("model", MODELS)
def test_an_answer_comes_once(model: str, node: str, call: Call) -> None:
    """All its chunks have one id, by which LangGraph knows the answer in the state of the node."""
    graph = _graph(NODES[node](MODELS[model]()))
    for _ in range(2):  # another call of the same model has its own
        pairs = call.stream(graph, CONVERSATION, stream_mode="messages")
        messages = [message for message, _ in pairs]
        assert "".join(message.text for message in messages).replace(" ", "") == "Ahoythere,friend!"
        assert len({message.id for message in messages if message.text}) == 1


@pytest.mark.parametrize("node", ["a bare chain", "a function of ours", "invoked in a node"])
def test_the_tokens_of_an_answer_come_as_chunks(node: str, call: Call) -> None:
    pairs = call.stream(_graph(NODES[node](_scripted())), CONVERSATION, stream_mode="messages")
    assert {type(message) for message, _ in pairs} == {TheirAIMessageChunk}
    assert len(pairs) > 3


def test_a_token_comes_before_the_next_is_made() -> None:
    """The model waits until the first token has arrived at the reader of the graph."""
    arrived = threading.Event()

    class Waits(ChatModel):
        """A model that yields its second chunk once the first has been read."""

        def _stream(self, messages: Any, options: Any) -> Iterator[AIMessageChunk]:
            yield AIMessageChunk("Ahoy")
            assert arrived.wait(30)
            yield AIMessageChunk("!")

    found = []
    for message, _ in _graph(_chain(Waits())).stream(CONVERSATION, stream_mode="messages"):
        found.append(message.text)
        arrived.set()
    assert found == ["Ahoy", "!"]


def test_each_answer_and_result_of_our_agent_comes_once(call: Call) -> None:
    calls = AIMessage(tool_calls=[tool_call(name="add", args={"a": 1, "b": 2}, id="c1")])
    agent = create_agent(ScriptedChatModel([calls, "It is 3."]), [add])
    pairs = call.stream(_graph(to_langchain(agent)), CONVERSATION, stream_mode="messages")
    by_id: dict[str, list[Any]] = {}
    for message, _ in pairs:
        by_id.setdefault(message.id, []).append(message)
    answers = ["".join(part.text for part in parts) for parts in by_id.values()]
    assert sorted(answers) == ["", "3", "It is 3."]  # LangGraph reports results at the node's end


def test_messages_of_the_input_do_not_come(call: Call) -> None:
    """They have passed through our steps, and have their ids still."""
    node = RunnableLambda(lambda state: {"messages": state["messages"]})
    graph = _graph(to_langchain(node))
    state = {"messages": [HumanMessage("Hi", id="h1"), AIMessage("Ahoy", id="a1")]}
    assert (
        call.stream(graph, to_langchain(RunnableLambda(dict)).invoke(state), stream_mode="messages")
        == []
    )


def test_two_answers_of_a_node_have_two_ids(call: Call) -> None:
    model = _scripted()

    def both(state: Any) -> Any:
        return {"messages": [model.invoke(state["messages"]), model.invoke(state["messages"])]}

    pairs = call.stream(
        _graph(to_langchain(RunnableLambda(both))), CONVERSATION, stream_mode="messages"
    )
    assert len({message.id for message, _ in pairs}) == 2
    assert "".join(message.text for message, _ in pairs) == TEXT + TEXT


def test_an_answer_gets_no_id_where_no_handler_of_theirs_listens(call: Call) -> None:
    model = _scripted()
    for config in (None, {"callbacks": [Log()]}):
        assert call.invoke(model, "Hi", config).id is None
        assert {chunk.id for chunk in call.stream(model, "Hi", config)} == {None}
