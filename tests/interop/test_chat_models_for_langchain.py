"""Our chat models in LangChain: real `BaseChatModel` objects, whose runs are LangChain's."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any, get_type_hints

import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.callbacks import (
    BaseCallbackHandler,
    UsageMetadataCallbackHandler,
    get_usage_metadata_callback,
)
from langchain_core.globals import set_llm_cache
from langchain_core.language_models import (
    LLM as TheirLLM,
    BaseChatModel,
    FakeListLLM as TheirFakeListLLM,
)
from langchain_core.messages import (
    AIMessage as TheirAIMessage,
    AIMessageChunk as TheirChunk,
    HumanMessage as TheirHumanMessage,
)
from langchain_core.output_parsers import StrOutputParser as TheirStrOutputParser
from langchain_core.prompts import ChatPromptTemplate as TheirPrompt
from langchain_core.tools import tool as their_tool
from pydantic import BaseModel

from runnables import (
    AIMessage,
    AIMessageChunk,
    ChatModel,
    ConfigError,
    FakeListLLM,
    FakeStreamingListLLM,
    RateLimitError,
    RunnableLambda,
    ServerError,
    from_langchain,
    to_langchain,
    tool,
    tool_call,
    track_usage,
)
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call

USAGE: Any = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@their_tool
def multiply(a: int, b: int) -> int:
    """Multiply two numbers."""
    return a * b


class Sea(BaseModel):
    """A sea."""

    name: str


class Log(BaseCallbackHandler):
    """A handler of LangChain that records what it receives."""

    def __init__(self) -> None:
        self.starts: list[Any] = []
        self.tokens: list[str] = []
        self.ends: list[Any] = []
        self.errors: list[BaseException] = []

    def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        self.starts.append((serialized, messages, kwargs))

    def on_llm_new_token(self, token: Any, **kwargs: Any) -> None:
        self.tokens.append(token)

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        self.ends.append(response)

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        self.errors.append(error)


def _model(*script: Any, **settings: Any) -> ScriptedChatModel:
    return ScriptedChatModel(list(script) or ["Ahoy there!"], cycle=True, usage=USAGE, **settings)


def test_it_is_a_chat_model_of_langchain_and_converts_back() -> None:
    ours = _model()
    theirs = to_langchain(ours)
    assert isinstance(theirs, BaseChatModel)
    assert from_langchain(theirs) is ours


def test_it_answers_with_a_message_of_langchain(call: Call) -> None:
    answer = call.invoke(to_langchain(_model(model="m-1")), [TheirHumanMessage("Hello")])
    assert type(answer) is TheirAIMessage
    assert (answer.content, answer.usage_metadata) == ("Ahoy there!", USAGE)
    assert answer.response_metadata["model_name"] == "m-1"


def test_it_streams_chunks_of_langchain(call: Call) -> None:
    chunks = call.stream(to_langchain(_model()), "Hello")
    assert {type(chunk) for chunk in chunks} == {TheirChunk}
    assert [chunk.content for chunk in chunks] == ["Ahoy", " ", "there!"]
    assert sum(chunks[1:], chunks[0]).usage_metadata == USAGE


def test_reasoning_and_its_signature_stream(call: Call) -> None:
    script = [
        AIMessageChunk([{"type": "reasoning", "reasoning": "Hm", "index": 0}]),
        AIMessageChunk([{"type": "text", "text": "Yes", "index": 1}], chunk_position="last"),
    ]
    chunks = call.stream(to_langchain(ScriptedChatModel([script])), "Hello")
    whole = sum(chunks[1:], chunks[0])
    assert [block["type"] for block in whole.content] == ["reasoning", "text"]


def test_it_is_a_step_of_a_chain_of_langchain(call: Call) -> None:
    chain = TheirPrompt.from_template("{x}") | to_langchain(_model()) | TheirStrOutputParser()
    assert call.invoke(chain, {"x": "Hello"}) == "Ahoy there!"
    assert call.stream(chain, {"x": "Hello"}) == ["Ahoy", " ", "there!"]


# -- tools and structured output


def test_tools_of_both_libraries_can_be_bound(call: Call) -> None:
    ours = _model(AIMessage(tool_calls=[tool_call(name="add", args={"a": 1, "b": 2}, id="c1")]))
    bound = to_langchain(ours).bind_tools([add, multiply], tool_choice="any", strict=True)
    answer = call.invoke(bound, "1 + 2?")
    assert answer.tool_calls[0]["args"] == {"a": 1, "b": 2}
    options = ours.calls[0].options
    assert [tool["function"]["name"] for tool in options["tools"]] == ["add", "multiply"]
    assert [tool["function"]["strict"] for tool in options["tools"]] == [True, True]
    assert options["tool_choice"] == "required"


@pytest.mark.parametrize("bad", [{"tool_choice": "ad"}, {"temprature": 0}])
def test_a_bad_choice_or_keyword_is_refused_when_it_is_bound(bad: Any) -> None:
    with pytest.raises(ConfigError, match=r"Did you mean '(add|temperature)'"):
        to_langchain(_model()).bind_tools([add], **bad)


def test_keywords_that_say_how_to_call_are_dropped(call: Call) -> None:
    ours = _model()
    call.invoke(to_langchain(ours), "Hello", stream=False, ls_structured_output_format={})
    assert ours.calls[0].options == {}


def test_an_unknown_keyword_is_refused_with_the_near_name(call: Call) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'temperature'"):
        call.invoke(to_langchain(_model()), "Hello", temprature=0)


def test_stop_sequences_reach_our_model(call: Call) -> None:
    ours = _model()
    assert call.invoke(to_langchain(ours), "Hello", stop=[" "]).content == "Ahoy"
    assert ours.calls[0].options == {"stop": [" "]}


def test_structured_output_is_ours(call: Call) -> None:
    structured = to_langchain(_model('{"name": "Baltic"}')).with_structured_output(Sea)
    assert call.invoke(structured, "Name a sea.") == Sea(name="Baltic")
    assert call.stream(structured, "Name a sea.")[-1] == Sea(name="Baltic")


def test_the_raw_answer_is_a_message_of_langchain(call: Call) -> None:
    theirs = to_langchain(_model('{"name": "Baltic"}'))
    answer = call.invoke(theirs.with_structured_output(Sea, include_raw=True), "Name a sea.")
    assert type(answer["raw"]) is TheirAIMessage
    assert (answer["parsed"], answer["parsing_error"]) == (Sea(name="Baltic"), None)


# -- what handlers of both hear


def test_handlers_of_langchain_hear_of_one_run_with_its_tokens(call: Call) -> None:
    log = Log()
    call.stream(to_langchain(_model(model="m-1")), "Hello", {"callbacks": [log]})
    assert [token for token in log.tokens if token] == ["Ahoy", " ", "there!"]
    assert len(log.starts) == len(log.ends) == 1
    serialized, messages, kwargs = log.starts[0]
    assert serialized["name"] == "ScriptedChatModel"
    assert type(messages[0][0]) is TheirHumanMessage
    assert kwargs["invocation_params"]["model_name"] == "m-1"
    assert kwargs["metadata"]["ls_model_name"] == "m-1"
    assert kwargs["metadata"]["ls_provider"] == "scripted"


@pytest.mark.parametrize("streamed", [False, True], ids=["invoke", "stream"])
def test_usage_is_counted_once_by_both(call: Call, streamed: bool) -> None:
    theirs = to_langchain(_model(model="m-1"))
    counter = UsageMetadataCallbackHandler()
    run = call.stream if streamed else call.invoke
    with track_usage() as usage, get_usage_metadata_callback() as ambient:
        run(theirs, "Hello", {"callbacks": [counter]})
    assert (usage.calls, usage.total["total_tokens"]) == (1, 5)
    assert counter.usage_metadata["m-1"]["total_tokens"] == 5
    assert ambient.usage_metadata["m-1"]["total_tokens"] == 5


@pytest.mark.parametrize("streamed", [False, True], ids=["invoke", "stream"])
def test_usage_is_counted_once_two_borders_deep(call: Call, streamed: bool) -> None:
    inner = to_langchain(_model(response_metadata={"model_name": "m-1"}))
    outer = RunnableLambda(lambda value: value) | (
        TheirPrompt.from_template("{x}") | inner | TheirStrOutputParser()
    )
    chain = to_langchain(outer)
    counter = UsageMetadataCallbackHandler()
    run = call.stream if streamed else call.invoke
    with track_usage() as usage:
        run(chain, {"x": "Hello"}, {"callbacks": [counter]})
    assert usage.calls == 1
    assert counter.usage_metadata["m-1"]["total_tokens"] == 5


def test_an_error_keeps_its_class_and_is_reported(call: Call) -> None:
    log = Log()
    with pytest.raises(RateLimitError):
        call.invoke(to_langchain(_model(RateLimitError("slow down"))), "Hi", {"callbacks": [log]})
    assert isinstance(log.errors[0], RateLimitError)


# -- streams that are left, copies, policies


def test_leaving_its_stream_closes_ours(call: Call) -> None:
    ours = _model("one two three four five")
    assert len(call.stream(to_langchain(ours), "Hello", take=2)) == 2
    assert (ours.opened, ours.closed) == (1, 1)


def test_a_model_with_a_retry_around_it_is_a_chat_model_too(call: Call) -> None:
    ours = _model(ServerError("down"), "Hi").with_retry()
    theirs = to_langchain(ours)
    assert isinstance(theirs, BaseChatModel)
    assert call.invoke(theirs.bind_tools([add]), "Hello").content == "Hi"


def test_our_fallbacks_work_in_langchain(call: Call) -> None:
    theirs = to_langchain(_model(ServerError("down")).with_fallbacks([_model("Hi")]))
    assert call.invoke(theirs, "Hello").content == "Hi"


def test_fallbacks_of_langchain_bind_tools_and_a_schema(call: Call) -> None:
    answer = AIMessage(tool_calls=[tool_call(name="add", args={"a": 1, "b": 2}, id="c1")])
    first, second = _model(ServerError("down"), ServerError("down")), _model(answer, '{"a": 1}')
    both = to_langchain(first).with_fallbacks([to_langchain(second)])
    assert call.invoke(both.bind_tools([add]), "Hello").tool_calls[0]["name"] == "add"
    schema = {"title": "A", "type": "object", "properties": {"a": {"type": "integer"}}}
    assert call.invoke(both.with_structured_output(schema), "Hello") == {"a": 1}
    assert "add" in str(second.calls[0].options["tools"])


@pytest.mark.parametrize(
    "made",
    [to_langchain(FakeListLLM(responses=["Hi"])), to_langchain(_model()), to_langchain(add)],
    ids=["text model", "chat model", "tool"],
)
def test_the_annotations_of_methods_can_be_read(made: Any) -> None:
    """LangChain's fallbacks read them, to know which methods return a runnable."""
    for name in vars(type(made)):
        if not name.startswith(("_", "model_")) and callable(getattr(made, name)):
            get_type_hints(getattr(type(made), name))


