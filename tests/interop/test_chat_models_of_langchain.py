"""Chat models of LangChain in our chains: they are one of our models, with one run, ours."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.callbacks import UsageMetadataCallbackHandler, get_usage_metadata_callback
from langchain_core.language_models import (
    FakeListChatModel as TheirFake,
    GenericFakeChatModel as TheirGenericFake,
)
from langchain_core.messages import (
    AIMessage as TheirAIMessage,
    AIMessageChunk as TheirChunk,
    HumanMessage as TheirHumanMessage,
)
from pydantic import BaseModel

from runnables import (
    AIMessage,
    AIMessageChunk,
    ChatPromptTemplate,
    ConfigError,
    HumanMessage,
    InMemoryCache,
    RunnableLambda,
    StrOutputParser,
    SystemMessage,
    ToolMessage,
    create_agent,
    from_langchain,
    to_langchain,
    tool,
    track_usage,
)
from runnables.models import ChatModel
from tests.both_modes import Call
from tests.interop.their_models import (
    USAGE,
    AsyncTheirModel,
    PlainTheirModel,
    TheirModel,
    asks_for,
)

MODELS = [TheirModel, AsyncTheirModel]
"""A model that is sync alone, and one that has async methods of its own."""


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Recorder:
    """A handler that records kinds, names and types of runs."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def on_event(self, event: Any) -> None:
        self.events.append(event)

    def seen(self) -> list[tuple[str, str, str]]:
        return [(event.kind, event.run_type, event.name) for event in self.events]


def test_a_model_of_langchain_is_a_chat_model_of_ours() -> None:
    assert isinstance(from_langchain(TheirFake(responses=["Hi"])), ChatModel)


def test_what_was_converted_converts_back_to_the_same_object() -> None:
    theirs = TheirFake(responses=["Hi"])
    assert to_langchain(from_langchain(theirs)) is theirs


@pytest.mark.parametrize("model", MODELS)
def test_it_answers_with_a_message_of_ours(call: Call, model: Any) -> None:
    answer = call.invoke(from_langchain(model(script=["Ahoy there!"])), "Hello")
    assert type(answer) is AIMessage
    assert (answer.text, answer.usage_metadata) == ("Ahoy there!", USAGE)


@pytest.mark.parametrize("model", MODELS)
def test_it_gets_messages_of_langchain(call: Call, model: Any) -> None:
    theirs = model(script=["Hi"])
    call.invoke(from_langchain(theirs), [SystemMessage("Be brief."), HumanMessage("Hello")])
    messages, keywords = theirs.calls[0]
    assert [type(message).__module__.split(".")[0] for message in messages] == [
        "langchain_core"
    ] * 2
    assert [message.content for message in messages] == ["Be brief.", "Hello"]
    assert keywords == {}


@pytest.mark.parametrize("model", MODELS)
def test_it_streams_chunks_of_ours_with_the_usage(call: Call, model: Any) -> None:
    chunks = call.stream(from_langchain(model(script=["Ahoy there!"])), "Hello")
    assert {type(chunk) for chunk in chunks} == {AIMessageChunk}
    assert [chunk.text for chunk in chunks] == ["Ahoy ", "there!", ""]
    merged = AIMessageChunk.merge_chunks(chunks)
    assert (merged.text, merged.usage_metadata) == ("Ahoy there!", USAGE)


@pytest.mark.parametrize("model", MODELS)
def test_leaving_its_stream_closes_theirs(call: Call, model: Any) -> None:
    theirs = model(script=["one two three four five"])
    assert len(call.stream(from_langchain(theirs) | StrOutputParser(), "Hello", take=2)) == 2
    assert theirs.open_streams == 0


def test_a_model_with_neither_stream_nor_async_works(call: Call) -> None:
    ours = from_langchain(PlainTheirModel())
    assert call.invoke(ours, "Hello").text == "Ahoy there!"
    chunks = call.stream(ours, "Hello")
    assert [chunk.text for chunk in chunks] == ["Ahoy there!"]
    assert chunks[0].usage_metadata == USAGE


def test_reasoning_and_metadata_arrive_in_a_stream(call: Call) -> None:
    script = [
        TheirChunk([{"type": "thinking", "thinking": "Hm", "index": 0}]),
        TheirChunk([{"type": "thinking", "thinking": "m.", "signature": "s1", "index": 0}]),
        TheirChunk([{"type": "text", "text": "Yes", "index": 1}]),
        TheirChunk("", response_metadata={"model_name": "m-1", "finish_reason": "stop"}),
    ]
    chunks = call.stream(from_langchain(TheirModel(script=[script])), "Hello")
    answer = AIMessageChunk.merge_chunks(chunks)
    assert answer.text == "Yes"
    assert [block["type"] for block in answer.content_blocks] == ["reasoning", "text"]
    assert answer.content[0]["signature"] == "s1"
    assert answer.response_metadata["finish_reason"] == "stop"


