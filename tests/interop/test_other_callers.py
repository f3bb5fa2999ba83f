"""What servers, evaluators and caches of LangChain call, on objects of ours; real HTTP; MCP."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent as their_create_agent
from langchain_core.caches import InMemoryCache as TheirCache
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import BaseLanguageModel
from langchain_core.prompts import ChatPromptTemplate as TheirPrompt, PromptTemplate
from langchain_core.tools import tool as their_tool

from runnables import (
    AIMessage,
    ChatPromptTemplate,
    RunnableLambda,
    StrOutputParser,
    create_agent,
    from_langchain,
    mcp_tools,
    to_langchain,
    tool,
    tool_call,
    track_usage,
)
from runnables.testing import ReplayServer, StreamedResponse, sse_event
from runnables_providers.openai import ChatOpenAI
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.interop.their_models import TheirModel, asks_for
from tests.mcp.low_level import low_level

USAGE: Any = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}


@tool
def shout(text: str) -> str:
    """Shout."""
    return text.upper()


@their_tool
def whisper(text: str) -> str:
    """Whisper."""
    return text.lower()


def _model(*script: Any) -> ScriptedChatModel:
    return ScriptedChatModel(list(script) or ["Ahoy there!"], cycle=True, usage=USAGE)


# -- the callers


def test_a_metric_that_takes_a_language_model_takes_ours(call: Call) -> None:
    """Ragas and the like check the class, set no options, and call `generate_prompt`."""
    theirs = to_langchain(_model())
    assert isinstance(theirs, BaseLanguageModel)
    prompts = [PromptTemplate.from_template("{x}").invoke({"x": "Rate it."})] * 2
    result = call.run(
        lambda: theirs.generate_prompt(prompts, stop=["!"]),
        lambda: theirs.agenerate_prompt(prompts, stop=["!"]),
    )
    assert [answers[0].text for answers in result.generations] == ["Ahoy there"] * 2
    assert result.generations[0][0].message.usage_metadata == USAGE


def test_an_evaluator_that_takes_a_runnable_or_a_callable_takes_ours(call: Call) -> None:
    """LangSmith's `evaluate` calls `invoke` of a runnable with the inputs of an example."""
    chain = ChatPromptTemplate.from_template("{question}") | _model() | StrOutputParser()
    target = to_langchain(chain | (lambda text: {"output": text}))
    rows = [{"question": "Hi"}, {"question": "Ho"}]
    assert call.batch(target, rows) == [{"output": "Ahoy there!"}] * 2


def test_a_server_that_takes_a_runnable_takes_ours() -> None:
    """LangServe reads the schemas, binds a config, and streams."""
    theirs = to_langchain(ChatPromptTemplate.from_template("{question}") | _model())
    assert "question" in theirs.get_input_schema().model_json_schema()["properties"]
    assert theirs.with_config(tags=["a"]).invoke({"question": "Hi"}).content == "Ahoy there!"


def test_the_cache_of_langchain_holds_answers_of_our_model(call: Call) -> None:
    ours = _model("one", "two")
    theirs = to_langchain(ours)
    set_llm_cache(TheirCache())
    try:
        answers = [call.invoke(theirs, "Hello").content for _ in range(2)]
    finally:
        set_llm_cache(None)
    assert answers == ["one", "one"]
    assert len(ours.calls) == 1


# -- over HTTP


def _event(text: str, **more: Any) -> bytes:
    import json

    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return sse_event(json.dumps({"id": "c-1", "model": "m-1", "choices": [choice], **more}))


@pytest.mark.parametrize("end", ["stall", "complete"])
def test_leaving_the_stream_of_their_chain_closes_our_request(call: Call, end: Any) -> None:
    events = [_event(word) for word in ("one ", "two ", "three ", "four ")]
    with ReplayServer().listening() as server:
        server.enqueue(StreamedResponse(events, "text/event-stream", end=end))
        model = to_langchain(ChatOpenAI(model="m", base_url=server.url, api_key="k"))
        first = call.stream(model, "Hello", take=1)
        assert first[0].content == "one "
        if end == "stall":
            assert server.wait_for_disconnect()


# -- tools of three kinds


def test_our_agent_mixes_tools_of_ours_of_langchain_and_of_mcp(call: Call) -> None:
    requests = [
        asks_for("shout", {"text": "Ahoy"}, "c1"),
        asks_for("whisper", {"text": "Ahoy"}, "c2"),
        "Done.",
    ]
    with low_level() as (_, url), mcp_tools(url) as from_mcp:
        theirs = TheirModel(script=requests)
        agent = create_agent(theirs, [shout, whisper, *from_mcp])
        state = call.invoke(agent, "Go")
        offered = [one["function"]["name"] for one in theirs.calls[0][1]["tools"]]
    strings = [message.text for message in state["messages"]]
    assert strings == ["Go", "", "AHOY", "", "ahoy", "Done."]
    assert offered[:2] == ["shout", "whisper"]
    assert len(offered) > 2


def test_their_agent_takes_tools_of_mcp_from_us(call: Call) -> None:
    with low_level() as (_, url), mcp_tools(url) as from_mcp:
        ours = _model("Done.")
        agent = their_create_agent(
            to_langchain(ours), tools=[to_langchain(one) for one in from_mcp]
        )
        state = call.invoke(agent, {"messages": [("human", "Go")]})
        offered = {one["function"]["name"] for one in ours.calls[0].options["tools"]}
        assert offered == {one.name for one in from_mcp}
    assert state["messages"][-1].content == "Done."


# -- the border inside the border


def test_usage_is_counted_once_through_three_borders(call: Call) -> None:
    inner = to_langchain(ChatPromptTemplate.from_template("{x}") | _model())
    middle = from_langchain(inner | (lambda message: message.content))
    outer = TheirPrompt.from_template("{x}") | (lambda value: {"x": value.to_string()})
    chain = from_langchain(outer | to_langchain(RunnableLambda(dict) | middle))
    with track_usage() as usage:
        assert call.invoke(chain, {"x": "Hello"}) == "Ahoy there!"
    assert usage.calls == 1


def test_a_model_of_theirs_over_a_model_of_ours_is_reported_once(call: Call) -> None:
    bound = to_langchain(_model()).bind(temperature=0)
    ours = _model()
    chain = RunnableLambda(str) | to_langchain(ours).with_retry() | StrOutputParser()
    with track_usage() as usage:
        assert call.invoke(chain, "Hello") == "Ahoy there!"
        assert call.invoke(RunnableLambda(str) | bound, "Hello").text == "Ahoy there!"
    assert usage.calls == 2


def test_our_agent_answers_through_a_tool_of_langchain_that_calls_our_chain(call: Call) -> None:
    chain = ChatPromptTemplate.from_template("{text}") | _model() | StrOutputParser()

    @their_tool
    def ask(text: str) -> str:
        """Ask."""
        return chain.invoke({"text": text})

    request = AIMessage(tool_calls=[tool_call(name="ask", args={"text": "Hi"}, id="c1")])
    with track_usage() as usage:
        state = call.invoke(create_agent(_model(request, "Done."), [ask]), "Go")
    assert [message.text for message in state["messages"]] == ["Go", "", "Ahoy there!", "Done."]
    assert usage.calls == 3