def test_it_can_be_pickled(call: Call) -> None:
    copy = pickle.loads(pickle.dumps(to_langchain(_model(model="m-1"))))
    assert (copy.model_name, call.invoke(copy, "Hello").content) == ("m-1", "Ahoy there!")


@pytest.fixture
def their_cache() -> Iterator[None]:
    """A cache for all models of LangChain."""
    set_llm_cache(InMemoryCache())
    yield
    set_llm_cache(None)


class _Unkeyed(ChatModel):
    """A model of a user's with a setting for which there is no key."""

    def __init__(self, answer: str) -> None:
        super().__init__()
        self.answer = iter([answer, answer + "!"])

    def _generate(self, messages: list[Any], options: dict[str, Any]) -> AIMessage:
        return AIMessage(next(self.answer))


@pytest.mark.usefixtures("their_cache")
@pytest.mark.parametrize(
    "make",
    [
        lambda answer: _model(answer, answer + "!"),
        lambda answer: _model(answer, answer + "!").with_retry(),
        lambda answer: FakeListLLM(responses=[answer, answer + "!"]),
        _Unkeyed,
    ],
    ids=["chat model", "with a retry", "text model", "without a key"],
)
def test_no_model_gets_the_answer_of_another_from_a_cache_of_langchain(
    make: Any, call: Call
) -> None:
    """Also where both have the same `repr`, which does not show all that decides an answer."""
    first, second = to_langchain(make("Ahoy")), to_langchain(make("Hello"))
    answers = [call.invoke(model, "?") for model in (first, second, first, second)]
    contents = [str(getattr(answer, "content", answer)) for answer in answers]
    is_cached = make is not _Unkeyed
    assert contents == ["Ahoy", "Hello", *(("Ahoy", "Hello") if is_cached else ("Ahoy!", "Hello!"))]


