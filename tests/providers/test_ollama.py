"""Ollama's requests, responses and streams, as plain data and on a replay server."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st
from pydantic import BaseModel

from runnables import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    init_chat_model,
)
from runnables.errors import (
    AuthenticationError,
    ConfigError,
    InvalidRequestError,
    ModelConnectionError,
    ModelError,
    RateLimitError,
    ServerError,
)
from runnables.messages import message_chunk_to_message
from runnables.testing import Response
from runnables_providers._remote.stream_decoding import JSONEvents
from runnables_providers.ollama import ChatOllama
from runnables_providers.ollama.exchange import OllamaChat, ollama_messages
from runnables_providers.ollama.service import server_url
from tests.both_modes import Call
from tests.sdk.recorder import Recorder, json_lines_response

CALL: Any = {"name": "look", "args": {"at": "sky"}, "id": "c1"}
COUNTS = {"prompt_eval_count": 26, "eval_count": 4}
TIMES = {"total_duration": 9, "load_duration": 1, "prompt_eval_duration": 2, "eval_duration": 3}
END = {"done": True, "done_reason": "stop", **COUNTS, **TIMES}


def line(**fields: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "", **fields}
    metadata = {"model": "llama3.2", "created_at": "2026-11-01T10:00:00Z"}
    return {**metadata, "message": message, "done": False}


def complete(**fields: Any) -> dict[str, Any]:
    return {**line(**fields), **END}


def chat(**options: Any) -> OllamaChat:
    return OllamaChat([HumanMessage("Hi")], {"model": "m", **options})


def streamed(events: Sequence[dict[str, Any]]) -> AIMessage:
    """Return the message of a stream."""
    reader = chat()
    chunks = [chunk for event in events for chunk in reader.feed(event)]
    last = reader.finish({})
    assert last is not None
    answer = message_chunk_to_message(AIMessageChunk.merge_chunks([*chunks, *last]))
    assert isinstance(answer, AIMessage)
    return answer


# -- conversations


def test_messages_have_text_images_and_tool_calls() -> None:
    """Calls have their arguments as objects, and results the names of their tools."""
    image = {"type": "image", "base64": "AA==", "mime_type": "image/png"}
    messages = [
        SystemMessage("Be short."),
        HumanMessage(["What is", image, "this?"]),
        AIMessage("Let me look.", tool_calls=[CALL]),
        ToolMessage(["blue", image], tool_call_id="c1"),
        ChatMessage("thinking", role="control"),
    ]
    assert ollama_messages(messages) == [
        {"role": "system", "content": "Be short."},
        {"role": "user", "content": "What is\nthis?", "images": ["AA=="]},
        {
            "role": "assistant",
            "content": "Let me look.",
            "tool_calls": [{"id": "c1", "function": {"name": "look", "arguments": {"at": "sky"}}}],
        },
        {
            "role": "tool",
            "content": "blue",
            "images": ["AA=="],
            "tool_name": "look",
            "tool_call_id": "c1",
        },
        {"role": "control", "content": "thinking"},
    ]


def test_generated_ids_are_not_sent() -> None:
    """The call and its result are sent without ids, with the name of the tool."""
    call = {"function": {"name": "look", "arguments": {}}}
    answer = chat().answer(complete(tool_calls=[call]), {})
    id = answer.tool_calls[0]["id"]
    assert id is not None
    sent = ollama_messages([answer, ToolMessage("blue", tool_call_id=id)])
    assert sent[0]["tool_calls"] == [call]
    assert sent[1] == {"role": "tool", "content": "blue", "tool_name": "look"}


def test_reasoning_is_sent_back_to_ollama_only() -> None:
    """Reasoning of other services is left out."""
    own = chat().answer(complete(content="68", thinking="17 * 4"), {})
    assert own.content_blocks[0] == {"type": "reasoning", "reasoning": "17 * 4"}
    thinking = {"role": "assistant", "content": "68", "thinking": "17 * 4"}
    assert ollama_messages([own]) == [thinking]
    foreign = own.model_copy(update={"response_metadata": {"model_provider": "openai"}})
    assert ollama_messages([foreign]) == [{"role": "assistant", "content": "68"}]


@pytest.mark.parametrize(
    "block, message",
    [
        ({"type": "image", "url": "https://a.example/b.png"}, "as base64 only.*Fetch it"),
        ({"type": "file", "base64": "AA=="}, "no block of type 'file'"),
        ({"type": "guard_content"}, "no block of type 'guard_content'"),
    ],
)
def test_an_unsupported_block_is_an_error(block: Any, message: str) -> None:
    """No block of a human message is dropped silently."""
    with pytest.raises(ConfigError, match=message):
        ollama_messages([HumanMessage([block])])


# -- options


def test_options_have_ollamas_names_and_places() -> None:
    """Sampling options are in `options`, under Ollama's names."""
    body = chat(
        temperature=0,
        max_tokens=5,
        stop=["x"],
        seed=1,
        top_p=0.5,
        num_ctx=8192,
        min_p=0.1,
        think="low",
        keep_alive="1m",
    ).body(streamed=True)
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "stream": True,
        "think": "low",
        "keep_alive": "1m",
        "options": {
            "temperature": 0,
            "top_p": 0.5,
            "seed": 1,
            "stop": ["x"],
            "num_predict": 5,
            "num_ctx": 8192,
            "min_p": 0.1,
        },
    }


