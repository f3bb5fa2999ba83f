"""Models of text over HTTP: OpenAI's text completions, and Ollama's completions of a prompt."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from runnables import (
    BaseCallbackHandler,
    Budget,
    ChatPromptTemplate,
    ConfigError,
    InMemoryCache,
    StrOutputParser,
    track_usage,
)
from runnables.errors import (
    AuthenticationError,
    BudgetExceeded,
    InvalidRequestError,
    ModelConnectionError,
    ModelError,
    RateLimitError,
    ServerError,
)
from runnables.testing import Disconnect, Response, StreamedResponse, json_line, sse_event
from runnables_providers.ollama import OllamaLLM
from runnables_providers.openai import OpenAI
from tests.both_modes import Call
from tests.llama.server import LlamaServer
from tests.sdk.recorder import Recorder, json_lines_response, sse_response

USAGE = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}


def completion(text: str, *, end: str | None = "stop", usage: bool = True) -> dict[str, Any]:
    """Return an answer of OpenAI, or an event of one."""
    counts = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return {
        "id": "cmpl-1",
        "object": "text_completion",
        "model": "m-1",
        "choices": [{"index": 0, "text": text, "finish_reason": end, "logprobs": None}],
        **({"usage": counts} if usage else {}),
    }


def line(text: str, *, end: bool = False) -> dict[str, Any]:
    """Return an answer of Ollama, or a line of one."""
    found = {"model": "m-1", "created_at": "2026-11-01T10:00:00Z", "response": text, "done": end}
    counts = {"done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2, "context": [1, 2]}
    return {**found, **counts} if end else found


@dataclass(frozen=True)
class Service:
    """A service, and what its tests need.

    Attributes:
        make: makes a model for a URL.
        path: the path of its requests.
        whole: an answer.
        parts: the same, as JSON of a stream.
        stream: makes a response of such JSON.
        chunk: the bytes of one part of a stream.
        content_type: that of a stream.
        error: the body of an error with a message.
    """

    make: Callable[..., Any]
    path: str
    whole: dict[str, Any]
    parts: list[dict[str, Any]]
    stream: Callable[[list[Any]], Response]
    chunk: Callable[[Any], bytes]
    content_type: str
    error: Callable[[str], dict[str, Any]]


SERVICES = {
    "openai": Service(
        make=lambda url, **settings: OpenAI("m", api_key="sk-secret", base_url=url, **settings),
        path="/completions",
        whole=completion("Hello"),
        parts=[
            completion("Hel", end=None, usage=False),
            completion("lo", end=None, usage=False),
            completion("", usage=False),
            {**completion(""), "choices": []},
        ],
        stream=lambda parts: sse_response(parts, done=True),
        chunk=sse_event,
        content_type="text/event-stream",
        error=lambda message: {"error": {"message": message}},
    ),
    "ollama": Service(
        make=lambda url, **settings: OllamaLLM("m", base_url=url, **settings),
        path="/api/generate",
        whole=line("Hello", end=True),
        parts=[line("Hel"), line("lo"), line("", end=True)],
        stream=json_lines_response,
        chunk=json_line,
        content_type="application/x-ndjson",
        error=lambda message: {"error": message},
    ),
}


@pytest.fixture(params=SERVICES.values(), ids=SERVICES.keys())
def service(request: pytest.FixtureRequest) -> Service:
    """Return each service."""
    found: Service = request.param
    return found


def test_an_answer_is_a_string_with_its_usage(service: Service, call: Call) -> None:
    """The request has the prompt as it is; what the service reports is beside the string."""
    with Recorder().listening() as server:
        server.enqueue(Response(service.whole))
        answer = call.invoke(service.make(server.url), "Say hello")
    assert answer == "Hello"
    assert isinstance(answer, str)
    assert answer.usage_metadata == USAGE
    assert answer.response_metadata["model_name"] == "m-1"
    assert answer.response_metadata["finish_reason"] == "stop"
    assert "context" not in answer.response_metadata
    assert server.requests[0].path == service.path
    assert server.bodies[0]["prompt"] == "Say hello"
    assert "messages" not in server.bodies[0]


def test_a_stream_adds_up_to_the_answer(service: Service, call: Call) -> None:
    """Its chunks are strings; the last one has what only the end tells."""
    with Recorder().listening() as server:
        model = service.make(server.url)
        server.enqueue(service.stream(service.parts))
        chunks = call.stream(model, "Say hello")
        assert server.bodies[0]["stream"] is True
        server.enqueue(Response(service.whole))
        answer = call.invoke(model, "Say hello")
    assert [chunk for chunk in chunks if chunk] == ["Hel", "lo"]
    accumulator = model.merge.accumulator()
    for chunk in chunks:
        accumulator.add(chunk)
    whole = accumulator.value()
    assert whole == answer == "Hello"
    assert whole.usage_metadata == answer.usage_metadata == USAGE
    assert whole.response_metadata == answer.response_metadata


def test_messages_are_sent_as_one_text(service: Service, call: Call) -> None:
    """In a chain, before a parser of strings."""
    prompt = ChatPromptTemplate([("system", "Be brief."), ("human", "{x}")])
    with Recorder().listening() as server:
        server.enqueue(Response(service.whole))
        chain = prompt | service.make(server.url) | StrOutputParser()
        assert call.invoke(chain, {"x": "hi"}) == "Hello"
    assert server.bodies[0]["prompt"] == "System: Be brief.\nHuman: hi"


def test_usage_is_counted_and_limited(service: Service, call: Call) -> None:
    """Of whole answers and of streams, by the name of the model."""
    with Recorder().listening() as server:
        model = service.make(server.url)
        with track_usage() as usage:
            server.enqueue(Response(service.whole))
            call.invoke(model, "q")
            server.enqueue(service.stream(service.parts))
            call.stream(model, "q")
        with Budget(tokens=5) as budget:
            call.stream(model, "q")
            with pytest.raises(BudgetExceeded):
                call.invoke(model, "q")
    assert usage.by_model == {"m-1": {**USAGE, **{key: 2 * USAGE[key] for key in USAGE}}}
    assert budget.spent_tokens == 5


class Calls(BaseCallbackHandler):
    """A handler that notes the prompt, the tokens and the result."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def on_llm_start(self, serialized: Any, prompts: Any, **kwargs: Any) -> None:
        self.seen.append(prompts)

    def on_llm_new_token(self, token: str, **kwargs: Any) -> None:
        if token:
            self.seen.append(token)

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        self.seen.append((response.generations[0][0].text, response.llm_output))


