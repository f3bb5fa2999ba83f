"""Ollama's requests, answers and lines, as plain data and over loopback."""

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
from runnables_providers._remote.stream_decoding import JSONEvents
from runnables_providers.ollama import ChatOllama
from runnables_providers.ollama.exchange import OllamaChat, ollama_messages
from runnables_providers.ollama.service import server_url
from tests.both_modes import Call
from tests.sdk.recorder import Said, lines, recording

CALL: Any = {"name": "look", "args": {"at": "sky"}, "id": "c1"}
COUNTS = {"prompt_eval_count": 26, "eval_count": 4}
TIMES = {"total_duration": 9, "load_duration": 1, "prompt_eval_duration": 2, "eval_duration": 3}
END = {"done": True, "done_reason": "stop", **COUNTS, **TIMES}


def line(**said: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": "", **said}
    facts = {"model": "llama3.2", "created_at": "2026-11-01T10:00:00Z"}
    return {**facts, "message": message, "done": False}


def whole(**said: Any) -> dict[str, Any]:
    return {**line(**said), **END}


def chat(**options: Any) -> OllamaChat:
    return OllamaChat([HumanMessage("Hi")], {"model": "m", **options})


def streamed(said: Sequence[dict[str, Any]]) -> AIMessage:
    """What the lines of a stream make."""
    reading = chat()
    chunks = [chunk for one in said for chunk in reading.feed(one)]
    last = reading.finish({})
    assert last is not None
    answer = message_chunk_to_message(AIMessageChunk.merge_chunks([*chunks, *last]))
    assert isinstance(answer, AIMessage)
    return answer


# -- conversations


def test_a_conversation_is_texts_with_pictures_and_calls_beside_them() -> None:
    """Roles, pictures, calls with their arguments as objects, results with their tools."""
    picture = {"type": "image", "base64": "AA==", "mime_type": "image/png"}
    said = [
        SystemMessage("Be short."),
        HumanMessage(["What is", picture, "this?"]),
        AIMessage("Let me look.", tool_calls=[CALL]),
        ToolMessage(["blue", picture], tool_call_id="c1"),
        ChatMessage("thinking", role="control"),
    ]
    assert ollama_messages(said) == [
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


def test_names_that_were_made_here_do_not_go_to_the_server() -> None:
    """The call and its result go by the tool then."""
    call = {"function": {"name": "look", "arguments": {}}}
    answer = chat().answer(whole(tool_calls=[call]), {})
    name = answer.tool_calls[0]["id"]
    assert name is not None
    sent = ollama_messages([answer, ToolMessage("blue", tool_call_id=name)])
    assert sent[0]["tool_calls"] == [call]
    assert sent[1] == {"role": "tool", "content": "blue", "tool_name": "look"}


def test_thoughts_go_back_to_those_who_had_them() -> None:
    """Those of other services stay at home."""
    own = chat().answer(whole(content="68", thinking="17 * 4"), {})
    assert own.content_blocks[0] == {"type": "reasoning", "reasoning": "17 * 4"}
    thinking = {"role": "assistant", "content": "68", "thinking": "17 * 4"}
    assert ollama_messages([own]) == [thinking]
    foreign = own.model_copy(update={"response_metadata": {"model_provider": "openai"}})
    assert ollama_messages([foreign]) == [{"role": "assistant", "content": "68"}]


@pytest.mark.parametrize(
    "block, said",
    [
        ({"type": "image", "url": "https://a.example/b.png"}, "as base64 only.*Fetch it"),
        ({"type": "file", "base64": "AA=="}, "no block of type 'file'"),
        ({"type": "guard_content"}, "no block of type 'guard_content'"),
    ],
)
def test_what_ollama_cannot_see_is_an_error(block: Any, said: str) -> None:
    """Nothing that a person gives is dropped without a word."""
    with pytest.raises(ConfigError, match=said):
        ollama_messages([HumanMessage([block])])


# -- options


def test_options_go_where_ollama_has_them() -> None:
    """Those of sampling into an object of their own, under their own names."""
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


def test_the_form_of_an_answer_is_its_format(call: Call) -> None:
    """A schema as it stands, or any JSON; what the model answers is read as that type."""

    class Point(BaseModel):
        x: int

    with recording() as server:
        model = ChatOllama("m", base_url=server.url)
        server.says(Said(whole(content='{"x": 3}')))
        assert call.invoke(model.with_structured_output(Point), "Where?") == Point(x=3)
        call.invoke(model.with_structured_output(Point, method="json_mode"), "Where?")
    first, second = server.bodies
    assert first["format"]["properties"]["x"]["type"] == "integer"
    assert second["format"] == "json"


def test_no_tool_is_forced_and_none_is_shown_where_none_may_be_called() -> None:
    """Ollama has no such choice; what would be ignored is an error."""
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


def test_unknown_options_are_errors() -> None:
    """With the nearest known one."""
    with pytest.raises(ConfigError, match="no option 'num_ctxt'. Did you mean 'num_ctx'"):
        ChatOllama("m", num_ctxt=1)


# -- where


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


def test_what_is_no_address_is_refused() -> None:
    """When the model is made."""
    for wrong in ("http://a:b", "ftp://a", "http://user:secret@a"):
        with pytest.raises(ConfigError):
            ChatOllama("m", base_url=wrong)


def test_it_needs_a_model_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is sent where there is one."""
    monkeypatch.delenv("OLLAMA_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="name of a model that the Ollama server has"):
        init_chat_model("ollama")
    assert isinstance(init_chat_model("ollama:llama3.2"), ChatOllama)
    assert "authorization" not in ChatOllama("m")._headers()
    monkeypatch.setenv("OLLAMA_API_KEY", "sk-secret")
    assert ChatOllama("m")._headers()["authorization"] == "Bearer sk-secret"


def test_it_is_a_value() -> None:
    """It compares, travels and prints."""
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
                    "name": st.sampled_from(["look", "hear"]),
                    "arguments": st.dictionaries(words, words | st.integers(), max_size=2),
                }
            )
        },
        optional={"id": st.uuids().map(str)},
    ),
    max_size=3,
)


@given(st.lists(words, max_size=4), st.lists(words, max_size=3), calls)
def test_lines_add_up_to_the_answer(
    texts: list[str], thoughts: list[str], called: list[dict[str, Any]]
) -> None:
    """Thoughts, then text, then calls, each in as many pieces as it likes."""
    said = [
        *(line(thinking=it) for it in thoughts),
        *(line(content=it) for it in texts),
        *(line(tool_calls=[it]) for it in called),
        whole(),
    ]
    answer = whole(content="".join(texts), thinking="".join(thoughts), tool_calls=called)
    assert streamed(said) == chat().answer(answer, {})


@given(st.lists(words, max_size=4), st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_bytes_may_be_cut_anywhere(texts: list[str], sizes: list[int]) -> None:
    """In the middle of a letter or of a line."""
    said = [*(line(content=it) for it in texts), whole()]
    data = "".join(json.dumps(it, ensure_ascii=False) + "\n" for it in said).encode()
    decoder = JSONEvents(lines=True)
    found: list[Any] = []
    at, turn = 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        found += decoder.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    found += decoder.finish()
    assert streamed(found).text == "".join(texts)


def test_an_answer_is_read_with_its_counts_and_times(call: Call) -> None:
    """Whole and in lines alike; times are in nanoseconds, as Ollama gives them."""
    with recording() as server:
        model = ChatOllama("m", base_url=server.url)
        server.says(Said(whole(content="Hello")))
        answer: AIMessage = call.invoke(model, "Hi")
        assert server.asked[0].path == "/api/chat"
        assert server.bodies[0]["stream"] is False
        server.says(lines([line(content="Hel"), line(content="lo"), whole()]))
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


def test_calls_without_a_name_get_one_that_stays() -> None:
    """The same in every reading, another for each call of an answer and of a conversation."""
    look = {"function": {"name": "look", "arguments": {"at": "sky"}}}
    answer = chat().answer(whole(tool_calls=[look, look]), {})
    one, two = [call["id"] for call in answer.tool_calls]
    assert one != two
    assert one is not None
    assert streamed([line(tool_calls=[look]), line(tool_calls=[look]), whole()]) == answer
    later = OllamaChat([HumanMessage("Hi"), answer, ToolMessage("a", tool_call_id=one)], {})
    third = later.answer(whole(tool_calls=[look]), {}).tool_calls[0]["id"]
    assert third not in (one, two)
    # a history that is kept short has as many messages, which say the same
    kept = [HumanMessage("Hi"), answer, ToolMessage("a", tool_call_id=two or "")]
    assert OllamaChat(kept, {}).answer(whole(tool_calls=[look]), {}).tool_calls[0]["id"] != third


def test_a_prompt_that_was_known_already_counts_nothing() -> None:
    """Ollama leaves the count out then."""
    answer = chat().answer({**line(content="x"), "done": True, "eval_count": 4}, {})
    assert answer.usage_metadata == {"input_tokens": 0, "output_tokens": 4, "total_tokens": 4}
    assert chat().answer(line(content="x"), {}).usage_metadata is None


# -- faults

FAULTS: list[tuple[Said, type[ModelError]]] = [
    (Said({"error": "model 'x' not found"}, status=404), InvalidRequestError),
    (Said({"error": "x does not support tools"}, status=400), InvalidRequestError),
    (Said({"error": "unauthorized"}, status=401), AuthenticationError),
    (Said({"error": "too many requests"}, status=429), RateLimitError),
    (Said({"error": "model runner has stopped"}, status=500), ServerError),
    (Said({"done": True}), ServerError),
    (Said(b"Ollama is running", content_type="text/plain"), ServerError),
]


@pytest.mark.parametrize("said, kind", FAULTS, ids=lambda it: getattr(it, "__name__", None))
def test_faults_are_portable(said: Said, kind: type[ModelError], call: Call) -> None:
    """The class of its kind, with what the server says."""
    with recording() as server:
        server.says(said)
        model = ChatOllama("m", base_url=server.url, max_retries=0)
        with pytest.raises(kind) as caught:
            call.invoke(model, "Hi")
    assert type(caught.value) is kind
    if said.status != 200:
        assert said.body["error"] in str(caught.value)


def test_a_fault_in_mid_stream_raises(call: Call) -> None:
    """The status was a success by then; the line is not."""
    with recording() as server:
        server.says(lines([line(content="One"), {"error": "an error was encountered"}]))
        model = ChatOllama("m", base_url=server.url, max_retries=0)
        assert call.stream(model, "Hi", take=1)[0].text == "One"
        with pytest.raises(ServerError, match="an error was encountered"):
            call.stream(model, "Hi")


def test_lines_of_another_form_raise(call: Call) -> None:
    """Some servers that imitate Ollama answer a chat with the lines of a completion."""
    said = [{"model": "m", "response": "Hel", "done": False}, {"response": "lo", **END}]
    with recording() as server:
        server.says(lines(said))
        with pytest.raises(ServerError, match="cannot be read"):
            call.stream(ChatOllama("m", base_url=server.url, max_retries=0), "Hi")


def test_an_end_without_a_message_is_no_answer(call: Call) -> None:
    """Whole and streamed alike."""
    said = {"model": "m", "message": None, **END}
    with recording() as server:
        for ask, answer in ((call.invoke, Said(said)), (call.stream, lines([said]))):
            server.says(answer)
            with pytest.raises(ServerError, match="cannot be read"):
                ask(ChatOllama("m", base_url=server.url, max_retries=0), "Hi")


@pytest.mark.parametrize("said", [[], [line(content="Once upon")]], ids=["nothing", "half"])
def test_a_stream_without_an_end_raises(said: list[dict[str, Any]], call: Call) -> None:
    """A cut answer never passes for a whole one."""
    with recording() as server:
        server.says(lines(said))
        model = ChatOllama("m", base_url=server.url, max_retries=0)
        with pytest.raises(ModelConnectionError, match="ended before the answer did"):
            call.stream(model, "Hi")
