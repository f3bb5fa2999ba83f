"""Chat models with fields, and hooks in LangChain's form."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel, Field

from runnables import (
    AIMessage,
    AIMessageChunk,
    AsyncCallbackManagerForLLMRun,
    BaseChatModel,
    BaseMessage,
    CallbackManagerForLLMRun,
    ChatGeneration,
    ChatGenerationChunk,
    ChatModel,
    ChatResult,
    ConfigError,
    ConfigurableField,
    InMemoryCache,
    ServerError,
    SimpleChatModel,
    StrOutputParser,
    SyncAsyncError,
    create_agent,
    tool_call,
    track_usage,
)
from tests.both_modes import Call


def result(text: str, **metadata: Any) -> ChatResult:
    usage: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    message = AIMessage(text, usage_metadata=usage, response_metadata=metadata)
    return ChatResult(
        generations=[ChatGeneration(message=message, generation_info={"finish_reason": "stop"})],
        llm_output={"model_name": "letters-1", "finish_reason": "?"},
    )


class Letters(BaseChatModel):
    """A model that answers with the first letters of the last message, and notes its calls."""

    model_name: str = Field("letters", alias="model")
    n: int
    temperature: float = 0.5
    calls: list[Any] = Field(default_factory=list, exclude=True, repr=False)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self.calls.append((stop, kwargs, type(run_manager)))
        return result(messages[-1].text[: self.n])

    @property
    def _llm_type(self) -> str:
        return "letters"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": self.model_name}


class Streaming(Letters):
    """The same, chunk by chunk."""

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        for letter in messages[-1].text[: self.n]:
            chunk = ChatGenerationChunk(message=AIMessageChunk(letter))
            if run_manager:
                run_manager.on_llm_new_token(letter, chunk=chunk)
            yield chunk
        last = AIMessageChunk("", response_metadata={"own": 1})
        yield ChatGenerationChunk(message=last, generation_info={"finish_reason": "stop"})


class Async(BaseChatModel):
    """A model with async hooks only."""

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        assert isinstance(run_manager, AsyncCallbackManagerForLLMRun)
        return result(f"whole {stop}")

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        assert run_manager is not None
        for word in ("in ", "chunks"):
            await run_manager.on_llm_new_token(word)
            yield ChatGenerationChunk(message=AIMessageChunk(word))


def test_a_result_is_read(call: Call) -> None:
    """The first answer counts; the metadata beside it goes into the message."""
    answer = call.invoke(Letters(n=4), "Ahoy there!")
    assert answer.text == "Ahoy"
    assert answer.usage_metadata["total_tokens"] == 3
    assert answer.response_metadata == {"model_name": "letters-1", "finish_reason": "stop"}


def test_a_hook_gets_options_as_keywords_and_no_fields(call: Call) -> None:
    """`stop` is a list or None, other options are keywords, and a run manager is there."""
    model = Letters(n=1)
    call.invoke(model, "x")
    call.invoke(model.bind(stop="a"), "x", top_k=3)
    assert model.calls == [
        (None, {}, CallbackManagerForLLMRun),
        (["a"], {"top_k": 3}, CallbackManagerForLLMRun),
    ]


def test_a_stream_is_read(call: Call) -> None:
    """Its chunks are messages; what is beside the last one is in the answer."""
    model = Streaming(n=4)
    chunks = call.stream(model, "Ahoy there!")
    assert [chunk.text for chunk in chunks] == ["A", "h", "o", "y", ""]
    assert chunks[-1].response_metadata == {"finish_reason": "stop", "own": 1}
    assert "".join(call.stream(model | StrOutputParser(), "Ahoy there!")) == "Ahoy"
    assert [chunk.text for chunk in call.stream(Letters(n=2), "Ahoy")] == ["Ah"]


def test_tokens_of_a_run_manager_are_not_reported_twice() -> None:
    """A chunk is one event: the one of its yield."""
    events = list(Streaming(n=2).stream_events("Ahoy"))
    names = [event["event"].removeprefix("on_chat_model_") for event in events]
    assert names == ["start", "stream", "stream", "stream", "end"]


def test_async_hooks_are_read() -> None:
    """They serve async calls, and a sync call says so."""

    async def run() -> tuple[str, list[str]]:
        answer = await Async().ainvoke("x", stop=["a"])
        return answer.text, [chunk.text async for chunk in Async().astream("x")]

    assert asyncio.run(run()) == ("whole ['a']", ["in ", "chunks"])
    with pytest.raises(SyncAsyncError, match="Use `ainvoke`"):
        Async().invoke("x")


def test_a_class_calls_its_own_hooks_in_its_own_form(call: Call) -> None:
    """They return what they were written to return, also through `super()`."""

    class Loud(Streaming):
        def _generate(
            self,
            messages: list[BaseMessage],
            stop: list[str] | None = None,
            run_manager: CallbackManagerForLLMRun | None = None,
            **kwargs: Any,
        ) -> ChatResult:
            quiet = super()._generate(messages, stop, run_manager=run_manager, **kwargs)
            streamed = self._stream(messages, stop, run_manager, **kwargs)
            text = quiet.generations[0].text + "".join(chunk.text for chunk in streamed)
            return result(text.upper())

    assert call.invoke(Loud(n=2), "ahoy").text == "AHAH"


def test_batches_caches_and_usage_work(call: Call) -> None:
    """What the base class does for all models it does for these."""
    model = Letters(n=2, cache=InMemoryCache())
    with track_usage() as usage:
        answers = call.batch(model, ["ab", "cd"])
        again = call.invoke(model, "ab")
    assert [answer.text for answer in answers] == ["ab", "cd"]
    assert again.response_metadata["from_cache"]
    assert usage.total["total_tokens"] == 6
    assert len(model.calls) == 2


def test_a_model_with_fields_is_retried() -> None:
    """`max_retries` is that of all models."""
    attempts = iter([ServerError("down"), result("up")])

    class Flaky(BaseChatModel):
        max_retries: int | None = 2

        def _generate(
            self,
            messages: list[BaseMessage],
            stop: list[str] | None = None,
            run_manager: CallbackManagerForLLMRun | None = None,
            **kwargs: Any,
        ) -> ChatResult:
            attempt = next(attempts)
            if isinstance(attempt, Exception):
                raise attempt
            return attempt

    model = Flaky()
    model._backoff = model._backoff.__class__(initial=0.001, max=0.001, jitter=0)  # type: ignore[misc]
    assert model.invoke("x").text == "up"
    with pytest.raises(ConfigError, match="max_retries=-1"):
        Flaky(max_retries=-1)


def test_a_field_is_configurable(call: Call) -> None:
    """A call sets it; an alias is no hindrance."""
    model = Letters(n=2).configurable_fields(n=ConfigurableField(id="n"))
    assert call.invoke(model, "ahoy", {"configurable": {"n": 3}}).text == "aho"
    assert repr(Letters(n=2, model="x")) == ("Letters(model_name='x', n=2, temperature=0.5)")


class Person(BaseModel):
    """A schema for answers."""

    name: str


class Tools(SimpleChatModel):
    """A model that calls the tool that it gets, and answers in words without one."""

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        if not kwargs.get("tools") or messages[-1].type == "tool":
            return super()._generate(messages, stop, run_manager)
        name = kwargs["tools"][0]["function"]["name"]
        call = tool_call(name=name, args={"name": "Ada"}, id="call_1")
        return ChatResult(generations=[ChatGeneration(message=AIMessage(tool_calls=[call]))])

    def _call(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> str:
        return messages[-1].text + "!"


def greet(name: str) -> str:
    """Greet someone."""
    return f"Hello {name}"


def test_tools_reach_the_hooks(call: Call) -> None:
    """They are dicts in OpenAI's form; agents and structured answers are built on them."""
    bound = Tools().bind_tools([greet], tool_choice="any")
    assert call.invoke(bound, "hi").tool_calls[0]["name"] == "greet"
    assert call.invoke(Tools().with_structured_output(Person), "hi") == Person(name="Ada")
    agent = create_agent(Tools(), [greet])
    messages = call.invoke(agent, {"messages": [("human", "hi")]})["messages"]
    assert messages[-1].text == "Hello Ada!"