def test_handlers_get_prompts_tokens_and_usage(service: Service, call: Call) -> None:
    """A model that is invoked is streamed for them."""
    handler = Calls()
    with Recorder().listening() as server:
        server.enqueue(service.stream(service.parts))
        answer = call.invoke(service.make(server.url, callbacks=[handler]), "Say hello")
    assert answer == "Hello"
    counts = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    output = {"model_name": "m-1", "token_usage": counts}
    assert handler.seen == [["Say hello"], "Hel", "lo", ("Hello", output)]


@pytest.mark.parametrize(
    ("status", "error"),
    [(400, InvalidRequestError), (401, AuthenticationError), (429, RateLimitError)],
)
def test_errors_are_portable(
    service: Service, status: int, error: type[ModelError], call: Call
) -> None:
    """Whole and streamed; a key that a service repeats is hidden."""
    with Recorder().listening() as server:
        server.enqueue(Response(service.error("no, sk-secret-abcdef"), status))
        settings = {"max_retries": 0, "api_key": "sk-secret-abcdef"}
        made: Any = OpenAI if service.path == "/completions" else OllamaLLM
        model = made("m", base_url=server.url, **settings)
        for run in (call.invoke, call.stream):
            with pytest.raises(error, match="no, ") as raised:
                run(model, "q")
            assert "sk-secret-abcdef" not in str(raised.value)