# -- tools and structured output


def test_tools_go_through_bind_tools(call: Call) -> None:
    theirs = TheirModel(script=[asks_for("add", {"a": 1, "b": 2})])
    answer = call.invoke(from_langchain(theirs).bind_tools([add], tool_choice="add"), "1 + 2?")
    assert answer.tool_calls[0]["args"] == {"a": 1, "b": 2}
    keywords = theirs.calls[0][1]
    assert [tool["function"]["name"] for tool in keywords["tools"]] == ["add"]
    assert keywords["tool_choice"] == "add"


@pytest.mark.parametrize(
    ("choice", "sent"), [("any", "any"), (True, "any"), ("auto", "auto"), (None, None)]
)
def test_a_choice_has_the_word_that_all_of_their_models_take(choice: Any, sent: Any) -> None:
    theirs = TheirModel(script=["Hi"])
    from_langchain(theirs).bind_tools([add], tool_choice=choice).invoke("Hello")
    assert theirs.calls[0][1].get("tool_choice") == sent


def test_a_choice_of_no_tool_offers_none() -> None:
    theirs = TheirModel(script=["Hi"])
    from_langchain(theirs).bind_tools([add], tool_choice="none").invoke("Hello")
    assert theirs.calls[0][1] == {}


def test_tool_calls_stream_in_chunks(call: Call) -> None:
    script = [
        TheirChunk("", tool_call_chunks=[_part("add", '{"a": 1', "call_1")]),
        TheirChunk("", tool_call_chunks=[_part(None, ', "b": 2}', None)]),
    ]
    chunks = call.stream(from_langchain(TheirModel(script=[script])).bind_tools([add]), "1 + 2?")
    assert chunks[0].tool_calls[0]["args"] == {"a": 1}
    merged = AIMessageChunk.merge_chunks(chunks)
    assert merged.tool_calls[0]["args"] == {"a": 1, "b": 2}
    assert merged.tool_calls[0]["id"] == "call_1"


def _part(name: str | None, args: str, call_id: str | None) -> Any:
    return {"name": name, "args": args, "id": call_id, "index": 0, "type": "tool_call_chunk"}


def test_a_model_that_takes_no_tools_is_refused_when_tools_are_bound() -> None:
    with pytest.raises(ConfigError, match="PlainTheirModel takes no tools"):
        from_langchain(PlainTheirModel()).bind_tools([add]).invoke("Hello")


class Sea(BaseModel):
    """A sea."""

    name: str
    salty: bool = True


def test_structured_output_is_asked_for_by_function_calling(call: Call) -> None:
    theirs = TheirModel(script=[asks_for("Sea", {"name": "Baltic", "salty": False})])
    structured = from_langchain(theirs).with_structured_output(Sea)
    assert call.invoke(structured, "Name a sea.") == Sea(name="Baltic", salty=False)
    assert call.stream(structured, "Name a sea.")[-1] == Sea(name="Baltic", salty=False)
    assert theirs.calls[0][1]["tool_choice"] == "Sea"


# -- options


def test_options_are_passed_on_as_keywords(call: Call) -> None:
    theirs = TheirModel(script=["Hi"])
    call.invoke(from_langchain(theirs).bind(temperature=0, effort="low"), "Hello", stop=["."])
    assert theirs.calls[0][1] == {"temperature": 0, "effort": "low", "stop": ["."]}


def test_a_number_out_of_range_is_refused_before_the_call() -> None:
    theirs = TheirModel(script=["Hi"])
    with pytest.raises(ConfigError, match="temperature"):
        from_langchain(theirs).invoke("Hello", temperature=-1)
    assert theirs.calls == []


# -- events


@pytest.mark.parametrize("model", MODELS)
def test_one_run_is_reported_and_its_usage_once(call: Call, model: Any) -> None:
    recorder = Recorder()
    with track_usage() as usage:
        chain = ChatPromptTemplate.from_template("{x}") | model(script=["Ahoy"])
        call.invoke(chain, {"x": "Hello"}, {"callbacks": [recorder]})
    runs = [seen for seen in recorder.seen() if seen[1] == "chat_model"]
    assert runs == [("start", "chat_model", model.__name__), ("end", "chat_model", model.__name__)]
    assert (usage.calls, usage.total["total_tokens"]) == (1, 5)