def test_the_generate_methods_work(call: Call) -> None:
    theirs = to_langchain(_model())
    prompts = [TheirPrompt.from_template("{x}").invoke({"x": text}) for text in ("a", "b")]
    result = call.run(
        lambda: theirs.generate_prompt(prompts), lambda: theirs.agenerate_prompt(prompts)
    )
    assert [one[0].text for one in result.generations] == ["Ahoy there!"] * 2


def test_tokens_are_counted_without_another_package() -> None:
    theirs = to_langchain(_model())
    assert theirs.get_num_tokens("Ahoy there!") > 0
    assert theirs.get_num_tokens_from_messages([TheirHumanMessage("Ahoy there!")]) > 0


# -- models of text


def test_models_of_text_convert_both_ways(call: Call) -> None:
    ours = FakeListLLM(responses=["Ahoy!"])
    theirs = to_langchain(ours)
    assert isinstance(theirs, TheirLLM)
    assert from_langchain(theirs) is ours
    assert call.invoke(theirs, "Hello") == "Ahoy!"
    assert "".join(call.stream(theirs, "Hello")) == "Ahoy!"
    back = from_langchain(TheirFakeListLLM(responses=["Ahoy!"]))
    assert call.invoke(back, "Hello") == "Ahoy!"
    assert "".join(call.stream(back, "Hello")) == "Ahoy!"