def test_a_request_is_repeated(service: Service, call: Call) -> None:
    """As for every model, after an error that may pass."""
    with Recorder().listening() as server:
        answers = iter([Response(service.error("busy"), 503, headers={"retry-after": "0"})])
        server.enqueue(lambda _: next(answers, Response(service.whole)))
        assert call.invoke(service.make(server.url), "q") == "Hello"
    assert len(server.requests) == 2


def test_an_answer_of_another_interface_is_an_error(service: Service, call: Call) -> None:
    """Nothing is read into what has no text."""
    for body in (
        {"choices": [{"message": {"content": "Hello"}}], "message": {"content": "Hello"}},
        {"choices": [{"text": 7}], "response": 7},
    ):
        with Recorder().listening() as server:
            server.enqueue(Response(body))
            with pytest.raises(ServerError, match="cannot be read"):
                call.invoke(service.make(server.url, max_retries=0), "q")


def test_a_truncated_stream_is_an_error(service: Service, call: Call) -> None:
    """One that ends without its end, and one that breaks off; what was emitted is known."""
    parts = [service.chunk(part) for part in service.parts[:1]]
    with Recorder().listening() as server:
        for reaction in (
            StreamedResponse(parts, service.content_type),
            StreamedResponse(parts, service.content_type, end="disconnect"),
        ):
            server.enqueue(reaction)
            with pytest.raises(ModelConnectionError) as raised:
                call.stream(service.make(server.url), "q")
            assert raised.value.produced == "Hel"  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
        server.enqueue(Disconnect(Response(service.whole)))
        with pytest.raises(ModelConnectionError):
            call.invoke(service.make(server.url, max_retries=0), "q")


def test_a_left_stream_disconnects(service: Service, call: Call) -> None:
    """The service sees it, and need not write on."""
    parts = [service.chunk(part) for part in service.parts[:2]]
    with Recorder().listening() as server:
        server.enqueue(StreamedResponse(parts, service.content_type, end="stall"))
        assert call.stream(service.make(server.url), "q", take=2) == ["Hel", "lo"]
        assert server.wait_for_disconnect()


def test_a_cancelled_call_disconnects(service: Service) -> None:
    """So does one that waits for its first chunk."""
    parts = [service.chunk(part) for part in service.parts[:1]]

    async def cancel(server: Recorder) -> None:
        async def read(arrived: asyncio.Event) -> None:
            async for _ in service.make(server.url).astream("q"):
                arrived.set()

        arrived = asyncio.Event()
        task = asyncio.create_task(read(arrived))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with Recorder().listening() as server:
        server.enqueue(StreamedResponse(parts, service.content_type, end="stall"))
        asyncio.run(cancel(server))
        assert server.wait_for_disconnect()


def test_answers_are_cached(service: Service, call: Call) -> None:
    """The second call makes no request, and costs nothing."""
    with Recorder().listening() as server:
        server.enqueue(Response(service.whole))
        model = service.make(server.url, cache=InMemoryCache())
        call.invoke(model, "q")
        with track_usage() as usage:
            assert call.invoke(model, "q") == "Hello"
    assert len(server.requests) == 1
    assert usage.calls == 0


def test_a_model_is_configuration(service: Service) -> None:
    """It compares, prints without its key, and pickles."""
    model = service.make("http://127.0.0.1:9", temperature=0.5)
    assert pickle.loads(pickle.dumps(model)) == model
    assert model != service.make("http://127.0.0.1:9", temperature=0.6)
    assert "sk-" not in repr(model)


def test_options_of_chat_models_are_refused(service: Service, call: Call) -> None:
    """A model of text has no tools; the near name of an option is shown."""
    model = service.make("http://127.0.0.1:9")
    with pytest.raises(ConfigError, match="tools"):
        call.invoke(model, "q", tools=[])
    with pytest.raises(ConfigError, match="Did you mean 'temperature'"):
        call.invoke(model, "q", temprature=1)


