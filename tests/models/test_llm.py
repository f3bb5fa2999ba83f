"""Models of text: with fields and hooks in LangChain's form, and the fakes among them."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from pydantic import Field

from runnables import (
    LLM,
    AIMessage,
    AsyncCallbackManagerForLLMRun,
    BaseCallbackHandler,
    BaseLLM,
    CallbackManagerForLLMRun,
    ChatPromptTemplate,
    ConfigError,
    ConfigurableField,
    FakeListLLM,
    FakeStreamingListLLM,
    Generation,
    GenerationChunk,
    HumanMessage,
    InMemoryCache,
    LLMResult,
    PromptTemplate,
    RunnableLambda,
    ServerError,
    StrOutputParser,
    SyncAsyncError,
    SystemMessage,
    get_openai_callback,
    track_usage,
)
from runnables.messages.text_answer import TextAnswer
from tests.both_modes import Call


class First(LLM):
    """A model that answers with the first letters of the prompt, and notes its calls."""

    n: int
    calls: list[Any] = Field(default_factory=list, exclude=True, repr=False)

    def _call(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> str:
        self.calls.append((prompt, stop, kwargs, type(run_manager)))
        return prompt[: self.n]

    @property
    def _llm_type(self) -> str:
        return "first"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"n": self.n}


class Streaming(First):
    """The same, letter by letter, as LangChain's guide has it."""

    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        self.calls.append((prompt, stop, kwargs, type(run_manager)))
        for letter in prompt[: self.n]:
            chunk = GenerationChunk(text=letter)
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk


