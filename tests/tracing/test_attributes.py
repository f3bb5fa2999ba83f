"""What spans say about models, tools, agents, retrievers and errors, without any content."""

from __future__ import annotations

import json
import logging
from datetime import date
from typing import Any

import pytest
from opentelemetry.trace import StatusCode

from runnables import (
    AIMessage,
    AIMessageChunk,
    BaseRetriever,
    ConfigError,
    DeterministicFakeEmbedding,
    Document,
    FakeListLLM,
    HumanMessage,
    InMemoryCache,
    InMemoryHistory,
    ModelConnectionError,
    PydanticOutputParser,
    RunnableLambda,
    RunnableWithMessageHistory,
    UsageMetadata,
    create_agent,
    init_chat_model,
    tool,
    tool_call,
)
from runnables.messages import BaseMessage
from runnables.models import ChatModel
from runnables_providers.scripted import ScriptedChatModel
from tests.both_modes import Call
from tests.tracing.receiver import Receiver

SECRET = "the tide is high"
USAGE: UsageMetadata = {
    "input_tokens": 1_000,
    "output_tokens": 50,
    "total_tokens": 1_050,
    "input_token_details": {"cache_read": 600, "cache_creation": 100},
    "output_token_details": {"reasoning": 20},
}


class Model(ChatModel):
    """Answers with everything that a service may say, after some failures."""

    failures: list[Exception]

    def __init__(self, *failures: Exception, **settings: Any) -> None:
        super().__init__(**settings)
        self.failures = list(failures)

    def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> AIMessage:
        if self.failures:
            raise self.failures.pop(0)
        metadata = {"model_name": "m-2026-01-01", "finish_reason": "length"}
        return AIMessage(SECRET, id="msg_1", response_metadata=metadata, usage_metadata=USAGE)


class Logbook(BaseRetriever):
    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        return [Document(page_content=SECRET, metadata={"page": SECRET}, id="log-1")]


@tool
def depth(place: str) -> str:
    """Measure the depth."""
    return SECRET


CALL = tool_call(name="depth", args={"place": SECRET}, id="call_1")


def test_a_model(call: Call, receiver: Receiver) -> None:
    """Its name, its options, what is bound and what the call overrides; answer, tokens, cost."""
    model = Model(model="m", temperature=0.5, max_tokens=9, stop="END").bind(top_p=0.9, seed=7)
    handler = receiver.handler(prices={"m": (2.0, 10.0, 0.5, 2.5)})
    call.invoke(model, "Hi", {"callbacks": [handler]}, temperature=0.25)
    assert receiver.span("Model").name == "chat m"
    found = receiver.attributes("Model")
    cost = found.pop("llm.cost.total")
    assert cost == pytest.approx((300 * 2.0 + 600 * 0.5 + 100 * 2.5 + 50 * 10.0) / 1e6)
    parameters = json.loads(found.pop("llm.invocation_parameters"))
    assert parameters["temperature"] == 0.25
    assert len(found.pop("runnables.run_id")) == 36
    assert found == {
        "runnables.name": "Model",
        "runnables.run_type": "chat_model",
        "openinference.span.kind": "LLM",
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "Model",
        "llm.provider": "Model",
        "gen_ai.request.model": "m",
        "gen_ai.request.temperature": 0.25,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.max_tokens": 9,
        "gen_ai.request.seed": 7,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.response.model": "m-2026-01-01",
        "llm.model_name": "m-2026-01-01",
        "gen_ai.response.id": "msg_1",
        "gen_ai.response.finish_reasons": ("length",),
        "llm.finish_reason": "length",
        "gen_ai.usage.input_tokens": 1_000,
        "gen_ai.usage.output_tokens": 50,
        "gen_ai.usage.cache_read.input_tokens": 600,
        "gen_ai.usage.cache_creation.input_tokens": 100,
        "gen_ai.usage.reasoning.output_tokens": 20,
        "llm.token_count.prompt": 1_000,
        "llm.token_count.completion": 50,
        "llm.token_count.total": 1_050,
        "llm.token_count.prompt_details.cache_read": 600,
        "llm.token_count.prompt_details.cache_write": 100,
        "llm.token_count.completion_details.reasoning": 20,
    }


