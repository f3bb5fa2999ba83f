"""Agents of both libraries, with models and tools of the other."""

from __future__ import annotations

from typing import Any

from langchain.agents import create_agent as their_create_agent
from langchain.agents.middleware import (
    ModelCallLimitMiddleware,
    SummarizationMiddleware,
    wrap_model_call,
    wrap_tool_call,
)
from langchain.agents.structured_output import ToolStrategy
from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.messages import ToolMessage as TheirToolMessage
from langchain_core.tools import tool as their_tool
from pydantic import BaseModel

from runnables import (
    AIMessage,
    ChatPromptTemplate,
    RunnablePassthrough,
    ToolMessage,
    create_agent,
    from_langchain,
    to_langchain,
    tool,
    tool_call,
    track_usage,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.interop.their_models import TheirModel, asks_for

USAGE: Any = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
ADDS = AIMessage(tool_calls=[tool_call(name="add", args={"a": 1, "b": 2}, id="c1")])


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@their_tool
def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


class Sum(BaseModel):
    """A sum."""

    value: int


def _model(*script: Any, **settings: Any) -> ScriptedChatModel:
    metadata = {"model_name": "m-1"}
    return ScriptedChatModel(
        list(script), cycle=True, usage=USAGE, response_metadata=metadata, **settings
    )


def _strings_of(state: Any) -> list[str]:
    return [message.text for message in state["messages"]]


# -- create_agent of LangChain


def test_their_agent_runs_our_model_with_tools_of_both(call: Call) -> None:
    ours = _model(ADDS, "It is 3.")
    agent = their_create_agent(to_langchain(ours), tools=[to_langchain(add), multiply])
    counter = UsageMetadataCallbackHandler()
    with track_usage() as usage:
        state = call.invoke(agent, {"messages": [("human", "1 + 2?")]}, {"callbacks": [counter]})
    assert _strings_of(state) == ["1 + 2?", "", "3", "It is 3."]
    names = [tool["function"]["name"] for tool in ours.calls[0].options["tools"]]
    assert names == ["add", "multiply"]
    assert usage.calls == 2
    assert counter.usage_metadata["m-1"]["total_tokens"] == 10


def test_middleware_of_their_agent_sees_our_model_and_our_tools(call: Call) -> None:
    seen: list[str] = []

    @wrap_model_call
    def around_model(request: Any, handler: Any) -> Any:
        seen.append(type(request.model).__name__)
        return handler(request)

    @wrap_model_call
    async def around_amodel(request: Any, handler: Any) -> Any:
        seen.append(type(request.model).__name__)
        return await handler(request)

    @wrap_tool_call
    def around_tool(request: Any, handler: Any) -> Any:
        seen.append(request.tool.name)
        return handler(request)

    @wrap_tool_call
    async def around_atool(request: Any, handler: Any) -> Any:
        seen.append(request.tool.name)
        return await handler(request)

    own: list[Any] = (
        [around_model, around_tool] if call.mode == "sync" else [around_amodel, around_atool]
    )
    agent = their_create_agent(
        to_langchain(_model(ADDS, "It is 3.")),
        tools=[to_langchain(add)],
        middleware=[*own, ModelCallLimitMiddleware(run_limit=5)],
    )
    assert _strings_of(call.invoke(agent, {"messages": [("human", "1 + 2?")]}))[-1] == "It is 3."
    assert seen == ["ChatModelForLangChain", "add", "ChatModelForLangChain"]


def test_their_summaries_are_written_by_our_model(call: Call) -> None:
    summarizer = _model("They greeted.")
    agent = their_create_agent(
        to_langchain(_model("Bye.")),
        middleware=[
            SummarizationMiddleware(
                to_langchain(summarizer), trigger=("messages", 4), keep=("messages", 1)
            )
        ],
    )
    talk = [
        ("human", "Hi"),
        ("ai", "Hello"),
        ("human", "How are you?"),
        ("ai", "Well."),
        ("human", "Bye"),
    ]
    state = call.invoke(agent, {"messages": talk})
    assert len(summarizer.calls) == 1
    assert "They greeted." in _strings_of(state)[0]


def test_their_agent_asks_our_model_for_a_structured_response(call: Call) -> None:
    native = their_create_agent(to_langchain(_model('{"value": 3}')), response_format=Sum)
    state = call.invoke(native, {"messages": [("human", "1 + 2?")]})
    assert state["structured_response"] == Sum(value=3)
    request = AIMessage(tool_calls=[tool_call(name="Sum", args={"value": 3}, id="c1")])
    by_tool = their_create_agent(to_langchain(_model(request)), response_format=ToolStrategy(Sum))
    state = call.invoke(by_tool, {"messages": [("human", "1 + 2?")]})
    assert state["structured_response"] == Sum(value=3)


def test_their_agent_streams_the_tokens_of_our_model(call: Call) -> None:
    agent = their_create_agent(to_langchain(_model(ADDS, "It is 3.")), tools=[to_langchain(add)])
    pairs = call.stream(agent, {"messages": [("human", "1 + 2?")]}, stream_mode="messages")
    tokens = [message.text for message, _ in pairs if type(message) is not TheirToolMessage]
    assert [token for token in tokens if token] == ["It", " ", "is", " ", "3."]


def test_their_agent_is_a_step_of_ours(call: Call) -> None:
    agent = their_create_agent(to_langchain(_model(ADDS, "It is 3.")), tools=[to_langchain(add)])
    prompt = ChatPromptTemplate.from_template("{question}")
    ask = prompt | (lambda value: {"messages": value.to_messages()})
    chain = ask | agent | (lambda state: state["messages"][-1])
    with track_usage() as usage:
        answer = call.invoke(chain, {"question": "1 + 2?"})
    assert (type(answer), answer.text) == (AIMessage, "It is 3.")
    assert usage.calls == 2


# -- create_agent of ours


def test_our_agent_runs_their_model_with_tools_of_both(call: Call) -> None:
    script = [asks_for("add", {"a": 1, "b": 2}), asks_for("multiply", {"a": 3, "b": 4}), "12"]
    with track_usage() as usage:
        state = call.invoke(create_agent(TheirModel(script=script), [add, multiply]), "(1+2)*4?")
    assert _strings_of(state) == ["(1+2)*4?", "", "3", "", "12", "12"]
    assert [type(message) for message in state["messages"][2::2]][:2] == [ToolMessage, ToolMessage]
    assert usage.calls == 3


def test_our_agent_streams_their_model(call: Call) -> None:
    theirs = TheirModel(script=[asks_for("add", {"a": 1, "b": 2}), "It is 3."])
    states = call.stream(create_agent(theirs, [add]), "1 + 2?")
    assert "".join(text for state in states for text in _strings_of(state)).endswith("It is 3.")


def test_our_agent_asks_their_model_for_a_structured_response(call: Call) -> None:
    theirs = TheirModel(script=["I think 3.", asks_for("Sum", {"value": 3})])
    state = call.invoke(create_agent(theirs, response_format=Sum), "1 + 2?")
    assert state["structured_response"] == Sum(value=3)


def test_our_agent_takes_their_model_with_a_retry_of_ours(call: Call) -> None:
    theirs = from_langchain(TheirModel(script=[TimeoutError(), "Hi"])).with_retry()
    assert _strings_of(call.invoke(create_agent(theirs), "Hello"))[-1] == "Hi"


def test_our_agent_is_a_step_of_a_chain_of_langchain(call: Call) -> None:
    agent = create_agent(_model(ADDS, "It is 3."), [add])
    chain = to_langchain(RunnablePassthrough() | agent)
    state = call.invoke(chain, "1 + 2?")
    assert type(state["messages"][2]) is TheirToolMessage
    assert state["messages"][-1].content == "It is 3."