def test_a_schema_is_the_format(call: Call) -> None:
    """The format is the schema, or "json"; the answer is read as the type."""

    class Point(BaseModel):
        x: int

    with Recorder().listening() as server:
        model = ChatOllama("m", base_url=server.url)
        server.enqueue(Response(complete(content='{"x": 3}')))
        assert call.invoke(model.with_structured_output(Point), "Where?") == Point(x=3)
        call.invoke(model.with_structured_output(Point, method="json_mode"), "Where?")
    first, second = server.bodies
    assert first["format"]["properties"]["x"]["type"] == "integer"
    assert second["format"] == "json"


def test_there_is_one_limit_of_tokens() -> None:
    """Ollama's `num_predict` and `max_tokens` are not both set; a call overrides the setting."""
    for settings, options, limit in (
        ({"num_predict": 5}, {}, 5),
        ({"num_predict": -1}, {}, -1),
        ({"num_predict": 5}, {"max_tokens": 6}, 6),
        ({"num_predict": 5}, {"max_output_tokens": 6}, 6),
        ({"max_tokens": 5}, {"num_predict": 6}, 6),
        ({"max_tokens": 5}, {"num_predict": None}, 5),
    ):
        merged = ChatOllama("m", **settings)._options(options)
        body: Any = OllamaChat([HumanMessage("Hi")], merged).body(streamed=False)
        assert body["options"]["num_predict"] == limit
    both: Any = {"num_predict": 5, "max_tokens": 5}
    for refused in (lambda: ChatOllama("m", **both), lambda: ChatOllama("m")._options(both)):
        with pytest.raises(ConfigError, match="'num_predict' and 'max_tokens', two names"):
            refused()


def test_the_format_may_be_given_in_ollamas_words() -> None:
    """`format=` is "json" or a schema, and `response_format` may be as well."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    messages = [HumanMessage("Hi")]
    for wanted in ("json", schema):
        options = ChatOllama("m", format=wanted)._options({})
        assert OllamaChat(messages, options).body(streamed=False)["format"] == wanted
        bound = ChatOllama("m")._options({"format": wanted})
        assert OllamaChat(messages, bound).body(streamed=False)["format"] == wanted
    with pytest.raises(ConfigError, match="expected OpenAI's dict"):
        chat(response_format="yaml").body(streamed=False)


def test_tool_choices_that_ollama_lacks_are_errors() -> None:
    """Ollama cannot force a call; with "none" no tools are sent."""
    model = ChatOllama("m")
    tool = {"type": "function", "function": {"name": "look", "parameters": {}}}
    with pytest.raises(ConfigError, match="cannot force a call: tool_choice='required'"):
        model.bind_tools([tool], tool_choice="any")
    with pytest.raises(ConfigError, match="cannot force a call"):
        model.bind_tools([tool], tool_choice="look")
    with pytest.raises(ConfigError, match="no tool of type 'web_search'"):
        model.invoke("Hi", tools=[{"type": "web_search"}])
    assert chat(tools=[tool], tool_choice="auto").body(streamed=False)["tools"] == [tool]
    assert "tools" not in chat(tools=[tool], tool_choice="none").body(streamed=False)


def test_an_unknown_option_is_an_error() -> None:
    """The error suggests the closest option."""
    with pytest.raises(ConfigError, match="no option 'num_ctxt'. Did you mean 'num_ctx'"):
        ChatOllama("m", num_ctxt=1)


# -- URLs and keys


@pytest.mark.parametrize(
    "host, url",
    [
        ("myhost", "http://myhost:11434"),
        ("myhost:80", "http://myhost:80"),
        (":8080", "http://127.0.0.1:8080"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:1234", "http://127.0.0.1:1234"),
        ("[::]:1234", "http://[::1]:1234"),
        ("http://myhost", "http://myhost"),
        ("https://ollama.com/", "https://ollama.com"),
        ("https://a.example:444/models/", "https://a.example:444/models"),
        ("[::1]", "http://[::1]:11434"),
    ],
)
def test_the_host_may_be_said_as_ollama_says_it(
    host: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the variable that the server itself reads, too."""
    assert server_url(host) == url
    monkeypatch.setenv("OLLAMA_HOST", host)
    assert ChatOllama("m")._url() == url
    assert ChatOllama("m", base_url=host)._url() == url