@pytest.mark.parametrize("model", MODELS)
def test_a_stream_is_one_run_with_its_chunks(call: Call, model: Any) -> None:
    recorder = Recorder()
    with track_usage() as usage:
        call.stream(from_langchain(model(script=["one two"])), "Hi", {"callbacks": [recorder]})
    assert [kind for kind, _, _ in recorder.seen()] == ["start", "chunk", "chunk", "chunk", "end"]
    assert usage.calls == 1


def test_a_counter_of_langchain_around_our_chain_counts_once(call: Call) -> None:
    answer = TheirAIMessage("Hi", usage_metadata=USAGE, response_metadata={"model_name": "m-1"})
    chain = RunnableLambda(str) | TheirModel(script=[answer])
    with get_usage_metadata_callback() as counter:
        call.invoke(chain, "Hello")
    assert counter.usage_metadata["m-1"]["total_tokens"] == 5


def test_handlers_of_the_model_itself_hear_of_its_run(call: Call) -> None:
    counter = UsageMetadataCallbackHandler()
    answer = TheirAIMessage("Hi", usage_metadata=USAGE, response_metadata={"model_name": "m-1"})
    theirs = TheirModel(script=[answer], callbacks=[counter])
    with track_usage() as usage:
        call.invoke(from_langchain(theirs), "Hello")
    assert counter.usage_metadata["m-1"]["total_tokens"] == 5
    assert usage.calls == 1


# -- policies


class Busy(Exception):
    """An error of a client of a service."""

    status_code = 503


class Refused(Exception):
    """An error that a retry does not help."""

    status_code = 400


def test_errors_pass_with_their_class(call: Call) -> None:
    with pytest.raises(Refused):
        call.invoke(from_langchain(TheirModel(script=[Refused("no")])), "Hello")


def test_with_retry_and_fallbacks_work(call: Call) -> None:
    flaky = TheirModel(script=[Busy("busy"), "Hi"])
    assert call.invoke(from_langchain(flaky).with_retry(), "Hello").text == "Hi"
    broken = from_langchain(TheirModel(script=[Refused("no")]))
    assert call.invoke(broken.with_fallbacks([TheirModel(script=["Hi"])]), "Hello").text == "Hi"


def test_own_retries_are_for_errors_that_may_pass(call: Call) -> None:
    flaky = from_langchain(TheirModel(script=[Busy("busy"), "Hi"]))
    flaky.max_retries = 1
    assert call.invoke(flaky, "Hello").text == "Hi"
    refusing = from_langchain(TheirModel(script=[Refused("no"), "Hi"]))
    refusing.max_retries = 1
    with pytest.raises(Refused):
        call.invoke(refusing, "Hello")


def test_answers_are_cached(call: Call) -> None:
    theirs = TheirModel(script=["one", "two"])
    ours = from_langchain(theirs)
    ours.cache = InMemoryCache()
    assert [call.invoke(ours, "Hello").text for _ in range(2)] == ["one", "one"]
    assert len(theirs.calls) == 1


# -- where a model of theirs arrives by itself


def test_it_is_a_step_of_a_chain_as_it_is(call: Call) -> None:
    prompt = ChatPromptTemplate.from_template("{x}")
    chain = prompt | TheirGenericFake(messages=iter(["Ahoy there!"])) | StrOutputParser()
    assert call.stream(chain, {"x": "Hello"}) == ["Ahoy", " ", "there!"]


def test_create_agent_takes_it_as_it_is(call: Call) -> None:
    theirs = TheirModel(script=[asks_for("add", {"a": 1, "b": 2}), "It is 3."])
    with track_usage() as usage:
        state = call.invoke(create_agent(theirs, [add]), "1 + 2?")
    assert [message.text for message in state["messages"]] == ["1 + 2?", "", "3", "It is 3."]
    assert all(type(m).__module__.startswith("runnables") for m in state["messages"])
    assert type(state["messages"][2]) is ToolMessage
    assert usage.calls == 2
    assert theirs.calls[1][0][-1].type == "tool"


def test_messages_of_langchain_go_through_a_model_of_ours() -> None:
    ours = from_langchain(TheirModel(script=["Hi"]))
    assert ours.invoke([TheirHumanMessage("Hello"), TheirAIMessage("Ho"), HumanMessage("?")]).text