def test_the_tokens_of_a_model_of_text_reach_handlers_of_langchain(call: Call) -> None:
    log = Log()
    call.stream(
        to_langchain(FakeStreamingListLLM(responses=["Hi!"])), "Hello", {"callbacks": [log]}
    )
    assert log.tokens == ["H", "i", "!"]


def test_a_model_of_text_of_langchain_is_one_run_of_ours(call: Call) -> None:
    kinds: list[Any] = []

    class Recorder:
        def on_event(self, event: Any) -> None:
            kinds.append((event.kind, event.run_type))

    back = from_langchain(TheirFakeListLLM(responses=["Ahoy!"]))
    call.invoke(back, "Hello", {"callbacks": [Recorder()]})
    assert kinds == [("start", "llm"), ("end", "llm")]


def test_the_id_of_a_completion_is_no_id_of_a_message(call: Call) -> None:
    """Servers write seconds, or one of a thousand numbers; LangGraph replaces equal ids."""
    answers = [AIMessage(text, id="chatcmpl-7") for text in ("one", "two")]
    theirs = to_langchain(_model(*answers))
    first, second = call.invoke(theirs, "Hi"), call.stream(theirs, "Hi")
    ids = {first.id, *(chunk.id for chunk in second)}
    assert len(ids) == 2
    assert all(made.startswith("lc_run-") for made in ids)
    assert call.invoke(to_langchain(_model(AIMessage("one", id="msg_1"))), "Hi").id == "msg_1"