def test_an_invalid_url_is_refused() -> None:
    """The constructor raises."""
    for wrong in ("http://a:b", "ftp://a", "http://user:secret@a"):
        with pytest.raises(ConfigError):
            ChatOllama("m", base_url=wrong)


def test_a_model_is_required_and_a_key_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is sent if there is one."""
    monkeypatch.delenv("OLLAMA_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="name of a model that the Ollama server has"):
        init_chat_model("ollama")
    assert isinstance(init_chat_model("ollama:llama3.2"), ChatOllama)
    assert "authorization" not in ChatOllama("m")._headers()
    monkeypatch.setenv("OLLAMA_API_KEY", "sk-secret")
    assert ChatOllama("m")._headers()["authorization"] == "Bearer sk-secret"


def test_a_model_is_a_value() -> None:
    """It compares and pickles, and its repr has its settings."""
    model = ChatOllama("m", num_ctx=8192, think=False)
    assert pickle.loads(pickle.dumps(model)) == model == ChatOllama("m", num_ctx=8192, think=False)
    assert "num_ctx=8192" in repr(model)


# -- answers and streams

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
calls = st.lists(
    st.fixed_dictionaries(
        {
            "function": st.fixed_dictionaries(
                {
                    "name": st.sampled_from(["look", "listen"]),
                    "arguments": st.dictionaries(words, words | st.integers(), max_size=2),
                }
            )
        },
        optional={"id": st.uuids().map(str)},
    ),
    max_size=3,
)


@given(st.lists(words, max_size=4), st.lists(words, max_size=3), calls)
def test_a_stream_adds_up_to_the_answer(
    text: list[str], reasoning: list[str], tool_calls: list[dict[str, Any]]
) -> None:
    """Reasoning, text and tool calls come in any number of chunks."""
    lines = [
        *(line(thinking=part) for part in reasoning),
        *(line(content=part) for part in text),
        *(line(tool_calls=[each]) for each in tool_calls),
        complete(),
    ]
    answer = complete(content="".join(text), thinking="".join(reasoning), tool_calls=tool_calls)
    assert streamed(lines) == chat().answer(answer, {})


@given(st.lists(words, max_size=4), st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_the_answer_does_not_depend_on_the_chunks(text: list[str], sizes: list[int]) -> None:
    """Bytes may be split inside a character or a line."""
    lines = [*(line(content=part) for part in text), complete()]
    data = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in lines).encode()
    decoder = JSONEvents(lines=True)
    decoded: list[Any] = []
    start, count = 0, 0
    while start < len(data):
        size = sizes[count % len(sizes)]
        decoded += decoder.feed(data[start : start + size])
        start, count = start + size, count + 1
    decoded += decoder.finish()
    assert streamed(decoded).text == "".join(text)


def test_an_answer_has_its_usage_and_times(call: Call) -> None:
    """A stream has them too; times are in nanoseconds, as Ollama sends them."""
    with Recorder().listening() as server:
        model = ChatOllama("m", base_url=server.url)
        server.enqueue(Response(complete(content="Hello")))
        answer: AIMessage = call.invoke(model, "Hi")
        assert server.requests[0].path == "/api/chat"
        assert server.bodies[0]["stream"] is False
        server.enqueue(json_lines_response([line(content="Hel"), line(content="lo"), complete()]))
        chunks = call.stream(model, "Hi")
        assert server.bodies[0]["stream"] is True
    assert message_chunk_to_message(AIMessageChunk.merge_chunks(chunks)) == answer
    assert answer.text == "Hello"
    assert answer.usage_metadata == {"input_tokens": 26, "output_tokens": 4, "total_tokens": 30}
    assert answer.response_metadata == {
        "model_name": "llama3.2",
        "model_provider": "ollama",
        "finish_reason": "stop",
        "created_at": "2026-11-01T10:00:00Z",
        **TIMES,
    }


def test_tool_calls_without_an_id_get_a_stable_one() -> None:
    """Ids are the same in a stream, and differ within an answer and a conversation."""
    look = {"function": {"name": "look", "arguments": {"at": "sky"}}}
    answer = chat().answer(complete(tool_calls=[look, look]), {})
    one, two = [call["id"] for call in answer.tool_calls]
    assert one != two
    assert one is not None
    assert streamed([line(tool_calls=[look]), line(tool_calls=[look]), complete()]) == answer
    later = OllamaChat([HumanMessage("Hi"), answer, ToolMessage("a", tool_call_id=one)], {})
    third = later.answer(complete(tool_calls=[look]), {}).tool_calls[0]["id"]
    assert third not in (one, two)
    # A trimmed conversation may have as many messages with the same text.
    trimmed = [HumanMessage("Hi"), answer, ToolMessage("a", tool_call_id=two or "")]
    assert (
        OllamaChat(trimmed, {}).answer(complete(tool_calls=[look]), {}).tool_calls[0]["id"] != third
    )


def test_a_cached_prompt_counts_no_tokens() -> None:
    """Ollama leaves out the count of a prompt that it has cached."""
    answer = chat().answer({**line(content="x"), "done": True, "eval_count": 4}, {})
    assert answer.usage_metadata == {"input_tokens": 0, "output_tokens": 4, "total_tokens": 4}
    assert chat().answer(line(content="x"), {}).usage_metadata is None


# -- errors

ERRORS: list[tuple[Response, type[ModelError]]] = [
    (Response({"error": "model 'x' not found"}, status=404), InvalidRequestError),
    (Response({"error": "x does not support tools"}, status=400), InvalidRequestError),
    (Response({"error": "unauthorized"}, status=401), AuthenticationError),
    (Response({"error": "too many requests"}, status=429), RateLimitError),
    (Response({"error": "model runner has stopped"}, status=500), ServerError),
    (Response({"done": True}), ServerError),
    (Response(b"Ollama is running", content_type="text/plain"), ServerError),
]


@pytest.mark.parametrize(
    "response, error_type", ERRORS, ids=lambda value: getattr(value, "__name__", None)
)
def test_errors_are_portable(response: Response, error_type: type[ModelError], call: Call) -> None:
    """Each error has its class and the message of the server."""
    with Recorder().listening() as server:
        server.enqueue(response)
        model = ChatOllama("m", base_url=server.url, max_retries=0)
        with pytest.raises(error_type) as raised:
            call.invoke(model, "Hi")
    assert type(raised.value) is error_type
    if response.status != 200:
        assert response.body["error"] in str(raised.value)


def test_an_error_in_a_stream_is_raised(call: Call) -> None:
    """The chunks before it are yielded first."""
    with Recorder().listening() as server:
        server.enqueue(
            json_lines_response([line(content="One"), {"error": "an error was encountered"}])
        )
        model = ChatOllama("m", base_url=server.url, max_retries=0)
        assert call.stream(model, "Hi", take=1)[0].text == "One"
        with pytest.raises(ServerError, match="an error was encountered"):
            call.stream(model, "Hi")


def test_unreadable_lines_are_a_server_error(call: Call) -> None:
    """Some compatible servers answer a chat with the lines of a completion."""
    stream = [{"model": "m", "response": "Hel", "done": False}, {"response": "lo", **END}]
    with Recorder().listening() as server:
        server.enqueue(json_lines_response(stream))
        with pytest.raises(ServerError, match="cannot be read"):
            call.stream(ChatOllama("m", base_url=server.url, max_retries=0), "Hi")


def test_a_last_line_without_a_message_is_a_server_error(call: Call) -> None:
    """Responses and streams raise alike."""
    body = {"model": "m", "message": None, **END}
    with Recorder().listening() as server:
        for run, response in (
            (call.invoke, Response(body)),
            (call.stream, json_lines_response([body])),
        ):
            server.enqueue(response)
            with pytest.raises(ServerError, match="cannot be read"):
                run(ChatOllama("m", base_url=server.url, max_retries=0), "Hi")


@pytest.mark.parametrize("stream", [[], [line(content="Once upon")]], ids=["empty", "incomplete"])
def test_a_truncated_stream_is_an_error(stream: list[dict[str, Any]], call: Call) -> None:
    """A stream without its last line raises."""
    with Recorder().listening() as server:
        server.enqueue(json_lines_response(stream))
        model = ChatOllama("m", base_url=server.url, max_retries=0)
        with pytest.raises(ModelConnectionError, match="ended before the answer did"):
            call.stream(model, "Hi")