def test_structured_answers_go_through_a_bind_tools_of_its_own(call: Call) -> None:
    """A class that translates tools for its service gets those of an answer, too."""

    class Own(Tools):
        def bind_tools(self, tools: Any, *, tool_choice: Any = None, **kwargs: Any) -> Any:
            names = [{"function": {"name": tool["function"]["name"]}} for tool in tools]
            return self.bind(tools=names, wanted=tool_choice, **kwargs)

    assert call.invoke(Own().with_structured_output(Person), "hi") == Person(name="Ada")


def test_a_simple_model_returns_a_text(call: Call) -> None:
    """`_call` is all that it writes."""
    assert call.invoke(Tools(), "ahoy").text == "ahoy!"


def test_a_call_that_returns_no_text_is_refused() -> None:
    """So is a class without `_call`."""

    class Wrong(SimpleChatModel):
        def _call(self, messages: Any, stop: Any = None, run_manager: Any = None, **_: Any) -> Any:
            return 3

    class Empty(SimpleChatModel):
        pass

    with pytest.raises(TypeError, match=r"Wrong\._call returned 3"):
        Wrong().invoke("x")
    with pytest.raises(TypeError, match="Empty has no hook that answers: write `_call`"):
        Empty().invoke("x")


def test_an_option_that_no_hook_takes_is_refused() -> None:
    """A hook without `**kwargs` takes what it names."""

    class Closed(BaseChatModel):
        def _generate(self, messages: Any, stop: Any = None, *, top_k: int = 0) -> Any:
            return AIMessage(f"{stop} {top_k}")

    assert Closed().invoke("x", top_k=3).text == "None 3"
    with pytest.raises(ConfigError, match="Closed has no option 'topk'. Did you mean 'top_k'"):
        Closed().invoke("x", topk=3)
    with pytest.raises(ConfigError, match="no option 'tools'"):
        Closed().bind_tools([greet])