def test_a_stream_has_the_time_of_its_first_chunk(call: Call, receiver: Receiver) -> None:
    """In seconds from the start of the run; the tokens are those of the whole."""
    model = ScriptedChatModel(["one two three"], usage=USAGE)
    call.stream(model, "Hi", {"callbacks": [receiver.handler()]})
    found = receiver.attributes("ScriptedChatModel")
    span = receiver.span("ScriptedChatModel")
    assert found["gen_ai.request.stream"] is True
    seconds = (span.end_time - span.start_time) / 1e9  # type: ignore[operator]
    assert 0 <= found["gen_ai.response.time_to_first_chunk"] <= seconds
    assert found["gen_ai.usage.input_tokens"] == 1_000


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ("openai:gpt-x", "openai"),
        ("anthropic:claude-x", "anthropic"),
        ("google:gemini-x", "gcp.gemini"),
        ("ollama:llama-x", "ollama"),
    ],
)
def test_providers_have_the_names_of_the_conventions(
    setting: str, name: str, receiver: Receiver
) -> None:
    """Also where the call fails before an answer says who it is from."""
    key = {} if name == "ollama" else {"api_key": "sk-0123456789abcdef"}
    model = init_chat_model(setting, base_url="http://127.0.0.1:9", max_retries=0, **key)
    with pytest.raises(ModelConnectionError):
        model.invoke("Hi", {"callbacks": [receiver.handler()]})
    [span] = receiver.spans
    attributes = dict(span.attributes or {})
    assert attributes["gen_ai.provider.name"] == name
    assert attributes["gen_ai.request.model"] == setting.partition(":")[2]
    assert span.status.status_code is StatusCode.ERROR
    assert attributes["error.type"] == "runnables.errors.ModelConnectionError"


def test_an_answer_from_a_cache_has_no_tokens(call: Call, receiver: Receiver) -> None:
    """It is marked, and costs nothing."""
    model = Model(model="m", cache=InMemoryCache())
    call.invoke(model, "Hi")
    call.invoke(model, "Hi", {"callbacks": [receiver.handler(prices={"m": (2.0, 10.0)})]})
    found = receiver.attributes("Model")
    assert found["runnables.from_cache"] is True
    assert "gen_ai.usage.input_tokens" not in found
    assert "llm.cost.total" not in found


def test_models_of_text_and_embeddings(call: Call, receiver: Receiver) -> None:
    """Each has the operation and the kind of its conventions."""
    config = {"callbacks": [receiver.handler()]}
    call.invoke(FakeListLLM(responses=["Hi"]), "Hi", config)
    call.invoke(DeterministicFakeEmbedding(size=2), "Hi", config)
    found = [dict(span.attributes or {}) for span in receiver.spans]
    assert [one["gen_ai.operation.name"] for one in found] == ["text_completion", "embeddings"]
    assert [one["openinference.span.kind"] for one in found] == ["LLM", "EMBEDDING"]


def test_an_agent_and_its_tools(call: Call, receiver: Receiver) -> None:
    """The agent has its name, the tool the id of the call that it answers."""
    model = ScriptedChatModel([AIMessage(tool_calls=[CALL]), "Deep."], cycle=True)
    agent = create_agent(model, [depth], name="pilot")
    for way in (call.invoke, call.stream):
        receiver.clear()
        way(agent, "How deep?", {"callbacks": [receiver.handler()]})
        names = [span.name for span in receiver.spans]
        model_span = "chat ScriptedChatModel"
        assert names == ["invoke_agent pilot", model_span, "execute_tool depth", model_span]
        found = receiver.attributes("pilot")
        assert found["gen_ai.agent.name"] == found["agent.name"] == "pilot"
        assert found["openinference.span.kind"] == "AGENT"
        found = receiver.attributes("depth")
        assert found["gen_ai.tool.call.id"] == found["tool.id"] == "call_1"
        assert found["gen_ai.tool.name"] == "depth"
        assert found["gen_ai.tool.type"] == "function"
        assert found["gen_ai.tool.description"] == "Measure the depth."
        assert found["openinference.span.kind"] == "TOOL"
        assert receiver.parent("depth") == "pilot"