class Async(LLM):
    """A model with async hooks alone."""

    async def _acall(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> str:
        await asyncio.sleep(0)
        return f"{prompt}{type(run_manager).__name__}"

    async def _astream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[GenerationChunk]:
        for letter in prompt:
            yield GenerationChunk(text=letter)


class Reporting(BaseLLM):
    """A model whose results have metadata."""

    def _generate(
        self,
        prompts: list[str],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> LLMResult:
        info = {"finish_reason": "stop"}
        answers = [[Generation(text=prompt, generation_info=info)] for prompt in prompts]
        return LLMResult(generations=list(answers), llm_output={"model_name": "echo-1"})

    def _stream(
        self,
        prompt: str,
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        yield GenerationChunk(text=prompt)
        yield GenerationChunk(text="", generation_info={"finish_reason": "stop"})


def test_a_model_of_text_returns_what_call_returns(call: Call) -> None:
    """A prompt is passed as it is; the answer is a plain string."""
    model = First(n=3)
    answer = call.invoke(model, "Ahoy")
    assert answer == "Aho"
    assert type(answer) is str
    assert call.stream(model, "Ahoy") == ["Aho"]
    assert call.batch(model, ["ab", "cdef"]) == ["ab", "cde"]


@pytest.mark.parametrize(
    "value",
    [
        [SystemMessage("Be brief."), HumanMessage("Hi"), AIMessage("Yes?")],
        [("system", "Be brief."), ("human", "Hi"), ("ai", "Yes?")],
        ChatPromptTemplate([("system", "Be brief."), "Hi", ("ai", "Yes?")]).invoke({}),
    ],
)
def test_messages_are_passed_as_one_text(value: Any, call: Call) -> None:
    """Each stands behind its role, as LangChain writes them."""
    assert call.invoke(First(n=99), value) == "System: Be brief.\nHuman: Hi\nAI: Yes?"


def test_the_value_of_a_string_template_is_passed_as_it_is(call: Call) -> None:
    """No role is put before it, and a parser behind the model gets the string."""
    chain = PromptTemplate.from_template("Say {x}") | First(n=99) | StrOutputParser()
    assert call.invoke(chain, {"x": "hi"}) == "Say hi"


def test_what_is_no_text_is_refused(call: Call) -> None:
    """An image would be left out without a word; and a conversation must not be empty."""
    image = {"type": "image", "base64": "aGk=", "mime_type": "image/png"}
    with pytest.raises(ConfigError, match="First takes text, no block of type 'image'"):
        call.invoke(First(n=1), [HumanMessage([image])])
    with pytest.raises(ConfigError, match="no message"):
        call.invoke(First(n=1), [])


def test_options_reach_the_hook_and_others_are_errors(call: Call) -> None:
    """`stop` is a list; a hook without **kwargs names what it takes."""
    model = First(n=9)
    call.invoke(model.bind(stop="x"), "Ahoy", warm=True)
    assert model.calls == [("Ahoy", ["x"], {"warm": True}, CallbackManagerForLLMRun)]

    class Strict(LLM):
        def _call(self, prompt: str, stop: Any = None, tone: str = "calm") -> str:
            return tone

    assert call.invoke(Strict(), "Ahoy", tone="loud") == "loud"
    with pytest.raises(ConfigError, match="tome"):
        call.invoke(Strict(), "Ahoy", tome="loud")


def test_a_stream_yields_the_chunks_of_the_hook(call: Call) -> None:
    """They are strings, and `invoke` uses `_call` all the same."""
    model = Streaming(n=3)
    assert call.stream(model, "Ahoy") == ["A", "h", "o"]
    assert call.invoke(model, "Ahoy") == "Aho"


def test_a_hook_may_yield_strings(call: Call) -> None:
    """They are what `GenerationChunk(text=...)` stands for; anything else is an error."""

    class Words(BaseLLM):
        def _stream(self, prompt: Any, stop: Any = None, **kwargs: Any) -> Iterator[Any]:
            yield from prompt.split()

    class Wrong(BaseLLM):
        def _stream(self, prompt: Any, stop: Any = None, **kwargs: Any) -> Iterator[Any]:
            yield 1

    assert call.stream(Words(), "land ho") == ["land", "ho"]
    assert call.invoke(Words(), "land ho") == "landho"
    with pytest.raises(TypeError, match="Wrong._stream gave 1: it yields GenerationChunk"):
        call.stream(Wrong(), "land ho")


def test_async_hooks_serve_async_calls() -> None:
    """A sync call of them says which call to use."""
    assert asyncio.run(Async().ainvoke("Hi")) == "HiAsyncCallbackManagerForLLMRun"

    async def letters() -> list[str]:
        return [chunk async for chunk in Async().astream("Hi")]

    assert asyncio.run(letters()) == ["H", "i"]
    with pytest.raises(SyncAsyncError, match="Async is async, so `invoke` cannot run it"):
        Async().invoke("Hi")


def test_hooks_can_be_called_by_the_class_itself(call: Call) -> None:
    """They then take and return what they were written for."""
    model = Reporting()
    assert model._generate(["a", "b"]).generations[1][0].text == "b"
    assert [chunk.text for chunk in model._stream("a")] == ["a", ""]

    class Joined(Streaming):
        def _call(self, prompt: str, stop: Any = None, run_manager: Any = None, **_: Any) -> str:
            return "".join(chunk.text for chunk in self._stream(prompt, stop, run_manager))

    assert call.invoke(Joined(n=2), "Ahoy") == "Ah"


def test_an_answer_has_the_metadata_of_its_result(call: Call) -> None:
    """It is a string all the same, whole or streamed, and survives a pickle."""
    for answer in (
        call.invoke(Reporting(), "Ahoy"),
        pickle.loads(pickle.dumps(call.invoke(Reporting(), "Ahoy"))),
    ):
        assert answer == "Ahoy"
        assert answer.response_metadata == {"model_name": "echo-1", "finish_reason": "stop"}
    *_, last = call.stream(Reporting(), "Ahoy")
    assert last == ""
    assert last.response_metadata == {"finish_reason": "stop"}


def test_what_a_hook_returns_is_checked(call: Call) -> None:
    """The error names the hook, and what it returns."""

    class NoString(LLM):
        def _call(self, prompt: str, stop: Any = None, **kwargs: Any) -> Any:
            return 7

    class NoResult(BaseLLM):
        def _generate(self, prompts: Any, stop: Any = None, **kwargs: Any) -> Any:
            return LLMResult(generations=[])

    class Nothing(LLM):
        pass

    with pytest.raises(TypeError, match="NoString answered 7: `_call` returns a string"):
        call.invoke(NoString(), "Ahoy")
    with pytest.raises(TypeError, match="it returns an LLMResult with an answer"):
        call.invoke(NoResult(), "Ahoy")
    with pytest.raises(TypeError, match="Nothing has no hook that answers: write `_call`"):
        call.invoke(Nothing(), "Ahoy")


def test_fields_are_checked_shown_and_configured(call: Call) -> None:
    """They are those of the class, as in every class with fields."""
    model = First(n=3)
    assert repr(model) == "First(n=3)"
    assert model == First(n=3)
    assert (model._llm_type, model._identifying_params) == ("first", {"n": 3})
    assert pickle.loads(pickle.dumps(model)) == model
    with pytest.raises(ConfigError, match="'n' must be given"):
        First()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    short = model.configurable_fields(n=ConfigurableField(id="n"))
    assert call.invoke(short, "Ahoy", {"configurable": {"n": 1}}) == "A"


class Calls(BaseCallbackHandler):
    """A handler that notes the calls of its methods."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_chat_model_start(self, serialized: Any, messages: Any, **kwargs: Any) -> None:
        self.seen.append("chat model")

    def on_llm_start(self, serialized: Any, prompts: Any, **kwargs: Any) -> None:
        self.seen.append(("start", prompts, kwargs["run_type"]))

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:
        answer = response.generations[0][0]
        self.seen.append(("end", answer.text, answer.message, response.llm_output))

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        self.seen.append(("error", type(error)))


class Tokens(Calls):
    """The same, with tokens."""

    def on_llm_new_token(self, token: str, *, chunk: Any = None, **kwargs: Any) -> None:
        self.seen.append(("token", token, chunk.text))


def test_handlers_get_the_prompt_and_the_answer(call: Call) -> None:
    """`on_llm_start` is called, not `on_chat_model_start`, with the prompt as the model gets it."""
    handler = Calls()
    call.invoke(Reporting(callbacks=[handler]), "Ahoy")
    call.invoke(First(n=9), [("human", "Hi")], {"callbacks": [handler]})
    assert handler.seen == [
        ("start", ["Ahoy"], "llm"),
        ("end", "Ahoy", AIMessage("Ahoy"), {"model_name": "echo-1"}),
        ("start", ["Human: Hi"], "llm"),
        ("end", "Human: Hi", AIMessage("Human: Hi"), {}),
    ]


def test_handlers_get_the_prompt_of_a_string_template(call: Call) -> None:
    """It has no role before it."""
    handler = Calls()
    chain = PromptTemplate.from_template("Say {x}") | First(n=3)
    call.invoke(chain, {"x": "hi"}, {"callbacks": [handler]})
    assert handler.seen[0] == ("start", ["Say hi"], "llm")


def test_a_handler_of_tokens_makes_an_invoked_model_stream(call: Call) -> None:
    """The answer is the same; an error is reported, too."""
    handler = Tokens()
    assert call.invoke(Streaming(n=2), "Ahoy", {"callbacks": [handler]}) == "Ah"
    assert handler.seen[1:-1] == [("token", "A", "A"), ("token", "h", "h")]

    class Failing(LLM):
        def _call(self, prompt: str, stop: Any = None, **kwargs: Any) -> str:
            raise ServerError("down", provider="x")

    with pytest.raises(ServerError):
        call.invoke(Failing(), "Ahoy", {"callbacks": [handler]})
    assert handler.seen[-1] == ("error", ServerError)


def test_events_are_those_of_an_llm(call: Call) -> None:
    """Their chunks and outputs are strings."""
    events = call.events(Streaming(n=2), "Ahoy")
    assert [(event["event"], event["data"].get("chunk")) for event in events] == [
        ("on_llm_start", None),
        ("on_llm_stream", "A"),
        ("on_llm_stream", "h"),
        ("on_llm_end", None),
    ]
    assert events[-1]["data"]["output"] == "Ah"


def test_a_model_inside_a_function_streams_its_tokens(call: Call) -> None:
    """As chat models do."""
    step = RunnableLambda(lambda text: Streaming(n=2).invoke(text))
    events = call.events(step, "Ahoy", include_types=["llm"])
    assert [event["data"]["chunk"] for event in events if event["event"] == "on_llm_stream"] == [
        "A",
        "h",
    ]


def test_a_cached_answer_is_not_asked_for_again(call: Call) -> None:
    """Its key is the prompt; the answer says that it is from the cache."""
    model = Streaming(n=3, cache=InMemoryCache())
    assert call.invoke(model, "Ahoy") == "Aho"
    again = call.invoke(model, "Ahoy")
    assert again == "Aho"
    assert isinstance(again, TextAnswer)
    assert again.response_metadata == {"from_cache": True}
    assert call.stream(model, "Ahoy") == ["Aho"]
    assert len(model.calls) == 1
    assert call.stream(model, "Land") == ["L", "a", "n"]
    assert call.invoke(model, "Land") == "Lan"
    assert len(model.calls) == 2


def test_an_answer_with_metadata_can_be_cached_by_any_step(call: Call) -> None:
    """What is stored is the string."""
    step = RunnableLambda(lambda text: {"answer": Reporting().invoke(text)}).with_cache(
        InMemoryCache()
    )
    assert call.invoke(step, "Ahoy") == call.invoke(step, "Ahoy") == {"answer": "Ahoy"}


@pytest.mark.parametrize("name", ["bind_tools", "with_structured_output"])
def test_what_only_chat_models_have_is_said_to_be_theirs(name: str) -> None:
    """There is no such method, as `hasattr` tells; the error says what to use."""
    assert not hasattr(First(n=1), name)
    with pytest.raises(AttributeError, match=f"First has no attribute '{name}'.* a chat model"):
        getattr(First(n=1), name)


def test_a_failing_call_is_repeated(call: Call) -> None:
    """`max_retries` is a field; a stream that fails after a chunk has what was emitted."""
    attempts: list[str] = []

    class Flaky(LLM):
        def _call(self, prompt: str, stop: Any = None, **kwargs: Any) -> str:
            attempts.append(prompt)
            if len(attempts) < 2:
                raise ServerError("down", provider="x", retry_after=0)
            return "up"

        def _stream(self, prompt: str, stop: Any = None, **kwargs: Any) -> Iterator[Any]:
            yield GenerationChunk(text="A")
            raise ServerError("down", provider="x", retry_after=0)

    assert call.invoke(Flaky(max_retries=1), "Ahoy") == "up"
    with pytest.raises(ServerError) as caught:
        call.stream(Flaky(max_retries=1), "Ahoy")
    assert caught.value.produced == "A"  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def test_calls_of_models_of_text_are_counted(call: Call) -> None:
    """Without a usage, there are no tokens."""
    with track_usage() as usage, get_openai_callback() as counted:
        call.invoke(First(n=3), "Ahoy")
    assert (usage.calls, counted.successful_requests, counted.total_tokens) == (0, 1, 0)


def test_a_left_stream_closes_the_hook(call: Call) -> None:
    """Its `finally` has run when the stream is closed."""
    closed: list[bool] = []

    class Endless(BaseLLM):
        def _stream(self, prompt: str, stop: Any = None, **kwargs: Any) -> Iterator[Any]:
            try:
                while True:
                    yield GenerationChunk(text="a")
            finally:
                closed.append(True)

    assert call.stream(Endless(), "Ahoy", take=2) == ["a", "a"]
    assert closed == [True]


def test_fakes_are_models_of_text(call: Call) -> None:
    """Handlers get their tokens, and caches their answers."""
    handler = Tokens()
    model = FakeStreamingListLLM(["Hi"], callbacks=[handler])
    assert call.invoke(model, "Hello") == "Hi"
    assert [kind for kind, *_ in handler.seen] == ["start", "token", "token", "end"]
    cached = FakeListLLM(["a", "b"], cache=InMemoryCache())
    assert [call.invoke(cached, "Hello") for _ in range(2)] == ["a", "a"]


def test_generations_hold_text_as_those_of_langchain_do() -> None:
    """Chunks add up, with their metadata; each has a message, too."""
    whole = GenerationChunk(text="Ah", generation_info={"a": 1}) + GenerationChunk(
        text="oy", generation_info={"b": 2}
    )
    assert (whole.text, whole.generation_info) == ("Ahoy", {"a": 1, "b": 2})
    assert whole == GenerationChunk(text="Ahoy", generation_info={"a": 1, "b": 2})
    assert Generation(text="Ahoy").message == AIMessage("Ahoy")
    assert repr(Generation(text="Ahoy")) == "Generation(text='Ahoy')"
    with pytest.raises(TypeError, match="unsupported operand"):
        whole + "x"