def with_options(base: type[Any]) -> type[Any]:
    class Hooked(base):  # type: ignore[misc]
        def _generate(self, messages: Any, options: dict[str, Any]) -> Any:
            return AIMessage("")

    return Hooked


def with_stop(base: type[Any]) -> type[Any]:
    class Hooked(base):  # type: ignore[misc]
        def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None) -> Any:
            yield AIMessageChunk("")

    return Hooked


@pytest.mark.parametrize(
    ("make", "base", "instead"),
    [(with_options, BaseChatModel, r"\(ChatModel\)"), (with_stop, ChatModel, r"\(BaseChatModel\)")],
    ids=["options", "stop"],
)
def test_a_hook_of_the_other_form_is_refused(
    make: Callable[[type], type], base: type, instead: str
) -> None:
    """No hook gets the options as its `stop`; the error names the base class for its form."""
    with pytest.raises(ConfigError, match=instead):
        make(base)


@pytest.mark.parametrize("wrong", ["text", ChatResult(generations=[])], ids=["text", "empty"])
def test_a_result_without_an_answer_is_refused(wrong: Any) -> None:
    """The error names the class."""

    class Wrong(BaseChatModel):
        def _generate(self, messages: Any, stop: Any = None, **kwargs: Any) -> Any:
            return wrong

        def _stream(self, messages: Any, stop: Any = None, **kwargs: Any) -> Any:
            yield wrong

    with pytest.raises(TypeError, match=r"Wrong\._generate returned"):
        Wrong().invoke("x")
    with pytest.raises(TypeError, match=r"Wrong\._stream gave"):
        list(Wrong().stream("x"))


def test_leaving_a_stream_closes_the_hook(call: Call) -> None:
    """The generator that the class wrote ends before the exit returns."""
    closed: list[bool] = []

    class Endless(BaseChatModel):
        def _stream(self, messages: Any, stop: Any = None, **kwargs: Any) -> Any:
            try:
                while True:
                    yield ChatGenerationChunk(message=AIMessageChunk("x"))
            finally:
                closed.append(True)

    assert len(call.stream(Endless(), "x", take=2)) == 2
    assert closed == [True]