def test_a_retriever(call: Call, receiver: Receiver) -> None:
    """Its operation and its kind."""
    call.invoke(Logbook(), "storm", {"callbacks": [receiver.handler()]})
    found = receiver.attributes("Logbook")
    assert receiver.span("Logbook").name == "retrieval Logbook"
    assert found["openinference.span.kind"] == "RETRIEVER"


def test_the_conversation_is_named(call: Call, receiver: Receiver) -> None:
    """By the metadata, or by what names the session of a history; and the user."""
    config = {"callbacks": [receiver.handler()], "metadata": {"thread_id": 7, "user_id": "ada"}}
    call.invoke(RunnableLambda(len), "abc", config)
    found = receiver.attributes("len")
    assert (found["gen_ai.conversation.id"], found["session.id"]) == ("7", "7")
    assert found["user.id"] == "ada"
    receiver.clear()
    chat = RunnableWithMessageHistory(ScriptedChatModel(["Hi"]), InMemoryHistory())
    config = {"callbacks": [receiver.handler()], "configurable": {"session_id": "ada"}}
    call.invoke(chat, "Hi", config)
    assert receiver.attributes("ScriptedChatModel")["gen_ai.conversation.id"] == "ada"


def test_tags_metadata_and_the_path_are_labels(call: Call, receiver: Receiver) -> None:
    """Metadata is JSON, without its secrets."""
    metadata = {"team": "sea", "api_key": "sk-0123456789abcdef"}
    config = {"callbacks": [receiver.handler()], "tags": ["daily"], "metadata": metadata}
    call.invoke(RunnableLambda(len) | str, "abc", config)
    found = receiver.attributes("str")
    assert found["tag.tags"] == ("daily", "seq:step:2")
    assert json.loads(found["metadata"]) == {"team": "sea", "api_key": "**********"}
    assert found["runnables.path"] == "step 2 of 2 (str)"


class _Unreadable:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


@pytest.mark.parametrize(
    ("metadata", "shown"),
    [
        ({"seen": {("a", 1): 2}}, '{"seen":{"a,1":2}}'),
        ({"day": date(2026, 1, 31)}, '{"day":"2026-01-31"}'),
        ({"of": _Unreadable()}, "<dict>"),
    ],
    ids=["keys", "date", "no repr"],
)
def test_metadata_of_any_kind_loses_no_span(
    metadata: dict[str, Any], shown: str, call: Call, receiver: Receiver
) -> None:
    """Also where it is no JSON, or cannot be shown at all."""
    config = {"callbacks": [receiver.handler()], "metadata": metadata}
    call.invoke(RunnableLambda(len), "abc", config)
    assert receiver.attributes("len")["metadata"] == shown


# -- errors and attempts


def test_an_error_is_recorded_by_every_run_that_it_ends(call: Call, receiver: Receiver) -> None:
    """Its type and its message, without the secrets in it."""

    def fail(_: object) -> None:
        raise ValueError("Refused: Authorization: Bearer sk-0123456789abcdef")

    with pytest.raises(ValueError, match="Refused"):
        call.invoke(RunnableLambda(fail) | str, 1, {"callbacks": [receiver.handler()]})
    assert len(receiver.spans) == 2
    for span in receiver.spans:
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description == "Refused: Authorization: Bearer **********"
        assert dict(span.attributes or {})["error.type"] == "ValueError"
        [event] = span.events
        assert event.name == "exception"
        assert dict(event.attributes or {}) == {
            "exception.type": "ValueError",
            "exception.message": "Refused: Authorization: Bearer **********",
        }