def test_the_options_of_openai_are_sent(call: Call) -> None:
    """With the defaults of LangChain, which None unsets."""
    with Recorder().listening() as server:
        server.enqueue(Response(completion("Hello")))
        model = OpenAI("m", base_url=server.url, model_kwargs={"logit_bias": {"1": 2}}, best_of=2)
        call.invoke(model.bind(stop=["x"]), "q", suffix="end", temperature=None)
    assert server.bodies[0] == {
        "model": "m",
        "prompt": "q",
        "max_tokens": 256,
        "logit_bias": {"1": 2},
        "best_of": 2,
        "stop": ["x"],
        "suffix": "end",
    }


def test_openais_model_of_text_has_the_defaults_that_langchain_has() -> None:
    """The name only at OpenAI's address, where the account is named, too."""
    model = OpenAI(api_key="k" * 12, openai_organization="acme")
    assert (model.model_name, model.temperature, model.max_tokens) == (
        "gpt-3.5-turbo-instruct",
        0.7,
        256,
    )
    assert model._headers()["openai-organization"] == "acme"
    assert OpenAI(base_url="http://127.0.0.1:9").model is None


def test_the_first_of_several_choices_is_the_answer(call: Call) -> None:
    """Whole and streamed; the others go into the metadata."""
    two = completion("a")["choices"][0], {**completion("b")["choices"][0], "index": 1}
    with Recorder().listening() as server:
        model = OpenAI("m", base_url=server.url, n=2)
        server.enqueue(Response({**completion(""), "choices": list(two)}))
        assert call.invoke(model, "q") == "a"
        server.enqueue(
            sse_response([{**completion(""), "choices": [one]} for one in reversed(two)], done=True)
        )
        assert "".join(call.stream(model, "q")) == "a"


def test_ollamas_format_is_sent(call: Call) -> None:
    """By Ollama's own name; sampling options are where Ollama has them."""
    with Recorder().listening() as server:
        server.enqueue(Response(line("{}", end=True)))
        model = OllamaLLM(model="m", base_url=server.url, format="json", num_predict=5, top_k=2)
        assert call.invoke(model, "q", temperature=0) == "{}"
    assert server.bodies[0] == {
        "model": "m",
        "prompt": "q",
        "stream": False,
        "format": "json",
        "options": {"num_predict": 5, "top_k": 2, "temperature": 0},
    }
    with pytest.raises(ConfigError, match="OllamaLLM got 'num_predict' and 'max_tokens'"):
        OllamaLLM("m", num_predict=5, max_tokens=5)


def test_ollamas_reasoning_is_no_part_of_the_string(call: Call) -> None:
    """Only the answer is."""
    with Recorder().listening() as server:
        server.enqueue(Response({**line("4", end=True), "thinking": "2 + 2"}))
        assert call.invoke(OllamaLLM("m", base_url=server.url, think=True), "q") == "4"


@pytest.mark.local_model
def test_a_real_server_continues_a_text(llama_server: LlamaServer, call: Call) -> None:
    """llama.cpp has OpenAI's text completions: whole, streamed, with stop sequences and usage."""
    model = OpenAI(
        "smollm2",
        base_url=f"{llama_server.url}/v1",
        api_key=llama_server.key,
        temperature=0,
        max_tokens=12,
    )
    call.invoke(model, "One, two, three,")  # a cached prompt may be answered in other words
    answer = call.invoke(model, "One, two, three,")
    assert "four" in answer
    assert answer.usage_metadata["output_tokens"] <= 12
    chunks = call.stream(model, "One, two, three,")
    assert "".join(chunks) == answer
    assert len(chunks) > 3
    assert chunks[-1].usage_metadata["output_tokens"] == answer.usage_metadata["output_tokens"]
    assert "," not in call.invoke(model, "One, two, three,", stop=[","])
    with pytest.raises(AuthenticationError):
        call.invoke(OpenAI("m", base_url=f"{llama_server.url}/v1", api_key="wrong"), "q")