def test_a_retry_has_a_span_for_each_attempt(call: Call, receiver: Receiver) -> None:
    """The failed one has the error; the retry itself has ended well."""
    failures: list[Exception] = [ValueError("first")]

    def flaky(value: str) -> str:
        if failures:
            raise failures.pop()
        return value

    step = RunnableLambda(flaky).with_retry(wait_exponential_jitter=False)
    call.invoke(step, "a", {"callbacks": [receiver.handler()]})
    retry, *attempts = receiver.spans
    assert [span.status.status_code for span in attempts] == [StatusCode.ERROR, StatusCode.UNSET]
    assert retry.status.status_code is StatusCode.UNSET
    assert dict(attempts[1].attributes or {})["runnables.path"] == "attempt 2"


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_attempts_of_a_model_are_events(
    way: str, call: Call, receiver: Receiver, at_once: None
) -> None:
    """A model that repeats its request is one run: each failed attempt is an event of its span."""
    model = Model(ModelConnectionError("a"), ModelConnectionError("b"), max_retries=3)
    getattr(call, way)(model, "Hi", {"callbacks": [receiver.handler()]})
    span = receiver.span("Model")
    assert [event.name for event in span.events] == ["runnables.retry"] * 2
    assert [dict(event.attributes or {}) for event in span.events] == [
        {
            "runnables.attempt": number,
            "runnables.retry_delay": 0.0,
            "error.type": "runnables.errors.ModelConnectionError",
            "exception.message": message,
        }
        for number, message in enumerate("ab", start=1)
    ]
    assert span.status.status_code is StatusCode.UNSET


def test_a_stream_that_starts_over_has_an_event(
    call: Call, receiver: Receiver, at_once: None
) -> None:
    """A model whose attempt fails half-way: the caller sees a reset, the span an event."""

    class Broken(ChatModel):
        failed = False

        def _stream(self, messages: list[BaseMessage], options: dict[str, Any]) -> Any:
            yield AIMessageChunk("a")
            if not self.failed:
                self.failed = True
                raise ModelConnectionError("half-way")

    model = Broken().with_retry(wait_exponential_jitter=False, on_restart="restart")
    call.stream(model, "Hi", {"callbacks": [receiver.handler()]})
    attempts = [span for span in receiver.spans if span.name == "chat Broken"]
    assert [span.status.status_code for span in attempts] == [StatusCode.ERROR, StatusCode.UNSET]


# -- no content


def _run_everything(call: Call, handler: Any) -> None:
    config = {"callbacks": [handler]}
    asked = {"messages": [HumanMessage(SECRET)]}
    agent = create_agent(
        ScriptedChatModel([AIMessage(tool_calls=[CALL]), SECRET], cycle=True), [depth]
    )
    call.invoke(agent, asked, config)
    call.stream(agent, asked, config)
    call.invoke(Logbook(), SECRET, config)
    call.invoke(FakeListLLM(responses=[SECRET]), SECRET, config)
    call.invoke(RunnableLambda(lambda text: {"text": text}), SECRET, config)
    for step in (PydanticOutputParser(pydantic_object=Document), depth):
        with pytest.raises(Exception) as caught:
            call.invoke(step, {"no": SECRET} if step is depth else SECRET, config)
        assert not isinstance(caught.value, ConfigError)


def test_without_content_no_span_has_any(call: Call, receiver: Receiver) -> None:
    """No prompt, no answer, no argument, no result, no document; also not in errors."""
    _run_everything(call, receiver.handler())
    assert [text for text in receiver.strings() if "tide" in text] == []
    assert len(receiver.spans) >= 12


def test_a_handler_that_fails_to_describe_a_run_ends_its_span(
    receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    """The failure is logged once, as of any handler, and the run goes on."""

    class Odd(str):
        @property
        def response_metadata(self) -> Any:
            raise RuntimeError("expected")

    class Broken(ChatModel):
        def _generate(self, messages: list[BaseMessage], options: dict[str, Any]) -> Any:
            return AIMessage("Hi")

        def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
            return Odd("Hi")

    with caplog.at_level(logging.CRITICAL):
        assert Broken().invoke("Hi", {"callbacks": [receiver.handler()]}) == "Hi"
    assert len(receiver.spans) == 1
